//! Receipts that several processes share: an event is claimed before it is appended.
//!
//! The port ([`SharedReceipts`]) asks for whole batches. What gathers them is the book's
//! ([`crate::book::Claims`]).

use std::sync::Arc;

use lgsp_core::digest::Digest128;

use crate::ports::{Answer, Latest, StoreError, StoredReceipt};

/// An event that one process wants to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedClaim {
    /// Digest of source and id.
    pub event: Digest128,
    /// Digest of type and data.
    pub content: Digest128,
    /// The topic.
    pub topic: Arc<str>,
    /// When the process took it, milliseconds since 1970.
    pub recorded_unix_millis: i64,
    /// The entity, where entities of its type have states.
    pub entity: Option<Digest128>,
    /// The same entity as events of other types in the topic know it.
    pub siblings: Vec<Digest128>,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The event is this process's to append: nobody else will, until that is settled.
    Ours {
        /// What is last recorded of the entity, by whichever type of event told it.
        last: Option<Latest>,
    },
    /// The event is recorded.
    Recorded(StoredReceipt),
    /// Another process appends it now, or died before that was settled: its fate is not known.
    Elsewhere,
}

/// What is known to all processes of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared<T> {
    /// It is recorded.
    Recorded(T),
    /// Another process has it on its way, or died before that was settled.
    Elsewhere,
    /// Nothing of it is recorded.
    Never,
}

/// Receipts in one place that every process reaches. Nothing is appended that was not claimed
/// here, and a claim stays until it is recorded, released, or settled after its process died.
pub trait SharedReceipts: Send + Sync + 'static {
    /// Claims events, all in one round trip; answers in the order asked. No event twice in one
    /// batch. What this process holds already is its own again.
    ///
    /// # Errors
    /// When it is not known what was claimed; then nothing may be appended.
    fn claim(&self, claims: Vec<SharedClaim>) -> Answer<Result<Vec<Claimed>, StoreError>>;

    /// Gives up claims of this process whose events are in no log and on no way to one.
    ///
    /// # Errors
    /// When it is not known whether they were given up.
    fn release(&self, events: Vec<Digest128>) -> Answer<Result<(), StoreError>>;

    /// Records where events lie; an event that is recorded already keeps its first receipt.
    ///
    /// # Errors
    /// When it is not known whether they were recorded; the same may be recorded again.
    fn record(&self, receipts: Vec<StoredReceipt>) -> Answer<Result<(), StoreError>>;

    /// Finds an event that this process does not have on its way.
    ///
    /// # Errors
    /// When there is no answer.
    fn find(&self, event: Digest128) -> Answer<Result<Shared<StoredReceipt>, StoreError>>;

    /// Finds the last event of an entity, under any of the names given;
    /// [`Shared::Elsewhere`] while another process has one of its events on its way.
    ///
    /// # Errors
    /// When there is no answer.
    fn latest(&self, entity: Vec<Digest128>) -> Answer<Result<Shared<Latest>, StoreError>>;

    /// Tells whether this process is surely still counted among the living, so that nobody settles
    /// what it appends now.
    fn is_alive(&self) -> bool;
}
