//! The line to the bus: its URL, its certificates, HTTP and gRPC over it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::token::TokenKeeper;
use super::{RemoteConfig, RemoteError};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent line is asked whether it still is one, and how long that may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// The largest file of certificates or secret that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

pub(super) fn prepare(config: &RemoteConfig) -> Result<(Channel, TokenKeeper), RemoteError> {
    let url = base_url(&config.url, config.insecure_plain_text).ok_or(RemoteError::Url)?;
    let unusable = |path: &Path| RemoteError::Certificates(path.to_owned());
    let pem = config
        .certificates
        .as_deref()
        .map(|path| crate::config::read_text(path, MAX_FILE_BYTES).map_err(|_| unusable(path)));
    let pem = pem.transpose()?;
    let secret = crate::config::read_text(&config.secret_file, MAX_FILE_BYTES);
    if !secret.is_ok_and(|secret| !secret.trim().is_empty()) {
        return Err(RemoteError::Secret(config.secret_file.clone()));
    }

    let encrypted = url.scheme() == "https";
    let setup = |error: String| RemoteError::Setup(error);
    let mut http = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT);
    let mut endpoint = Endpoint::from_shared(url.as_str().trim_end_matches('/').to_owned())
        .map_err(|_| RemoteError::Url)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .keep_alive_while_idle(false);
    if encrypted {
        let mut tls = ClientTlsConfig::new();
        if let (Some(pem), Some(path)) = (&pem, &config.certificates) {
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            let certificates = certificates.ok().filter(|found| !found.is_empty());
            http = http.tls_certs_only(certificates.ok_or_else(|| unusable(path))?);
            tls = tls.ca_certificate(Certificate::from_pem(pem));
        } else {
            tls = tls.with_native_roots();
        }
        endpoint = endpoint.tls_config(tls).map_err(|error| setup(error.to_string()))?;
        http = http.https_only(true);
    } else {
        // A machine without any certificates can still speak with a bus on loopback.
        http = http.tls_certs_only([]);
    }
    let http = http.build().map_err(|error| setup(error.to_string()))?;
    let token_url = url.join("/oauth2/token").map_err(|_| RemoteError::Url)?;
    let tokens =
        TokenKeeper::new(http, token_url, config.client.clone(), config.secret_file.clone());
    Ok((endpoint.connect_lazy(), tokens))
}

/// Reads the bus's URL: encrypted, unless it stays on this machine or someone insists.
fn base_url(text: &str, insecure_plain_text: bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let is_here =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let fits = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    let is_private = match url.scheme() {
        "https" => true,
        "http" => is_here || insecure_plain_text,
        _ => false,
    };
    (fits && is_private).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_on_this_machine_unless_someone_insists() {
        for good in [
            "https://lgsp.example.vn",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/",
            "http://localhost",
        ] {
            assert!(base_url(good, false).is_some(), "{good}");
        }
        for bad in [
            "http://lgsp.example.vn",
            "http://10.0.0.1",
            "http://127.0.0.1.example.vn",
            "ftp://127.0.0.1",
            "https://user@lgsp.example.vn",
            "https://lgsp.example.vn/path",
            "lgsp.example.vn:8080",
            "",
        ] {
            assert!(base_url(bad, false).is_none(), "{bad}");
        }
        assert!(base_url("http://10.0.0.1", true).is_some());
    }
}
