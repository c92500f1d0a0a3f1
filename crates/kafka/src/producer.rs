//! One producer, two users: appends in order, and settles what was appended exactly once.

use std::fmt;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError as LibraryError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;

/// Records waiting in a producer's queue, at most.
const QUEUE_RECORDS: &str = "100000";
/// Kibibytes waiting in a producer's queue, at most: 64 MiB. librdkafka's default is 1 GiB.
const QUEUE_KIBIBYTES: &str = "65536";

/// What waits for a record's fate. Told once, or dropped untold: then the fate is in doubt.
pub(crate) trait Settle: Send + Sync + 'static {
    /// All in-sync replicas have the record.
    fn acknowledged(self, partition: i32, offset: i64);
    /// The record is in no log and never will be.
    fn failed(self);
    /// The queue was full: the record was never on its way.
    fn not_taken(self);
}

/// Why a record did not get on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// There is no room now.
    QueueFull,
    /// The client library refuses the record, or everything.
    Refused,
}

/// A record on its way out.
pub(crate) struct Outgoing<'a, H> {
    pub(crate) topic: &'a str,
    pub(crate) key: &'a str,
    pub(crate) headers: H,
    pub(crate) value: &'a [u8],
}

struct Reports<S> {
    voice: Voice,
    settles: std::marker::PhantomData<fn(S)>,
}

impl<S: Settle> ClientContext for Reports<S> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.voice.log(level, facility, line);
    }

    fn error(&self, failure: LibraryError, reason: &str) {
        self.voice.error(failure, reason);
    }
}

impl<S: Settle> ProducerContext for Reports<S> {
    type DeliveryOpaque = Box<S>;

    fn delivery(&self, report: &DeliveryResult<'_>, settle: Self::DeliveryOpaque) {
        match report {
            Ok(message) => settle.acknowledged(message.partition(), message.offset()),
            Err((failure, _)) if is_definite(failure) => settle.failed(),
            // The record may be in the log: an answer was lost, the idempotent session ended, the
            // queue was given up at shutdown.
            Err(_) => drop(settle),
        }
    }
}

/// Tells whether a failure proves that the record is in no log: the record itself was refused, so
/// that no attempt to write it can have succeeded. Refusals that depend on the cluster's state
/// (leadership, authorisation, a missing topic) prove nothing of an earlier attempt.
fn is_definite(failure: &LibraryError) -> bool {
    matches!(
        failure.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::MessageBatchTooLarge
                | RDKafkaErrorCode::InvalidRecord
        )
    )
}

/// A producer that never gives up: acks=all, idempotent, no delivery timeout.
pub(crate) struct AckedProducer<S: Settle> {
    producer: ThreadedProducer<Reports<S>>,
}

impl<S: Settle> fmt::Debug for AckedProducer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckedProducer")
            .field("in_flight", &self.producer.in_flight_count())
            .finish_non_exhaustive()
    }
}

impl<S: Settle> AckedProducer<S> {
    /// Sets a producer up; connects in the background. `linger_ms`: how long a batch waits to
    /// be filled.
    pub(crate) fn new(
        config: &KafkaConfig,
        name: &'static str,
        linger_ms: &str,
    ) -> Result<Self, KafkaError> {
        let context = Reports { voice: Voice::new(name), settles: std::marker::PhantomData };
        let producer = settings(config, linger_ms).create_with_context(context)?;
        Ok(Self { producer })
    }

    /// Hands a record over, in the order of the calls; does not block.
    ///
    /// # Errors
    /// When the record was not taken; then `settle` was told so.
    pub(crate) fn send<'a, H>(&self, record: Outgoing<'a, H>, settle: S) -> Result<(), NotTaken>
    where
        H: ExactSizeIterator<Item = (&'a str, &'a str)>,
    {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let outgoing = BaseRecord::with_opaque_to(record.topic, Box::new(settle))
            .key(record.key)
            .payload(record.value)
            .headers(headers);
        let Err((failure, returned)) = self.producer.send(outgoing) else { return Ok(()) };
        if failure.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
            returned.delivery_opaque.not_taken();
            return Err(NotTaken::QueueFull);
        }
        // Refused at the library's own door (too large, fatal state): it was never on its way.
        returned.delivery_opaque.failed();
        Err(NotTaken::Refused)
    }

    /// Waits until nothing is on its way; returns how many records still are. Blocks.
    pub(crate) fn flush(&self, timeout: Duration) -> usize {
        // The count below tells more than the result.
        drop(self.producer.flush(timeout));
        usize::try_from(self.producer.in_flight_count()).unwrap_or(0)
    }

    /// Returns how many records are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.producer.in_flight_count()).unwrap_or(0)
    }

    /// Tells whether the producer lost its idempotent session for good and takes nothing more.
    pub(crate) fn is_fatal(&self) -> bool {
        self.producer.client().context().voice.is_fatal()
    }
}

fn settings(config: &KafkaConfig, linger_ms: &str) -> ClientConfig {
    let mut settings = config.client();
    settings
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("max.in.flight.requests.per.connection", "5")
        // Never given up: a record is in doubt until its delivery report, however long that takes.
        .set("message.timeout.ms", "0")
        .set("retry.backoff.ms", "50")
        .set("retry.backoff.max.ms", "1000")
        // As Java's clients place keys, so that theirs and ours meet in one partition.
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", linger_ms)
        .set("batch.size", "262144")
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", QUEUE_RECORDS)
        .set("queue.buffering.max.kbytes", QUEUE_KIBIBYTES)
        .set("message.max.bytes", crate::topics::MAX_MESSAGE_BYTES.to_string());
    settings
}
