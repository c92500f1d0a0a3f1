//! The platform's access token: fetched once for all who need it, renewed before it ends.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lgsp_query::UpstreamError;
use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::time::timeout;

use crate::transport::{self, Reply};

/// A token that lives longer than this many times five is renewed this long before its end;
/// others when four fifths of their life are over.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a renewal before the token's end may keep its caller waiting.
const EARLY_RENEWAL: Duration = Duration::from_secs(2);
/// How long nobody tries to renew early after that failed.
const EARLY_RENEWAL_PAUSE: Duration = Duration::from_secs(5);
/// The longest life that is believed.
const MAX_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// A token in force.
#[derive(Clone)]
pub(crate) struct Token {
    authorization: HeaderValue,
    serial: u64,
    renew_at: Instant,
    ends_at: Instant,
}

impl Token {
    /// Returns the `Authorization` header.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }
}

/// Where and with what tokens are had.
pub(crate) struct Credentials {
    pub(crate) url: Url,
    pub(crate) consumer_key: String,
    pub(crate) consumer_secret: String,
    /// The header `lgspaccesstoken`.
    pub(crate) system: HeaderValue,
}

/// Keeps the token.
pub(crate) struct TokenKeeper {
    client: Client,
    credentials: Credentials,
    current: Mutex<Option<Token>>,
    /// Held by the one who fetches; tells the end of the last attempt if that failed.
    flight: tokio::sync::Mutex<Option<(Instant, UpstreamError)>>,
}

impl TokenKeeper {
    pub(crate) fn new(client: Client, credentials: Credentials) -> Self {
        Self {
            client,
            credentials,
            current: Mutex::new(None),
            flight: tokio::sync::Mutex::new(None),
        }
    }

    /// Returns a token in force, fetching one if there is none. A token near its end is renewed
    /// by whoever comes first, while the others go on with it.
    pub(crate) async fn valid(&self) -> Result<Token, UpstreamError> {
        let now = Instant::now();
        match self.current() {
            Some(token) if now < token.renew_at => Ok(token),
            Some(token) if now < token.ends_at => match self.flight.try_lock() {
                Ok(mut failed) => Ok(self.renewed_early(&mut failed).await.unwrap_or(token)),
                Err(_) => Ok(token),
            },
            other => self.replaced(other.map_or(0, |token| token.serial), now).await,
        }
    }

    /// Returns another token than one that the platform no longer takes.
    pub(crate) async fn renewed(&self, refused: &Token) -> Result<Token, UpstreamError> {
        self.replaced(refused.serial, Instant::now()).await
    }

    /// Renews while the old token is still good, and gives up soon.
    async fn renewed_early(&self, failed: &mut Option<(Instant, UpstreamError)>) -> Option<Token> {
        if let Ok(Ok(token)) = timeout(EARLY_RENEWAL, self.fetch(failed)).await {
            return Some(token);
        }
        if let Some(token) = self.current.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            token.renew_at = Instant::now() + EARLY_RENEWAL_PAUSE;
        }
        None
    }

    /// Waits for its turn to fetch; what another fetched, or failed to, meanwhile, counts.
    async fn replaced(&self, serial: u64, asked_at: Instant) -> Result<Token, UpstreamError> {
        let mut failed = self.flight.lock().await;
        if let Some(token) = self.current().filter(|token| token.serial != serial) {
            return Ok(token);
        }
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at >= asked_at) {
            return Err(error.clone());
        }
        self.fetch(&mut failed).await
    }

    /// Fetches a token; a fetch that is given up in the middle leaves everything as it was.
    async fn fetch(
        &self,
        failed: &mut Option<(Instant, UpstreamError)>,
    ) -> Result<Token, UpstreamError> {
        match self.request().await {
            Ok(token) => {
                *failed = None;
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
                tracing::debug!("fetched an access token");
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(%error, "fetching an access token failed");
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn request(&self) -> Result<Token, UpstreamError> {
        let asked_at = Instant::now();
        let Credentials { url, consumer_key, consumer_secret, system } = &self.credentials;
        let request = self
            .client
            .post(url.clone())
            .basic_auth(consumer_key, Some(consumer_secret))
            .header("lgspaccesstoken", system)
            .form(&[("grant_type", "client_credentials")]);
        let Reply::Json(body) = transport::exchange(request).await? else {
            return Err(UpstreamError::Refused { code: "token_401".to_owned() });
        };
        let grant: Grant = serde_json::from_slice(&body)
            .map_err(|_| UpstreamError::Contract { path: "token".into() })?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", grant.access_token))
            .map_err(|_| UpstreamError::Contract { path: "token/access_token".into() })?;
        authorization.set_sensitive(true);
        let life = Duration::from_secs(grant.expires_in).min(MAX_LIFE);
        let serial = self.current().map_or(0, |token| token.serial) + 1;
        // The life is counted from before the request, so that ours ends before the platform's.
        Ok(Token {
            authorization,
            serial,
            renew_at: asked_at + before_end(life),
            ends_at: asked_at + life,
        })
    }

    fn current(&self) -> Option<Token> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for TokenKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeeper(..)")
    }
}

/// Returns after which part of its life a token is renewed.
fn before_end(life: Duration) -> Duration {
    (life * 4 / 5).max(life.saturating_sub(MARGIN))
}

/// The token endpoint's answer, as far as it matters.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn is_renewed_a_minute_or_a_fifth_before_its_end() {
        assert_eq!(before_end(Duration::from_secs(3600)), Duration::from_secs(3540));
        assert_eq!(before_end(Duration::from_secs(100)), Duration::from_secs(80));
        assert_eq!(before_end(Duration::ZERO), Duration::ZERO);
    }

    /// A keeper whose token is good for a minute yet, and due for renewal.
    fn keeper(address: SocketAddr) -> TokenKeeper {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let credentials = Credentials {
            url: Url::parse(&format!("http://{address}/token")).unwrap(),
            consumer_key: String::new(),
            consumer_secret: String::new(),
            system: HeaderValue::from_static("x"),
        };
        let keeper = TokenKeeper::new(transport::client(false).unwrap(), credentials);
        let now = Instant::now();
        let authorization = HeaderValue::from_static("Bearer old");
        let old = Token {
            authorization,
            serial: 1,
            renew_at: now,
            ends_at: now + Duration::from_secs(60),
        };
        *keeper.current.lock().unwrap() = Some(old);
        keeper
    }

    #[tokio::test]
    async fn a_token_near_its_end_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keeper = keeper(listener.local_addr().unwrap());
        let grant = || async { Json(json!({"access_token": "new", "expires_in": 3600})) };
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, Router::new().route("/token", post(grant))).await
        });
        for _ in 0..2 {
            let token = keeper.valid().await.unwrap();
            assert_eq!(
                (token.authorization(), token.serial),
                (HeaderValue::from_static("Bearer new"), 2)
            );
        }
    }

    #[tokio::test]
    async fn a_token_near_its_end_serves_on_when_it_cannot_be_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keeper = keeper(listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(
            keeper.valid().await.unwrap().authorization(),
            HeaderValue::from_static("Bearer old")
        );
        let postponed = keeper.current().unwrap().renew_at;
        assert!(postponed > Instant::now(), "nobody else waits for the next attempt at once");
    }

    #[tokio::test]
    async fn a_token_near_its_end_serves_those_who_come_during_its_renewal() {
        let keeper = keeper(SocketAddr::from(([127, 0, 0, 1], 9)));
        let renewing = keeper.flight.lock().await;
        assert_eq!(keeper.valid().await.unwrap().serial, 1);
        drop(renewing);
    }
}
