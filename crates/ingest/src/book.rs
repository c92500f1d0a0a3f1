//! Once: which events are in flight, which are known, who waits for them.
//!
//! An event's identity is reserved before it is appended and stays reserved until the log's
//! delivery report, even past the caller's deadline. A repeat meanwhile waits for the same
//! outcome. An acknowledged event stays in memory until [`Book::flush`] has its receipt stored.
//!
//! An event whose delivery report was lost is in doubt. Then the store no longer claims to cover
//! the log, until the log was read again from where that was still true and [`Book::resolve`]
//! settled the doubts by what it held.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lgsp_core::digest::Digest128;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::ports::{ReceiptStore, StoreError, StoredReceipt};

/// Beyond this many receipts not yet stored (about 10 MiB), no more events are taken.
pub const MAX_UNSAVED: usize = 100_000;

/// How many may wait for one event on its way; more ask again.
const MAX_WAITING: usize = 16;

/// How an append ended, for those who wait.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It is recorded.
    Recorded(Arc<StoredReceipt>),
    /// The log refused it for good.
    Refused,
    /// That is not known.
    Unknown,
}

enum Entry {
    InFlight {
        content: Digest128,
        /// The store was asked: nothing of that identity was recorded before.
        is_new: bool,
        waiting: Vec<oneshot::Sender<Outcome>>,
    },
    /// The log's answer was lost.
    InDoubt {
        since: Instant,
    },
    Acknowledged(Arc<StoredReceipt>),
}

#[derive(Default)]
struct Pages {
    entries: HashMap<Digest128, Entry>,
    /// Acknowledged, in order of acknowledgement (within a partition: of offset), not yet stored.
    unsaved: Vec<Arc<StoredReceipt>>,
    /// Set while the store refuses to save.
    store_failed: bool,
    /// How many entries are in doubt.
    doubts: usize,
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
            let entry = Entry::InFlight { content, is_new: false, waiting: vec![tell] };
            pages.entries.insert(event, entry);
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
            Ok(None) => {
                if let Some(Entry::InFlight { is_new, .. }) = self.pages().entries.get_mut(&event) {
                    *is_new = true;
                }
                Ok(Reservation::New(completion, told))
            }
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

    /// Finds what is known of an event by its identity.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub fn find(&self, event: &Digest128) -> Result<Known, StoreError> {
        match self.pages().entries.get(event) {
            Some(Entry::Acknowledged(receipt)) => return Ok(Known::Recorded(Arc::clone(receipt))),
            Some(Entry::InFlight { .. } | Entry::InDoubt { .. }) => return Ok(Known::InDoubt),
            None => {}
        }
        Ok(self.store.find(event)?.map_or(Known::Never, |stored| Known::Recorded(Arc::new(stored))))
    }

    /// Stores what was acknowledged since the last call; returns how many. Blocks on the store.
    ///
    /// # Errors
    /// When the store failed; nothing is lost, the next call tries again.
    pub fn flush(&self) -> Result<usize, StoreError> {
        let (batch, covers) = {
            let mut pages = self.pages();
            // Within a partition reports come in the order of offsets: what is doubted now lies
            // beyond all that is unsaved now only if nothing was doubted before.
            (std::mem::take(&mut pages.unsaved), pages.doubts == 0)
        };
        if batch.is_empty() {
            return Ok(0);
        }
        let receipts: Vec<StoredReceipt> =
            batch.iter().map(|receipt| StoredReceipt::clone(receipt)).collect();
        let saved = self.store.save(&receipts, covers);
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

    /// Returns how many events are in doubt.
    pub fn doubts(&self) -> usize {
        self.pages().doubts
    }

    /// Settles the events that were in doubt before `before`, by what the store has now; returns
    /// how many. To be called once the log was read into the store up to an end later than that,
    /// and late enough that nothing of the lost producer can still arrive. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot answer; what is not settled stays in doubt.
    pub fn resolve(&self, before: Instant) -> Result<usize, StoreError> {
        let doubted: Vec<Digest128> = {
            let pages = self.pages();
            let old = |entry: &Entry| matches!(entry, Entry::InDoubt { since } if *since < before);
            pages.entries.iter().filter(|(_, entry)| old(entry)).map(|(event, _)| *event).collect()
        };
        // The store must answer, whatever it says: recorded or not, the next repeat finds it there.
        if let Some(event) = doubted.first() {
            self.store.find(event)?;
        }
        let mut pages = self.pages();
        for event in &doubted {
            pages.entries.remove(event);
        }
        pages.doubts = pages.doubts.saturating_sub(doubted.len());
        Ok(doubted.len())
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
                (Outcome::Recorded(Arc::clone(&receipt)), Some(Entry::Acknowledged(receipt)))
            }
            Fate::Refused => (Outcome::Refused, None),
            Fate::NotTaken => (Outcome::Unknown, None),
            Fate::Unknown => {
                pages.doubts += 1;
                (Outcome::Unknown, Some(Entry::InDoubt { since: Instant::now() }))
            }
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
        Entry::InDoubt { .. } => Reservation::Unavailable,
        Entry::Acknowledged(receipt) => recorded(Arc::clone(receipt), content),
        Entry::InFlight { content: first, is_new, .. } if first != content => {
            // Before the store was asked it is open which of the two is the first.
            if *is_new { Reservation::Conflict } else { Reservation::Unavailable }
        }
        Entry::InFlight { waiting, .. } => {
            waiting.retain(|tell| !tell.is_closed());
            if waiting.len() >= MAX_WAITING {
                return Reservation::Unavailable;
            }
            let (tell, told) = oneshot::channel();
            waiting.push(tell);
            Reservation::InFlight(told)
        }
    }
}

enum Fate {
    Recorded(Arc<StoredReceipt>),
    Refused,
    NotTaken,
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
        self.settle(Fate::Refused);
    }

    /// The event was never on its way, e.g. because the log's queue was full.
    pub fn not_taken(mut self) {
        self.settle(Fate::NotTaken);
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
