//! What is known of an event, or last of an entity: by the book itself, else where receipts are kept.

use std::sync::Arc;

use lgsp_core::digest::Digest128;

use super::{Book, EntityClaim, Entry, Keep, Known, Last, Reservation, meet};
use crate::ports::{Latest, ReceiptStore, StoreError};
use crate::shared::Shared;

impl Book {
    /// Returns the state that an entity has now.
    pub(crate) async fn state_of(
        &self,
        entity: &EntityClaim,
    ) -> Result<Option<Box<str>>, StoreError> {
        let known = self.pages().state_of(entity);
        if let Some(known) = known {
            return Ok(known);
        }
        match &self.keep {
            Keep::Own(store) => stored_state(store.as_ref(), entity),
            Keep::Shared(shared) => {
                let names = std::iter::once(entity.note.id).chain(entity.siblings.iter().copied());
                Ok(match shared.receipts.latest(names.collect()).await? {
                    Shared::Recorded(last) => last.state,
                    Shared::Elsewhere | Shared::Never => None,
                })
            }
        }
    }

    /// Finds the last event of an entity, taken or recorded.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub(crate) async fn last_of(&self, entity: &Digest128) -> Result<Option<Last>, StoreError> {
        if let Some(newest) = self.pages().newest.get(entity) {
            return Ok(Some(Last::Taken { event: newest.event, content: newest.content }));
        }
        match &self.keep {
            Keep::Own(store) => Ok(store.latest(entity)?.map(Last::Recorded)),
            Keep::Shared(shared) => Ok(match shared.receipts.latest(vec![*entity]).await? {
                Shared::Recorded(last) => Some(Last::Recorded(last)),
                Shared::Elsewhere => Some(Last::Elsewhere),
                Shared::Never => None,
            }),
        }
    }

    /// Returns where an event lies that is acknowledged and not stored yet.
    pub(crate) fn place_of(&self, event: &Digest128) -> Option<Latest> {
        match self.pages().entries.get(event) {
            Some(Entry::Acknowledged(receipt)) => Some(Latest {
                event: receipt.event,
                content: receipt.content,
                state: None,
                partition: receipt.partition,
                offset: receipt.offset,
                recorded_unix_millis: receipt.recorded_unix_millis,
            }),
            _ => None,
        }
    }

    /// Meets an event that was taken, by its identity alone.
    pub(crate) fn meet(&self, event: &Digest128, content: &Digest128) -> Option<Reservation> {
        self.pages().entries.get_mut(event).map(|entry| meet(entry, content, self.is_shared()))
    }

    /// Finds what is known of an event by its identity.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn find(&self, event: &Digest128) -> Result<Known, StoreError> {
        match self.pages().entries.get(event) {
            Some(Entry::Acknowledged(receipt)) => return Ok(Known::Recorded(Arc::clone(receipt))),
            Some(Entry::InFlight { .. } | Entry::InDoubt { .. }) => return Ok(Known::InDoubt),
            None => {}
        }
        Ok(match &self.keep {
            Keep::Own(store) => {
                store.find(event)?.map_or(Known::Never, |stored| Known::Recorded(Arc::new(stored)))
            }
            Keep::Shared(shared) => match shared.receipts.find(*event).await? {
                Shared::Recorded(stored) => Known::Recorded(Arc::new(stored)),
                Shared::Elsewhere => Known::InDoubt,
                Shared::Never => Known::Never,
            },
        })
    }
}

/// Asks a store for the state of an entity, by whichever type of event told it last.
pub(super) fn stored_state(
    store: &dyn ReceiptStore,
    entity: &EntityClaim,
) -> Result<Option<Box<str>>, StoreError> {
    let mut last: Option<Latest> = None;
    for id in std::iter::once(&entity.note.id).chain(&entity.siblings) {
        let found = store.latest(id)?;
        if found.as_ref().map(|found| found.offset) > last.as_ref().map(|last| last.offset) {
            last = found;
        }
    }
    Ok(last.and_then(|last| last.state))
}
