//! Who sends: a client with its secret, the token it has now, and its lines to the bus.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::Mutex;
use tonic::transport::{Channel, Endpoint};

/// How long one call may take.
pub(super) const CALL: Duration = Duration::from_secs(15);

/// A client of the bus. Not `Debug`: it holds the secret.
pub(super) struct Sender {
    pub(super) base_url: String,
    pub(super) client: String,
    secret: String,
    pub(super) http: reqwest::Client,
    token: Mutex<Option<String>>,
}

impl Sender {
    pub(super) fn new(base_url: String, client: String, secret: String) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(CALL).build()?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { base_url, client, secret, http, token: Mutex::new(None) })
    }

    /// Opens a line for gRPC; it is made anew by itself when the bus was away.
    pub(super) fn channel(&self) -> Result<Channel> {
        let endpoint = Endpoint::from_shared(self.base_url.clone())?;
        Ok(endpoint.connect_timeout(Duration::from_secs(3)).connect_lazy())
    }

    /// Returns the token, and gets one where there is none; `None` while the bus is away.
    pub(super) async fn token(&self) -> Option<String> {
        let mut token = self.token.lock().await;
        if token.is_none() {
            *token = self.new_token().await.ok();
        }
        token.clone()
    }

    /// Drops a token that the bus takes no longer.
    pub(super) async fn forget(&self, rejected: &str) {
        let mut token = self.token.lock().await;
        if token.as_deref() == Some(rejected) {
            *token = None;
        }
    }

    async fn new_token(&self) -> Result<String> {
        let asked = self
            .http
            .post(format!("{}/oauth2/token", self.base_url))
            .basic_auth(&self.client, Some(&self.secret))
            .form(&[("grant_type", "client_credentials")]);
        let answer: Value = asked.send().await?.error_for_status()?.json().await?;
        let token = answer.get("access_token").and_then(Value::as_str);
        Ok(token.context("the answer holds no token")?.to_owned())
    }

    /// Logs in as one-stop software does at the national portal; `None` while the bus is away.
    pub(super) async fn log_in(&self) -> Option<String> {
        let login = serde_json::json!({"username": self.client, "password": self.secret});
        let asked = self.http.post(format!("{}/dvcqg/login", self.base_url)).json(&login);
        let answer: Value = asked.send().await.ok()?.json().await.ok()?;
        answer.get("session").and_then(Value::as_str).map(str::to_owned)
    }
}
