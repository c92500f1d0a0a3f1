//! The corridor: well-formed? → may they? → valid? → new? → into the log → receipt.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lgsp_core::digest::{Digest128, ProvinceKey};
use lgsp_core::identifier::CodeKind;
use lgsp_core::{Clock, ErrorCode, Fault, Receipt, Violation, dossier, rule};
use lgsp_identity::{Identity, Principal, PublishGrant};
use lgsp_schema::{EventKind, Schemas, ValidatedEvent};
use lgsp_telemetry::Metrics;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::book::{Book, Claim, EntityClaim, Known, Reservation};
use crate::pending::{Counted, Fate, Pending, Taken, receipt};
use crate::ports::{DeadLetters, EntityNote, EventLog, EventReader, EventRecord, StoreError};
use crate::submission::{Submission, well_formed};
use crate::turn::Turn;

/// The largest event's data, in bytes.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// How many bytes of events may be on their way into the log at once, in the whole process.
const IN_FLIGHT_BYTES: usize = 32 * 1024 * 1024;

/// What an event in flight costs beside its data: headers, key, bookkeeping.
const OVERHEAD_BYTES: usize = 1024;

/// The logs that the corridor writes to and reads from.
#[derive(Clone)]
pub struct Logs {
    /// Takes events.
    pub events: Arc<dyn EventLog>,
    /// Takes what cannot be published.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Reads single events back.
    pub reader: Arc<dyn EventReader>,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").finish_non_exhaustive()
    }
}

/// Accepts events; shared by every way in.
#[derive(Clone)]
pub struct Ingest {
    pub(crate) identity: Arc<Identity>,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) logs: Logs,
    pub(crate) book: Arc<Book>,
    pub(crate) province: ProvinceKey,
    pub(crate) clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
    /// By event type: the other types whose events tell the state of the same entities.
    pub(crate) siblings: Arc<HashMap<String, Vec<String>>>,
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest").field("book", &self.book).finish_non_exhaustive()
    }
}

/// An event that is well-formed, permitted and valid. Only the corridor makes one.
pub struct Judged {
    pub(crate) event: Submission,
    pub(crate) grant: PublishGrant,
    pub(crate) valid: ValidatedEvent,
    pub(crate) counted: Counted,
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("event", &self.event).finish_non_exhaustive()
    }
}

/// What would become of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub id: String,
    /// It is recorded already: it would get its first receipt again.
    pub duplicate: bool,
    /// What is odd about the record though it would be accepted.
    pub warnings: Vec<Violation>,
}

impl Ingest {
    /// Puts the corridor together.
    pub fn new(
        identity: Arc<Identity>,
        schemas: Arc<Schemas>,
        logs: Logs,
        book: Arc<Book>,
        province: ProvinceKey,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(IN_FLIGHT_BYTES));
        let siblings = Arc::new(siblings(&schemas));
        Self { identity, schemas, logs, book, province, clock, metrics, room, siblings }
    }

    /// Returns the schemas that judge.
    pub fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    /// Accepts one event: returns when it is durable.
    ///
    /// # Errors
    /// The fault to tell the caller. `log_unavailable` means that the outcome is unknown: the
    /// same event may be sent again and is never recorded twice.
    pub async fn accept(
        &self,
        caller: &Principal,
        event: Submission,
        deadline: Instant,
    ) -> Result<Receipt, Fault> {
        self.submit(caller, event, deadline).await?.receipt(deadline).await
    }

    /// Takes one event as far as the log's queue, in the order of the calls; the receipt follows.
    ///
    /// # Errors
    /// As [`Ingest::accept`]; waits only for room among the events in flight. After a retryable
    /// fault nothing was taken: a later event of the same entity must wait for this one.
    pub async fn submit(
        &self,
        caller: &Principal,
        event: Submission,
        deadline: Instant,
    ) -> Result<Pending, Fault> {
        self.enter(self.judge(caller, event)?, deadline).await
    }

    /// Judges an event by everything that does not depend on other events.
    ///
    /// # Errors
    /// Every fault that [`Ingest::accept`] would find so far.
    pub fn judge(&self, caller: &Principal, event: Submission) -> Result<Judged, Fault> {
        let counted = self.counted(&event.event_type);
        match self.weigh(caller, &event) {
            Ok((grant, valid)) => Ok(Judged { event, grant, valid, counted }),
            Err(fault) => {
                counted.count(fault.code.as_str());
                Err(fault)
            }
        }
    }

    /// Takes a judged event as far as the log's queue, in the order of the calls.
    ///
    /// # Errors
    /// As [`Ingest::submit`].
    pub async fn enter(&self, judged: Judged, deadline: Instant) -> Result<Pending, Fault> {
        self.enter_with(judged, deadline, None).await
    }

    /// Takes a judged event as far as the log's queue, in the order of the turns: the futures of one
    /// sender's events may run at once. Worth its while only where [`Ingest::asks_others`].
    ///
    /// # Errors
    /// As [`Ingest::submit`]; `log_unavailable` also where one before it was not taken.
    pub async fn enter_in_turn(
        &self,
        judged: Judged,
        deadline: Instant,
        mut turn: Turn,
    ) -> Result<Pending, Fault> {
        let entered = self.enter_with(judged, deadline, Some(&mut turn)).await;
        if !entered.as_ref().is_err_and(|fault| fault.code.is_retryable()) {
            turn.pass().await;
        }
        entered
    }

    /// Tells whether other processes are asked before an event is appended, which takes a while.
    pub fn asks_others(&self) -> bool {
        self.book.is_shared()
    }

    async fn enter_with(
        &self,
        judged: Judged,
        deadline: Instant,
        turn: Option<&mut Turn>,
    ) -> Result<Pending, Fault> {
        let Judged { event, grant, valid, counted } = judged;
        match self.take(event, &grant, &valid, deadline, turn).await {
            Ok(taken) => Ok(Pending { taken, counted }),
            Err(fault) => {
                counted.count(fault.code.as_str());
                Err(fault)
            }
        }
    }

    /// Tells what would become of an event, and changes nothing.
    ///
    /// # Errors
    /// As [`Ingest::accept`], but for those of the log.
    pub async fn consider(&self, caller: &Principal, event: &Submission) -> Result<Verdict, Fault> {
        let (_, valid) = self.weigh(caller, event)?;
        let identity = Digest128::of_event(&event.source, &event.id);
        let content = Digest128::of_content(&event.event_type, &event.data);
        let duplicate = match self.known(&identity).await? {
            Known::Never | Known::InDoubt => false,
            Known::Recorded(stored) if stored.content == content => true,
            Known::Recorded(_) => return Err(ErrorCode::Conflict.into()),
        };
        let mut warnings = valid.warnings().to_vec();
        if let (false, Some(entity)) = (duplicate, self.entity(&valid)) {
            let before = self.book.state_of(&entity).await;
            let before = before.map_err(|error| self.broken_store(&error))?;
            warnings.extend(odd_transition(&valid, before.as_deref()));
        }
        let (source, id) = (event.source.clone(), event.id.clone());
        Ok(Verdict { source, id, duplicate, warnings })
    }

    /// Refuses a judged event whose id was used for other content before. The reservation will find
    /// it too; this tells it before any other event of a batch is taken.
    ///
    /// # Errors
    /// `conflict`; a fault where the receipts cannot be asked.
    pub async fn refuse_used_id(&self, judged: &Judged) -> Result<(), Fault> {
        let Judged { event, .. } = judged;
        match self.known(&Digest128::of_event(&event.source, &event.id)).await? {
            Known::Recorded(stored)
                if stored.content != Digest128::of_content(&event.event_type, &event.data) =>
            {
                Err(ErrorCode::Conflict.into())
            }
            Known::Recorded(_) | Known::Never | Known::InDoubt => Ok(()),
        }
    }

    fn counted(&self, event_type: &str) -> Counted {
        let known = self.knows(event_type);
        let event_type = if known { event_type } else { "unknown" }.to_owned();
        Counted { metrics: Arc::clone(&self.metrics), event_type, started: Instant::now() }
    }

    pub(crate) fn knows(&self, event_type: &str) -> bool {
        self.schemas.kinds().any(|kind| kind.event_type() == event_type)
    }

    fn weigh(
        &self,
        caller: &Principal,
        event: &Submission,
    ) -> Result<(PublishGrant, ValidatedEvent), Fault> {
        if event.data.len() > MAX_EVENT_BYTES {
            return Err(ErrorCode::PayloadTooLarge.into());
        }
        well_formed(event)?;
        if !self.knows(&event.event_type) {
            // Types are no secret: whoever mistypes one is told so, not that a grant is missing.
            return Err(Fault::at(ErrorCode::UnknownEventType, "type", &rule::EVENT_TYPE));
        }
        let grant = self.identity.permit_publish(caller, &event.source, &event.event_type)?;
        let valid = self.schemas.judge(
            &event.event_type,
            event.data_schema.as_deref(),
            event.data.clone(),
        )?;
        if valid.kind().is_personal_key(valid.entity_key()) && event.subject.is_some() {
            // What identifies a person belongs into the data, which alone is protected.
            return Err(Fault::at(ErrorCode::InvalidRequest, "subject", &rule::ATTRIBUTE));
        }
        Ok((grant, valid))
    }

    async fn take(
        &self,
        event: Submission,
        grant: &PublishGrant,
        valid: &ValidatedEvent,
        deadline: Instant,
        turn: Option<&mut Turn>,
    ) -> Result<Taken, Fault> {
        let room = self.room_for(event.data.len(), deadline).await?;
        let recorded = self.clock.unix_millis();
        let claim = Claim {
            event: Digest128::of_event(&event.source, &event.id),
            content: Digest128::of_content(&event.event_type, &event.data),
            topic: valid.kind().topic().into(),
            recorded_unix_millis: recorded,
            entity: self.entity(valid),
        };
        let reservation = self.book.reserve(claim, deadline, turn).await;
        let reservation = reservation.map_err(|error| self.broken_store(&error))?;
        let (source, id) = (event.source.clone(), event.id.clone());
        let mut warnings = valid.warnings().to_vec();
        let (duplicate, fate) = match reservation {
            Reservation::Recorded(receipt) => (true, Fate::Known(receipt)),
            Reservation::InFlight(told) => (true, Fate::Awaited(told)),
            Reservation::Conflict => return Err(ErrorCode::Conflict.into()),
            Reservation::Unavailable => return Err(ErrorCode::LogUnavailable.into()),
            Reservation::New { mut completion, told, state_before } => {
                warnings.extend(odd_transition(valid, state_before.as_deref()));
                completion.room = Some(room);
                let record = self.record(grant, valid, event, recorded);
                self.logs
                    .events
                    .append(record, completion)
                    .map_err(|_full| Fault::new(ErrorCode::Overloaded))?;
                (false, Fate::Awaited(told))
            }
        };
        Ok(Taken { source, id, duplicate, warnings, fate })
    }

    /// Names the entity of an event, where entities of its type have states.
    fn entity(&self, valid: &ValidatedEvent) -> Option<EntityClaim> {
        let kind = valid.kind();
        kind.state_pointer()?;
        let digest = |event_type: &str| EntityNote::digest(event_type, valid.entity_key());
        let note =
            EntityNote { id: digest(kind.event_type()), state: valid.state().map(Into::into) };
        let siblings = self.siblings.get(kind.event_type());
        let siblings = siblings.into_iter().flatten().map(|sibling| digest(sibling)).collect();
        Some(EntityClaim { note, siblings })
    }

    pub(crate) async fn room_for(
        &self,
        bytes: usize,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, Fault> {
        let bytes = u32::try_from(bytes + OVERHEAD_BYTES).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            return Ok(room);
        }
        let wait = Arc::clone(&self.room).acquire_many_owned(bytes);
        match tokio::time::timeout_at(deadline.into(), wait).await {
            Ok(Ok(room)) => Ok(room),
            // Nothing was acknowledged all that time: the log is away.
            _ => Err(Fault::new(ErrorCode::LogUnavailable).retry_after(Duration::from_secs(2))),
        }
    }

    fn record(
        &self,
        grant: &PublishGrant,
        valid: &ValidatedEvent,
        event: Submission,
        recorded: i64,
    ) -> EventRecord {
        let kind = Arc::clone(valid.kind());
        let key = match kind.is_personal_key(valid.entity_key()) {
            true => self.province.pseudonym(valid.entity_key()),
            false => valid.entity_key().to_owned(),
        };
        let mut headers: Vec<(&'static str, Cow<'static, str>)> = Vec::with_capacity(14);
        headers.push(("ce_specversion", "1.0".into()));
        headers.push(("ce_id", event.id.into()));
        headers.push(("ce_source", event.source.into()));
        headers.push(("ce_type", event.event_type.into()));
        headers.push(("ce_dataschema", kind.dataschema().to_owned().into()));
        headers.push(("ce_agency", grant.agency().as_str().to_owned().into()));
        headers.push(("ce_client", grant.client().as_str().to_owned().into()));
        headers.push(("ce_adapter", event.adapter.into()));
        headers.push(("ce_recordedtime", rfc3339(recorded).into()));
        headers.push(("content-type", "application/json".into()));
        headers.extend(event.time.map(|time| ("ce_time", time.into())));
        headers.extend(event.subject.map(|subject| ("ce_subject", subject.into())));
        headers.extend(self.current_codes(valid));
        let extensions = event
            .extensions
            .into_iter()
            .map(|(name, value)| (format!("ce_{name}"), value))
            .collect();
        EventRecord { kind, key, headers, extensions, data: valid.data().clone() }
    }

    /// Names the codes of today for codes of the record that were replaced since; the record
    /// itself keeps what its sender wrote.
    fn current_codes(&self, valid: &ValidatedEvent) -> Vec<(&'static str, Cow<'static, str>)> {
        let registry = self.identity.registry();
        let today = self.clock.unix_millis();
        let current = |(kind, code): &(CodeKind, Box<str>)| {
            let current = registry.current_code(*kind, code, today)?;
            Some((code_attribute(*kind), Cow::Owned(current)))
        };
        valid.codes().iter().filter_map(current).collect()
    }

    /// Tells what became of an event of the caller's own.
    ///
    /// # Errors
    /// `not_found` where none is known within the window, `log_unavailable` while that is in doubt.
    pub async fn receipt(
        &self,
        caller: &Principal,
        source: &str,
        id: &str,
    ) -> Result<Receipt, Fault> {
        self.identity.permit_source(caller, source)?;
        match self.known(&Digest128::of_event(source, id)).await? {
            Known::Never => Err(ErrorCode::NotFound.into()),
            Known::InDoubt => Err(ErrorCode::LogUnavailable.into()),
            Known::Recorded(stored) => {
                Ok(receipt(&stored, source.to_owned(), id.to_owned(), false, Vec::new()))
            }
        }
    }

    async fn known(&self, event: &Digest128) -> Result<Known, Fault> {
        self.book.find(event).await.map_err(|error| self.broken_store(&error))
    }

    /// Says that receipts could not be looked up: for good, or, where they are kept for several
    /// processes, until the line is back.
    pub(crate) fn broken_store(&self, error: &StoreError) -> Fault {
        let cause = std::error::Error::source(error);
        if self.book.is_shared() {
            tracing::debug!(error = %error, ?cause, "shared receipts do not answer");
            return ErrorCode::LogUnavailable.into();
        }
        tracing::error!(error = %error, ?cause, "receipts cannot be read");
        ErrorCode::Internal.into()
    }
}

/// Writes milliseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn rfc3339(unix_millis: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_millis).unwrap_or_default().to_string()
}

/// The header that tells a code of today.
const fn code_attribute(kind: CodeKind) -> &'static str {
    match kind {
        CodeKind::Agency => "ce_currentagency",
        CodeKind::Province => "ce_currentprovince",
        CodeKind::District => "ce_currentdistrict",
        CodeKind::Commune => "ce_currentcommune",
    }
}

/// Lists for each type whose entities have states the others of its topic.
fn siblings(schemas: &Schemas) -> HashMap<String, Vec<String>> {
    let with_states: Vec<&EventKind> =
        schemas.kinds().filter(|kind| kind.state_pointer().is_some()).collect();
    let mut siblings: HashMap<String, Vec<String>> = HashMap::new();
    for kind in &with_states {
        let others = siblings.entry(kind.event_type().to_owned()).or_default();
        for other in &with_states {
            let other_type = other.event_type().to_owned();
            if other.topic() == kind.topic()
                && other.event_type() != kind.event_type()
                && !others.contains(&other_type)
            {
                others.push(other_type);
            }
        }
    }
    siblings
}

/// Says where a state does not follow from the one before.
fn odd_transition(valid: &ValidatedEvent, before: Option<&str>) -> Option<Violation> {
    let rule = dossier::transition(before, valid.state()?).err()?;
    Some(Violation::new(valid.kind().state_pointer()?, rule))
}
