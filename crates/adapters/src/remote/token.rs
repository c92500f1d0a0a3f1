//! The client's token at `/oauth2/token`, renewed before its end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lgsp_core::identifier::ClientId;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

use super::trouble::Trouble;

/// How long fetching a token may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer and the largest secret that are read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The longest life that is believed.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Keeps the token; who needs one waits for who fetches it.
pub(super) struct TokenKeeper {
    http: Client,
    url: Url,
    client: ClientId,
    secret_file: PathBuf,
    current: Mutex<Option<Token>>,
}

struct Token {
    authorization: MetadataValue<Ascii>,
    renew_at: Instant,
}

impl TokenKeeper {
    pub(super) fn new(http: Client, url: Url, client: ClientId, secret_file: PathBuf) -> Self {
        Self { http, url, client, secret_file, current: Mutex::new(None) }
    }

    /// Puts the token into a request.
    pub(super) async fn authorized<T>(
        &self,
        mut request: Request<T>,
    ) -> Result<Request<T>, Trouble> {
        let mut current = self.current.lock().await;
        let token = match current.take().filter(|token| Instant::now() < token.renew_at) {
            Some(token) => token,
            None => self.fetch().await?,
        };
        request.metadata_mut().insert("authorization", token.authorization.clone());
        *current = Some(token);
        Ok(request)
    }

    /// Forgets the token: the bus does not take it any more.
    pub(super) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    async fn fetch(&self) -> Result<Token, Trouble> {
        let asked_at = Instant::now();
        let secret = read_secret(&self.secret_file).await?;
        let request = self
            .http
            .post(self.url.clone())
            .timeout(PATIENCE)
            .basic_auth(self.client.as_str(), Some(secret))
            .form(&[("grant_type", "client_credentials")]);
        let away = |_| Trouble::Away("no token: the bus cannot be reached");
        let mut answer = request.send().await.map_err(away)?;
        if answer.status().is_client_error() {
            return Err(Trouble::NoToken("no token: the bus refuses client id and secret"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                break;
            }
        }
        let unusable = || Trouble::Away("no token: the answer cannot be read");
        let grant: Grant = serde_json::from_slice(&body).map_err(|_| unusable())?;
        let text = format!("Bearer {}", grant.access_token);
        let mut authorization: MetadataValue<Ascii> = text.parse().map_err(|_| unusable())?;
        authorization.set_sensitive(true);
        // Renewed when four fifths of its life are over, counted from before the request.
        let life = Duration::from_secs(grant.expires_in).min(MAX_LIFE);
        Ok(Token { authorization, renew_at: asked_at + life * 4 / 5 })
    }
}

async fn read_secret(path: &PathBuf) -> Result<String, Trouble> {
    let text = tokio::fs::read(path).await.ok().filter(|bytes| bytes.len() <= MAX_BYTES);
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    text.ok_or_else(|| Trouble::NoToken("no token: the secret's file cannot be read"))
}

/// The token endpoint's answer, as far as it matters.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}
