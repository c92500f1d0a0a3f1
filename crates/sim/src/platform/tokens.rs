//! Access tokens by client credentials, and the keys within `lgspaccesstoken`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Platform, SimConfig};

/// The tokens in force.
pub(super) struct Tokens {
    life: Duration,
    expiries: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    pub(super) fn new(life: Duration) -> Self {
        Self { life, expiries: Mutex::new(HashMap::new()) }
    }

    fn issue(&self) -> String {
        let token = Uuid::new_v4().to_string();
        let now = Instant::now();
        let mut expiries = self.expiries.lock().unwrap_or_else(PoisonError::into_inner);
        expiries.retain(|_, expiry| *expiry > now);
        expiries.insert(token.clone(), now + self.life);
        token
    }

    /// Tells whether the request bears a token in force.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(token) = text(headers, header::AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer "))
        else {
            return false;
        };
        let expiries = self.expiries.lock().unwrap_or_else(PoisonError::into_inner);
        expiries.get(token).is_some_and(|expiry| *expiry > Instant::now())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

/// The form of a token request.
#[derive(Deserialize)]
pub(super) struct TokenRequest {
    grant_type: String,
}

/// Issues a token for client credentials.
pub(super) async fn issue(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    platform.hold_back().await;
    if request.grant_type != "client_credentials" {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "unsupported_grant_type"})))
            .into_response();
    }
    if !is_consumer(&platform.config, &headers) || !is_known_system(&platform.config, &headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"})))
            .into_response();
    }
    Json(json!({
        "access_token": platform.tokens.issue(),
        "scope": "am_application_scope default",
        "token_type": "Bearer",
        "expires_in": platform.config.token_seconds,
    }))
    .into_response()
}

/// Tells whether HTTP Basic names the consumer.
fn is_consumer(config: &SimConfig, headers: &HeaderMap) -> bool {
    let credentials = text(headers, header::AUTHORIZATION.as_str())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok());
    credentials.is_some_and(|given| {
        given == format!("{}:{}", config.consumer_key, config.consumer_secret).as_bytes()
    })
}

/// What `lgspaccesstoken` holds, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SystemKeys {
    access_key: String,
    secret_key: String,
}

/// Tells whether `lgspaccesstoken` holds the keys of the known system.
pub(super) fn is_known_system(config: &SimConfig, headers: &HeaderMap) -> bool {
    let keys: Option<SystemKeys> = text(headers, "lgspaccesstoken")
        .and_then(|value| STANDARD.decode(value).ok())
        .and_then(|json| serde_json::from_slice(&json).ok());
    keys.is_some_and(|keys| {
        keys.access_key == config.access_key && keys.secret_key == config.secret_key
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
