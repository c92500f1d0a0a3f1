//! The auditor's corridor: may they → evidence of the reading durable → read → evidence of how it
//! ended.

mod join;
mod ports;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lgsp_audit::{Evidence, Intent, Outcome, OutcomeKind};
use lgsp_core::digest::ProvinceKey;
use lgsp_core::identifier::{AgencyCode, ClientId, DossierCode, OfficerNumber, PersonalNumber};
use lgsp_core::{Clock, ErrorCode, Fault};
use lgsp_identity::{AuditGrant, Identity, Principal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::finish::Finish;
use crate::ports::EvidenceLog;

pub use join::{Found, Place};
pub use lgsp_audit::StoredRecord;
pub use ports::{Between, EvidenceReader, EvidenceUnreadable};

/// The service's name in the evidence that auditing leaves.
pub const AUDIT: &str = "audit";

/// How many may read at once: each reads through the log.
pub const READINGS: usize = 2;

/// How many answers wait for a caller who reads slowly.
const AHEAD: usize = 64;

/// Which questions are searched for; what is absent leaves all in.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "each is the part of a question of that name")]
pub struct Criteria {
    pub personal_number: Option<PersonalNumber>,
    pub dossier: Option<DossierCode>,
    pub officer: Option<OfficerNumber>,
    pub client: Option<ClientId>,
    pub agency: Option<AgencyCode>,
    pub service: Option<String>,
    pub audit_id: Option<Uuid>,
    pub between: Between,
}

impl fmt::Debug for Criteria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Criteria").field("between", &self.between).finish_non_exhaustive()
    }
}

/// What an auditor gets, one by one; after a fault nothing follows.
pub type Answers<T> = mpsc::Receiver<Result<T, Fault>>;

/// Reads evidence for auditors.
#[derive(Clone)]
pub struct Auditing {
    identity: Arc<Identity>,
    evidence: Arc<dyn EvidenceLog>,
    reader: Arc<dyn EvidenceReader>,
    province: ProvinceKey,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Auditing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auditing").finish_non_exhaustive()
    }
}

/// A reading that may be done: on record, and one of few.
struct Reading {
    evidence: Evidence,
    begun: Instant,
    /// When the caller's token ends.
    lifetime: Duration,
    _place: OwnedSemaphorePermit,
}

impl Auditing {
    /// Puts the corridor together. Readings are tasks of `tasks` and end when `stopping` says so.
    pub fn new(
        identity: Arc<Identity>,
        evidence: Arc<dyn EvidenceLog>,
        reader: Arc<dyn EvidenceReader>,
        province: ProvinceKey,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        let places = Arc::new(Semaphore::new(READINGS));
        Self { identity, evidence, reader, province, clock, tasks, stopping, places }
    }

    /// Finds questions. Those that ended come in the order of their ends within each partition,
    /// then those whose end is nowhere in the log. The search itself is not among them.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`] without the grant, [`ErrorCode::Overloaded`] while others
    /// read until the deadline, [`ErrorCode::AuditUnavailable`] when the search cannot be put on record before the
    /// deadline; then nothing is read.
    pub async fn search(
        &self,
        caller: &Principal,
        request_id: &str,
        criteria: Criteria,
        deadline: Instant,
    ) -> Result<Answers<Found>, Fault> {
        let grant = self.identity.permit_audit(caller)?;
        let number = criteria.personal_number.as_ref();
        let subject = number.map(|number| self.province.pseudonym(number.as_str()));
        let intent =
            intent(&grant, request_id, "SearchEvidence", subject.clone().unwrap_or_default());
        self.begin(caller, intent, deadline, move |this, evidence, tell| {
            let filter = join::Filter { subject, criteria };
            Box::pin(async move { join::search(&*this.reader, evidence, &filter, tell).await })
        })
        .await
    }

    /// Gives the records as they lie in the log, partition by partition.
    ///
    /// # Errors
    /// As [`Auditing::search`].
    pub async fn export(
        &self,
        caller: &Principal,
        request_id: &str,
        between: Between,
        deadline: Instant,
    ) -> Result<Answers<StoredRecord>, Fault> {
        let grant = self.identity.permit_audit(caller)?;
        let intent = intent(&grant, request_id, "ExportEvidence", String::new());
        self.begin(caller, intent, deadline, move |this, evidence, tell| {
            Box::pin(async move {
                let mut records = this.reader.read(evidence, between);
                let mut told = 0;
                while let Some(record) = records.next().await {
                    tell.send(Ok(record?)).await.map_err(|_| Ended::CallerGone)?;
                    told += 1;
                }
                Ok(told)
            })
        })
        .await
    }

    /// Puts a reading on record and starts it. What is begun leaves its outcome, also when the
    /// caller goes away meanwhile.
    async fn begin<T: Send + 'static>(
        &self,
        caller: &Principal,
        intent: Intent,
        deadline: Instant,
        work: impl for<'a> FnOnce(
            &'a Self,
            &'a Evidence,
            &'a mpsc::Sender<Result<T, Fault>>,
        ) -> Work<'a>
        + Send
        + 'static,
    ) -> Result<Answers<T>, Fault> {
        let place = Arc::clone(&self.places).acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout_at(deadline.into(), place).await else {
            return Err(ErrorCode::Overloaded.into());
        };
        let lifetime = caller.expires_unix_seconds().saturating_sub(self.clock.unix_seconds());
        let lifetime = Duration::from_secs(u64::try_from(lifetime).unwrap_or(0));
        let this = self.clone();
        let start = async move {
            let evidence = this.evidence.intent(intent, deadline).await;
            let evidence = evidence.map_err(|_| Fault::new(ErrorCode::AuditUnavailable))?;
            let reading = Reading { evidence, begun: Instant::now(), lifetime, _place: place };
            let (tell, told) = mpsc::channel(AHEAD);
            let tasks = this.tasks.clone();
            tasks.spawn(async move { this.do_reading(reading, tell, work).await });
            Ok(told)
        };
        Finish::new(start, self.tasks.clone()).await
    }

    async fn do_reading<T>(
        self,
        reading: Reading,
        tell: mpsc::Sender<Result<T, Fault>>,
        work: impl for<'a> FnOnce(
            &'a Self,
            &'a Evidence,
            &'a mpsc::Sender<Result<T, Fault>>,
        ) -> Work<'a>,
    ) {
        let ended = {
            let work = pin!(work(&self, &reading.evidence, &tell));
            tokio::select! {
                ended = work => ended,
                () = self.stopping.cancelled() => Err(ErrorCode::ShuttingDown.into()),
                () = tokio::time::sleep(reading.lifetime) => Err(ErrorCode::Unauthenticated.into()),
                () = tell.closed() => Err(Ended::CallerGone),
            }
        };
        let (kind, fault) = match ended {
            Ok(0) => (OutcomeKind::NotFound, None),
            Ok(_) => (OutcomeKind::Answered, None),
            Err(Ended::CallerGone) => (OutcomeKind::Failed, None),
            Err(Ended::Fault(fault)) => (OutcomeKind::Failed, Some(fault)),
        };
        let outcome = Outcome {
            kind,
            code: fault.as_ref().map(|fault| fault.code.as_str().to_owned()),
            elapsed_millis: u64::try_from(reading.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            released: Vec::new(),
        };
        let recorded = self.evidence.outcome(reading.evidence, outcome);
        let fault = fault.or(recorded.err().map(|_| ErrorCode::AuditUnavailable.into()));
        if let Some(fault) = fault {
            // A caller who does not read hears it no more than one who is gone.
            let patience = Duration::from_secs(1);
            tell.send_timeout(Err(fault), patience).await.ok();
        }
    }
}

/// A reading's work: how many answers it gave.
type Work<'a> = futures_util::future::BoxFuture<'a, Result<u64, Ended>>;

/// How a reading ends before its end.
#[derive(Debug)]
enum Ended {
    CallerGone,
    Fault(Fault),
}

impl From<ErrorCode> for Ended {
    fn from(code: ErrorCode) -> Self {
        Self::Fault(code.into())
    }
}

impl From<EvidenceUnreadable> for Ended {
    fn from(_: EvidenceUnreadable) -> Self {
        ErrorCode::AuditUnavailable.into()
    }
}

/// What goes on record of a reading: who, and whom it is about; the purpose is the audit itself.
fn intent(grant: &AuditGrant, request_id: &str, operation: &str, subject: String) -> Intent {
    Intent {
        audit_id: Uuid::now_v7(),
        request_id: request_id.to_owned(),
        client: grant.client().as_str().to_owned(),
        agency: grant.agency().as_str().to_owned(),
        service: AUDIT.to_owned(),
        operation: operation.to_owned(),
        dossier: String::new(),
        procedure: String::new(),
        officer: String::new(),
        officer_proof: String::new(),
        reason: None,
        subject,
    }
}

#[cfg(test)]
mod tests;
