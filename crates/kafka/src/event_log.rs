//! The log of events on Kafka.

use std::time::Duration;

use lgsp_ingest::{
    Completion, DeadLetterRecord, DeadLetters, EventLog, EventRecord, LetterCompletion, QueueFull,
};

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
    pub(crate) producer: AckedProducer<Told>,
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

    /// Gives up every event that has no delivery report yet: what is not with the cluster already
    /// never will be, and all of them are in doubt when this returns. Blocks for a moment: call it
    /// on a blocking thread.
    ///
    /// # Errors
    /// When no new producer can be set up; then nothing was given up.
    pub fn give_up(&self) -> Result<(), KafkaError> {
        self.producer.renew().map(Retired::retire)
    }
}

/// Who hears what became of a record.
pub(crate) enum Told {
    /// The book of events.
    Event(Completion),
    /// Who set a record aside.
    Letter(LetterCompletion),
}

impl EventLog for KafkaEventLog {
    fn append(&self, record: EventRecord, completion: Completion) -> Result<(), QueueFull> {
        let outgoing = Outgoing {
            topic: record.topic(),
            key: record.key(),
            headers: record.headers(),
            value: record.data(),
        };
        taken(self.producer.send(outgoing, Told::Event(completion)))
    }
}

impl DeadLetters for KafkaEventLog {
    fn set_aside(&self, letter: DeadLetterRecord, told: LetterCompletion) -> Result<(), QueueFull> {
        let outgoing = Outgoing {
            topic: letter.topic(),
            key: letter.key(),
            headers: letter.headers(),
            value: letter.data(),
        };
        taken(self.producer.send(outgoing, Told::Letter(told)))
    }
}

fn taken(sent: Result<(), NotTaken>) -> Result<(), QueueFull> {
    match sent {
        // A refusal of the record itself is its settled fate, and whoever waits was told.
        Ok(()) | Err(NotTaken::Refused) => Ok(()),
        // Both pass, and the caller may try again: for him they are one.
        Err(NotTaken::QueueFull | NotTaken::Unable) => Err(QueueFull),
    }
}

impl Settle for Told {
    fn acknowledged(self, partition: i32, offset: i64) {
        match self {
            Self::Event(completion) => completion.acknowledged(partition, offset),
            Self::Letter(told) => told.acknowledged(partition, offset),
        }
    }

    fn failed(self) {
        match self {
            Self::Event(completion) => completion.failed(),
            Self::Letter(told) => drop(told),
        }
    }

    fn not_taken(self) {
        match self {
            Self::Event(completion) => completion.not_taken(),
            Self::Letter(told) => drop(told),
        }
    }
}
