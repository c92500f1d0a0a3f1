//! Once: which events are in flight, which are known, who waits for them.
//!
//! An event's identity is reserved before it is appended and stays reserved until the log's
//! delivery report, even past the caller's deadline. A repeat meanwhile waits for the same
//! outcome. An acknowledged event stays in memory until [`Book::flush`] has its receipt stored.
//!
//! An event whose delivery report was lost is in doubt. Then the store no longer claims to cover
//! the log, until the log was read again from where that was still true and [`Book::resolve`]
//! settled the doubts by what it held.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lgsp_core::digest::Digest128;
use tokio::sync::oneshot;

use self::completion::Fate;
use self::shared::{Fresh, SharedKeep};
use crate::ports::{EntityNote, Latest, ReceiptStore, StoreError, StoredReceipt};
use crate::turn::Turn;

mod completion;
mod look_up;
mod shared;

pub use completion::Completion;
pub use shared::Claims;

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
        stage: Stage,
        waiting: Vec<oneshot::Sender<Outcome>>,
    },
    /// The log's answer was lost.
    InDoubt {
        since: Instant,
        entity: Option<Digest128>,
    },
    Acknowledged(Arc<StoredReceipt>),
}

/// How far an event on its way has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Reserved, and no more.
    Reserved,
    /// The other processes are being asked, or were: the claim may stand.
    Asked,
    /// Nothing of that identity was recorded before, and nobody else appends it.
    New,
}

/// The newest event of an entity, taken and not stored yet.
struct Newest {
    event: Digest128,
    content: Digest128,
    state: Option<Box<str>>,
    /// In which order it was taken.
    turn: u64,
}

#[derive(Default)]
struct Pages {
    entries: HashMap<Digest128, Entry>,
    /// By the digest of the entity.
    newest: HashMap<Digest128, Newest>,
    turns: u64,
    /// Acknowledged, in order of acknowledgement (within a partition: of offset), not yet stored.
    unsaved: Vec<Arc<StoredReceipt>>,
    /// Set while the store refuses to save.
    store_failed: bool,
    /// How many entries are in doubt.
    doubts: usize,
    /// Claimed with the other processes, and to be given up.
    released: HashSet<Digest128>,
    /// Set while the other processes cannot be asked.
    claims_failed: bool,
}

/// Where receipts are kept.
enum Keep {
    /// In a store of this process alone.
    Own(Arc<dyn ReceiptStore>),
    /// Where other processes keep theirs too.
    Shared(SharedKeep),
}

/// The book of events: reserves, settles, answers.
pub struct Book {
    pages: Mutex<Pages>,
    keep: Keep,
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

/// An event that asks to be appended.
pub(crate) struct Claim {
    pub(crate) event: Digest128,
    pub(crate) content: Digest128,
    pub(crate) topic: Arc<str>,
    pub(crate) recorded_unix_millis: i64,
    pub(crate) entity: Option<EntityClaim>,
}

/// The entity of an event, where entities of its type have states.
pub(crate) struct EntityClaim {
    pub(crate) note: EntityNote,
    /// The same entity as events of other types in the topic know it.
    pub(crate) siblings: Vec<Digest128>,
}

/// What the book says of an event that asks to be appended.
pub(crate) enum Reservation {
    /// It is new: append it, and settle the reservation by the completion.
    New {
        completion: Completion,
        told: oneshot::Receiver<Outcome>,
        /// The state that the entity had until now.
        state_before: Option<Box<str>>,
    },
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
    /// Opens a book over a store of this process alone, which covers the log up to now.
    pub fn new(store: Arc<dyn ReceiptStore>) -> Arc<Self> {
        Arc::new(Self { pages: Mutex::default(), keep: Keep::Own(store) })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A panic while the lock was held leaves entries in flight, which is the safe side.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves an event; waits only where there are other processes, for them and for its turn, and
    /// not beyond the deadline.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        claim: Claim,
        deadline: Instant,
        mut turn: Option<&mut Turn>,
    ) -> Result<Reservation, StoreError> {
        let (tell, told) = oneshot::channel();
        let Claim { event, content, topic, recorded_unix_millis, entity } = claim;
        // A sender's own repeat: once its turn comes, the first one is taken.
        if let (true, Some(turn)) = (self.is_unclaimed(&event), turn.as_deref_mut()) {
            let comes = tokio::time::timeout_at(deadline.into(), turn.comes()).await;
            if !comes.unwrap_or(false) {
                return Ok(Reservation::Unavailable);
            }
        }
        let known_state = {
            let mut pages = self.pages();
            if let Some(entry) = pages.entries.get_mut(&event) {
                return Ok(meet(entry, &content, self.is_shared()));
            }
            if pages.unsaved.len() >= MAX_UNSAVED || pages.is_behind_with_releases() {
                return Ok(Reservation::Unavailable);
            }
            // Reserved before the store is asked, so that nobody else can come in between.
            let entry = Entry::InFlight { content, stage: Stage::Reserved, waiting: vec![tell] };
            pages.entries.insert(event, entry);
            entity.as_ref().and_then(|entity| pages.state_of(entity))
        };
        let completion = Completion {
            book: Arc::clone(self),
            event,
            content,
            topic,
            recorded_unix_millis,
            entity: entity.as_ref().map(|entity| entity.note.clone()),
            room: None,
            settled: false,
        };
        let store = match &self.keep {
            Keep::Own(store) => store,
            Keep::Shared(shared) => {
                let fresh = Fresh { completion, told, entity, known_state };
                return Ok(self.claim(shared, fresh, deadline, turn).await);
            }
        };
        let asked = store.find(&event).and_then(|found| {
            let state_before = match (&found, known_state, &entity) {
                (None, None, Some(entity)) => look_up::stored_state(store.as_ref(), entity)?,
                (_, known, _) => known.flatten(),
            };
            Ok((found, state_before))
        });
        match asked {
            Ok((None, state_before)) => {
                let mut pages = self.pages();
                pages.advance(&event, Stage::New);
                if let Some(entity) = &entity {
                    pages.take_turn(event, content, &entity.note);
                }
                Ok(Reservation::New { completion, told, state_before })
            }
            Ok((Some(stored), _)) => {
                let stored = Arc::new(stored);
                completion.met(Fate::Known(Arc::clone(&stored)));
                Ok(recorded(stored, &content))
            }
            Err(error) => {
                completion.not_taken();
                Err(error)
            }
        }
    }

    /// Stores what was acknowledged since the last call, in a store of this process alone; returns
    /// how many. Blocks on the store.
    ///
    /// # Errors
    /// When the store failed; nothing is lost, the next call tries again.
    pub fn flush(&self) -> Result<usize, StoreError> {
        let Keep::Own(store) = &self.keep else { return Ok(0) };
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
        let saved = store.save(&receipts, covers);
        let mut pages = self.pages();
        pages.store_failed = saved.is_err();
        match saved {
            Ok(()) => {
                pages.forget(&batch);
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

    /// Settles the events that were in doubt before `before`, by what a store of this process alone
    /// has now; returns how many. To be called once the log was read into the store up to an end
    /// later than that, and late enough that nothing of the lost producer can still arrive. Blocks
    /// on the store.
    ///
    /// # Errors
    /// When the store cannot answer; what is not settled stays in doubt.
    pub fn resolve(&self, before: Instant) -> Result<usize, StoreError> {
        let doubted = self.doubted(before);
        // The store must answer, whatever it says: recorded or not, the next repeat finds it there.
        if let (Some(event), Keep::Own(store)) = (doubted.first(), &self.keep) {
            store.find(event)?;
        }
        Ok(self.settled(&doubted))
    }

    /// Lists the events that have been in doubt since before `before`.
    pub fn doubted(&self, before: Instant) -> Vec<Digest128> {
        let pages = self.pages();
        let old = |entry: &Entry| matches!(entry, Entry::InDoubt { since, .. } if *since < before);
        pages.entries.iter().filter(|(_, entry)| old(entry)).map(|(event, _)| *event).collect()
    }

    /// Forgets events that were in doubt: what became of them stands where receipts are kept, so
    /// that the next repeat finds it there. Returns how many.
    pub fn settled(&self, doubted: &[Digest128]) -> usize {
        let mut pages = self.pages();
        for event in doubted {
            if let Some(Entry::InDoubt { entity: Some(entity), .. }) = pages.entries.remove(event) {
                pages.forget_turn(&entity, event);
            }
        }
        pages.doubts = pages.doubts.saturating_sub(doubted.len());
        doubted.len()
    }

    /// Tells whether the last attempt to store receipts failed.
    pub fn store_failed(&self) -> bool {
        self.pages().store_failed
    }

    fn settle(&self, event: &Digest128, entity: Option<Digest128>, fate: Fate) {
        let mut pages = self.pages();
        let is_free = matches!(fate, Fate::Refused | Fate::NotTaken);
        if let (Some(entity), true) = (&entity, is_free) {
            pages.forget_turn(entity, event);
        }
        let (outcome, next) = match fate {
            Fate::Recorded(receipt) => {
                pages.unsaved.push(Arc::clone(&receipt));
                (Outcome::Recorded(Arc::clone(&receipt)), Some(Entry::Acknowledged(receipt)))
            }
            Fate::Refused => (Outcome::Refused, None),
            Fate::NotTaken | Fate::Elsewhere => (Outcome::Unknown, None),
            Fate::Known(receipt) => (Outcome::Recorded(receipt), None),
            Fate::Unknown => {
                pages.doubts += 1;
                (Outcome::Unknown, Some(Entry::InDoubt { since: Instant::now(), entity }))
            }
        };
        let before = match next {
            Some(entry) => pages.entries.insert(*event, entry),
            None => pages.entries.remove(event),
        };
        let was_asked =
            matches!(&before, Some(Entry::InFlight { stage, .. }) if *stage != Stage::Reserved);
        if is_free && was_asked && self.is_shared() {
            pages.release(*event);
        }
        drop(pages);
        if let Some(Entry::InFlight { waiting, .. }) = before {
            for tell in waiting {
                // Who went away asks again with the same id.
                drop(tell.send(outcome.clone()));
            }
        }
    }
}

impl Pages {
    /// Notes how far an event on its way has come.
    fn advance(&mut self, event: &Digest128, to: Stage) {
        if let Some(Entry::InFlight { stage, .. }) = self.entries.get_mut(event) {
            *stage = to;
        }
    }

    /// Forgets events that are stored.
    fn forget(&mut self, stored: &[Arc<StoredReceipt>]) {
        for receipt in stored {
            self.entries.remove(&receipt.event);
            if let Some(entity) = &receipt.entity {
                self.forget_turn(&entity.id, &receipt.event);
            }
        }
        if self.newest.capacity() > 8 * (self.newest.len() + 1024) {
            self.newest.shrink_to_fit();
        }
        if self.entries.capacity() > 8 * (self.entries.len() + 1024) {
            self.entries.shrink_to_fit();
        }
    }

    /// Returns the state of an entity, where an event of it is not stored yet.
    fn state_of(&self, entity: &EntityClaim) -> Option<Option<Box<str>>> {
        let known = std::iter::once(&entity.note.id).chain(&entity.siblings);
        let last = known.filter_map(|id| self.newest.get(id)).max_by_key(|newest| newest.turn);
        last.map(|newest| newest.state.clone())
    }

    /// Notes an event as its entity's newest.
    fn take_turn(&mut self, event: Digest128, content: Digest128, entity: &EntityNote) {
        self.turns += 1;
        let newest = Newest { event, content, state: entity.state.clone(), turn: self.turns };
        self.newest.insert(entity.id, newest);
    }

    /// Forgets an event as its entity's newest, if it still is.
    fn forget_turn(&mut self, entity: &Digest128, event: &Digest128) {
        if self.newest.get(entity).is_some_and(|newest| newest.event == *event) {
            self.newest.remove(entity);
        }
    }
}

/// The last event of an entity.
pub(crate) enum Last {
    /// Taken, and not stored yet.
    Taken { event: Digest128, content: Digest128 },
    /// Stored.
    Recorded(Latest),
    /// Another process has an event of it on its way.
    Elsewhere,
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

fn meet(entry: &mut Entry, content: &Digest128, is_shared: bool) -> Reservation {
    match entry {
        Entry::InDoubt { .. } => Reservation::Unavailable,
        Entry::Acknowledged(receipt) => recorded(Arc::clone(receipt), content),
        // It may still not be taken: who waited with it would have let later events overtake.
        Entry::InFlight { stage, .. } if is_shared && *stage != Stage::New => {
            Reservation::Unavailable
        }
        Entry::InFlight { content: first, stage, .. } if first != content => {
            // Before the store was asked it is open which of the two is the first.
            if *stage == Stage::New { Reservation::Conflict } else { Reservation::Unavailable }
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
