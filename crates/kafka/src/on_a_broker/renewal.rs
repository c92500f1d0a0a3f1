//! A producer that lost its idempotent session for good, and its successor.

use rdkafka_sys as sys;

use super::*;

/// Does to a producer what the loss of its idempotent session does.
#[expect(unsafe_code, reason = "the library's own provocation of a fatal error, for tests alone")]
fn break_for_good<S: Settle>(producer: &AckedProducer<S>) {
    let error = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // SAFETY: the client lives as long as the producer; the reason is a C string.
    let broken =
        unsafe { sys::rd_kafka_test_fatal_error(producer.native(), error, c"for a test".as_ptr()) };
    assert_eq!(broken, sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
}

fn signal(broker: &Broker, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(broker.pid().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

pub(super) async fn a_producer_beyond_repair_is_replaced_and_leaves_its_records_in_doubt(
    broker: &Broker,
    kafka: &KafkaConfig,
) {
    let producer = AckedProducer::new(kafka, "test", "0").unwrap();
    acknowledged(&producer, "before", b"{}");
    assert!(producer.renew_if_fatal().unwrap().is_none(), "all is well");

    // On their way, with a broker that does not answer.
    signal(broker, rustix::process::Signal::STOP);
    let on_their_way: Vec<_> = (0..50).map(|_| append(&producer, "before", b"{}").1).collect();
    break_for_good(&producer);
    assert!(producer.is_fatal());
    let (sent, told) = append(&producer, "meanwhile", b"{}");
    assert_eq!((sent, told.recv().unwrap()), (Err(NotTaken::Unable), Fate::NotTaken));

    let retired = producer.renew_if_fatal().unwrap().unwrap();
    assert!(!producer.is_fatal());
    // Taken at once: nobody waits for the old one's end, or for the broker.
    let (sent, next) = append(&producer, "after", b"{}");
    sent.unwrap();
    let begun = Instant::now();
    retired.retire();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for told in on_their_way {
        assert_eq!(told.try_recv().unwrap(), Fate::InDoubt, "told before the old one is gone");
    }
    signal(broker, rustix::process::Signal::CONT);
    let fate = next.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(fate, Fate::Acknowledged(..)), "{fate:?}");
    assert!(producer.renew_if_fatal().unwrap().is_none(), "once");

    let events = KafkaEventLog::connect(kafka).unwrap();
    assert_eq!(events.renew_if_fatal(), Ok(false));
    break_for_good(&events.producer);
    assert_eq!((events.renew_if_fatal(), events.is_fatal()), (Ok(true), false));
}

pub(super) async fn evidence_goes_on_in_a_new_chain(kafka: &KafkaConfig) {
    let log = Arc::new(KafkaEvidenceLog::connect(kafka, Arc::new(SystemClock)).unwrap());
    let outcome =
        || Outcome { kind: OutcomeKind::Answered, code: None, elapsed_millis: 1, released: vec![] };
    let before = evidence(kafka, Arc::clone(&log)).await.len();
    let asked = log.intent(intent(), Instant::now() + PATIENCE).await.unwrap();
    let unclosed = log.intent(intent(), Instant::now() + PATIENCE).await.unwrap();
    break_for_good(&log.producer);
    log.outcome(unclosed, outcome()).unwrap_err();
    log.intent(intent(), Instant::now() + PATIENCE).await.unwrap_err();
    assert_eq!(log.renew_if_fatal(), Ok(true));
    assert_eq!((log.renew_if_fatal(), log.is_fatal()), (Ok(false), false));
    // What was asked before is closed after.
    log.outcome(asked, outcome()).unwrap();
    let asked = log.intent(intent(), Instant::now() + PATIENCE).await.unwrap();
    log.outcome(asked, outcome()).unwrap();

    let records = evidence(kafka, log).await;
    let (_, broken) = lgsp_audit::verify(records.iter().map(Vec::as_slice));
    assert_eq!(broken, vec![]);
    let writer_and_sequence = |record: &Vec<u8>| {
        let record: serde_json::Value = serde_json::from_slice(record).unwrap();
        (record["writer"].as_str().unwrap().to_owned(), record["seq"].as_u64().unwrap())
    };
    let mut chains: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (writer, sequence) in records.iter().map(writer_and_sequence) {
        chains.entry(writer).or_default().push(sequence);
    }
    // Writers' ids grow with time: the newest two are of this log.
    let newest: Vec<_> = chains.into_values().rev().take(2).collect();
    assert_eq!(newest, [vec![1, 2, 3], vec![1, 2]]);
    assert_eq!(records.len(), before + 5);
}
