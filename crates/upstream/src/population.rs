//! The national population database, carried by the national platform (NGSP/NDXP).

use std::fmt;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use lgsp_audit::Evidence;
use lgsp_query::{Citizen, CitizenLookUp, Upstream, UpstreamError};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use serde::Serialize;
use tokio::time::timeout_at;

use crate::answer;
use crate::config::{PopulationConfig, base_url, read_secret};
use crate::question::Question;
use crate::token::{Credentials, Token, TokenKeeper};
use crate::transport::{self, Reply};

/// Asks the national population database. One value serves the whole process: it keeps the
/// connections and the access token.
pub struct NationalPopulation {
    client: Client,
    tokens: TokenKeeper,
    look_up_url: Url,
    /// The header `lgspaccesstoken`.
    system: HeaderValue,
    integration_code: String,
    unit: String,
    not_found_codes: Vec<String>,
}

/// Why the connector could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The configuration has faults: each with its key and what was expected.
    #[error("the population service is misconfigured: {}", .0.join("; "))]
    Config(Vec<String>),
    /// No TLS provider was installed for the process before.
    #[error("no tls provider is installed")]
    NoTlsProvider,
    /// The HTTP client could not be made.
    #[error("the http client could not be made")]
    Client(#[source] reqwest::Error),
}

/// What `lgspaccesstoken` holds, in the order and with the names of the field.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SystemKeys<'a> {
    access_key: &'a str,
    secret_key: &'a str,
    app_name: &'a str,
    partner_code: &'a str,
    partner_code_cus: &'a str,
}

impl NationalPopulation {
    /// Makes the connector; reads the secret files, asks nothing yet. The process's TLS provider
    /// must have been installed before.
    ///
    /// # Errors
    /// [`SetUpError`], with all faults of the configuration at once.
    pub fn new(config: PopulationConfig) -> Result<Self, SetUpError> {
        let faults = config.validate();
        let (Some(base), Ok(consumer_secret), Ok(secret_key), true) = (
            base_url(&config.base_url),
            read_secret(&config.consumer_secret_file),
            read_secret(&config.secret_key_file),
            faults.is_empty(),
        ) else {
            return Err(SetUpError::Config(faults));
        };
        let system =
            system_header(&config, &secret_key).ok_or_else(|| SetUpError::Config(Vec::new()))?;
        // Without a provider reqwest would panic.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SetUpError::NoTlsProvider);
        }
        let client = transport::client(base.scheme() == "https").map_err(SetUpError::Client)?;
        let credentials = Credentials {
            url: joined(&base, &config.token_path),
            consumer_key: config.consumer_key,
            consumer_secret,
            system: system.clone(),
        };
        Ok(Self {
            tokens: TokenKeeper::new(client.clone(), credentials),
            client,
            look_up_url: joined(&base, &config.look_up_path),
            system,
            integration_code: config.integration_code,
            unit: config.unit,
            not_found_codes: config.not_found_codes,
        })
    }

    /// Asks; with another token and once more where the platform no longer takes the one.
    async fn look_up(
        &self,
        evidence: &Evidence,
        question: &CitizenLookUp,
    ) -> Result<Citizen, UpstreamError> {
        let body = Question::new(question, evidence.audit_id(), &self.integration_code, &self.unit);
        let token = self.tokens.valid().await?;
        let mut reply = self.call(&token, &body).await?;
        if matches!(reply, Reply::Unauthorized) {
            let token = self.tokens.renewed(&token).await?;
            reply = self.call(&token, &body).await?;
        }
        match reply {
            Reply::Json(json) => {
                answer::read(&json, question.personal_number.as_str(), &self.not_found_codes)
            }
            Reply::Unauthorized => Err(UpstreamError::Refused { code: "http_401".to_owned() }),
        }
    }

    async fn call(&self, token: &Token, body: &Question<'_>) -> Result<Reply, UpstreamError> {
        let request = self
            .client
            .post(self.look_up_url.clone())
            .header(AUTHORIZATION, token.authorization())
            .header("lgspaccesstoken", &self.system)
            .json(body);
        transport::exchange(request).await
    }
}

impl Upstream for NationalPopulation {
    fn fetch<'a>(
        &'a self,
        evidence: &'a Evidence,
        question: &'a CitizenLookUp,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Citizen, UpstreamError>> {
        Box::pin(async move {
            let answer = timeout_at(deadline.into(), self.look_up(evidence, question)).await;
            answer.unwrap_or(Err(UpstreamError::Timeout))
        })
    }

    fn warm_up(&self, deadline: Instant) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The fetch that follows meets the same failure and reports it.
            if !matches!(timeout_at(deadline.into(), self.tokens.valid()).await, Ok(Ok(_))) {
                tracing::debug!("warming up did not get an access token");
            }
        })
    }

    fn carrier(&self) -> &str {
        "ndxp"
    }
}

impl fmt::Debug for NationalPopulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NationalPopulation(..)")
    }
}

fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Composes `lgspaccesstoken`: base64 of JSON, an encoding that hides nothing.
fn system_header(config: &PopulationConfig, secret_key: &str) -> Option<HeaderValue> {
    let keys = SystemKeys {
        access_key: &config.access_key,
        secret_key,
        app_name: &config.app_name,
        partner_code: &config.partner_code,
        partner_code_cus: &config.partner_code,
    };
    let mut header =
        HeaderValue::try_from(STANDARD.encode(serde_json::to_vec(&keys).ok()?)).ok()?;
    header.set_sensitive(true);
    Some(header)
}
