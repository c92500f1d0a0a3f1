//! The corridor against evidence and a far side that do as they are told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lgsp_audit::{Evidence, Intent, Outcome, OutcomeKind};
use lgsp_core::digest::{ProvinceKey, hex, sha256};
use lgsp_core::identifier::{ClientId, DossierCode, OfficerNumber, PersonalNumber, ProcedureCode};
use lgsp_core::{ErrorCode, Fault, SystemClock};
use lgsp_identity::{Identity, Principal, SigningKeys};
use lgsp_registry::Registry;
use lgsp_telemetry::Metrics;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{
    Answer, Citizen, CitizenLookUp, EvidenceLog, EvidenceUnavailable, Purpose, Query, Upstream,
    UpstreamError,
};

/// What happened, in order.
type Story = Arc<Mutex<Vec<String>>>;

struct FakeEvidence {
    story: Story,
    available: bool,
    /// The log takes no outcome.
    full: bool,
    intents: Mutex<Vec<Intent>>,
    outcomes: Mutex<Vec<Outcome>>,
}

impl EvidenceLog for FakeEvidence {
    fn intent(
        &self,
        intent: Intent,
        _deadline: Instant,
    ) -> BoxFuture<'_, Result<Evidence, EvidenceUnavailable>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if !self.available {
                return Err(EvidenceUnavailable);
            }
            self.story.lock().unwrap().push("intent durable".to_owned());
            let evidence = Evidence::acknowledged(&intent);
            self.intents.lock().unwrap().push(intent);
            Ok(evidence)
        })
    }

    fn outcome(&self, _evidence: Evidence, outcome: Outcome) -> Result<(), EvidenceUnavailable> {
        if self.full {
            return Err(EvidenceUnavailable);
        }
        self.story.lock().unwrap().push(format!("outcome {:?}", outcome.kind));
        self.outcomes.lock().unwrap().push(outcome);
        Ok(())
    }
}

struct FakeUpstream {
    story: Story,
    answer: Result<Citizen, UpstreamError>,
    /// The far side answers once it is told to.
    gate: Option<Arc<Notify>>,
}

impl Upstream for FakeUpstream {
    fn fetch<'a>(
        &'a self,
        _evidence: &'a Evidence,
        _question: &'a CitizenLookUp,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Citizen, UpstreamError>> {
        Box::pin(async move {
            self.story.lock().unwrap().push("asked".to_owned());
            if let Some(gate) = &self.gate {
                gate.notified().await;
            }
            self.answer.clone()
        })
    }

    fn warm_up(&self, _deadline: Instant) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn carrier(&self) -> &str {
        "ndxp"
    }
}

/// How the evidence log behaves.
#[derive(PartialEq)]
enum Log {
    Works,
    Away,
    Full,
}

struct Bench {
    query: Query,
    identity: Arc<Identity>,
    evidence: Arc<FakeEvidence>,
    story: Story,
    tasks: TaskTracker,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(log: Log, answer: Result<Citizen, UpstreamError>, gate: Option<Arc<Notify>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (registry, keys) = (folder.path().join("registry"), folder.path().join("keys"));
        lgsp_registry::write_sample(&registry, &|client: &ClientId| {
            hex(&sha256(client.as_str().as_bytes()))
        })
        .unwrap();
        std::fs::create_dir(&keys).unwrap();
        let identity = Arc::new(Identity::new(
            Arc::new(Registry::load(&registry).unwrap()),
            SigningKeys::load_or_create(&keys).unwrap(),
            "http://bus".to_owned(),
            Arc::new(SystemClock),
        ));
        let story = Story::default();
        let evidence = Arc::new(FakeEvidence {
            story: Arc::clone(&story),
            available: log != Log::Away,
            full: log == Log::Full,
            intents: Mutex::default(),
            outcomes: Mutex::default(),
        });
        let upstream = Arc::new(FakeUpstream { story: Arc::clone(&story), answer, gate });
        let tasks = TaskTracker::new();
        let query = Query::new(
            Arc::clone(&identity),
            Arc::clone(&evidence) as Arc<_>,
            upstream,
            ProvinceKey::new(&[7; 32]),
            Arc::new(SystemClock),
            Arc::new(Metrics::new()),
            tasks.clone(),
        );
        Self { query, identity, evidence, story, tasks, _folder: folder }
    }

    fn caller(&self, client: &str) -> Principal {
        let token = self.identity.issue(&ClientId::parse(client).unwrap()).unwrap().access_token;
        self.identity.authenticate(Some(&format!("Bearer {token}"))).unwrap()
    }

    async fn ask(&self, client: &str, procedure: &str) -> Result<Answer, Fault> {
        let deadline = Instant::now() + Duration::from_secs(5);
        self.query
            .look_up_citizen(&self.caller(client), "request-1", question(procedure), deadline)
            .await
    }

    fn story(&self) -> Vec<String> {
        self.story.lock().unwrap().clone()
    }
}

fn question(procedure: &str) -> CitizenLookUp {
    CitizenLookUp {
        purpose: Purpose {
            dossier: DossierCode::parse("H61.14-260703-0001").unwrap(),
            procedure: ProcedureCode::parse(procedure).unwrap(),
            officer: OfficerNumber::parse("CB0001").unwrap(),
        },
        personal_number: PersonalNumber::parse("086190000001").unwrap(),
        full_name: "Nguyễn Thị Mẫu".to_owned(),
        birth_date: "1990".to_owned(),
    }
}

fn citizen() -> Citizen {
    Citizen { full_name: Some("Nguyễn Thị Mẫu".to_owned()), ..Citizen::default() }
}

#[tokio::test]
async fn evidence_is_durable_before_the_far_side_is_asked() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    let answer = bench.ask("tracuu", "1.004227").await.unwrap();
    assert_eq!(bench.story(), ["intent durable", "asked", "outcome Answered"]);
    assert_eq!((answer.citizen, answer.carrier.as_str()), (citizen(), "ndxp"));
    let intents = bench.evidence.intents.lock().unwrap();
    assert_eq!(intents[0].audit_id, answer.audit_id);
    assert_eq!((intents[0].client.as_str(), intents[0].officer.as_str()), ("tracuu", "CB0001"));
    assert!(
        !format!("{:?}", intents[0]).contains("086190000001"),
        "the citizen's number is no evidence"
    );
    assert_eq!(bench.evidence.outcomes.lock().unwrap()[0].released, ["full_name"]);
}

#[tokio::test]
async fn without_evidence_nothing_is_asked() {
    let bench = Bench::new(Log::Away, Ok(citizen()), None);
    assert_eq!(
        bench.ask("tracuu", "1.004227").await.unwrap_err().code,
        ErrorCode::AuditUnavailable
    );
    assert!(bench.story().is_empty());
}

#[tokio::test]
async fn no_answer_leaves_without_its_outcome() {
    let bench = Bench::new(Log::Full, Ok(citizen()), None);
    let fault = bench.ask("tracuu", "1.004227").await.unwrap_err();
    assert_eq!(fault.code, ErrorCode::AuditUnavailable);
    assert_eq!(bench.story(), ["intent durable", "asked"]);
}

#[tokio::test]
async fn without_a_grant_there_is_no_evidence_and_no_question() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    for (client, procedure) in [("motcua", "1.004227"), ("tracuu", "9.999999")] {
        assert_eq!(
            bench.ask(client, procedure).await.unwrap_err().code,
            ErrorCode::PermissionDenied
        );
    }
    assert!(bench.story().is_empty());
}

#[tokio::test]
async fn each_failure_of_the_far_side_has_its_code_and_its_outcome() {
    let unavailable =
        UpstreamError::Unavailable { what: "connect", retry_after: Some(Duration::from_secs(30)) };
    let table = [
        (UpstreamError::NotFound, ErrorCode::NotFound, OutcomeKind::NotFound),
        (
            UpstreamError::Refused { code: "12".to_owned() },
            ErrorCode::UpstreamRefused,
            OutcomeKind::Refused,
        ),
        (UpstreamError::Timeout, ErrorCode::UpstreamTimeout, OutcomeKind::Failed),
        (
            UpstreamError::Contract { path: "/message" },
            ErrorCode::UpstreamContract,
            OutcomeKind::Failed,
        ),
        (unavailable, ErrorCode::UpstreamUnavailable, OutcomeKind::Failed),
    ];
    for (error, code, kind) in table {
        let bench = Bench::new(Log::Works, Err(error.clone()), None);
        let fault = bench.ask("tracuu", "1.004227").await.unwrap_err();
        assert_eq!(
            (fault.code, bench.evidence.outcomes.lock().unwrap()[0].kind),
            (code, kind),
            "{error}"
        );
        if code == ErrorCode::UpstreamUnavailable {
            assert_eq!(fault.retry_after, Some(Duration::from_secs(30)));
        }
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_question_without_its_outcome() {
    let gate = Arc::new(Notify::new());
    let bench = Bench::new(Log::Works, Ok(citizen()), Some(Arc::clone(&gate)));
    let asking = bench.ask("tracuu", "1.004227");
    assert!(
        tokio::time::timeout(Duration::from_millis(50), asking).await.is_err(),
        "the caller left"
    );
    assert_eq!(bench.story(), ["intent durable", "asked"]);
    gate.notify_one();
    bench.tasks.close();
    tokio::time::timeout(Duration::from_secs(5), bench.tasks.wait()).await.unwrap();
    assert_eq!(bench.story(), ["intent durable", "asked", "outcome Answered"]);
}
