//! Settling a reservation: told by the log exactly once.

use std::fmt;
use std::sync::Arc;

use lgsp_core::digest::Digest128;
use tokio::sync::OwnedSemaphorePermit;

use super::Book;
use crate::ports::{EntityNote, StoredReceipt};

/// What became of a reservation.
pub(super) enum Fate {
    Recorded(Arc<StoredReceipt>),
    Refused,
    NotTaken,
    /// It had been recorded before.
    Known(Arc<StoredReceipt>),
    /// Another process has it.
    Elsewhere,
    Unknown,
}

/// Settles one reservation: told by the log exactly once; dropped untold, the event is in doubt.
pub struct Completion {
    pub(super) book: Arc<Book>,
    pub(super) event: Digest128,
    pub(super) content: Digest128,
    pub(super) topic: Arc<str>,
    pub(super) recorded_unix_millis: i64,
    pub(super) entity: Option<EntityNote>,
    /// The event's share of the in-flight byte budget.
    pub(crate) room: Option<OwnedSemaphorePermit>,
    pub(super) settled: bool,
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion").field("event", &self.event).finish_non_exhaustive()
    }
}

impl Completion {
    /// The log has the event, acknowledged with acks=all.
    pub fn acknowledged(mut self, partition: i32, offset: i64) {
        let receipt = StoredReceipt {
            event: self.event,
            content: self.content,
            topic: Arc::clone(&self.topic),
            partition,
            offset,
            recorded_unix_millis: self.recorded_unix_millis,
            entity: self.entity.take(),
        };
        self.settle(Fate::Recorded(Arc::new(receipt)));
    }

    /// The log refused the event for good: it is certain that it is not recorded.
    pub fn failed(mut self) {
        self.settle(Fate::Refused);
    }

    /// The event was never on its way, e.g. because the log's queue was full.
    pub fn not_taken(mut self) {
        self.settle(Fate::NotTaken);
    }

    /// The event turned out not to be new.
    pub(super) fn met(mut self, fate: Fate) {
        self.settle(fate);
    }

    fn settle(&mut self, fate: Fate) {
        self.settled = true;
        self.room = None;
        let entity = self.entity.as_ref().map(|entity| entity.id);
        self.book.settle(&self.event, entity, fate);
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Fate::Unknown);
        }
    }
}
