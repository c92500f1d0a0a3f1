//! The book of a process that is not alone: what is new is claimed with the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lgsp_core::digest::Digest128;
use tokio::sync::{mpsc, oneshot};

use super::completion::{Completion, Fate};
use super::{Book, EntityClaim, Entry, Keep, Outcome, Pages, Reservation, Stage, recorded};
use crate::ports::{StoreError, StoredReceipt};
use crate::shared::{Claimed, SharedClaim, SharedReceipts};
use crate::turn::Turn;

/// How many claims wait for their turn, at most.
const WAITING: usize = 1024;

/// How many are claimed at once, or given up.
const BATCH: usize = 512;

/// While the other processes cannot be asked and this many claims are to be given up, no more
/// events are claimed.
const MAX_RELEASED: usize = 4096;

/// How long a claim that was given up stays held, at most, when nothing else is claimed.
const RELEASE_EVERY: Duration = Duration::from_millis(500);

/// What a book shares, and how it claims.
pub(super) struct SharedKeep {
    pub(super) receipts: Arc<dyn SharedReceipts>,
    ask: mpsc::Sender<Asked>,
}

struct Asked {
    claim: SharedClaim,
    answer: oneshot::Sender<Claimed>,
}

/// Claims for a book, a batch at a time. Somebody must [`Claims::run`] it.
pub struct Claims {
    book: Arc<Book>,
    receipts: Arc<dyn SharedReceipts>,
    asked: mpsc::Receiver<Asked>,
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims").field("book", &self.book).finish_non_exhaustive()
    }
}

/// A completion that the log does not have yet: dropped, its event was never on its way.
struct NotYet(Option<Completion>);

impl Drop for NotYet {
    fn drop(&mut self) {
        if let Some(completion) = self.0.take() {
            completion.not_taken();
        }
    }
}

/// An event that is new to this process.
pub(super) struct Fresh {
    pub(super) completion: Completion,
    pub(super) told: oneshot::Receiver<Outcome>,
    pub(super) entity: Option<EntityClaim>,
    /// The state of the entity, where this process knows it.
    pub(super) known_state: Option<Option<Box<str>>>,
}

impl Book {
    /// Opens a book over receipts that other processes share.
    pub fn shared(receipts: Arc<dyn SharedReceipts>) -> (Arc<Self>, Claims) {
        let (ask, asked) = mpsc::channel(WAITING);
        let keep = Keep::Shared(SharedKeep { receipts: Arc::clone(&receipts), ask });
        let book = Arc::new(Self { pages: std::sync::Mutex::default(), keep });
        (Arc::clone(&book), Claims { book, receipts, asked })
    }

    /// Tells whether other processes share the receipts.
    pub fn is_shared(&self) -> bool {
        matches!(self.keep, Keep::Shared(_))
    }

    /// Tells whether an event is on its way here, and not certain yet to be this process's.
    pub(super) fn is_unclaimed(&self, event: &Digest128) -> bool {
        let pages = self.pages();
        let entry = pages.entries.get(event);
        self.is_shared()
            && matches!(entry, Some(Entry::InFlight { stage, .. }) if *stage != Stage::New)
    }

    /// Claims an event that this process does not know.
    pub(super) async fn claim(
        &self,
        shared: &SharedKeep,
        fresh: Fresh,
        deadline: Instant,
        turn: Option<&mut Turn>,
    ) -> Reservation {
        let Fresh { completion, told, entity, known_state } = fresh;
        let (event, content) = (completion.event, completion.content);
        let claim = SharedClaim {
            event,
            content,
            topic: Arc::clone(&completion.topic),
            recorded_unix_millis: completion.recorded_unix_millis,
            entity: entity.as_ref().map(|entity| entity.note.id),
            siblings: entity.as_ref().map(|entity| entity.siblings.clone()).unwrap_or_default(),
        };
        // Before the receiver, so that it is dropped after it: who claims the event next then
        // finds that this one has gone.
        let mut not_yet = NotYet(Some(completion));
        let (answer, answered) = oneshot::channel();
        let asking = async {
            shared.ask.send(Asked { claim, answer }).await.ok()?;
            answered.await.ok()
        };
        let asking = async {
            let claimed = asking.await?;
            let comes = match (&claimed, turn) {
                (Claimed::Ours { .. }, Some(turn)) => turn.comes().await,
                _ => true,
            };
            comes.then_some(claimed)
        };
        let claimed = tokio::time::timeout_at(deadline.into(), asking).await.ok().flatten();
        match claimed {
            Some(Claimed::Ours { last }) if shared.receipts.is_alive() => {
                let Some(completion) = not_yet.0.take() else { return Reservation::Unavailable };
                let mut pages = self.pages();
                pages.advance(&event, Stage::New);
                if let Some(entity) = &entity {
                    pages.take_turn(event, content, &entity.note);
                }
                let state_before = known_state.unwrap_or_else(|| last.and_then(|last| last.state));
                Reservation::New { completion, told, state_before }
            }
            Some(Claimed::Recorded(receipt)) => {
                let receipt = Arc::new(receipt);
                if let Some(completion) = not_yet.0.take() {
                    completion.met(Fate::Known(Arc::clone(&receipt)));
                }
                recorded(receipt, &content)
            }
            Some(Claimed::Elsewhere) => {
                if let Some(completion) = not_yet.0.take() {
                    completion.met(Fate::Elsewhere);
                }
                Reservation::Unavailable
            }
            // What was claimed all the same is released.
            Some(Claimed::Ours { .. }) | None => Reservation::Unavailable,
        }
    }

    /// Records with the other processes what was acknowledged since the last call; returns how
    /// many.
    ///
    /// # Errors
    /// When that is not known; nothing is lost, the next call tries again.
    pub async fn record(&self) -> Result<usize, StoreError> {
        let Keep::Shared(shared) = &self.keep else { return Ok(0) };
        let batch = std::mem::take(&mut self.pages().unsaved);
        if batch.is_empty() {
            return Ok(0);
        }
        // Dropped half-way, it goes back to where it was.
        let mut unsaved = Unsaved { book: self, batch };
        let receipts: Vec<StoredReceipt> =
            unsaved.batch.iter().map(|receipt| StoredReceipt::clone(receipt)).collect();
        shared.receipts.record(receipts).await?;
        let batch = std::mem::take(&mut unsaved.batch);
        self.pages().forget(&batch);
        Ok(batch.len())
    }

    /// Notes whether the receipts can be stored now.
    pub fn set_store_failed(&self, failed: bool) {
        self.pages().store_failed = failed;
    }

    fn release(&self, event: Digest128) {
        self.pages().release(event);
    }
}

/// Receipts that were taken to be stored; dropped, they are put back.
struct Unsaved<'a> {
    book: &'a Book,
    batch: Vec<Arc<StoredReceipt>>,
}

impl Drop for Unsaved<'_> {
    fn drop(&mut self) {
        if !self.batch.is_empty() {
            let mut pages = self.book.pages();
            let later = std::mem::replace(&mut pages.unsaved, std::mem::take(&mut self.batch));
            pages.unsaved.extend(later);
        }
    }
}

impl Pages {
    /// Notes that the claim of an event is to be given up, unless it is wanted again.
    pub(super) fn release(&mut self, event: Digest128) {
        if !self.entries.contains_key(&event) {
            self.released.insert(event);
        }
    }

    /// Tells whether more is to be given up than may be, and nobody takes it.
    pub(super) fn is_behind_with_releases(&self) -> bool {
        self.claims_failed && self.released.len() >= MAX_RELEASED
    }
}

impl Claims {
    /// Claims what is asked for, and gives up what is no longer wanted; for ever.
    pub async fn run(mut self) {
        let mut failing = false;
        loop {
            let first = tokio::time::timeout(RELEASE_EVERY, self.asked.recv()).await;
            let mut batch: Vec<Asked> = first.ok().flatten().into_iter().collect();
            while batch.len() < BATCH
                && let Ok(asked) = self.asked.try_recv()
            {
                batch.push(asked);
            }
            // Who went away claims nothing; of two who ask for one event the first has gone.
            batch.retain(|asked| !asked.answer.is_closed());
            batch.sort_by_key(|asked| asked.claim.event);
            batch.dedup_by(|later, earlier| {
                let same = later.claim.event == earlier.claim.event;
                if same {
                    std::mem::swap(later, earlier);
                }
                same
            });
            let turn = self.turn(batch).await;
            match &turn {
                Err(error) if !failing => {
                    tracing::error!(error = %error, cause = ?std::error::Error::source(error), "events cannot be claimed");
                }
                Ok(true) if failing => tracing::info!("events are claimed again"),
                _ => {}
            }
            failing = turn.map_or(true, |done| failing && !done);
            self.book.pages().claims_failed = failing;
        }
    }

    /// Releases, then claims; tells whether there was anything to do.
    async fn turn(&self, mut batch: Vec<Asked>) -> Result<bool, StoreError> {
        // In this order, and one after the other: what is claimed again must not be released.
        let done = self.release().await? || !batch.is_empty();
        {
            let mut pages = self.book.pages();
            // Who has gone by now leaves no claim behind; who goes later does.
            batch.retain(|asked| !asked.answer.is_closed());
            for asked in &batch {
                pages.advance(&asked.claim.event, Stage::Asked);
            }
        }
        if batch.is_empty() {
            return Ok(done);
        }
        let claims = batch.iter().map(|asked| asked.claim.clone()).collect();
        // Untold, they are released by those who asked.
        let answers = self.receipts.claim(claims).await?;
        for (asked, claimed) in batch.into_iter().zip(answers) {
            let event = asked.claim.event;
            let is_ours = matches!(claimed, Claimed::Ours { .. });
            if asked.answer.send(claimed).is_err() && is_ours {
                self.book.release(event);
            }
        }
        Ok(done)
    }

    /// Gives up what is to be given up; tells whether that was anything. What fails stays.
    async fn release(&self) -> Result<bool, StoreError> {
        let released = std::mem::take(&mut self.book.pages().released);
        let mut released: Vec<Digest128> = released.into_iter().collect();
        let any = !released.is_empty();
        while !released.is_empty() {
            let rest = released.len().saturating_sub(BATCH);
            let chunk = released.get(rest..).unwrap_or_default().to_vec();
            if let Err(error) = self.receipts.release(chunk).await {
                // Wanted again or not: nothing is claimed before they are given up.
                self.book.pages().released.extend(released);
                return Err(error);
            }
            released.truncate(rest);
        }
        Ok(any)
    }
}
