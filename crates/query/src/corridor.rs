//! The corridor: may they, for this purpose → room at the far side → evidence durable → fetch →
//! keep only what is granted → evidence of the outcome → answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use lgsp_audit::{Evidence, Intent, Outcome, OutcomeKind};
use lgsp_core::digest::ProvinceKey;
use lgsp_core::dossier::is_open;
use lgsp_core::{Clock, ErrorCode, Fault, Violation, rule};
use lgsp_identity::{Identity, Principal, QueryGrant};
use lgsp_telemetry::Metrics;
use lgsp_telemetry::metrics::{QueryLabels, ServiceLabel};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use crate::breaker::Breaker;
use crate::cache::{Answers, Kept};
use crate::finish::Finish;
use crate::ports::{Dossiers, EvidenceLog, Leave, OpenData, UpstreamError};
use crate::question::{Answer, Fetched, Question};
use crate::release::{Granted, keep_granted};
use crate::service::{PurposePart, Service};

/// When to ask a far side again that has as many questions as it may have.
const BUSY_FOR: Duration = Duration::from_secs(1);
/// The longest time that a caller gives at all.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How many callers may wait for open data of one service at once.
const MAX_WAITING: usize = 256;

/// The services in force, by name.
type Places = BTreeMap<String, Arc<Place>>;

/// A service and the room that its far side has: one that hangs fills its own and no other's.
struct Place {
    service: Arc<Service>,
    room: Arc<Semaphore>,
    breaker: Breaker,
    answers: Option<Answers>,
    waiting: Arc<Semaphore>,
}

fn places(services: Vec<Service>) -> Places {
    let place = |service: Service| {
        let room = Arc::new(Semaphore::new(service.at_once));
        // Nobody's record is ever kept, whatever a declaration says.
        let answers = service.keep.filter(|_| service.is_open_data).map(Answers::new);
        let (name, service) = (service.name.clone(), Arc::new(service));
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        (name, Arc::new(Place { service, room, breaker: Breaker::default(), answers, waiting }))
    };
    services.into_iter().map(place).collect()
}

impl Place {
    /// Takes one of the far side's places, where it is not known to be down.
    fn enter(&self, now_unix_millis: i64) -> Result<OwnedSemaphorePermit, Fault> {
        let outage = self.service.outage.and_then(|outage| outage.left(now_unix_millis));
        if let Some(left) = outage {
            return Err(Fault::new(ErrorCode::UpstreamUnavailable).retry_after(left));
        }
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Fault::new(ErrorCode::Overloaded).retry_after(BUSY_FOR))?;
        self.breaker
            .admit(Instant::now())
            .map_err(|pause| Fault::new(ErrorCode::UpstreamUnavailable).retry_after(pause))?;
        Ok(room)
    }

    /// Draws a question's end to the circuit's account; `given` is the time that it had.
    fn learn(&self, ended: &Result<Fetched, UpstreamError>, given: Duration) {
        let enough = self.service.patience.min(LONGEST_WAIT) / 2;
        match matches!(ended, Err(UpstreamError::Timeout)) && given < enough {
            // A caller in a hurry says nothing about the far side, and must not close it to others.
            true => self.breaker.nothing_learnt(Instant::now()),
            false => self.breaker.note(ended, Instant::now()),
        }
    }
}

/// What the corridor asks of the world beside the far sides.
#[derive(Clone)]
pub struct Sides {
    /// Keeps the evidence.
    pub evidence: Arc<dyn EvidenceLog>,
    /// Knows the dossiers.
    pub dossiers: Arc<dyn Dossiers>,
}

impl fmt::Debug for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sides(..)")
    }
}

/// Answers queries.
#[derive(Clone)]
pub struct Query {
    identity: Arc<Identity>,
    sides: Sides,
    places: Arc<ArcSwap<Places>>,
    province: ProvinceKey,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("services", &self.places.load().len()).finish_non_exhaustive()
    }
}

impl Query {
    /// Puts the corridor together. Questions whose callers went away end as tasks of `tasks`.
    pub fn new(
        identity: Arc<Identity>,
        sides: Sides,
        services: Vec<Service>,
        province: ProvinceKey,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
    ) -> Self {
        let places = Arc::new(ArcSwap::from_pointee(places(services)));
        Self { identity, sides, places, province, clock, metrics, tasks }
    }

    /// Puts other services in force, or the same with other carriers. Questions under way end as
    /// they began.
    pub fn replace(&self, services: Vec<Service>) {
        self.places.store(Arc::new(places(services)));
    }

    /// Lists every service, by name, whoever may ask it.
    pub fn all_services(&self) -> Vec<Arc<Service>> {
        self.places.load().values().map(|place| Arc::clone(&place.service)).collect()
    }

    /// Lists the services that a caller may ask for some purpose, by name.
    pub fn services(&self, caller: &Principal) -> Vec<Arc<Service>> {
        let mut services = self.all_services();
        services.retain(|service| self.identity.may_query(caller, &service.name));
        services
    }

    /// Asks a service.
    ///
    /// A caller that goes away does not leave a question without its outcome: what is begun is
    /// finished, then as a task of its own.
    ///
    /// # Errors
    /// The fault to tell the caller.
    pub async fn ask(
        &self,
        caller: &Principal,
        request_id: &str,
        service: &str,
        question: Question,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let started = Instant::now();
        let place = self.places.load().get(service).cloned();
        let answer = match &place {
            Some(place) => self.enter(place, caller, request_id, question, deadline).await,
            // An unknown service looks like one that is not granted.
            None => Err(ErrorCode::PermissionDenied.into()),
        };
        let outcome = answer.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "answered");
        let service =
            place.map_or_else(|| "unknown".to_owned(), |place| place.service.name.clone());
        let seconds = started.elapsed().as_secs_f64();
        let label = ServiceLabel { service: service.clone() };
        self.metrics.query_seconds.get_or_create(&label).observe(seconds);
        self.metrics.queries.get_or_create(&QueryLabels { service, outcome }).inc();
        answer
    }

    async fn enter(
        &self,
        place: &Arc<Place>,
        caller: &Principal,
        request_id: &str,
        question: Question,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let service = &place.service;
        if !self.identity.may_query(caller, &service.name) {
            return Err(ErrorCode::PermissionDenied.into());
        }
        let mut missing = PurposePart::faults(&service.purpose, &question.purpose);
        let question = well_formed(service, question);
        if !missing.is_empty() {
            missing.extend(question.err().into_iter().flatten());
            return Err(Fault::with(ErrorCode::PurposeRequired, missing));
        }
        // Whether the far side takes it depends on the purpose too, which is whole from here on.
        let question = question.and_then(|question| can_ask(service, question));
        let question = question.map_err(|broken| Fault::with(ErrorCode::InvalidRequest, broken))?;
        let procedure = question.purpose.procedure.as_ref();
        let grant = self.identity.permit_query(caller, &service.name, procedure)?;
        let admitted = self.admit_dossier(service, &grant, &question);
        let late = |_| Err(ErrorCode::DeadlineExceeded.into());
        tokio::time::timeout_at(deadline.into(), admitted).await.unwrap_or_else(late)?;
        let deadline = deadline.min(Instant::now() + service.patience);
        let (this, place) = (self.clone(), Arc::clone(place));
        let request_id = request_id.to_owned();
        let work = async move { this.fetch(&place, &grant, request_id, question, deadline).await };
        Finish::new(work.in_current_span(), self.tasks.clone()).await
    }

    async fn admit_dossier(
        &self,
        service: &Service,
        grant: &QueryGrant,
        question: &Question,
    ) -> Result<(), Fault> {
        if !service.requires_open_dossier {
            return Ok(());
        }
        let refused = || Fault::new(ErrorCode::DossierNotOpen);
        let dossier = question.purpose.dossier.as_ref().ok_or_else(refused)?;
        self.identity.permit_dossier(grant, dossier)?;
        let state = self.sides.dossiers.state(dossier).await?;
        if state.is_some_and(|state| is_open(&state)) { Ok(()) } else { Err(refused()) }
    }

    async fn fetch(
        &self,
        place: &Arc<Place>,
        grant: &QueryGrant,
        request_id: String,
        question: Question,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let Place { service, breaker, .. } = &**place;
        if service.is_open_data {
            let (kept, is_cached) = self.open_data(place, question, deadline).await?;
            return Ok(self.answer(service, grant, Kept::clone(&kept), None, is_cached));
        }
        let _room = place.enter(self.clock.unix_millis())?;
        let intent = self.intent(service, grant, request_id, &question);
        let ready = service.upstream.warm_up(deadline);
        let intended = async {
            let evidence = self.sides.evidence.intent(intent, deadline).await;
            // From here on the far side may be spoken with: for a token first.
            (evidence, Instant::now())
        };
        let ((evidence, asked), ()) = futures_util::future::join(intended, ready).await;
        let evidence = evidence.map_err(|_| {
            breaker.nothing_learnt(Instant::now());
            Fault::new(ErrorCode::AuditUnavailable)
        })?;
        let audit_id = evidence.audit_id();
        let fetched = service.upstream.fetch(Leave::Recorded(&evidence), &question, deadline).await;
        let elapsed = asked.elapsed();
        place.learn(&fetched, deadline.saturating_duration_since(asked));
        match fetched.and_then(|fetched| judged(service, fetched)) {
            Ok((fetched, warnings)) => {
                let as_of_unix_millis = self.clock.unix_millis();
                let kept = Kept { fetched, warnings, as_of_unix_millis };
                let answer = self.answer(service, grant, kept, Some(audit_id), false);
                let released = answer.record.keys().cloned().collect();
                self.close(evidence, OutcomeKind::Answered, None, elapsed, released)?;
                Ok(answer)
            }
            Err(error) => {
                let (kind, fault) = told(&error);
                if kind != OutcomeKind::NotFound {
                    let service = service.name.as_str();
                    tracing::warn!(%audit_id, service, error = %error, "the far side did not answer a question");
                }
                self.close(evidence, kind, Some(fault.code), elapsed, Vec::new())?;
                Err(fault)
            }
        }
    }

    /// Answers from what is kept, else asks; those who ask the same meanwhile wait for one fetch,
    /// each as long as it likes, and the fetch has the service's own time.
    async fn open_data(
        &self,
        place: &Arc<Place>,
        question: Question,
        deadline: Instant,
    ) -> Result<(Arc<Kept>, bool), Fault> {
        if let Some(kept) = match &place.answers {
            Some(answers) => answers.fresh(&question.body).await,
            None => None,
        } {
            return Ok((kept, true));
        }
        let waiting = Arc::clone(&place.waiting).try_acquire_owned();
        let waiting =
            waiting.map_err(|_| Fault::new(ErrorCode::Overloaded).retry_after(BUSY_FOR))?;
        let (this, place) = (self.clone(), Arc::clone(place));
        let work = async move {
            let _waiting = waiting;
            let patience = Instant::now() + place.service.patience;
            let fetch = this.fetch_open_data(&place, &question, patience);
            match &place.answers {
                Some(answers) => answers.answer(&question.body, fetch).await,
                None => fetch.await.map(|kept| (Arc::new(kept), false)),
            }
        };
        match tokio::time::timeout_at(deadline.into(), self.tasks.spawn(work.in_current_span()))
            .await
        {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ErrorCode::Internal.into()),
            Err(_) => Err(ErrorCode::UpstreamTimeout.into()),
        }
    }

    async fn fetch_open_data(
        &self,
        place: &Place,
        question: &Question,
        deadline: Instant,
    ) -> Result<Kept, Fault> {
        let _room = place.enter(self.clock.unix_millis())?;
        let asked = Instant::now();
        let leave = Leave::Open(OpenData(Uuid::now_v7()));
        let fetched = place.service.upstream.fetch(leave, question, deadline).await;
        place.learn(&fetched, deadline.saturating_duration_since(asked));
        let judged = fetched.and_then(|fetched| judged(&place.service, fetched));
        let (fetched, warnings) = judged.map_err(|error| told(&error).1)?;
        Ok(Kept { fetched, warnings, as_of_unix_millis: self.clock.unix_millis() })
    }

    fn intent(
        &self,
        service: &Service,
        grant: &QueryGrant,
        request_id: String,
        question: &Question,
    ) -> Intent {
        let purpose = &question.purpose;
        let subject = service.subject.as_deref().and_then(|pointer| pointer.strip_prefix('/'));
        let subject = subject.and_then(|member| question.body.get(member)?.as_str());
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        Intent {
            audit_id: Uuid::now_v7(),
            request_id,
            client: grant.client().as_str().to_owned(),
            agency: grant.agency().as_str().to_owned(),
            service: grant.service().to_owned(),
            operation: "Query".to_owned(),
            dossier: text(purpose.dossier.as_ref().map(|dossier| dossier.as_str())),
            procedure: text(purpose.procedure.as_ref().map(|procedure| procedure.as_str())),
            officer: text(purpose.officer.as_ref().map(|officer| officer.as_str())),
            officer_proof: "asserted".to_owned(),
            reason: purpose.reason.clone(),
            subject: subject.map(|text| self.province.pseudonym(text)).unwrap_or_default(),
        }
    }

    fn answer(
        &self,
        service: &Service,
        grant: &QueryGrant,
        kept: Kept,
        audit_id: Option<Uuid>,
        is_cached: bool,
    ) -> Answer {
        let Kept { fetched, warnings, as_of_unix_millis } = kept;
        let Granted { record, withheld, warnings } =
            keep_granted(fetched.record, warnings, &service.release, grant.released());
        if fetched.unknown_fields > 0 && !is_cached {
            let count = u64::try_from(fetched.unknown_fields).unwrap_or(u64::MAX);
            let label = ServiceLabel { service: service.name.clone() };
            self.metrics.query_unknown_fields.get_or_create(&label).inc_by(count);
        }
        Answer {
            record,
            audit_id,
            as_of_unix_millis,
            carrier: service.upstream.carrier().to_owned(),
            is_cached,
            withheld,
            warnings: warnings
                .iter()
                .map(|odd| format!("{}: {}", odd.pointer, odd.rule.code))
                .collect(),
        }
    }

    fn close(
        &self,
        evidence: Evidence,
        kind: OutcomeKind,
        code: Option<ErrorCode>,
        took: Duration,
        released: Vec<String>,
    ) -> Result<(), Fault> {
        let elapsed_millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let code = code.map(|code| code.as_str().to_owned());
        let outcome = Outcome { kind, code, elapsed_millis, released };
        let handed_over = self.sides.evidence.outcome(evidence, outcome);
        handed_over.map_err(|_| ErrorCode::AuditUnavailable.into())
    }
}

/// Takes an answer that has the form which its service declares, and what is odd about it.
fn judged(
    service: &Service,
    mut fetched: Fetched,
) -> Result<(Fetched, Vec<Violation>), UpstreamError> {
    let record = Value::Object(std::mem::take(&mut fetched.record));
    let warnings = service.answer.judge(&record).map_err(|violations| {
        let first = violations.first();
        let told = |odd: &Violation| format!("answer#{}: {}", odd.pointer, odd.rule.code);
        UpstreamError::Contract { path: first.map_or_else(String::new, told).into() }
    })?;
    if let Value::Object(record) = record {
        if record.is_empty() {
            return Err(UpstreamError::NotFound);
        }
        fetched.record = record;
    }
    Ok((fetched, warnings))
}

fn well_formed(service: &Service, question: Question) -> Result<Question, Vec<Violation>> {
    let Question { purpose, body, place } = question;
    let body = Value::Object(body);
    // A member that the service does not know would be silently left out of the question.
    let broken = match service.request.judge(&body) {
        Ok(odd) => odd.into_iter().filter(|odd| odd.rule == &rule::UNKNOWN_FIELD).collect(),
        Err(violations) => violations,
    };
    match body {
        Value::Object(body) if broken.is_empty() => Ok(Question { purpose, body, place }),
        _ => Err(within(place, broken)),
    }
}

fn can_ask(service: &Service, question: Question) -> Result<Question, Vec<Violation>> {
    match service.upstream.can_ask(&question) {
        Ok(()) => Ok(question),
        Err(broken) => Err(within(question.place, broken)),
    }
}

/// Names places within the question's body as places within the request.
fn within(place: &str, broken: Vec<Violation>) -> Vec<Violation> {
    let placed = |odd: Violation| Violation { pointer: format!("{place}{}", odd.pointer), ..odd };
    broken.into_iter().map(placed).collect()
}

/// What a far side's failure is in the evidence, and to the caller.
fn told(error: &UpstreamError) -> (OutcomeKind, Fault) {
    match error {
        UpstreamError::NotFound => (OutcomeKind::NotFound, ErrorCode::NotFound.into()),
        UpstreamError::Refused { .. } => (OutcomeKind::Refused, ErrorCode::UpstreamRefused.into()),
        UpstreamError::Timeout => (OutcomeKind::Failed, ErrorCode::UpstreamTimeout.into()),
        UpstreamError::Contract { .. } => (OutcomeKind::Failed, ErrorCode::UpstreamContract.into()),
        UpstreamError::Unavailable { retry_after, .. } => {
            let after = retry_after.unwrap_or(Duration::from_secs(5));
            (OutcomeKind::Failed, Fault::new(ErrorCode::UpstreamUnavailable).retry_after(after))
        }
    }
}
