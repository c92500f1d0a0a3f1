//! The corridor: well-formed? → may they? → valid? → new? → into the log → receipt.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lgsp_core::digest::{Digest128, ProvinceKey};
use lgsp_core::{Clock, ErrorCode, Fault, Position, Receipt, Violation, rule};
use lgsp_identity::{Identity, Principal, PublishGrant};
use lgsp_schema::{Schemas, ValidatedEvent};
use lgsp_telemetry::Metrics;
use lgsp_telemetry::metrics::EventLabels;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::book::{Book, Known, Outcome, Reservation};
use crate::ports::{EventLog, EventRecord, StoreError, StoredReceipt};

/// The largest event's data, in bytes.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// How many bytes of events may be on their way into the log at once, in the whole process.
const IN_FLIGHT_BYTES: usize = 32 * 1024 * 1024;

/// What an event in flight costs beside its data: headers, key, bookkeeping.
const OVERHEAD_BYTES: usize = 1024;

/// The attributes that only the bus writes.
const RESERVED: [&str; 4] = ["agency", "client", "adapter", "recordedtime"];

/// The attributes that have a place of their own: as extensions they would come twice, and a
/// reader might believe the second.
const PLACED: [&str; 9] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "datacontenttype",
    "data",
];

const MAX_ATTRIBUTE_BYTES: usize = 256;
const MAX_EXTENSIONS: usize = 16;

/// One event as a way in decoded it; nothing of it is judged yet. `Debug` hides the data.
#[derive(Clone, Default)]
pub struct Submission {
    /// CloudEvents `specversion`.
    pub spec_version: String,
    /// CloudEvents `id`.
    pub id: String,
    /// CloudEvents `source`.
    pub source: String,
    /// CloudEvents `type`.
    pub event_type: String,
    /// CloudEvents `subject`.
    pub subject: Option<String>,
    /// CloudEvents `time`, RFC 3339.
    pub time: Option<String>,
    /// CloudEvents `dataschema`.
    pub data_schema: Option<String>,
    /// CloudEvents `datacontenttype`; absent means JSON.
    pub content_type: Option<String>,
    /// Extension attributes.
    pub extensions: Vec<(String, String)>,
    /// The record, as JSON bytes.
    pub data: Bytes,
    /// Which way it came: `grpc`, `http`, …
    pub adapter: &'static str,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("type", &self.event_type)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// Accepts events; shared by every way in.
#[derive(Clone)]
pub struct Ingest {
    identity: Arc<Identity>,
    schemas: Arc<Schemas>,
    log: Arc<dyn EventLog>,
    book: Arc<Book>,
    province: ProvinceKey,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest").field("book", &self.book).finish_non_exhaustive()
    }
}

impl Ingest {
    /// Puts the corridor together.
    pub fn new(
        identity: Arc<Identity>,
        schemas: Arc<Schemas>,
        log: Arc<dyn EventLog>,
        book: Arc<Book>,
        province: ProvinceKey,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(IN_FLIGHT_BYTES));
        Self { identity, schemas, log, book, province, clock, metrics, room }
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
    /// As [`Ingest::accept`]; waits only for room among the events in flight.
    pub async fn submit(
        &self,
        caller: &Principal,
        event: Submission,
        deadline: Instant,
    ) -> Result<Pending, Fault> {
        let started = Instant::now();
        let known_type = self.schemas.kinds().any(|kind| kind.event_type() == event.event_type);
        let event_type = if known_type { event.event_type.clone() } else { "unknown".to_owned() };
        let taken = self.take(caller, event, known_type, deadline).await;
        let counted = Counted { metrics: Arc::clone(&self.metrics), event_type, started };
        match taken {
            Ok(taken) => Ok(Pending { taken, counted }),
            Err(fault) => {
                counted.count(fault.code.as_str());
                Err(fault)
            }
        }
    }

    async fn take(
        &self,
        caller: &Principal,
        event: Submission,
        known_type: bool,
        deadline: Instant,
    ) -> Result<Taken, Fault> {
        if event.data.len() > MAX_EVENT_BYTES {
            return Err(ErrorCode::PayloadTooLarge.into());
        }
        well_formed(&event)?;
        if !known_type {
            // Types are no secret: whoever mistypes one is told so, not that a grant is missing.
            return Err(Fault::at(ErrorCode::UnknownEventType, "type", &rule::EVENT_TYPE));
        }
        let grant = self.identity.permit_publish(caller, &event.source, &event.event_type)?;
        let valid = self.schemas.judge(
            &event.event_type,
            event.data_schema.as_deref(),
            event.data.clone(),
        )?;
        if valid.kind().key_is_personal() && event.subject.is_some() {
            // What identifies a person belongs into the data, which alone is protected.
            return Err(Fault::at(ErrorCode::InvalidRequest, "subject", &rule::ATTRIBUTE));
        }
        let room = self.room_for(event.data.len(), deadline).await?;
        let identity = Digest128::of_event(&event.source, &event.id);
        let content = Digest128::of_content(&event.event_type, &event.data);
        let recorded = self.clock.unix_millis();
        let reservation = self
            .book
            .reserve(identity, content, valid.kind().topic().into(), recorded)
            .map_err(|error| broken_store(&error))?;
        let (source, id, warnings) =
            (event.source.clone(), event.id.clone(), valid.warnings().to_vec());
        let (duplicate, fate) = match reservation {
            Reservation::Recorded(receipt) => (true, Fate::Known(receipt)),
            Reservation::InFlight(told) => (true, Fate::Awaited(told)),
            Reservation::Conflict => return Err(ErrorCode::Conflict.into()),
            Reservation::Unavailable => return Err(ErrorCode::LogUnavailable.into()),
            Reservation::New(mut completion, told) => {
                completion.room = Some(room);
                let record = self.record(&grant, &valid, event, recorded);
                self.log
                    .append(record, completion)
                    .map_err(|_full| Fault::new(ErrorCode::Overloaded))?;
                (false, Fate::Awaited(told))
            }
        };
        Ok(Taken { source, id, duplicate, warnings, fate })
    }

    async fn room_for(
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
        let key = match kind.key_is_personal() {
            true => self.province.pseudonym(valid.entity_key()),
            false => valid.entity_key().to_owned(),
        };
        let mut headers: Vec<(&'static str, Cow<'static, str>)> = Vec::with_capacity(12);
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
        let extensions = event
            .extensions
            .into_iter()
            .map(|(name, value)| (format!("ce_{name}"), value))
            .collect();
        EventRecord { kind, key, headers, extensions, data: valid.data().clone() }
    }

    /// Tells what became of an event of the caller's own.
    ///
    /// # Errors
    /// `not_found` where none is known within the window, `log_unavailable` while that is in doubt.
    pub fn receipt(&self, caller: &Principal, source: &str, id: &str) -> Result<Receipt, Fault> {
        self.identity.permit_source(caller, source)?;
        match self
            .book
            .find(&Digest128::of_event(source, id))
            .map_err(|error| broken_store(&error))?
        {
            Known::Never => Err(ErrorCode::NotFound.into()),
            Known::InDoubt => Err(ErrorCode::LogUnavailable.into()),
            Known::Recorded(stored) => {
                Ok(receipt(&stored, source.to_owned(), id.to_owned(), false, Vec::new()))
            }
        }
    }
}

/// Writes milliseconds since 1970 as RFC 3339 in UTC.
fn rfc3339(unix_millis: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_millis).unwrap_or_default().to_string()
}

fn broken_store(error: &StoreError) -> Fault {
    tracing::error!(error = %error, cause = ?std::error::Error::source(error), "receipts cannot be read");
    ErrorCode::Internal.into()
}

/// Checks every attribute that is not the schema's or the grant's matter.
fn well_formed(event: &Submission) -> Result<(), Fault> {
    let mut violations = Vec::new();
    let mut demand = |holds: bool, pointer: &str, rule| {
        if !holds {
            violations.push(Violation::new(pointer, rule));
        }
    };
    demand(event.spec_version == "1.0", "specversion", &rule::ATTRIBUTE);
    demand(is_text(&event.id), "id", &rule::ATTRIBUTE);
    demand(is_text(&event.source), "source", &rule::SOURCE);
    demand(is_text(&event.event_type), "type", &rule::ATTRIBUTE);
    demand(event.subject.as_deref().is_none_or(is_text), "subject", &rule::ATTRIBUTE);
    demand(event.data_schema.as_deref().is_none_or(is_text), "dataschema", &rule::ATTRIBUTE);
    let time_fits = event
        .time
        .as_deref()
        .is_none_or(|time| time.len() <= 40 && time.parse::<jiff::Timestamp>().is_ok());
    demand(time_fits, "time", &rule::ATTRIBUTE);
    demand(event.content_type.as_deref().is_none_or(is_json), "datacontenttype", &rule::ATTRIBUTE);
    demand(event.extensions.len() <= MAX_EXTENSIONS, "", &rule::ATTRIBUTE);
    let mut names: Vec<_> = event.extensions.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    demand(names.len() == event.extensions.len(), "", &rule::ATTRIBUTE);
    for (name, value) in event.extensions.iter().take(MAX_EXTENSIONS) {
        let named = (1..=20).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        match named {
            true => {
                demand(!RESERVED.contains(&name.as_str()), name, &rule::ATTRIBUTE_RESERVED);
                demand(!PLACED.contains(&name.as_str()), name, &rule::ATTRIBUTE);
                demand(is_text(value), name, &rule::ATTRIBUTE);
            }
            // The name itself is not repeated: anything may stand in it.
            false => demand(false, "", &rule::ATTRIBUTE),
        }
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Fault::with(ErrorCode::InvalidRequest, violations))
    }
}

fn is_text(value: &str) -> bool {
    (1..=MAX_ATTRIBUTE_BYTES).contains(&value.len()) && !value.chars().any(char::is_control)
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
        || media_type.to_ascii_lowercase().ends_with("+json")
}

fn receipt(
    stored: &StoredReceipt,
    source: String,
    id: String,
    duplicate: bool,
    warnings: Vec<Violation>,
) -> Receipt {
    let position = Position {
        topic: stored.topic.to_string(),
        partition: stored.partition,
        offset: stored.offset,
    };
    Receipt {
        source,
        id,
        position,
        recorded_unix_millis: stored.recorded_unix_millis,
        duplicate,
        warnings,
    }
}

enum Fate {
    Known(Arc<StoredReceipt>),
    Awaited(oneshot::Receiver<Outcome>),
}

struct Taken {
    source: String,
    id: String,
    duplicate: bool,
    warnings: Vec<Violation>,
    fate: Fate,
}

struct Counted {
    metrics: Arc<Metrics>,
    event_type: String,
    started: Instant,
}

impl Counted {
    fn count(self, outcome: &'static str) {
        self.metrics.events.get_or_create(&EventLabels { r#type: self.event_type, outcome }).inc();
        self.metrics.acknowledge_seconds.observe(self.started.elapsed().as_secs_f64());
    }
}

/// An event in the log's queue; its receipt follows. Dropped, the event goes its way all the same.
pub struct Pending {
    taken: Taken,
    counted: Counted,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl Pending {
    /// Waits until the event is durable.
    ///
    /// # Errors
    /// `log_unavailable` when that is not known before the deadline.
    pub async fn receipt(self, deadline: Instant) -> Result<Receipt, Fault> {
        let Self { taken, counted } = self;
        let outcome = match taken.fate {
            Fate::Known(stored) => Outcome::Recorded(stored),
            Fate::Awaited(told) => {
                let told = tokio::time::timeout_at(deadline.into(), told).await;
                told.ok().and_then(Result::ok).unwrap_or(Outcome::Unknown)
            }
        };
        let stored = match outcome {
            Outcome::Recorded(stored) => stored,
            Outcome::Refused | Outcome::Unknown => {
                let code = match outcome {
                    // What the log refuses for good is a record beyond the cluster's own limit.
                    Outcome::Refused => ErrorCode::PayloadTooLarge,
                    _ => ErrorCode::LogUnavailable,
                };
                counted.count(code.as_str());
                return Err(code.into());
            }
        };
        counted.count(if taken.duplicate { "duplicate" } else { "recorded" });
        Ok(receipt(&stored, taken.source, taken.id, taken.duplicate, taken.warnings))
    }
}
