//! One HTTP exchange: what a status, a broken connection and a too long answer mean.

use std::time::Duration;

use lgsp_query::UpstreamError;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an idle connection is kept; shorter than what gateways usually keep.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many idle connections are kept.
const IDLE_CONNECTIONS: usize = 16;
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The longest wait that a far side may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What an exchange came to, as far as the far side keeps to HTTP.
pub(crate) enum Reply {
    /// Status 200 with JSON.
    Json(Vec<u8>),
    /// Status 401.
    Unauthorized,
}

/// Makes the client: no redirects, no proxy of the environment, connections kept.
///
/// The operating system's certificates are loaded only where they are needed: a machine without
/// any can still speak with a platform on loopback.
pub(crate) fn client(encrypted: bool) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .tcp_nodelay(true);
    if encrypted { builder.https_only(true).build() } else { builder.tls_certs_only([]).build() }
}

/// Sends a request and reads the answer. Bounds the size; the caller bounds the time.
pub(crate) async fn exchange(request: RequestBuilder) -> Result<Reply, UpstreamError> {
    let mut response = request.send().await.map_err(|error| unavailable(failure(&error)))?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Ok(Reply::Unauthorized),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(UpstreamError::Unavailable {
                what: down(status),
                retry_after: retry_after(response.headers()),
            });
        }
        status if status.is_client_error() => {
            return Err(UpstreamError::Refused { code: format!("http_{}", status.as_u16()) });
        }
        _ => return Err(UpstreamError::Contract { path: "http/status".into() }),
    }
    if !is_json(response.headers()) {
        return Err(UpstreamError::Contract { path: "http/content-type".into() });
    }
    Ok(Reply::Json(read(&mut response).await?))
}

async fn read(response: &mut Response) -> Result<Vec<u8>, UpstreamError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| unavailable("answer broken off"))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(UpstreamError::Contract { path: "http/body".into() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unavailable(what: &'static str) -> UpstreamError {
    UpstreamError::Unavailable { what, retry_after: None }
}

fn failure(error: &reqwest::Error) -> &'static str {
    if error.is_connect() { "connect" } else { "exchange" }
}

fn down(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "http status 429",
        502 => "http status 502",
        503 => "http status 503",
        504 => "http status 504",
        _ => "http status 5xx",
    }
}

/// Reads `Retry-After` in seconds; the form with a date is not used between machines.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("text/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_bounded() {
        let read =
            |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(read("30"), Some(Duration::from_secs(30)));
        assert_eq!(read("999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(read("Fri, 03 Jul 2026 00:00:00 GMT"), None);
    }
}
