//! Evidence read back for auditors.

use futures_util::StreamExt;
use lgsp_audit::{Evidence, StoredRecord};
use lgsp_query::auditing::{Between, EvidenceReader};

use super::*;

async fn read(reader: &KafkaEvidenceReader, between: Between) -> Vec<StoredRecord> {
    let stream = reader.read(&Evidence::acknowledged(&intent()), between);
    stream.map(Result::unwrap).collect().await
}

pub(super) async fn gives_what_lies_in_the_log_and_stops_for_who_takes_no_more(
    kafka: &KafkaConfig,
) {
    // More than is read ahead, of several writers and so in several partitions.
    for _ in 0..4 {
        let log = KafkaEvidenceLog::connect(kafka, Arc::new(SystemClock)).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let all = (0..200).map(|_| log.intent(intent(), deadline));
        assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    }
    let tracker = TaskTracker::new();
    let reader = KafkaEvidenceReader::new(kafka, tracker.clone());
    let records = read(&reader, Between::default()).await;
    let places: Vec<_> = records.iter().map(|one| (one.partition, one.offset)).collect();
    assert!(places.is_sorted(), "partition by partition, each in its order");
    assert!(places.len() >= 800, "{}", places.len());
    let (entries, found) = lgsp_audit::verify(records.iter().map(|one| one.value.as_slice()));
    assert_eq!((entries.len(), found), (records.len(), vec![]));
    for record in &records {
        let writer = lgsp_audit::read(&record.value).unwrap().writer;
        assert_eq!(record.key, writer.to_string().as_bytes());
    }

    // A span begins with its first millisecond and ends before its last.
    let middle = records[records.len() / 2].unix_millis;
    let before = Between { from_unix_millis: None, to_unix_millis: Some(middle) };
    let after = Between { from_unix_millis: Some(middle), to_unix_millis: None };
    let (before, after) = (read(&reader, before).await, read(&reader, after).await);
    assert!(before.iter().all(|one| one.unix_millis < middle));
    assert!(after.iter().all(|one| one.unix_millis >= middle));
    assert_eq!(before.len() + after.len(), records.len());
    let future = SystemClock.unix_millis() + 60_000;
    let future = Between { from_unix_millis: Some(future), to_unix_millis: None };
    assert_eq!(read(&reader, future).await, []);

    let mut left = reader.read(&Evidence::acknowledged(&intent()), Between::default());
    assert!(left.next().await.is_some_and(|record| record.is_ok()));
    drop(left);
    tracker.close();
    tokio::time::timeout(PATIENCE, tracker.wait()).await.unwrap();
}
