//! A [`Publisher`] at the agency: over gRPC to a bus elsewhere, with a client's token.
//!
//! What was sent and not answered is unknown, and is published again by the adapter: so a line
//! that is down, a bus that restarts and a batch that was sent half are all the same case.

mod line;
mod token;
mod trouble;
mod wire;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
use lgsp_core::identifier::ClientId;
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use tokio::time::timeout;
use tonic::Request;
use tonic::transport::Channel;

use crate::publisher::{DeadLetter, Outcome, Publisher, Record, Unavailable};
use token::TokenKeeper;
use trouble::Trouble;

/// How long the bus may be silent before what is open counts as unknown.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first and the longest wait of our own while the line is down.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// The longest wait that the bus may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Where the bus is, and as whom it is called. The secret stays in its file, which is read anew
/// for each token, so that it can be changed without a restart.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// The bus, e.g. `https://lgsp.example.vn`.
    pub url: String,
    /// The client, as the registry names it.
    pub client: ClientId,
    /// The file that holds the client's secret.
    pub secret_file: PathBuf,
    /// Certificates in PEM to trust instead of the system's.
    pub certificates: Option<PathBuf>,
    /// Whether plain `http` may go to another machine.
    pub insecure_plain_text: bool,
}

/// Why a bus elsewhere cannot be called; what a person must mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The URL.
    #[error("the bus's URL must be https://HOST[:PORT], or http on loopback, without a path")]
    Url,
    /// The file of certificates.
    #[error("{} holds no usable certificates in PEM form", .0.display())]
    Certificates(PathBuf),
    /// The file of the secret.
    #[error("{} holds no client secret", .0.display())]
    Secret(PathBuf),
    /// The library for HTTP cannot be set up.
    #[error("cannot set up HTTPS: {0}")]
    Setup(String),
}

/// Publishes over gRPC.
pub struct RemotePublisher {
    client: EventServiceClient<Channel>,
    tokens: TokenKeeper,
    /// `files` or `database`, as dead letters tell it.
    adapter: &'static str,
    /// How often in a row the line was down.
    failures: AtomicU32,
}

impl RemotePublisher {
    /// Prepares the line; connects when it is first used. Blocks shortly (files).
    ///
    /// `adapter` is the kind of adapter ([`Input::kind`](crate::Input::kind)).
    ///
    /// # Errors
    /// What a person must mend before it can work.
    pub fn new(config: &RemoteConfig, adapter: &'static str) -> Result<Self, RemoteError> {
        let (channel, tokens) = line::prepare(config)?;
        let client = EventServiceClient::new(channel);
        Ok(Self { client, tokens, adapter, failures: AtomicU32::new(0) })
    }

    /// Publishes what is left of a batch on one stream; adds the outcomes that came.
    async fn stream(&self, batch: &[Record], told: &mut Vec<Outcome>) -> Result<(), Trouble> {
        let left = batch.get(told.len()..).unwrap_or_default();
        let messages: Vec<_> = left.iter().map(wire::publish).collect();
        let request = self.tokens.authorized(Request::new(stream::iter(messages))).await?;
        let mut client = self.client.clone();
        let opened = timeout(PATIENCE, client.publish_events(request)).await?;
        let mut answers = opened?.into_inner();
        for record in left {
            let answer = timeout(PATIENCE, answers.message()).await??;
            let answer = answer.ok_or_else(|| Trouble::Away("the stream ended early"))?;
            let outcome = wire::outcome(answer, &record.id)
                .ok_or_else(|| Trouble::Away("the bus answered out of order"))?;
            let is_known = !matches!(outcome, Outcome::Unknown { .. });
            told.push(outcome);
            if !is_known {
                break;
            }
        }
        Ok(())
    }

    async fn published(&self, batch: &[Record]) -> Vec<Outcome> {
        let mut told = Vec::with_capacity(batch.len());
        let mut ended = self.stream(batch, &mut told).await;
        if is_of_the_token(&ended) {
            // The token may have ended, or its key was changed: once more with a new one.
            self.tokens.forget().await;
            ended = self.stream(batch, &mut told).await;
        }
        let retry_after = match ended {
            Ok(()) => {
                self.failures.store(0, Ordering::Relaxed);
                BACKOFF.0
            }
            Err(trouble) => self.failed(&trouble),
        };
        if let Some(Outcome::Unknown { retry_after: asked }) = told.last_mut() {
            *asked = (*asked).min(LONGEST_ASKED);
        }
        told.resize(batch.len(), Outcome::Unknown { retry_after });
        told
    }

    async fn letter(&self, letter: &DeadLetter) -> Result<(), Trouble> {
        let message = wire::set_aside(letter, self.adapter);
        let mut request = self.tokens.authorized(Request::new(message)).await?;
        request.set_timeout(PATIENCE);
        let mut client = self.client.clone();
        timeout(PATIENCE, client.set_aside(request)).await??;
        Ok(())
    }

    /// Logs a failed call and tells when to try again.
    fn failed(&self, trouble: &Trouble) -> Duration {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        let own = BACKOFF.0.saturating_mul(1 << failures.min(10)).min(BACKOFF.1);
        let wait = trouble.retry_after().unwrap_or_default().min(LONGEST_ASKED).max(own);
        let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let code = trouble.code();
        if trouble.needs_a_person() {
            tracing::error!(code, retry_in_ms, "the bus does not let this adapter in");
        } else {
            tracing::warn!(code, retry_in_ms, "the bus cannot be reached");
        }
        wait
    }
}

impl Publisher for RemotePublisher {
    fn publish<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Vec<Outcome>> {
        self.published(batch).boxed()
    }

    fn set_aside<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Unavailable>> {
        async move {
            let mut done = self.letter(letter).await;
            if is_of_the_token(&done) {
                self.tokens.forget().await;
                done = self.letter(letter).await;
            }
            match done {
                Ok(()) => {
                    self.failures.store(0, Ordering::Relaxed);
                    Ok(())
                }
                Err(trouble) => Err(Unavailable { retry_after: self.failed(&trouble) }),
            }
        }
        .boxed()
    }
}

impl fmt::Debug for RemotePublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotePublisher").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}

fn is_of_the_token<T>(ended: &Result<T, Trouble>) -> bool {
    ended.as_ref().is_err_and(Trouble::is_of_the_token)
}
