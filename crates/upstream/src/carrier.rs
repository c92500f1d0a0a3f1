//! A carrier: the national platform that brings questions to the databases behind it. Declared in
//! a file, secrets in files of their own.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lgsp_core::identifier::AgencyCode;
use lgsp_registry::document::{Faults, Section};
use reqwest::Url;

/// The largest secret file that is read, in bytes.
const MAX_SECRET_BYTES: usize = 4096;

/// How a carrier is reached, and as whom. `Debug` shows where, not with which keys.
///
/// ```
/// let carrier = lgsp_upstream::Carrier {
///     name: "ndxp".into(),
///     base_url: "http://127.0.0.1:18080".into(),
///     token_path: "/token".into(),
///     consumer_key: "province".into(),
///     consumer_secret_file: "/no/such/consumer-secret".into(),
///     access_key: "access".into(),
///     secret_key_file: "/no/such/secret-key".into(),
///     app_name: "lgsp".into(),
///     partner_code: "000.00.00.H61".into(),
///     unit: "H61".into(),
/// };
/// assert_eq!(carrier.faults().len(), 2, "the two secret files cannot be read");
/// ```
#[derive(Clone)]
pub struct Carrier {
    /// Its name in declarations and answers, e.g. `ndxp`: 1 to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Where the platform is, e.g. `https://api.example.vn`. Plain `http` only on loopback: the
    /// header `lgspaccesstoken` is an encoding, no encryption.
    pub base_url: String,
    /// The path of the token endpoint, e.g. `/token`.
    pub token_path: String,
    /// The bus's name at the token endpoint.
    pub consumer_key: String,
    /// The file that holds the secret of `consumer_key`.
    pub consumer_secret_file: PathBuf,
    /// The `AccessKey` within `lgspaccesstoken`.
    pub access_key: String,
    /// The file that holds the `SecretKey` within `lgspaccesstoken`.
    pub secret_key_file: PathBuf,
    /// The `AppName` within `lgspaccesstoken`.
    pub app_name: String,
    /// The `PartnerCode` within `lgspaccesstoken`: an agency's code.
    pub partner_code: String,
    /// The code of the unit that asks (`MaDonVi` of the population database).
    pub unit: String,
}

impl Carrier {
    /// Reads a carrier's table; relative paths count from `folder`. `None` where a key is missing.
    pub(crate) fn read(
        name: &str,
        mut section: Section<'_>,
        folder: &Path,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut text = |key: &'static str| {
            let item = section.required(key, faults)?;
            item.read(faults, "a text", |text| Some(text.to_owned()))
        };
        // Each key is asked for before any `?`, so that all that are missing are told.
        let texts = [
            "base_url",
            "token_path",
            "consumer_key",
            "consumer_secret_file",
            "access_key",
            "secret_key_file",
            "app_name",
            "partner_code",
            "unit",
        ]
        .map(&mut text);
        section.finish(faults);
        let [
            base_url,
            token_path,
            consumer_key,
            consumer_secret,
            access_key,
            secret_key,
            app_name,
            partner_code,
            unit,
        ] = texts;
        Some(Self {
            name: name.to_owned(),
            base_url: base_url?,
            token_path: token_path?,
            consumer_key: consumer_key?,
            consumer_secret_file: folder.join(consumer_secret?),
            access_key: access_key?,
            secret_key_file: folder.join(secret_key?),
            app_name: app_name?,
            partner_code: partner_code?,
            unit: unit?,
        })
    }

    /// Returns every fault: the key, and what was expected. Reads the secret files, says nothing
    /// of what they hold. Empty when all is well.
    pub fn faults(&self) -> Vec<(&'static str, &'static str)> {
        const WORD: &str = "1 to 200 visible ASCII characters";
        let mut faults = Vec::new();
        let mut expect = |holds: bool, key: &'static str, expected: &'static str| {
            if !holds {
                faults.push((key, expected));
            }
        };
        expect(is_service_name(&self.name), "name", "1 to 40 of a-z, 0-9 and -");
        expect(
            base_url(&self.base_url).is_some(),
            "base_url",
            "an https URL without user, query and fragment, or an http URL of a loopback address",
        );
        expect(is_path(&self.token_path), "token_path", PATH);
        expect(is_word(&self.consumer_key), "consumer_key", WORD);
        expect(is_word(&self.access_key), "access_key", WORD);
        expect(is_word(&self.app_name), "app_name", WORD);
        expect(is_word(&self.partner_code), "partner_code", WORD);
        expect(
            !self.consumer_key.contains(':'),
            "consumer_key",
            "no colon, which HTTP Basic does not allow",
        );
        expect(
            AgencyCode::parse(&self.unit).is_ok(),
            "unit",
            "an agency code such as H61 or 000.00.00.H61",
        );
        for (key, path) in [
            ("consumer_secret_file", &self.consumer_secret_file),
            ("secret_key_file", &self.secret_key_file),
        ] {
            if let Err(fault) = read_secret(path) {
                expect(false, key, fault);
            }
        }
        faults
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = base_url(&self.base_url).map(|url| url.origin().ascii_serialization());
        f.debug_struct("Carrier")
            .field("name", &self.name)
            .field("base_url", &origin)
            .field("token_path", &self.token_path)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

/// What a path of the far side is.
pub(crate) const PATH: &str = "a path that begins with / and has no query";

/// Tells whether a text is a path without a query.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
}

/// Tells whether a text can name a service or a carrier: 1 to 40 of `a-z`, `0-9` and `-`.
pub(crate) fn is_service_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(fits)
}

/// Reads the base URL; `None` if requests to it could be overheard or it carries more than a place.
pub(crate) fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (safe && bare).then_some(url)
}

/// Reads a secret, without the line break that editors add.
pub(crate) fn read_secret(path: &Path) -> Result<String, &'static str> {
    let bytes = std::fs::read(path).map_err(|_| "a file that can be read")?;
    let text = String::from_utf8(bytes).map_err(|_| "visible ASCII characters in the file")?;
    let secret = text.trim_end_matches(['\n', '\r']);
    let fits = (1..=MAX_SECRET_BYTES).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(secret.to_owned()) } else { Err("visible ASCII characters in the file") }
}

/// Tells whether a text is 1 to 200 visible ASCII characters.
pub(crate) fn is_word(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_places_that_cannot_be_overheard() {
        for text in [
            "https://api.example.vn",
            "http://127.0.0.1:8081",
            "http://localhost:1/x",
            "http://[::1]:8081",
        ] {
            assert!(base_url(text).is_some(), "{text}");
        }
        for text in [
            "http://api.example.vn",
            "ftp://localhost",
            "api.example.vn",
            "https://u:p@x.vn",
            "https://x.vn/?k=1",
        ] {
            assert!(base_url(text).is_none(), "{text}");
        }
    }

    #[test]
    fn reports_every_fault_at_once_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "canary-secret with a space\n").unwrap();
        let carrier = Carrier {
            name: "NDXP".into(),
            base_url: "http://api.example.vn".into(),
            token_path: "token".into(),
            consumer_key: "canary:key".into(),
            consumer_secret_file: secret.clone(),
            access_key: String::new(),
            secret_key_file: folder.path().join("none"),
            app_name: "á".into(),
            partner_code: String::new(),
            unit: "Z".into(),
        };
        let faults = carrier.faults();
        let keys: Vec<&str> = faults.iter().map(|(key, _)| *key).collect();
        assert_eq!(
            keys,
            [
                "name",
                "base_url",
                "token_path",
                "access_key",
                "app_name",
                "partner_code",
                "consumer_key",
                "unit",
                "consumer_secret_file",
                "secret_key_file",
            ]
        );
        assert!(!format!("{faults:?}{carrier:?}").contains("canary"));
        std::fs::write(&secret, "good-secret\r\n").unwrap();
        assert_eq!(read_secret(&secret), Ok("good-secret".to_owned()));
    }
}
