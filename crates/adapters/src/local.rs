//! Publishing from within the bus: through the same corridor as every caller.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lgsp_core::Fault;
use lgsp_core::identifier::ClientId;
use lgsp_identity::{Identity, Principal};
use lgsp_ingest::{Ingest, Letter, Pending, Submission};

use crate::publisher::{Breach, DeadLetter, Outcome, Publisher, Record, Refusal, Unavailable};

/// How long a batch waits for its acknowledgements.
const PATIENCE: Duration = Duration::from_secs(10);

/// After which time an outcome that is not known is asked for again, where the bus names none.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Publishes in the name of a client of the registry, whose grants hold as for any caller.
pub struct LocalPublisher {
    ingest: Ingest,
    identity: Arc<Identity>,
    client: ClientId,
    adapter: &'static str,
}

impl fmt::Debug for LocalPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPublisher")
            .field("client", &self.client)
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

impl LocalPublisher {
    /// Joins the corridor and the client; `adapter` is `files` or `database`.
    pub fn new(
        ingest: Ingest,
        identity: Arc<Identity>,
        client: ClientId,
        adapter: &'static str,
    ) -> Self {
        Self { ingest, identity, client, adapter }
    }

    /// Returns the client as the registry has it now.
    fn caller(&self) -> Result<Principal, Fault> {
        self.identity.vouch_for(&self.client)
    }

    fn submission(&self, record: &Record) -> Submission {
        Submission {
            spec_version: "1.0".to_owned(),
            id: record.id.clone(),
            source: record.source.clone(),
            event_type: record.event_type.clone(),
            time: record.time.clone(),
            data: record.data.clone(),
            adapter: self.adapter,
            ..Submission::default()
        }
    }

    async fn publish_all(&self, batch: &[Record]) -> Vec<Outcome> {
        let deadline = Instant::now() + PATIENCE;
        let mut underway: Vec<Result<Pending, Fault>> = Vec::with_capacity(batch.len());
        for record in batch {
            let taken = match self.caller() {
                Ok(caller) => self.ingest.submit(&caller, self.submission(record), deadline).await,
                Err(fault) => Err(fault),
            };
            let not_taken = taken.as_ref().is_err_and(|fault| fault.code.is_retryable());
            underway.push(taken);
            if not_taken {
                // Nothing of an entity may overtake what was not taken.
                break;
            }
        }
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut unknown = None;
        for taken in underway {
            let told = match taken {
                Ok(pending) => pending.receipt(deadline).await,
                Err(fault) => Err(fault),
            };
            let outcome = match told {
                Ok(receipt) => Outcome::Recorded {
                    duplicate: receipt.duplicate,
                    warnings: receipt.warnings.iter().map(Breach::from).collect(),
                },
                Err(fault) if fault.code.is_retryable() => {
                    Outcome::Unknown { retry_after: fault.retry_after.unwrap_or(RETRY_AFTER) }
                }
                Err(fault) => Outcome::Refused(Refusal::from(&fault)),
            };
            if unknown.is_none() && matches!(outcome, Outcome::Unknown { .. }) {
                unknown = Some(outcome.clone());
            }
            outcomes.push(unknown.clone().unwrap_or(outcome));
        }
        let rest = unknown.unwrap_or(Outcome::Unknown { retry_after: RETRY_AFTER });
        outcomes.resize(batch.len(), rest);
        outcomes
    }

    async fn set_letter_aside(&self, letter: &DeadLetter) -> Result<(), Unavailable> {
        let breaches = letter.cause.breaches.iter();
        let parts = Letter {
            event: self.submission(&letter.record),
            code: letter.cause.code.clone(),
            breaches: breaches.map(|one| (one.pointer.clone(), one.rule.clone())).collect(),
            origin: letter.origin.clone(),
            attempt: letter.attempt,
        };
        let aside = async {
            let caller = self.caller()?;
            self.ingest.set_aside(&caller, parts, Instant::now() + PATIENCE).await
        };
        match aside.await {
            Ok(_place) => Ok(()),
            Err(fault) => {
                if !fault.code.is_retryable() {
                    let (code, client) = (fault.code.as_str(), self.client.as_str());
                    tracing::error!(
                        code,
                        client,
                        "a record can neither be published nor set aside"
                    );
                }
                Err(Unavailable { retry_after: fault.retry_after.unwrap_or(PATIENCE) })
            }
        }
    }
}

impl Publisher for LocalPublisher {
    fn publish<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.publish_all(batch))
    }

    fn set_aside<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(self.set_letter_aside(letter))
    }
}
