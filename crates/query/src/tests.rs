//! The corridor against evidence and a far side that do as they are told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lgsp_audit::{Evidence, Intent, Outcome, OutcomeKind};
use lgsp_core::digest::{ProvinceKey, hex, sha256};
use lgsp_core::identifier::{ClientId, DossierCode, OfficerNumber, ProcedureCode};
use lgsp_core::{Clock, ErrorCode, Fault, SystemClock};
use lgsp_identity::{Identity, Principal, SigningKeys};
use lgsp_registry::Registry;
use lgsp_schema::Form;
use lgsp_telemetry::Metrics;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{
    Answer, Confidence, Dossiers, EvidenceLog, EvidenceUnavailable, Fetched, Leave, Mask, Outage,
    Purpose, PurposePart, Query, Question, Release, Service, Sides, Title, Upstream, UpstreamError,
};

mod open_data;

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
    answer: Result<Fetched, UpstreamError>,
    /// The far side answers once it is told to.
    gate: Option<Arc<Notify>>,
}

impl Upstream for FakeUpstream {
    fn fetch<'a>(
        &'a self,
        _leave: Leave<'a>,
        _question: &'a Question,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Fetched, UpstreamError>> {
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

/// Knows three dossiers: two in process, one ended.
struct FakeDossiers;

impl Dossiers for FakeDossiers {
    fn state<'a>(
        &'a self,
        dossier: &'a DossierCode,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        let state = match dossier.as_str() {
            "H61.14-260703-0001" | "H61.25-260703-0001" => Some("4".to_owned()),
            "H61.14-260703-0002" => Some("10".to_owned()),
            _ => None,
        };
        Box::pin(async move { Ok(state) })
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
    fn new(log: Log, answer: Result<Fetched, UpstreamError>, gate: Option<Arc<Notify>>) -> Self {
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
            Sides { evidence: Arc::clone(&evidence) as Arc<_>, dossiers: Arc::new(FakeDossiers) },
            vec![
                service("population", Arc::clone(&upstream)),
                open_data(Arc::clone(&upstream)),
                Service {
                    requires_open_dossier: true,
                    ..service("social-insurance-number", upstream)
                },
            ],
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
        self.ask_of("population", client, question(procedure)).await
    }

    async fn ask_of(
        &self,
        service: &str,
        client: &str,
        question: Question,
    ) -> Result<Answer, Fault> {
        let deadline = Instant::now() + Duration::from_secs(5);
        self.query.ask(&self.caller(client), "request-1", service, question, deadline).await
    }

    fn story(&self) -> Vec<String> {
        self.story.lock().unwrap().clone()
    }
}

fn form(properties: &Value) -> Form {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties,
    });
    Form::compile("form", &schema.to_string()).unwrap()
}

fn service(name: &str, upstream: Arc<FakeUpstream>) -> Service {
    let text = json!({"type": "string"});
    Service {
        name: name.to_owned(),
        title: Title { vi: "Dân cư".to_owned(), en: "Population".to_owned() },
        confidence: Confidence::Sourced,
        is_open_data: false,
        purpose: [PurposePart::Dossier, PurposePart::Procedure, PurposePart::Officer].into(),
        requires_open_dossier: false,
        subject: Some("/personalNumber".to_owned()),
        request: form(&json!({"personalNumber": {"type": "string", "format": "personal-number"}})),
        answer: form(&json!({"fullName": text, "personalNumber": text, "religionCode": text})),
        release: Release {
            fields: ["fullName".to_owned()].into(),
            masked: [("personalNumber".to_owned(), Mask::LastThree)].into(),
        },
        outage: None,
        keep: None,
        patience: Duration::from_secs(5),
        at_once: 1,
        upstream,
    }
}

fn open_data(upstream: Arc<FakeUpstream>) -> Service {
    let closed = service("enterprise", upstream);
    Service { is_open_data: true, purpose: [].into(), subject: None, ..closed }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn question(procedure: &str) -> Question {
    Question {
        purpose: Purpose {
            dossier: Some(DossierCode::parse("H61.14-260703-0001").unwrap()),
            procedure: Some(ProcedureCode::parse(procedure).unwrap()),
            officer: Some(OfficerNumber::parse("CB0001").unwrap()),
            reason: None,
            broken: Vec::new(),
        },
        body: object(json!({"personalNumber": "086190000001"})),
        place: "/question",
    }
}

fn citizen() -> Fetched {
    let record = json!({"fullName": "Nguyễn Thị Mẫu", "personalNumber": "086190000001", "religionCode": "00"});
    Fetched { record: object(record), unknown_fields: 0 }
}

#[tokio::test]
async fn evidence_is_durable_before_the_far_side_is_asked() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    let answer = bench.ask("tracuu", "1.004227").await.unwrap();
    assert_eq!(bench.story(), ["intent durable", "asked", "outcome Answered"]);
    assert_eq!(
        Value::from(answer.record),
        json!({"fullName": "Nguyễn Thị Mẫu", "personalNumber": "*********001"})
    );
    assert_eq!((answer.withheld.len(), answer.carrier.as_str()), (2, "ndxp"));
    let intents = bench.evidence.intents.lock().unwrap();
    assert_eq!(Some(intents[0].audit_id), answer.audit_id);
    assert_eq!((intents[0].client.as_str(), intents[0].officer.as_str()), ("tracuu", "CB0001"));
    assert!(
        !format!("{:?}", intents[0]).contains("086190000001"),
        "the citizen's number is no evidence"
    );
    assert_eq!(bench.evidence.outcomes.lock().unwrap()[0].released, ["fullName", "personalNumber"]);
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
            UpstreamError::Contract { path: "/message".into() },
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

#[tokio::test]
async fn a_purpose_is_complete_before_the_grant_for_it_is_asked() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    let purposeless = Question { purpose: Purpose::default(), ..question("1.004227") };
    let fault = bench.ask_of("population", "tracuu", purposeless.clone()).await.unwrap_err();
    let places: Vec<_> = fault.violations.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(fault.code, ErrorCode::PurposeRequired);
    assert_eq!(
        places,
        ["/purpose/dossierCode", "/purpose/procedureCode", "/purpose/officerNumber"]
    );
    // Whom it is not granted to learns nothing of what it demands, or whether it is there.
    for service in ["population", "nothing"] {
        let fault = bench.ask_of(service, "motcua", purposeless.clone()).await.unwrap_err();
        assert_eq!((fault.code, fault.violations.len()), (ErrorCode::PermissionDenied, 0));
    }
    assert!(bench.story().is_empty());
}

#[tokio::test]
async fn a_question_that_breaks_its_form_is_not_asked() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    for (body, place) in [
        (json!({"personalNumber": "12"}), "/question/personalNumber"),
        (
            json!({"personalNumber": "086190000001", "personalnumber": "x"}),
            "/question/personalnumber",
        ),
    ] {
        let question = Question { body: object(body), ..question("1.004227") };
        let fault = bench.ask_of("population", "tracuu", question).await.unwrap_err();
        assert_eq!(
            (fault.code, fault.violations[0].pointer.as_str()),
            (ErrorCode::InvalidRequest, place)
        );
    }
    assert!(bench.story().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_its_form_is_the_far_side_s_fault() {
    let broken = Fetched { record: object(json!({"fullName": 7})), unknown_fields: 0 };
    let bench = Bench::new(Log::Works, Ok(broken), None);
    let fault = bench.ask("tracuu", "1.004227").await.unwrap_err();
    assert_eq!(fault.code, ErrorCode::UpstreamContract);
    assert_eq!(bench.story().last().unwrap(), "outcome Failed");
}

#[tokio::test]
async fn a_far_side_that_hangs_is_asked_no_more_than_its_share() {
    let gate = Arc::new(Notify::new());
    let bench = Bench::new(Log::Works, Ok(citizen()), Some(Arc::clone(&gate)));
    let first = bench.tasks.spawn({
        let (query, caller) = (bench.query.clone(), bench.caller("tracuu"));
        let deadline = Instant::now() + Duration::from_secs(5);
        async move {
            query.ask(&caller, "request-1", "population", question("1.004227"), deadline).await
        }
    });
    while bench.story().last().is_none_or(|last| last != "asked") {
        tokio::task::yield_now().await;
    }
    let fault = bench.ask("tracuu", "1.004227").await.unwrap_err();
    assert_eq!(fault.code, ErrorCode::Overloaded);
    assert!(fault.retry_after.is_some());
    gate.notify_one();
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn services_are_told_only_to_those_who_may_ask_them() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    let names = |client| {
        let caller = bench.caller(client);
        let services = bench.query.services(&caller);
        services.iter().map(|service| service.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("tracuu"), ["enterprise", "population", "social-insurance-number"]);
    assert!(names("motcua").is_empty());
}

#[tokio::test]
async fn a_service_may_demand_an_open_dossier_of_the_asking_agency() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    let ask = async |code: &str| {
        let mut question = question("1.004227");
        question.purpose.dossier = Some(DossierCode::parse(code).unwrap());
        bench.ask_of("social-insurance-number", "tracuu", question).await.map(drop)
    };
    // Ended; unknown; of another agency.
    for code in ["H61.14-260703-0002", "H61.14-260703-0003", "H61.25-260703-0001"] {
        assert_eq!(ask(code).await.unwrap_err().code, ErrorCode::DossierNotOpen, "{code}");
    }
    assert!(bench.story().is_empty());
    ask("H61.14-260703-0001").await.unwrap();
}

#[tokio::test]
async fn a_far_side_that_is_down_is_left_alone_for_a_while() {
    let down = UpstreamError::Unavailable { what: "connect", retry_after: None };
    let bench = Bench::new(Log::Works, Err(down), None);
    for _ in 0..8 {
        let fault = bench.ask("tracuu", "1.004227").await.unwrap_err();
        assert_eq!(fault.code, ErrorCode::UpstreamUnavailable);
        assert!(fault.retry_after.is_some());
    }
    let asked = bench.story().iter().filter(|line| *line == "asked").count();
    assert_eq!(asked, 5, "then nobody is asked, and no intent is written");
    assert_eq!(bench.evidence.intents.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn a_planned_outage_is_told_with_the_time_of_return_and_nobody_is_asked() {
    let now = SystemClock.unix_millis();
    let minute = 60_000;
    let outage =
        |from, until| Some(Outage { from_unix_millis: now + from, until_unix_millis: now + until });
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    let upstream = Arc::new(FakeUpstream {
        story: Arc::clone(&bench.story),
        answer: Ok(citizen()),
        gate: None,
    });
    let with = |outage| Service { outage, ..service("population", Arc::clone(&upstream)) };
    bench.query.replace(vec![with(outage(-minute, 10 * minute))]);
    let fault = bench.ask("tracuu", "1.004227").await.unwrap_err();
    assert_eq!(fault.code, ErrorCode::UpstreamUnavailable);
    let back = fault.retry_after.unwrap().as_secs();
    assert!((590..=600).contains(&back), "{back}");
    assert!(bench.story().is_empty());
    // Before it and after it nothing is different.
    for elsewhere in [outage(minute, 2 * minute), outage(-2 * minute, -minute), None] {
        bench.query.replace(vec![with(elsewhere)]);
        bench.ask("tracuu", "1.004227").await.unwrap();
    }
}
