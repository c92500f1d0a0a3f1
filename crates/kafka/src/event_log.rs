//! The log of events on Kafka.

use std::time::Duration;

use lgsp_ingest::{Completion, EventLog, EventRecord, QueueFull};

use crate::client::KafkaConfig;
use crate::error::KafkaError;
use crate::producer::{AckedProducer, NotTaken, Outgoing, Retired, Settle};

/// How long a batch waits to be filled, in milliseconds: at a busy time it makes one request of
/// many events, and at a quiet one it is hardly felt beside the acknowledgement.
pub const LINGER_MS: &str = "2";

/// Appends events to their topics with acks=all, idempotently, and never gives up: an event is in
/// doubt until librdkafka's delivery report, however long the cluster is away.
#[derive(Debug)]
pub struct KafkaEventLog {
    pub(crate) producer: AckedProducer<Completion>,
}

impl KafkaEventLog {
    /// Sets the log up; it connects in the background.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn connect(config: &KafkaConfig) -> Result<Self, KafkaError> {
        Ok(Self { producer: AckedProducer::new(config, "events", LINGER_MS)? })
    }

    /// Waits until every event handed over has its delivery report; returns how many have none
    /// yet. Blocks: call it on a blocking thread.
    pub fn flush(&self, timeout: Duration) -> usize {
        self.producer.flush(timeout)
    }

    /// Returns how many events wait for their delivery report.
    pub fn in_flight(&self) -> usize {
        self.producer.in_flight()
    }

    /// Tells whether the producer lost its idempotent session for good: nothing more can be
    /// appended until [`KafkaEventLog::renew_if_fatal`].
    pub fn is_fatal(&self) -> bool {
        self.producer.is_fatal()
    }

    /// Replaces a producer that lost its idempotent session for good, so that appends go on;
    /// tells whether it did. Every event that the old one had not settled is in doubt when this
    /// returns. Blocks for a moment: call it on a blocking thread.
    ///
    /// # Errors
    /// When no new producer can be set up; the old one stays, and the next call tries again.
    pub fn renew_if_fatal(&self) -> Result<bool, KafkaError> {
        Ok(self.producer.renew_if_fatal()?.map(Retired::retire).is_some())
    }
}

impl EventLog for KafkaEventLog {
    fn append(&self, record: EventRecord, completion: Completion) -> Result<(), QueueFull> {
        let outgoing = Outgoing {
            topic: record.topic(),
            key: record.key(),
            headers: record.headers(),
            value: record.data(),
        };
        match self.producer.send(outgoing, completion) {
            // A refusal of the event itself is its settled fate, and its completion was told.
            Ok(()) | Err(NotTaken::Refused) => Ok(()),
            // Both pass, and the caller may try again: for him they are one.
            Err(NotTaken::QueueFull | NotTaken::Unable) => Err(QueueFull),
        }
    }
}

impl Settle for Completion {
    fn acknowledged(self, partition: i32, offset: i64) {
        Completion::acknowledged(self, partition, offset);
    }

    fn failed(self) {
        Completion::failed(self);
    }

    fn not_taken(self) {
        Completion::not_taken(self);
    }
}
