//! The room on a real broker: what its ports promise, kept by Kafka itself.
//!
//! One broker serves all scenarios of this file, which run one after the other. How the broker
//! is supervised is tested in `tests/supervised_broker.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lgsp_audit::{Entry, Intent, Outcome, OutcomeKind};
use lgsp_core::{Clock, SystemClock};
use lgsp_query::EvidenceLog;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::producer::{AckedProducer, NotTaken, Outgoing, Settle};
use crate::*;

mod lag;
mod reading_evidence;
mod renewal;
mod replaying;

const DOSSIERS: &str = "lgsp.dossier.v1";
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a record, told to the test.
#[derive(Debug, PartialEq)]
enum Fate {
    Acknowledged(i32, i64),
    Failed,
    NotTaken,
    InDoubt,
}

struct Told(Option<mpsc::Sender<Fate>>);

impl Told {
    fn tell(&mut self, fate: Fate) {
        self.0.take().unwrap().send(fate).unwrap();
    }
}

impl Settle for Told {
    fn acknowledged(mut self, partition: i32, offset: i64) {
        self.tell(Fate::Acknowledged(partition, offset));
    }

    fn failed(mut self) {
        self.tell(Fate::Failed);
    }

    fn not_taken(mut self) {
        self.tell(Fate::NotTaken);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            drop(tell.send(Fate::InDoubt));
        }
    }
}

fn libs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kafka/libs")
}

fn append(
    producer: &AckedProducer<Told>,
    key: &str,
    value: &[u8],
) -> (Result<(), NotTaken>, mpsc::Receiver<Fate>) {
    let (tell, told) = mpsc::channel();
    let headers = [("ce_id", key), ("content-type", "application/json")].into_iter();
    (producer.send(Outgoing { topic: DOSSIERS, key, headers, value }, Told(Some(tell))), told)
}

fn acknowledged(producer: &AckedProducer<Told>, key: &str, value: &[u8]) -> (i32, i64) {
    let (sent, told) = append(producer, key, value);
    sent.unwrap();
    match told.recv_timeout(PATIENCE).unwrap() {
        Fate::Acknowledged(partition, offset) => (partition, offset),
        other => panic!("{other:?}"),
    }
}

fn intent() -> Intent {
    let word = || "x".to_owned();
    Intent {
        audit_id: Uuid::now_v7(),
        request_id: word(),
        client: word(),
        agency: word(),
        service: word(),
        operation: word(),
        dossier: word(),
        procedure: word(),
        officer: word(),
        officer_proof: word(),
        reason: None,
        subject: word(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_keeps_its_promises_on_a_real_broker() {
    let data = tempfile::tempdir().unwrap();
    let (shutdown, tracker) = (CancellationToken::new(), TaskTracker::new());
    let config = BrokerConfig {
        data_dir: data.path().into(),
        port: 0,
        libs: libs(),
        java: "java".into(),
        heap_mib: 384,
    };
    let broker = Broker::start(config, shutdown.clone(), &tracker).await.unwrap();
    let kafka = KafkaConfig::new(broker.bootstrap());

    tells_which_cluster_it_is(&kafka, data.path()).await;
    makes_topics_and_reports_how_they_differ(&kafka).await;
    evidence_is_durable_and_chained(&kafka).await;
    reading_evidence::gives_what_lies_in_the_log_and_stops_for_who_takes_no_more(&kafka).await;
    let scenarios = {
        let kafka = kafka.clone();
        move || {
            appends_and_reads_again_exactly_what_was_sent(&kafka);
            refuses_what_is_too_large(&kafka);
            takes_no_success_without_an_offset_for_a_receipt(&kafka);
            replaying::reads_on_when_a_partition_ends_too_early(&kafka);
            replaying::ends_where_the_last_offsets_hold_no_records(&kafka);
            lag::tells_how_far_groups_are(&kafka);
        }
    };
    tokio::task::spawn_blocking(scenarios).await.unwrap();
    renewal::a_producer_beyond_repair_is_replaced_and_leaves_its_records_in_doubt(&broker, &kafka)
        .await;
    renewal::evidence_goes_on_in_a_new_chain(&kafka).await;
    a_record_in_doubt_is_acknowledged_after_the_broker_came_back(&broker, &kafka).await;

    shutdown.cancel();
    tracker.close();
    tracker.wait().await;
    assert_eq!(broker.pid(), None);
    evidence_without_a_broker_is_refused_at_its_deadline(&kafka).await;
}

async fn tells_which_cluster_it_is(kafka: &KafkaConfig, data: &Path) {
    let id = cluster_id(kafka).await.unwrap();
    let meta = std::fs::read_to_string(data.join("kafka/logs/meta.properties")).unwrap();
    assert!(meta.lines().any(|line| line == format!("cluster.id={id}")), "{id} in {meta}");
}

async fn makes_topics_and_reports_how_they_differ(kafka: &KafkaConfig) {
    let topics = Topics::bundled().unwrap();
    assert_eq!(topics.ensure(kafka).await.unwrap(), []);
    assert_eq!(topics.ensure(kafka).await.unwrap(), [], "made as declared");
    assert!(
        topics.describe(kafka).await.unwrap().iter().all(|one| one.actual_partitions.is_some())
    );

    let other = "[cluster]\nreplication = 1\nmin_insync_replicas = 1\n[[topic]]\nname = \"lgsp.citizen.v1\"\npartitions = 7\nretention_days = 31";
    let drift = Topics::parse(other).unwrap().ensure(kafka).await.unwrap();
    let drift: Vec<_> = drift
        .iter()
        .map(|one| (one.setting.as_str(), one.declared.as_str(), one.actual.as_str()))
        .collect();
    assert_eq!(drift, [("partitions", "7", "6"), ("retention.ms", "2678400000", "2592000000")]);
    assert_eq!(topics.ensure(kafka).await.unwrap(), [], "reporting changes nothing");
}

fn appends_and_reads_again_exactly_what_was_sent(kafka: &KafkaConfig) {
    let before = SystemClock.unix_millis();
    let producer = AckedProducer::new(kafka, "test", "2").unwrap();
    let mut sent = BTreeMap::new();
    for number in 0..200 {
        let (key, value) = (format!("H{number:03}"), format!("{{\"number\":{number}}}"));
        let place = acknowledged(&producer, &key, value.as_bytes());
        sent.insert(place, (key, value));
    }
    let partitions: std::collections::BTreeSet<_> =
        sent.keys().map(|(partition, _)| *partition).collect();
    assert!(partitions.len() > 6, "keys spread over the partitions: {partitions:?}");

    let read = |from: &[(String, i32, i64)], since| {
        let mut read = BTreeMap::new();
        let count = replay(kafka, &[DOSSIERS], from, since, |record| {
            assert_eq!(record.header("ce_id"), record.key());
            assert_eq!(record.header("ce_none"), None);
            assert!(record.unix_millis().is_some());
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            read.insert(
                (record.partition(), record.offset()),
                (text(record.key()), text(record.value())),
            );
        })?;
        assert_eq!(count, read.len() as u64);
        Ok::<_, KafkaError>(read)
    };
    assert_eq!(read(&[], before - 60_000).unwrap(), sent, "within the window");
    assert_eq!(
        read(&[], SystemClock.unix_millis() + 60_000).unwrap(),
        BTreeMap::new(),
        "nothing that young"
    );
    let (&(partition, last), _) = sent.last_key_value().unwrap();
    let checkpoint = |offset| [(DOSSIERS.to_owned(), partition, offset)];
    let rest = read(&checkpoint(last), SystemClock.unix_millis() + 60_000).unwrap();
    assert_eq!(rest.keys().collect::<Vec<_>>(), [&(partition, last)], "from the checkpoint");
    let beyond = read(&checkpoint(last + 2), 0).unwrap_err();
    assert!(
        matches!(beyond, KafkaError::CheckpointBeyondEnd { checkpoint, end, .. } if checkpoint == end + 1),
        "{beyond}"
    );
    let missing = replay(kafka, &["lgsp.none.v1"], &[], 0, |_| {}).unwrap_err();
    assert!(matches!(missing, KafkaError::NoSuchTopic { .. }), "{missing}");
}

fn refuses_what_is_too_large(kafka: &KafkaConfig) {
    let producer = AckedProducer::new(kafka, "test", "2").unwrap();
    let (sent, told) = append(&producer, "large", &vec![b' '; 3 * 1024 * 1024]);
    assert_eq!((sent, told.recv().unwrap()), (Err(NotTaken::Refused), Fate::Failed));
    // As large as the door lets through, and not compressible to less than it is.
    let noise: Vec<u8> = (0..110_000).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    acknowledged(&producer, "noise", &noise);
}

fn takes_no_success_without_an_offset_for_a_receipt(kafka: &KafkaConfig) {
    // A broker that is asked for no answer tells no offset; the library reports a success.
    let mut settings = producer::settings(kafka, "0");
    settings.set("enable.idempotence", "false").set("acks", "0");
    let producer = AckedProducer::with_settings(settings, "test").unwrap();
    let (sent, told) = append(&producer, "unanswered", b"{}");
    sent.unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Fate::InDoubt);
}

async fn evidence_is_durable_and_chained(kafka: &KafkaConfig) {
    let log = Arc::new(KafkaEvidenceLog::connect(kafka, Arc::new(SystemClock)).unwrap());
    let intents: Vec<_> = (0..20).map(|_| intent()).collect();
    let (asker, asked) = (log.clone(), intents.clone());
    let tracker = TaskTracker::new();
    for one in asked {
        let log = asker.clone();
        tracker.spawn(async move {
            let evidence = log.intent(one, Instant::now() + PATIENCE).await.unwrap();
            let outcome = Outcome {
                kind: OutcomeKind::Answered,
                code: None,
                elapsed_millis: 1,
                released: vec![],
            };
            log.outcome(evidence, outcome).unwrap();
        });
    }
    tracker.close();
    tracker.wait().await;
    // Too late from the start: nothing may be asked, and the log says so.
    let late = intent();
    log.intent(late.clone(), Instant::now() - Duration::from_secs(1)).await.unwrap_err();

    let records = evidence(kafka, log).await;
    let (entries, broken) = lgsp_audit::verify(records.iter().map(Vec::as_slice));
    assert_eq!(broken, vec![]);
    assert_eq!(entries.len(), 2 * (intents.len() + 1));
    let ends: BTreeMap<_, _> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Outcome { audit_id, outcome } => Some((*audit_id, outcome.kind)),
            Entry::Intent(_) => None,
        })
        .collect();
    assert_eq!(ends[&late.audit_id], OutcomeKind::NotAsked);
    assert!(intents.iter().all(|intent| ends[&intent.audit_id] == OutcomeKind::Answered));
}

/// Reads all evidence once everything handed over is durable.
async fn evidence(kafka: &KafkaConfig, log: Arc<KafkaEvidenceLog>) -> Vec<Vec<u8>> {
    let kafka = kafka.clone();
    let records = tokio::task::spawn_blocking(move || {
        assert_eq!(log.flush(PATIENCE), 0);
        let mut records = Vec::new();
        replay(&kafka, &[evidence_log::TOPIC], &[], 0, |record| {
            records.push(record.value().unwrap().to_vec())
        })
        .unwrap();
        records
    });
    records.await.unwrap()
}

async fn a_record_in_doubt_is_acknowledged_after_the_broker_came_back(
    broker: &Broker,
    kafka: &KafkaConfig,
) {
    let producer = AckedProducer::new(kafka, "test", "2").unwrap();
    let (partition, before) = acknowledged(&producer, "doubt", b"before");
    let first = broker.pid().unwrap();
    let pid = rustix::process::Pid::from_raw(first as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let (sent, told) = append(&producer, "doubt", b"during");
    sent.unwrap();
    // Waiting is on a blocking thread: the supervisor needs none of ours.
    let fate =
        tokio::task::spawn_blocking(move || told.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    assert_eq!(fate, Fate::Acknowledged(partition, before + 1), "once, in order");
    assert!(broker.pid().is_some_and(|pid| pid != first), "another process");
    assert!(!producer.is_fatal());
}

async fn evidence_without_a_broker_is_refused_at_its_deadline(kafka: &KafkaConfig) {
    let log = KafkaEvidenceLog::connect(kafka, Arc::new(SystemClock)).unwrap();
    let begun = Instant::now();
    let deadline = begun + Duration::from_millis(200);
    let all = (0..evidence_log::MAX_WAITING).map(|_| log.intent(intent(), deadline));
    let refused = futures_util::future::join_all(all).await;
    assert!(refused.iter().all(Result::is_err));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let queued = log.in_flight();
    assert_eq!(queued, 2 * evidence_log::MAX_WAITING, "each closed as not asked");
    log.intent(intent(), Instant::now() + PATIENCE).await.unwrap_err();
    assert_eq!(log.in_flight(), queued, "beyond the bound: refused at once, without a trace");
}
