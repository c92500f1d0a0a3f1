//! The auditor's corridor against a log that is a list.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use lgsp_audit::{Chain, Entry};
use lgsp_core::SystemClock;
use lgsp_core::digest::{hex, sha256};
use lgsp_identity::SigningKeys;
use lgsp_registry::Registry;

use super::*;
use crate::ports::EvidenceUnavailable;

const CITIZEN: &str = "086190000001";
const WITHIN: Duration = Duration::from_secs(5);

/// Keeps evidence in a list; each record of its own partition and time, as a test says.
struct Log {
    chain: Mutex<Chain>,
    records: Mutex<Vec<Result<StoredRecord, EvidenceUnreadable>>>,
    takes_intents: bool,
    readings: Mutex<Vec<Between>>,
}

impl Log {
    fn put(&self, entry: &Entry, partition: i32, unix_millis: i64) {
        let mut records = self.records.lock().unwrap();
        let append = |value: &[u8]| -> Result<(), serde_json::Error> {
            let offset = records.len() as i64;
            records.push(Ok(StoredRecord {
                topic: "lgsp.audit.v1".to_owned(),
                partition,
                offset,
                unix_millis,
                key: Vec::new(),
                headers: Vec::new(),
                value: value.to_vec(),
            }));
            Ok(())
        };
        self.chain.lock().unwrap().append(entry, unix_millis, append).unwrap();
    }

    fn entries(&self) -> Vec<Entry> {
        let records = self.records.lock().unwrap();
        records.iter().flatten().map(|one| lgsp_audit::read(&one.value).unwrap().entry).collect()
    }
}

impl EvidenceLog for Log {
    fn intent(
        &self,
        intent: Intent,
        _deadline: Instant,
    ) -> BoxFuture<'_, Result<Evidence, EvidenceUnavailable>> {
        Box::pin(async move {
            if !self.takes_intents {
                return Err(EvidenceUnavailable);
            }
            let evidence = Evidence::acknowledged(&intent);
            self.put(&Entry::Intent(intent), 0, 1000);
            Ok(evidence)
        })
    }

    fn outcome(&self, evidence: Evidence, outcome: Outcome) -> Result<(), EvidenceUnavailable> {
        self.put(&Entry::Outcome { audit_id: evidence.audit_id(), outcome }, 0, 1001);
        Ok(())
    }
}

impl EvidenceReader for Log {
    fn read(
        &self,
        evidence: &Evidence,
        between: Between,
    ) -> BoxStream<'static, Result<StoredRecord, EvidenceUnreadable>> {
        let own = |entry: &Entry| matches!(entry, Entry::Intent(one) if one.audit_id == evidence.audit_id());
        assert!(self.entries().iter().any(own), "the reading is on record before it begins");
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(between);
        let mut records = self.records.lock().unwrap().clone();
        let (from, to) = (between.from_unix_millis, between.to_unix_millis);
        records.retain(|one| match one {
            Ok(one) => {
                from.is_none_or(|from| one.unix_millis >= from)
                    && to.is_none_or(|to| one.unix_millis < to)
            }
            Err(_) => true,
        });
        // A fault ends the reading, after all else.
        records.sort_by_key(|one| one.as_ref().map_or(i32::MAX, |one| one.partition));
        stream::iter(records).boxed()
    }
}

struct Bench {
    auditing: Auditing,
    identity: Arc<Identity>,
    log: Arc<Log>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(takes_intents: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (registry, keys) = (folder.path().join("registry"), folder.path().join("keys"));
        lgsp_registry::write_sample(&registry, &|client| hex(&sha256(client.as_str().as_bytes())))
            .unwrap();
        std::fs::create_dir(&keys).unwrap();
        let identity = Arc::new(Identity::new(
            Arc::new(Registry::load(&registry).unwrap()),
            SigningKeys::load_or_create(&keys).unwrap(),
            "http://bus".to_owned(),
            Arc::new(SystemClock),
        ));
        let log = Arc::new(Log {
            chain: Mutex::new(Chain::new(Uuid::from_u128(1))),
            records: Mutex::default(),
            takes_intents,
            readings: Mutex::default(),
        });
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let auditing = Auditing::new(
            Arc::clone(&identity),
            Arc::clone(&log) as Arc<_>,
            Arc::clone(&log) as Arc<_>,
            key(),
            Arc::new(SystemClock),
            tasks.clone(),
            stopping.clone(),
        );
        Self { auditing, identity, log, tasks, stopping, _folder: folder }
    }

    fn caller(&self, client: &str) -> Principal {
        let token = self.identity.issue(&ClientId::parse(client).unwrap()).unwrap().access_token;
        self.identity.authenticate(Some(&format!("Bearer {token}"))).unwrap()
    }

    /// Puts a question on the log: its number, the partition of its intent and that of its outcome.
    fn question(&self, number: u128, officer: &str, partition: i32, ended: Option<(i32, i64)>) {
        let audit_id = Uuid::from_u128(number);
        let word = |text: &str| text.to_owned();
        let intent = Intent {
            audit_id,
            request_id: word("request"),
            client: word("tracuu"),
            agency: word("H61.14"),
            service: word("population"),
            operation: word("LookUpCitizen"),
            dossier: word("H61.14-260703-0001"),
            procedure: word("1.004227"),
            officer: word(officer),
            officer_proof: word("asserted"),
            reason: None,
            subject: key().pseudonym(CITIZEN),
        };
        self.log.put(&Entry::Intent(intent), partition, i64::try_from(number).unwrap());
        if let Some((partition, unix_millis)) = ended {
            self.log.put(&Entry::Outcome { audit_id, outcome: answered() }, partition, unix_millis);
        }
    }

    async fn search(&self, criteria: Criteria) -> Result<Answers<Found>, Fault> {
        self.search_within(criteria, WITHIN).await
    }

    async fn search_within(
        &self,
        criteria: Criteria,
        within: Duration,
    ) -> Result<Answers<Found>, Fault> {
        let deadline = Instant::now() + within;
        self.auditing.search(&self.caller("kiemtoan"), "request-1", criteria, deadline).await
    }

    async fn numbers(&self, criteria: Criteria) -> Vec<(u128, bool)> {
        let found = all(self.search(criteria).await.unwrap()).await.unwrap();
        found.iter().map(|one| (one.intent.audit_id.as_u128(), one.outcome.is_some())).collect()
    }

    /// Waits until no reading is under way.
    async fn quiet(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

fn key() -> ProvinceKey {
    ProvinceKey::new(&[7; 32])
}

fn answered() -> Outcome {
    Outcome { kind: OutcomeKind::Answered, code: None, elapsed_millis: 1, released: vec![] }
}

async fn all<T>(mut answers: Answers<T>) -> Result<Vec<T>, Fault> {
    let mut taken = Vec::new();
    while let Some(answer) = answers.recv().await {
        taken.push(answer?);
    }
    Ok(taken)
}

fn by_citizen(number: &str) -> Criteria {
    let personal_number = Some(PersonalNumber::parse(number).unwrap());
    Criteria { personal_number, ..Criteria::default() }
}

#[tokio::test]
async fn only_an_auditor_reads_and_only_with_evidence() {
    let bench = Bench::new(true);
    let deadline = Instant::now() + WITHIN;
    for client in ["motcua", "tracuu", "vanhanh"] {
        let caller = bench.caller(client);
        let denied = Fault::new(ErrorCode::PermissionDenied);
        let search = bench.auditing.search(&caller, "", Criteria::default(), deadline).await;
        assert_eq!(search.unwrap_err(), denied);
        let export = bench.auditing.export(&caller, "", Between::default(), deadline).await;
        assert_eq!(export.unwrap_err(), denied);
    }
    let away = Bench::new(false);
    let refused = away.search(Criteria::default()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AuditUnavailable);
    for bench in [bench, away] {
        assert_eq!((bench.log.entries(), bench.log.readings.lock().unwrap().len()), (vec![], 0));
    }
}

#[tokio::test]
async fn finds_questions_by_what_they_were_about() {
    let bench = Bench::new(true);
    bench.question(1, "CB0001", 1, Some((1, 2)));
    bench.question(3, "CB0002", 2, Some((2, 4)));
    let officer = |number| Criteria {
        officer: Some(OfficerNumber::parse(number).unwrap()),
        ..Criteria::default()
    };
    let both = [(1, true), (3, true)];
    assert_eq!(bench.numbers(officer("CB0001")).await, [(1, true)]);
    let service = |name: &str| Criteria { service: Some(name.to_owned()), ..Criteria::default() };
    assert_eq!(bench.numbers(service("population")).await, both);
    let dossier = DossierCode::parse("H61.14-260703-0001").unwrap();
    let dossier = Criteria { dossier: Some(dossier), ..Criteria::default() };
    assert_eq!(bench.numbers(dossier).await, both);
    let agency = AgencyCode::parse("H61.25").unwrap();
    let elsewhere = Criteria { agency: Some(agency), ..service("population") };
    assert_eq!(bench.numbers(elsewhere).await, []);
    let client = Some(ClientId::parse("tracuu").unwrap());
    let audit_id = Some(Uuid::from_u128(3));
    let one = Criteria { client, audit_id, ..Criteria::default() };
    assert_eq!(bench.numbers(one).await, [(3, true)]);
    let between = Between { from_unix_millis: Some(2), to_unix_millis: Some(1000) };
    assert_eq!(bench.numbers(Criteria { between, ..Criteria::default() }).await, [(3, true)]);
}

#[tokio::test]
async fn a_search_by_citizen_leaves_the_digest_and_finds_earlier_searches_but_not_itself() {
    let bench = Bench::new(true);
    bench.question(1, "CB0001", 1, Some((1, 2)));
    assert_eq!(bench.numbers(by_citizen(CITIZEN)).await, [(1, true)]);
    bench.quiet().await;
    let found = all(bench.search(by_citizen(CITIZEN)).await.unwrap()).await.unwrap();
    let operations: Vec<_> = found.iter().map(|one| one.intent.operation.as_str()).collect();
    assert_eq!(operations, ["SearchEvidence", "LookUpCitizen"]);
    let search = &found[0].intent;
    assert_eq!((search.client.as_str(), search.agency.as_str()), ("kiemtoan", "H61.25"));
    assert_eq!((search.service.as_str(), search.request_id.as_str()), (AUDIT, "request-1"));
    assert_eq!(search.subject, key().pseudonym(CITIZEN));
    assert_eq!(found[0].outcome.as_ref().unwrap().0.kind, OutcomeKind::Answered);
    assert!(!format!("{found:?} {:?}", by_citizen(CITIZEN)).contains(CITIZEN));
    assert_eq!(bench.numbers(by_citizen("086190000002")).await, []);
    bench.quiet().await;
    let last = bench.log.entries().pop().unwrap();
    assert!(
        matches!(last, Entry::Outcome { outcome, .. } if outcome.kind == OutcomeKind::NotFound)
    );
}

#[tokio::test]
async fn an_outcome_is_found_in_another_partition_and_after_the_span_and_a_lack_of_it_is_told() {
    let bench = Bench::new(true);
    bench.question(5, "CB0001", 1, Some((0, 7)));
    bench.question(6, "CB0001", 1, Some((1, 500)));
    bench.question(8, "CB0001", 2, None);
    let between = Between { from_unix_millis: None, to_unix_millis: Some(100) };
    let wanted = Criteria { between, ..by_citizen(CITIZEN) };
    assert_eq!(bench.numbers(wanted).await, [(5, true), (6, true), (8, false)]);
    let again = Between { from_unix_millis: Some(5), to_unix_millis: None };
    assert_eq!(*bench.log.readings.lock().unwrap(), [between, again]);
}

#[tokio::test]
async fn an_export_gives_every_record_as_it_lies() {
    let bench = Bench::new(true);
    bench.question(1, "CB0001", 0, Some((0, 2)));
    let deadline = Instant::now() + WITHIN;
    let caller = bench.caller("kiemtoan");
    let export = bench.auditing.export(&caller, "", Between::default(), deadline).await;
    let records = all(export.unwrap()).await.unwrap();
    bench.quiet().await;
    let kept = bench.log.records.lock().unwrap().clone();
    // Its own outcome came later.
    assert_eq!((records.len(), kept.len()), (3, 4));
    assert!(kept.iter().zip(&records).all(|(kept, given)| kept.as_ref() == Ok(given)));
    let (entries, found) = lgsp_audit::verify(records.iter().map(|one| one.value.as_slice()));
    assert_eq!((entries.len(), found), (3, vec![]));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_to_its_end_is_a_fault_and_never_a_short_answer() {
    let bench = Bench::new(true);
    bench.question(1, "CB0001", 0, Some((0, 2)));
    bench.log.records.lock().unwrap().push(Err(EvidenceUnreadable));
    let fault = all(bench.search(by_citizen(CITIZEN)).await.unwrap()).await.unwrap_err();
    assert_eq!(fault.code, ErrorCode::AuditUnavailable);
    bench.quiet().await;
    let last = bench.log.entries().pop().unwrap();
    let Entry::Outcome { outcome, .. } = last else { panic!("{last:?}") };
    assert_eq!(
        (outcome.kind, outcome.code.as_deref()),
        (OutcomeKind::Failed, Some("audit_unavailable"))
    );
}

#[tokio::test]
async fn few_read_at_once_and_those_who_leave_or_are_stopped_make_room() {
    let bench = Bench::new(true);
    for number in 1..1000 {
        bench.question(number, "CB0001", 0, Some((0, 1)));
    }
    // Neither takes its answers, so that both are under way.
    let (first, mut second) = (
        bench.search(by_citizen(CITIZEN)).await.unwrap(),
        bench.search(by_citizen(CITIZEN)).await.unwrap(),
    );
    let refused =
        bench.search_within(by_citizen(CITIZEN), Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Overloaded);
    drop(first);
    bench.stopping.cancel();
    let mut last = None;
    while let Some(answer) = second.recv().await {
        last = Some(answer);
    }
    assert_eq!(last.unwrap().unwrap_err().code, ErrorCode::ShuttingDown);
    bench.quiet().await;
    let ends = bench.log.entries().into_iter().rev().take(2);
    let failed = ends.filter(
        |one| matches!(one, Entry::Outcome { outcome, .. } if outcome.kind == OutcomeKind::Failed),
    );
    assert_eq!(failed.count(), 2);
}
