//! The log of evidence on Kafka: who asked for whose record.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lgsp_audit::{Chain, Entry, Evidence, Intent, Outcome, OutcomeKind};
use lgsp_core::Clock;
use lgsp_query::{EvidenceLog, EvidenceUnavailable};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::{error, warn};
use uuid::Uuid;

use crate::client::KafkaConfig;
use crate::error::KafkaError;
use crate::producer::{AckedProducer, Outgoing, Retired, Settle};

/// The topic of evidence.
pub const TOPIC: &str = "lgsp.audit.v1";

/// Intents without a delivery report, at most. While the cluster is away, questions beyond this
/// many are refused at once and leave nothing behind.
pub const MAX_WAITING: usize = 1000;

/// Nothing is gained by waiting for a second record: a caller waits for the first.
const LINGER_MS: &str = "0";

/// Keeps evidence on [`TOPIC`], with a producer and a chain of its own.
pub struct KafkaEvidenceLog {
    pub(crate) producer: AckedProducer<Waiting>,
    /// Sealing and handing over happen under one lock, so that the log's order is the chain's.
    chain: Mutex<Chain>,
    room: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for KafkaEvidenceLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEvidenceLog").field("producer", &self.producer).finish_non_exhaustive()
    }
}

/// What waits for a record of evidence.
pub(crate) struct Waiting {
    /// Told when the record is durable; an outcome has nobody waiting.
    tell: Option<oneshot::Sender<()>>,
    /// An intent's place among the [`MAX_WAITING`].
    room: Option<OwnedSemaphorePermit>,
}

impl Settle for Waiting {
    fn acknowledged(self, _: i32, _: i64) {
        drop(self.room);
        if let Some(tell) = self.tell {
            // Who asked may have gone; the intent's guard has closed it then.
            tell.send(()).ok();
        }
    }

    fn failed(self) {
        error!("a record of evidence was refused by kafka: the chain has a gap there");
    }

    fn not_taken(self) {}
}

impl KafkaEvidenceLog {
    /// Sets the log up as a new writer; it connects in the background.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn connect(config: &KafkaConfig, clock: Arc<dyn Clock>) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: AckedProducer::new(config, "evidence", LINGER_MS)?,
            chain: Mutex::new(Chain::new(Uuid::now_v7())),
            room: Arc::new(Semaphore::new(MAX_WAITING)),
            clock,
        })
    }

    /// Waits until every record handed over has its delivery report; returns how many have none
    /// yet. Blocks: call it on a blocking thread.
    pub fn flush(&self, timeout: Duration) -> usize {
        self.producer.flush(timeout)
    }

    /// Returns how many records wait for their delivery report.
    pub fn in_flight(&self) -> usize {
        self.producer.in_flight()
    }

    /// Tells whether the producer lost its idempotent session for good: no question can be asked
    /// until [`KafkaEvidenceLog::renew_if_fatal`].
    pub fn is_fatal(&self) -> bool {
        self.producer.is_fatal()
    }

    /// Replaces a producer that lost its idempotent session for good, so that questions can be
    /// asked again; tells whether it did. Intents that the old one had not made durable are
    /// refused. Blocks for a moment: call it on a blocking thread.
    ///
    /// # Errors
    /// When no new producer can be set up; the old one stays, and the next call tries again.
    pub fn renew_if_fatal(&self) -> Result<bool, KafkaError> {
        let retired = {
            let mut chain = self.chain();
            let retired = self.producer.renew_if_fatal()?;
            if retired.is_some() {
                // The log holds the old chain up to some record that nobody knows: a record
                // sealed after the last one handed over would show as a break.
                *chain = Chain::new(Uuid::now_v7());
            }
            retired
        };
        Ok(retired.map(Retired::retire).is_some())
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seal(&self, entry: &Entry, waiting: Waiting) -> Result<(), EvidenceUnavailable> {
        let unix_millis = self.clock.unix_millis();
        let mut chain = self.chain();
        let key = chain.writer().to_string();
        let sealed = chain.append(entry, unix_millis, |value| -> Result<(), NotSealed> {
            let headers = std::iter::empty::<(&str, &str)>();
            let record = Outgoing { topic: TOPIC, key: &key, headers, value };
            self.producer.send(record, waiting).map_err(|_| NotSealed)
        });
        sealed.map_err(|NotSealed| EvidenceUnavailable)
    }

    fn close(&self, audit_id: Uuid, outcome: Outcome) -> Result<(), EvidenceUnavailable> {
        let entry = Entry::Outcome { audit_id, outcome };
        let sealed = self.seal(&entry, Waiting { tell: None, room: None });
        sealed.inspect_err(|_| {
            warn!(%audit_id, "an outcome could not be recorded: its question stays open in the log");
        })
    }
}

/// A record did not get into the chain.
struct NotSealed;

impl From<serde_json::Error> for NotSealed {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// An intent that is sealed and not known to be durable. Dropped so, by deadline or because its
/// caller went away, it is closed as not asked: without evidence nothing was.
struct Open<'a> {
    log: &'a KafkaEvidenceLog,
    audit_id: Uuid,
    started: Instant,
    durable: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.durable {
            return;
        }
        let elapsed_millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = Outcome {
            kind: OutcomeKind::NotAsked,
            code: None,
            elapsed_millis,
            released: Vec::new(),
        };
        // Nothing was asked and nothing was answered: that the log could not take it was told.
        self.log.close(self.audit_id, outcome).ok();
    }
}

impl EvidenceLog for KafkaEvidenceLog {
    fn intent(
        &self,
        intent: Intent,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Evidence, EvidenceUnavailable>> {
        Box::pin(async move {
            let room =
                Arc::clone(&self.room).try_acquire_owned().map_err(|_| EvidenceUnavailable)?;
            let (tell, told) = oneshot::channel();
            let audit_id = intent.audit_id;
            let entry = Entry::Intent(intent);
            self.seal(&entry, Waiting { tell: Some(tell), room: Some(room) })?;
            let mut open = Open { log: self, audit_id, started: Instant::now(), durable: false };
            match tokio::time::timeout_at(deadline.into(), told).await {
                Ok(Ok(())) => {
                    open.durable = true;
                    let Entry::Intent(intent) = &entry else { return Err(EvidenceUnavailable) };
                    Ok(Evidence::acknowledged(intent))
                }
                Ok(Err(_)) | Err(_) => Err(EvidenceUnavailable),
            }
        })
    }

    fn outcome(&self, evidence: Evidence, outcome: Outcome) -> Result<(), EvidenceUnavailable> {
        self.close(evidence.audit_id(), outcome)
    }
}
