//! Once: which events are in flight, which are known, who waits for them.
//!
//! An event's identity is reserved before it is appended and stays reserved until the log's
//! delivery report, even past the caller's deadline. A repeat meanwhile waits for the same
//! outcome. An acknowledged event stays in memory until [`Book::flush`] has its receipt stored.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lgsp_core::digest::Digest128;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::ports::{ReceiptStore, StoreError, StoredReceipt};

/// Beyond this many receipts not yet stored (about 10 MiB), no more events are taken.
pub const MAX_UNSAVED: usize = 100_000;

/// How an append ended, for those who wait: the receipt, or nothing when that is unknown.
pub type Outcome = Option<Arc<StoredReceipt>>;

enum Entry {
    InFlight {
        content: Digest128,
        waiting: Vec<oneshot::Sender<Outcome>>,
    },
    /// The log's answer was lost: only reading the log again (a restart) can tell.
    InDoubt,
    Acknowledged(Arc<StoredReceipt>),
}

#[derive(Default)]
struct Pages {
    entries: HashMap<Digest128, Entry>,
    /// Acknowledged, in order of acknowledgement (within a partition: of offset), not yet stored.
    unsaved: Vec<Arc<StoredReceipt>>,
    /// Set while the store refuses to save.
    store_failed: bool,
}

/// The book of events: reserves, settles, answers.
pub struct Book {
    pages: Mutex<Pages>,
    store: Arc<dyn ReceiptStore>,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.pages();
        f.debug_struct("Book")
            .field("entries", &pages.entries.len())
            .field("unsaved", &pages.unsaved.len())
            .finish_non_exhaustive()
    }
}

/// What the book says of an event that asks to be appended.
pub(crate) enum Reservation {
    /// It is new: append it, and settle the reservation by the completion.
    New(Completion, oneshot::Receiver<Outcome>),
    /// The same event is being appended now: wait with it.
    InFlight(oneshot::Receiver<Outcome>),
    /// The same event is recorded.
    Recorded(Arc<StoredReceipt>),
    /// The same identity came with other content.
    Conflict,
    /// Too much waits to be stored, or an earlier append's outcome was lost.
    Unavailable,
}

impl Book {
    /// Opens a book over a store that covers the log up to now.
    pub fn new(store: Arc<dyn ReceiptStore>) -> Arc<Self> {
        Arc::new(Self { pages: Mutex::default(), store })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A panic while the lock was held leaves entries in flight, which is the safe side.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reserve(
        self: &Arc<Self>,
        event: Digest128,
        content: Digest128,
        topic: Arc<str>,
        recorded_unix_millis: i64,
    ) -> Result<Reservation, StoreError> {
        let (tell, told) = oneshot::channel();
        {
            let mut pages = self.pages();
            if let Some(entry) = pages.entries.get_mut(&event) {
                return Ok(meet(entry, &content));
            }
            if pages.unsaved.len() >= MAX_UNSAVED {
                return Ok(Reservation::Unavailable);
            }
            // Reserved before the store is asked, so that nobody else can come in between.
            pages.entries.insert(event, Entry::InFlight { content, waiting: vec![tell] });
        }
        let completion = Completion {
            book: Arc::clone(self),
            event,
            content,
            topic,
            recorded_unix_millis,
            room: None,
            settled: false,
        };
        match self.store.find(&event) {
            Ok(None) => Ok(Reservation::New(completion, told)),
            Ok(Some(stored)) => {
                completion.not_taken();
                Ok(recorded(Arc::new(stored), &content))
            }
            Err(error) => {
                completion.not_taken();
                Err(error)
            }
        }
    }

    /// Finds the receipt of an event; `None` where none is known to be recorded.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub fn find(&self, event: &Digest128) -> Result<Known, StoreError> {
        match self.pages().entries.get(event) {
            Some(Entry::Acknowledged(receipt)) => return Ok(Known::Recorded(Arc::clone(receipt))),
            Some(Entry::InFlight { .. } | Entry::InDoubt) => return Ok(Known::InDoubt),
            None => {}
        }
        Ok(self.store.find(event)?.map_or(Known::Never, |stored| Known::Recorded(Arc::new(stored))))
    }

    /// Stores what was acknowledged since the last call; returns how many. Blocks on the store.
    ///
    /// # Errors
    /// When the store failed; nothing is lost, the next call tries again.
    pub fn flush(&self) -> Result<usize, StoreError> {
        let batch = std::mem::take(&mut self.pages().unsaved);
        if batch.is_empty() {
            return Ok(0);
        }
        let receipts: Vec<StoredReceipt> =
            batch.iter().map(|receipt| StoredReceipt::clone(receipt)).collect();
        let saved = self.store.save(&receipts);
        let mut pages = self.pages();
        pages.store_failed = saved.is_err();
        match saved {
            Ok(()) => {
                for receipt in &batch {
                    pages.entries.remove(&receipt.event);
                }
                if pages.entries.capacity() > 8 * (pages.entries.len() + 1024) {
                    pages.entries.shrink_to_fit();
                }
                Ok(batch.len())
            }
            Err(error) => {
                let later = std::mem::replace(&mut pages.unsaved, batch);
                pages.unsaved.extend(later);
                Err(error)
            }
        }
    }

    /// Tells whether the last attempt to store receipts failed.
    pub fn store_failed(&self) -> bool {
        self.pages().store_failed
    }

    fn settle(&self, event: &Digest128, fate: Fate) {
        let mut pages = self.pages();
        let (outcome, next) = match fate {
            Fate::Recorded(receipt) => {
                pages.unsaved.push(Arc::clone(&receipt));
                (Some(Arc::clone(&receipt)), Some(Entry::Acknowledged(receipt)))
            }
            Fate::Never => (None, None),
            Fate::Unknown => (None, Some(Entry::InDoubt)),
        };
        let before = match next {
            Some(entry) => pages.entries.insert(*event, entry),
            None => pages.entries.remove(event),
        };
        drop(pages);
        if let Some(Entry::InFlight { waiting, .. }) = before {
            for tell in waiting {
                // Who went away asks again with the same id.
                drop(tell.send(outcome.clone()));
            }
        }
    }
}

/// What is known of an event by its identity alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Its receipt.
    Recorded(Arc<StoredReceipt>),
    /// It is being appended, or the log's answer was lost.
    InDoubt,
    /// It is not recorded within the window.
    Never,
}

fn recorded(receipt: Arc<StoredReceipt>, content: &Digest128) -> Reservation {
    if receipt.content == *content { Reservation::Recorded(receipt) } else { Reservation::Conflict }
}

fn meet(entry: &mut Entry, content: &Digest128) -> Reservation {
    match entry {
        Entry::InDoubt => Reservation::Unavailable,
        Entry::Acknowledged(receipt) => recorded(Arc::clone(receipt), content),
        Entry::InFlight { content: first, .. } if first != content => Reservation::Conflict,
        Entry::InFlight { waiting, .. } => {
            let (tell, told) = oneshot::channel();
            waiting.retain(|tell| !tell.is_closed());
            waiting.push(tell);
            Reservation::InFlight(told)
        }
    }
}

enum Fate {
    Recorded(Arc<StoredReceipt>),
    Never,
    Unknown,
}

/// Settles one reservation: told by the log exactly once; dropped untold, the event is in doubt.
pub struct Completion {
    book: Arc<Book>,
    event: Digest128,
    content: Digest128,
    topic: Arc<str>,
    recorded_unix_millis: i64,
    /// The event's share of the in-flight byte budget.
    pub(crate) room: Option<OwnedSemaphorePermit>,
    settled: bool,
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
        };
        self.settle(Fate::Recorded(Arc::new(receipt)));
    }

    /// The log refused the event for good: it is certain that it is not recorded.
    pub fn failed(mut self) {
        self.settle(Fate::Never);
    }

    /// The event was never on its way, e.g. because the log's queue was full.
    pub fn not_taken(mut self) {
        self.settle(Fate::Never);
    }

    fn settle(&mut self, fate: Fate) {
        self.settled = true;
        self.room = None;
        self.book.settle(&self.event, fate);
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Fate::Unknown);
        }
    }
}
