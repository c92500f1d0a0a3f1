//! The corridor: may they, for this purpose → evidence durable → fetch → evidence of the
//! outcome → answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lgsp_audit::{Evidence, Intent, Outcome, OutcomeKind};
use lgsp_core::digest::ProvinceKey;
use lgsp_core::{Clock, ErrorCode, Fault};
use lgsp_identity::{Identity, Principal, QueryGrant};
use lgsp_telemetry::Metrics;
use lgsp_telemetry::metrics::{QueryLabels, ServiceLabel};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use crate::citizen::{Citizen, CitizenLookUp};
use crate::finish::Finish;
use crate::ports::{EvidenceLog, Upstream, UpstreamError};

/// The service's name in grants and evidence.
pub const POPULATION: &str = "population";

/// What an answer carries beside the record.
#[derive(Debug)]
pub struct Answer {
    /// The record.
    pub citizen: Citizen,
    /// Names the evidence.
    pub audit_id: Uuid,
    /// When the far side gave the record, milliseconds since 1970.
    pub as_of_unix_millis: i64,
    /// Who carried the call.
    pub carrier: String,
}

/// Answers queries.
#[derive(Clone)]
pub struct Query {
    identity: Arc<Identity>,
    evidence: Arc<dyn EvidenceLog>,
    upstream: Arc<dyn Upstream>,
    province: ProvinceKey,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("carrier", &self.upstream.carrier()).finish_non_exhaustive()
    }
}

impl Query {
    /// Puts the corridor together. Questions whose callers went away end as tasks of `tasks`.
    pub fn new(
        identity: Arc<Identity>,
        evidence: Arc<dyn EvidenceLog>,
        upstream: Arc<dyn Upstream>,
        province: ProvinceKey,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
    ) -> Self {
        Self { identity, evidence, upstream, province, clock, metrics, tasks }
    }

    /// Looks one citizen up in the national population database.
    ///
    /// A caller that goes away does not leave a question without its outcome: what is begun is
    /// finished, then as a task of its own.
    ///
    /// # Errors
    /// The fault to tell the caller.
    pub async fn look_up_citizen(
        &self,
        caller: &Principal,
        request_id: &str,
        question: CitizenLookUp,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let started = Instant::now();
        let answer =
            match self.identity.permit_query(caller, POPULATION, &question.purpose.procedure) {
                Err(fault) => Err(fault),
                Ok(grant) => {
                    let (this, request_id) = (self.clone(), request_id.to_owned());
                    let work =
                        async move { this.ask(&grant, request_id, question, deadline).await };
                    Finish::new(work.in_current_span(), self.tasks.clone()).await
                }
            };
        let outcome = answer.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "answered");
        self.metrics.queries.get_or_create(&QueryLabels { service: POPULATION, outcome }).inc();
        let seconds = started.elapsed().as_secs_f64();
        self.metrics
            .query_seconds
            .get_or_create(&ServiceLabel { service: POPULATION })
            .observe(seconds);
        answer
    }

    async fn ask(
        &self,
        grant: &QueryGrant,
        request_id: String,
        question: CitizenLookUp,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let intent = Intent {
            audit_id: Uuid::now_v7(),
            request_id,
            client: grant.client().as_str().to_owned(),
            agency: grant.agency().as_str().to_owned(),
            service: grant.service().to_owned(),
            operation: "LookUpCitizen".to_owned(),
            dossier: question.purpose.dossier.as_str().to_owned(),
            procedure: question.purpose.procedure.as_str().to_owned(),
            officer: question.purpose.officer.as_str().to_owned(),
            officer_proof: "asserted".to_owned(),
            subject: self.province.pseudonym(question.personal_number.as_str()),
        };
        let ready = self.upstream.warm_up(deadline);
        let (evidence, ()) =
            futures_util::future::join(self.evidence.intent(intent, deadline), ready).await;
        let evidence = evidence.map_err(|_| Fault::new(ErrorCode::AuditUnavailable))?;
        let audit_id = evidence.audit_id();
        let asked = Instant::now();
        let fetched = self.upstream.fetch(&evidence, &question, deadline).await;
        let elapsed = asked.elapsed();
        match fetched {
            Ok(citizen) => {
                self.close(evidence, OutcomeKind::Answered, None, elapsed, released(&citizen))?;
                let carrier = self.upstream.carrier().to_owned();
                Ok(Answer {
                    citizen,
                    audit_id,
                    as_of_unix_millis: self.clock.unix_millis(),
                    carrier,
                })
            }
            Err(error) => {
                let (kind, fault) = told(&error);
                match kind {
                    OutcomeKind::NotFound => {}
                    _ => {
                        tracing::warn!(%audit_id, error = %error, "the far side did not answer a question")
                    }
                }
                self.close(evidence, kind, Some(fault.code), elapsed, Vec::new())?;
                Err(fault)
            }
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
        let handed_over = self.evidence.outcome(evidence, outcome);
        handed_over.map_err(|_| ErrorCode::AuditUnavailable.into())
    }
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

/// Names the fields that an answer releases.
fn released(citizen: &Citizen) -> Vec<String> {
    let fields = [
        ("personal_number", citizen.personal_number.is_some()),
        ("identity_card_number", citizen.identity_card_number.is_some()),
        ("full_name", citizen.full_name.is_some()),
        ("gender", citizen.gender.is_some()),
        ("birth_date", citizen.birth_date.is_some()),
        ("ethnic_group_code", citizen.ethnic_group_code.is_some()),
        ("religion_code", citizen.religion_code.is_some()),
        ("marital_status_code", citizen.marital_status_code.is_some()),
        ("nationality_code", citizen.nationality_code.is_some()),
        ("birth_registration", citizen.birth_registration.is_some()),
        ("home_town", citizen.home_town.is_some()),
        ("permanent_residence", citizen.permanent_residence.is_some()),
        ("current_residence", citizen.current_residence.is_some()),
        ("father", citizen.father.is_some()),
        ("mother", citizen.mother.is_some()),
        ("spouse", citizen.spouse.is_some()),
    ];
    fields.into_iter().filter(|(_, present)| *present).map(|(name, _)| name.to_owned()).collect()
}
