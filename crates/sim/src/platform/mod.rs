//! A simulated national platform (NGSP/NDXP) that answers look-ups in a synthetic population.
//!
//! What it imitates of the real one: an access token of its own by client credentials
//! (`POST /token`), a header `lgspaccesstoken` that holds keys in base64 JSON, XML within the
//! `message` of a JSON envelope, errors with HTTP 200 and a code of their own, the three forms of
//! success (`0`, `"0"`, `"00"`), HTTP 401 for a token that is unknown or too old.
//!
//! What is ours: the path `/dancu/1.0/traCuuThongTinCongDan`, since integrations agree on the
//! body but each carrier has a path of its own; the error codes of [`error_code`]; the codes of
//! communes and marital status.

mod look_up;
mod record;
mod tokens;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::people::Population;
use tokens::Tokens;

/// Where tokens are had.
pub const TOKEN_PATH: &str = "/token";
/// Where citizens are looked up; the path is ours.
pub const LOOK_UP_PATH: &str = "/dancu/1.0/traCuuThongTinCongDan";
/// The integration code (`MaTichHop`) of a citizen look-up.
pub const INTEGRATION_CODE: &str = "037";

/// Error codes of this platform, carried in `error_code` with HTTP 200; the values are ours.
pub mod error_code {
    /// The population has no citizen of that number, name and date of birth.
    pub const NOT_FOUND: &str = "11";
    /// A mandatory field is missing, or a field is longer than its type allows.
    pub const BAD_FIELD: &str = "12";
    /// The integration code is not that of a citizen look-up.
    pub const UNKNOWN_INTEGRATION: &str = "13";
    /// The header `lgspaccesstoken` is missing or its keys are unknown.
    pub const UNKNOWN_SYSTEM: &str = "14";
}

/// What a simulated platform knows and how it behaves. `Debug` hides the keys.
#[derive(Clone)]
pub struct SimConfig {
    /// The caller's name at the token endpoint.
    pub consumer_key: String,
    /// The caller's secret at the token endpoint.
    pub consumer_secret: String,
    /// The `AccessKey` within `lgspaccesstoken`.
    pub access_key: String,
    /// The `SecretKey` within `lgspaccesstoken`.
    pub secret_key: String,
    /// Names the population.
    pub seed: u64,
    /// How long every answer is held back, in milliseconds.
    pub latency_ms: u64,
    /// How long a token lives, in seconds; the usual value is [`SimConfig::TOKEN_SECONDS`].
    pub token_seconds: u64,
}

impl SimConfig {
    /// How long a token usually lives, in seconds.
    pub const TOKEN_SECONDS: u64 = 3600;
}

impl fmt::Debug for SimConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConfig")
            .field("seed", &self.seed)
            .field("latency_ms", &self.latency_ms)
            .field("token_seconds", &self.token_seconds)
            .finish_non_exhaustive()
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Platform {
    config: SimConfig,
    people: Population,
    tokens: Tokens,
}

impl Platform {
    /// Takes the time that a real platform would.
    async fn hold_back(&self) {
        if self.config.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.config.latency_ms)).await;
        }
    }
}

/// Makes the platform's routes; it forgets its tokens with the router.
pub fn router(config: SimConfig) -> Router {
    let tokens = Tokens::new(Duration::from_secs(config.token_seconds));
    let people = Population::new(config.seed);
    Router::new()
        .route(TOKEN_PATH, post(tokens::issue))
        .route(LOOK_UP_PATH, post(look_up::answer))
        .with_state(Arc::new(Platform { config, people, tokens }))
}

/// Serves the platform until the shutdown, then finishes what is in flight.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    config: SimConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, router(config)).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

#[cfg(test)]
mod tests;
