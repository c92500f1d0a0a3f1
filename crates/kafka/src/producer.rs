//! One producer, two users: appends in order, and settles what was appended exactly once.
//!
//! A producer whose idempotent session is lost takes nothing more, ever. It is replaced by a new
//! one ([`AckedProducer::renew_if_fatal`]); what it still had is in doubt.

use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError as LibraryError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tracing::{error, warn};

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;

/// Records waiting in a producer's queue, at most.
const QUEUE_RECORDS: &str = "100000";
/// Kibibytes waiting in a producer's queue, at most: 64 MiB. librdkafka's default is 1 GiB.
const QUEUE_KIBIBYTES: &str = "65536";
/// How long a replaced producer may take to tell the fate of what it still had. It needs
/// milliseconds: nothing is waited for but its own threads.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// What waits for a record's fate. Told once, or dropped untold: then the fate is in doubt.
pub(crate) trait Settle: Send + Sync + 'static {
    /// All in-sync replicas have the record.
    fn acknowledged(self, partition: i32, offset: i64);
    /// The record is in no log and never will be.
    fn failed(self);
    /// The record was never on its way, for a reason that is not its own: it may be tried again.
    fn not_taken(self);
}

/// Why a record did not get on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// There is no room now.
    QueueFull,
    /// Nothing is taken now, e.g. by a producer that is beyond repair.
    Unable,
    /// The record itself is refused, e.g. for its size: it will be at each attempt.
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
        let report = match report {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((failure, _)) => Err(failure),
        };
        match fate(report) {
            Fate::Recorded { partition, offset } => settle.acknowledged(partition, offset),
            Fate::Never => settle.failed(),
            Fate::Unknown => drop(settle),
        }
    }
}

/// What a delivery report says of a record.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Recorded { partition: i32, offset: i64 },
    Never,
    Unknown,
}

fn fate(report: Result<(i32, i64), &LibraryError>) -> Fate {
    match report {
        Ok((partition, offset)) if offset >= 0 => Fate::Recorded { partition, offset },
        // A success that does not say where the record lies was inferred by the library, not told
        // by the broker (no answer asked for, or an answer "duplicate" to a repeated request).
        Ok(_) => Fate::Unknown,
        Err(failure) if is_definite(failure) => Fate::Never,
        // The record may be in the log: an answer was lost, the idempotent session ended, the
        // queue was given up.
        Err(_) => Fate::Unknown,
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

type Client<S> = ThreadedProducer<Reports<S>>;

/// A producer that never gives up: acks=all, idempotent, no delivery timeout.
pub(crate) struct AckedProducer<S: Settle> {
    settings: ClientConfig,
    name: &'static str,
    /// Written only when a client beyond repair is replaced; a reader never waits for the cluster
    /// while holding it.
    client: RwLock<Client<S>>,
}

impl<S: Settle> fmt::Debug for AckedProducer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckedProducer")
            .field("name", &self.name)
            .field("in_flight", &self.in_flight())
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
        Self::with_settings(settings(config, linger_ms), name)
    }

    pub(crate) fn with_settings(
        settings: ClientConfig,
        name: &'static str,
    ) -> Result<Self, KafkaError> {
        let client = RwLock::new(connect(&settings, name)?);
        Ok(Self { settings, name, client })
    }

    fn client(&self) -> RwLockReadGuard<'_, Client<S>> {
        self.client.read().unwrap_or_else(PoisonError::into_inner)
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
        let Err((failure, returned)) = self.client().send(outgoing) else { return Ok(()) };
        // Refused at the library's own door: it was never on its way.
        if is_definite(&failure) {
            returned.delivery_opaque.failed();
            return Err(NotTaken::Refused);
        }
        returned.delivery_opaque.not_taken();
        Err(match failure.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => NotTaken::QueueFull,
            _ => NotTaken::Unable,
        })
    }

    /// Waits until nothing is on its way; returns how many records still are. Blocks.
    pub(crate) fn flush(&self, timeout: Duration) -> usize {
        // A handle of its own, so that a replacement need not wait for it.
        let client = self.client().clone();
        flush(&client, timeout)
    }

    /// Returns how many records are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        in_flight(&self.client())
    }

    /// Tells whether the producer lost its idempotent session for good and takes nothing more.
    pub(crate) fn is_fatal(&self) -> bool {
        self.client().client().fatal_error().is_some()
    }

    /// Replaces a client that is beyond repair; returns it, to be retired, or nothing where all
    /// is well. Records handed over from now on go to the new one.
    pub(crate) fn renew_if_fatal(&self) -> Result<Option<Retired<S>>, KafkaError> {
        if !self.is_fatal() {
            return Ok(None);
        }
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been quicker.
        let Some((code, _)) = client.client().fatal_error() else { return Ok(None) };
        let fresh = connect(&self.settings, self.name)?;
        let client = std::mem::replace(&mut *client, fresh);
        warn!(client = self.name, error = %code, in_doubt = in_flight(&client), "a kafka producer was beyond repair and was replaced");
        Ok(Some(Retired { client, name: self.name }))
    }

    /// Replaces a client that is to append nothing more of what it has; returns it, to be retired.
    pub(crate) fn renew(&self) -> Result<Retired<S>, KafkaError> {
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = connect(&self.settings, self.name)?;
        let client = std::mem::replace(&mut *client, fresh);
        warn!(
            client = self.name,
            in_doubt = in_flight(&client),
            "a kafka producer gave up what it had"
        );
        Ok(Retired { client, name: self.name })
    }

    #[cfg(test)]
    pub(crate) fn native(&self) -> *mut rdkafka_sys::rd_kafka_t {
        self.client().client().native_ptr()
    }
}

/// A client that was replaced and still has records.
#[must_use = "its records wait for their fate"]
pub(crate) struct Retired<S: Settle> {
    client: Client<S>,
    name: &'static str,
}

impl<S: Settle> Retired<S> {
    /// Gives up all that the client has, so that each record's fate is told, and ends it. Blocks
    /// for a moment.
    pub(crate) fn retire(self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
        let left = flush(&self.client, RETIRE_TIMEOUT);
        if left > 0 {
            error!(
                client = self.name,
                left, "a replaced kafka producer never told the fate of its records"
            );
        }
    }
}

fn connect<S: Settle>(
    settings: &ClientConfig,
    name: &'static str,
) -> Result<Client<S>, KafkaError> {
    let context = Reports { voice: Voice::new(name), settles: std::marker::PhantomData };
    Ok(settings.create_with_context(context)?)
}

fn flush<S: Settle>(client: &Client<S>, timeout: Duration) -> usize {
    // The count tells more than the result.
    drop(client.flush(timeout));
    in_flight(client)
}

fn in_flight<S: Settle>(client: &Client<S>) -> usize {
    usize::try_from(client.in_flight_count()).unwrap_or(0)
}

pub(crate) fn settings(config: &KafkaConfig, linger_ms: &str) -> ClientConfig {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_offset_proves_that_a_record_is_in_the_log() {
        assert_eq!(fate(Ok((3, 0))), Fate::Recorded { partition: 3, offset: 0 });
        // What the library reports where the broker named no offset.
        assert_eq!(fate(Ok((3, -1001))), Fate::Unknown);
        assert_eq!(fate(Ok((3, -1))), Fate::Unknown);
    }

    #[test]
    fn only_a_refusal_of_the_record_itself_proves_that_it_is_in_no_log() {
        let of = |code| fate(Err(&LibraryError::MessageProduction(code)));
        for code in [RDKafkaErrorCode::MessageSizeTooLarge, RDKafkaErrorCode::InvalidRecord] {
            assert_eq!(of(code), Fate::Never, "{code:?}");
        }
        for code in [
            RDKafkaErrorCode::PurgeQueue,
            RDKafkaErrorCode::PurgeInflight,
            RDKafkaErrorCode::Fatal,
            RDKafkaErrorCode::TopicAuthorizationFailed,
        ] {
            assert_eq!(of(code), Fate::Unknown, "{code:?}");
        }
    }
}
