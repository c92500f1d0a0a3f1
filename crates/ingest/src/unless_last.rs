//! Records without an id: the packets of the national portal have none.

use std::sync::Arc;
use std::time::Instant;

use lgsp_core::digest::{Digest128, hex};
use lgsp_core::{ErrorCode, Fault};
use lgsp_identity::Principal;
use lgsp_schema::ValidatedEvent;

use crate::book::{Last, Reservation};
use crate::corridor::{Ingest, Judged};
use crate::pending::{Counted, Fate, Pending, Taken};
use crate::ports::{EntityNote, Latest, StoredReceipt};
use crate::submission::Submission;

impl Ingest {
    /// Takes a record that has no id of its own: it is a duplicate only if it equals the last one
    /// of its entity and type. Else its id is made from its content and from that last one, so
    /// that the same record sent again while its outcome is unknown is the same event.
    ///
    /// The id of `event` must be empty. The receipt of a duplicate names no id.
    ///
    /// # Errors
    /// As [`Ingest::submit`].
    pub async fn submit_unless_last(
        &self,
        caller: &Principal,
        mut event: Submission,
        deadline: Instant,
    ) -> Result<Pending, Fault> {
        "-".clone_into(&mut event.id);
        let Judged { mut event, grant, valid, counted } = self.judge(caller, event)?;
        let entity = EntityNote::digest(valid.kind().event_type(), valid.entity_key());
        let content = Digest128::of_content(&event.event_type, &event.data);
        let last = self.last_of(&entity).await?;
        let before = match last {
            Some(Last::Taken { event: last, content: same }) if same == content => {
                if let Some(fate) = self.meet(&last, &content)? {
                    return Ok(unchanged(event.source, &valid, fate, counted));
                }
                // It was settled in between: then it is recorded, or never was.
                match self.last_of(&entity).await? {
                    Some(Last::Recorded(last)) if last.content == content => {
                        let fate = Fate::Known(Arc::new(stored(&valid, last)));
                        return Ok(unchanged(event.source, &valid, fate, counted));
                    }
                    _ => return Err(ErrorCode::LogUnavailable.into()),
                }
            }
            Some(Last::Recorded(last)) if last.content == content => {
                let fate = Fate::Known(Arc::new(stored(&valid, last)));
                return Ok(unchanged(event.source, &valid, fate, counted));
            }
            Some(Last::Taken { event: last, .. } | Last::Recorded(Latest { event: last, .. })) => {
                last.0
            }
            Some(Last::Elsewhere) => return Err(ErrorCode::LogUnavailable.into()),
            None => [0; 16],
        };
        let id = Digest128::of(&[b"unless last", &entity.0, &content.0, &before]);
        event.id = hex(&id.0);
        self.enter(Judged { event, grant, valid, counted }, deadline).await
    }

    /// Takes a record that has no id of its own and tells a step that happens once: it is the same
    /// event wherever it stands again, whatever came after it.
    ///
    /// The id of `event` must be empty. The deadline is as of [`Ingest::submit`].
    ///
    /// # Errors
    /// As [`Ingest::submit`].
    pub async fn submit_step(
        &self,
        caller: &Principal,
        mut event: Submission,
        deadline: Instant,
    ) -> Result<Pending, Fault> {
        let content = Digest128::of_content(&event.event_type, &event.data);
        event.id = hex(&Digest128::of(&[b"step", &content.0]).0);
        self.submit(caller, event, deadline).await
    }

    pub(crate) async fn last_of(&self, entity: &Digest128) -> Result<Option<Last>, Fault> {
        self.book.last_of(entity).await.map_err(|error| self.broken_store(&error))
    }

    /// Meets an event on its way; `None` where it is there no longer.
    fn meet(&self, event: &Digest128, content: &Digest128) -> Result<Option<Fate>, Fault> {
        match self.book.meet(event, content) {
            None => Ok(None),
            Some(Reservation::Recorded(receipt)) => Ok(Some(Fate::Known(receipt))),
            Some(Reservation::InFlight(told)) => Ok(Some(Fate::Awaited(told))),
            Some(_) => Err(ErrorCode::LogUnavailable.into()),
        }
    }
}

/// Takes what is last known of an entity for the receipt of its last event.
fn stored(valid: &ValidatedEvent, last: Latest) -> StoredReceipt {
    StoredReceipt {
        event: last.event,
        content: last.content,
        topic: valid.kind().topic().into(),
        partition: last.partition,
        offset: last.offset,
        recorded_unix_millis: last.recorded_unix_millis,
        entity: None,
    }
}

/// A record that equals the last one of its entity: it has that one's fate.
fn unchanged(source: String, valid: &ValidatedEvent, fate: Fate, counted: Counted) -> Pending {
    let warnings = valid.warnings().to_vec();
    let taken = Taken { source, id: String::new(), duplicate: true, warnings, fate };
    Pending { taken, counted }
}
