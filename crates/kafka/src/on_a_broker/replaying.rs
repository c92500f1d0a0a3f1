//! Where reading a topic again ends.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::*;
use crate::replay::tests::read_until;

const TOPIC: &str = "lgsp.citizen.v1.dlq";

/// Appends to the one partition that the key belongs to.
fn append_some(producer: &AckedProducer<Told>, count: usize) -> (i32, i64) {
    let places: Vec<_> = (0..count).map(|_| acknowledged(producer, "replay", b"{}")).collect();
    *places.last().unwrap()
}

pub(super) fn reads_on_when_a_partition_ends_too_early(kafka: &KafkaConfig) {
    let producer = AckedProducer::new(kafka, "test", "0").unwrap();
    let (partition, last) = append_some(&producer, 3);
    let span = (last - 2, last + 3);
    let place = (DOSSIERS, partition);
    // As of a new leader that does not know of the last 2 records, and never will.
    let short = read_until(kafka, place, span, Duration::from_secs(1), |_| {}).unwrap_err();
    assert_eq!(short, KafkaError::Stalled { topic: DOSSIERS.to_owned(), left: 1 });
    // And of one that learns of them after it was read to its end.
    let (seen, appended) = mpsc::channel();
    let later = std::thread::spawn(move || {
        appended.recv().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        append_some(&producer, 2)
    });
    let mut offsets = Vec::new();
    let read = read_until(kafka, place, span, PATIENCE, |record| {
        offsets.push(record.offset());
        seen.send(()).ok();
    });
    assert_eq!(later.join().unwrap(), (partition, last + 2));
    assert_eq!(read, Ok(5));
    assert_eq!(offsets, (last - 2..last + 3).collect::<Vec<_>>(), "each once, in order");
}

pub(super) fn ends_where_the_last_offsets_hold_no_records(kafka: &KafkaConfig) {
    let mut settings = kafka.client();
    settings.set("transactional.id", "test").set("partitioner", "murmur2_random");
    let producer: BaseProducer = settings.create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::to(TOPIC).key("one").payload("{}")).unwrap();
    producer.commit_transaction(PATIENCE).unwrap();
    // The record, and after it the marker that the transaction ended.
    let begun = Instant::now();
    let mut offsets = Vec::new();
    let read = replay(kafka, &[TOPIC], &[], 0, |record| offsets.push(record.offset())).unwrap();
    assert_eq!((read, offsets), (1, vec![0]));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
