//! What the corridor needs from the world: a log to append to, a store for receipts.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use lgsp_core::digest::Digest128;
use lgsp_core::identifier::AgencyCode;
use lgsp_schema::EventKind;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::book::Completion;

/// An event on its way into the log: judged and permitted. Only the corridor makes one.
pub struct EventRecord {
    pub(crate) kind: Arc<EventKind>,
    pub(crate) key: String,
    pub(crate) headers: Vec<(&'static str, Cow<'static, str>)>,
    pub(crate) extensions: Vec<(String, String)>,
    pub(crate) data: Bytes,
}

impl EventRecord {
    /// Returns the topic that the event's type belongs to.
    pub fn topic(&self) -> &str {
        self.kind.topic()
    }

    /// Returns the record key: the entity's own code, or a citizen's pseudonym.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Lists the record headers of the CloudEvents Kafka binding (binary mode), names complete
    /// (`ce_id`, …, `content-type`).
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let count = self.headers.len() + self.extensions.len();
        Headers { record: self, next: 0, count }
    }

    /// Returns the value: the sender's `data`, byte for byte.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

struct Headers<'a> {
    record: &'a EventRecord,
    next: usize,
    count: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next;
        self.next += 1;
        let own = &self.record.headers;
        match own.get(at) {
            Some((name, value)) => Some((name, value)),
            None => self
                .record
                .extensions
                .get(at - own.len())
                .map(|(name, value)| (name.as_str(), value.as_str())),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.count.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

impl fmt::Debug for EventRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRecord")
            .field("topic", &self.topic())
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// The append-only log of events.
pub trait EventLog: Send + Sync + 'static {
    /// Hands an event over, in the order of the calls.
    ///
    /// The completion is told exactly once: by [`Completion::acknowledged`] when the log has it
    /// durably (acks=all), by [`Completion::failed`] when it never will; dropped untold, it
    /// leaves the event in doubt.
    ///
    /// # Errors
    /// When the log's own queue is full; then nothing was taken and the completion was dropped
    /// by [`Completion::not_taken`].
    fn append(&self, record: EventRecord, completion: Completion) -> Result<(), QueueFull>;
}

/// The log's queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log's queue is full")]
pub struct QueueFull;

/// A receipt as it is kept: what identifies the event, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Digest of source and id ([`Digest128::of_event`]).
    pub event: Digest128,
    /// Digest of type and data ([`Digest128::of_content`]).
    pub content: Digest128,
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When the bus recorded it (header `ce_recordedtime`), milliseconds since 1970.
    pub recorded_unix_millis: i64,
    /// Of an event whose entity has states: which entity, and its state now. A store keeps the
    /// newest of each entity; [`ReceiptStore::find`] need not tell it.
    pub entity: Option<EntityNote>,
}

/// What an event says of its entity's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityNote {
    /// Digest of event type and entity key ([`EntityNote::digest`]).
    pub id: Digest128,
    /// The state's code, e.g. `4`.
    pub state: Option<Box<str>>,
}

impl EntityNote {
    /// Names an entity as events of one type know it.
    pub fn digest(event_type: &str, key: &str) -> Digest128 {
        Digest128::of(&[b"entity", event_type.as_bytes(), key.as_bytes()])
    }
}

/// The last event of an entity, of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Digest of source and id.
    pub event: Digest128,
    /// Digest of type and data.
    pub content: Digest128,
    /// The entity's state.
    pub state: Option<Box<str>>,
    /// The partition; all events of an entity lie in one, so that offsets tell their order.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When the bus recorded it, milliseconds since 1970.
    pub recorded_unix_millis: i64,
}

/// Keeps receipts beyond the process: a projection of the log that can be deleted and rebuilt.
pub trait ReceiptStore: Send + Sync + 'static {
    /// Looks a receipt up.
    ///
    /// # Errors
    /// When the store cannot answer; the caller then refuses (fail closed).
    fn find(&self, event: &Digest128) -> Result<Option<StoredReceipt>, StoreError>;

    /// Returns the last event of an entity ([`EntityNote::digest`]), however long ago.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn latest(&self, entity: &Digest128) -> Result<Option<Latest>, StoreError>;

    /// Saves receipts; with `covers`, also, in the same transaction, that each partition is covered
    /// up to the last of them. An event that is there already keeps its first receipt.
    ///
    /// # Errors
    /// When nothing was saved.
    fn save(&self, receipts: &[StoredReceipt], covers: bool) -> Result<(), StoreError>;

    /// Lists how far each partition is covered: topic, partition, first offset not covered.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn checkpoints(&self) -> Result<Vec<(String, i32, i64)>, StoreError>;

    /// Forgets receipts recorded before a time, though not what is last known of entities; returns
    /// how many.
    ///
    /// # Errors
    /// When nothing was forgotten.
    fn forget_before(&self, unix_millis: i64) -> Result<usize, StoreError>;
}

/// The receipt store failed.
#[derive(Debug, thiserror::Error)]
#[error("the receipt store failed")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A record that could not be published, on its way to the dead letters: permitted, not judged.
/// Only the corridor makes one.
pub struct DeadLetterRecord {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) headers: Vec<(&'static str, Cow<'static, str>)>,
    pub(crate) data: Bytes,
}

impl DeadLetterRecord {
    /// Returns the dead-letter topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the record key: as of the event, where that could be read; else the event's id.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Lists the record headers: the event's attributes, and why and whence it was set aside.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_ref()))
    }

    /// Returns the value: what could not be published, byte for byte.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

impl fmt::Debug for DeadLetterRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterRecord")
            .field("topic", &self.topic)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// Tells where a letter lies; holds its share of the in-flight byte budget until then.
pub struct LetterCompletion {
    tell: oneshot::Sender<(i32, i64)>,
    _room: OwnedSemaphorePermit,
}

impl LetterCompletion {
    pub(crate) fn new(tell: oneshot::Sender<(i32, i64)>, room: OwnedSemaphorePermit) -> Self {
        Self { tell, _room: room }
    }

    /// The log has the letter, acknowledged with acks=all.
    pub fn acknowledged(self, partition: i32, offset: i64) {
        // Who went away sets the same letter aside again.
        self.tell.send((partition, offset)).ok();
    }
}

impl fmt::Debug for LetterCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterCompletion").finish_non_exhaustive()
    }
}

/// The log of what could not be published.
pub trait DeadLetters: Send + Sync + 'static {
    /// Hands a letter over; `told` hears partition and offset once it is durable (acks=all), and
    /// is dropped when that is not known, not before nothing of the letter is on its way any more.
    ///
    /// # Errors
    /// When the log's own queue is full; then nothing was taken.
    fn set_aside(&self, letter: DeadLetterRecord, told: LetterCompletion) -> Result<(), QueueFull>;
}

/// An event read back from the log.
pub struct RecalledEvent {
    /// The agency in whose name it was published.
    pub agency: AgencyCode,
    /// Its data, byte for byte. Personal data.
    pub data: Bytes,
}

impl fmt::Debug for RecalledEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecalledEvent").field("bytes", &self.data.len()).finish_non_exhaustive()
    }
}

/// A future of a port.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Reads single events back from the log.
pub trait EventReader: Send + Sync + 'static {
    /// Reads the event at a place; `None` where it is no longer kept.
    fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Answer<Result<Option<RecalledEvent>, LogUnreadable>>;
}

/// The log could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogUnreadable {
    /// It does not answer.
    #[error("the log could not be read")]
    Away,
    /// Too many wait for it already.
    #[error("too many wait to read the log")]
    Busy,
}
