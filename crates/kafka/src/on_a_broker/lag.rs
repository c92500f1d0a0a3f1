//! How far groups are: of groups that run, and of groups that have stopped.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use lgsp_lag::{GroupLag, Snapshot, Status};

use super::*;

fn group(kafka: &KafkaConfig, name: &str) -> BaseConsumer {
    let mut settings = kafka.client();
    settings
        .set("group.id", name)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    settings.create().unwrap()
}

fn commit(kafka: &KafkaConfig, name: &str, topic: &str, offsets: &[(i32, i64)]) {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).unwrap();
    }
    group(kafka, name).commit(&list, CommitMode::Sync).unwrap();
}

fn ends(kafka: &KafkaConfig, topic: &str, partitions: i32) -> Vec<(i32, i64)> {
    let reader = group(kafka, "reader");
    let end = |partition| reader.fetch_watermarks(topic, partition, PATIENCE).unwrap().1;
    (0..partitions).map(|partition| (partition, end(partition))).collect()
}

fn of<'a>(snapshot: &'a Snapshot, name: &str) -> &'a GroupLag {
    snapshot.groups.iter().find(|group| &*group.group == name).unwrap()
}

pub(super) fn tells_how_far_groups_are(kafka: &KafkaConfig) {
    // One group read all but the last 2 records of one partition.
    let producer = AckedProducer::new(kafka, "test", "2").unwrap();
    let (partition, offset) = acknowledged(&producer, "one", b"{}");
    for _ in 0..2 {
        acknowledged(&producer, "one", b"{}");
    }
    let mut read = ends(kafka, DOSSIERS, 12);
    read[partition as usize].1 = offset + 1;
    commit(kafka, "thong-ke", DOSSIERS, &read);
    // Another stopped before it ever committed in most of the partitions.
    commit(kafka, "bo-sot", DOSSIERS, &[(partition, offset + 3)]);
    // Another did too, where there is nothing to read.
    commit(kafka, "khong-sot", "lgsp.citizen.v1", &[(2, 0)]);
    // Another reads and never commits.
    let silent = group(kafka, "im-lang");
    silent.subscribe(&["lgsp.enterprise.v1"]).unwrap();

    let mut poller = LagPoller::connect(kafka, Arc::new(SystemClock)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let snapshot = loop {
        drop(silent.poll(Duration::from_millis(100)));
        let snapshot = poller.poll();
        assert_eq!(snapshot.failure, None);
        let assigned = snapshot
            .groups
            .iter()
            .any(|group| &*group.group == "im-lang" && !group.topics.is_empty());
        if assigned {
            break snapshot;
        }
        assert!(Instant::now() < deadline, "{snapshot:?}");
    };
    let read = of(&snapshot, "thong-ke");
    assert_eq!((read.lag_records, read.topics.len()), (Some(2), 1));
    assert!((0.0..60.0).contains(&read.lag_seconds.unwrap()), "{read:?}");
    let holed = of(&snapshot, "bo-sot");
    assert_eq!((holed.status, holed.lag_records), (Status::Unknown, None), "never 0");
    assert_eq!(holed.topics[0].partitions.len(), 12, "what it left out is shown");
    let whole = of(&snapshot, "khong-sot");
    assert_eq!((whole.status, whole.lag_records), (Status::Ok, Some(0)));
    assert_eq!(whole.topics[0].partitions.len(), 6);
    let silent = of(&snapshot, "im-lang");
    assert_eq!((silent.status, silent.lag_records), (Status::Unknown, None), "never 0");
    assert_eq!(silent.topics[0].partitions.len(), 6);
    assert_eq!(snapshot.groups.len(), 4, "readers without a group leave none behind");
}
