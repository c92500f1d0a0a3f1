//! Topics read by a client of the tests' own: every record, headers and all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// How long the cluster may take to answer.
const ANSWER: Duration = Duration::from_secs(20);
/// How long reading may take in all.
const PATIENCE: Duration = Duration::from_secs(300);

/// A record, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The value, byte for byte.
    pub value: Vec<u8>,
}

/// Reads a topic from its first record to what was its end when reading began.
///
/// # Errors
/// When Kafka does not answer, or reading takes too long.
pub fn read(kafka: &str, topic: &str, mut take: impl FnMut(Read)) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", "oracle")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    let mut assigned = TopicPartitionList::new();
    let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
    for partition in partitions {
        let (first, end) = consumer.fetch_watermarks(topic, partition.id(), ANSWER)?;
        if end > first {
            assigned.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
            ends.insert(partition.id(), end);
        }
    }
    consumer.assign(&assigned)?;
    let begun = Instant::now();
    while !ends.is_empty() {
        ensure!(begun.elapsed() < PATIENCE, "{topic} was not read within {PATIENCE:?}");
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message?;
        let (partition, offset) = (message.partition(), message.offset());
        let Some(end) = ends.get(&partition).copied() else { continue };
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let headers = headers.map(|header| {
            let value = String::from_utf8_lossy(header.value.unwrap_or_default());
            (header.key.to_owned(), value.into_owned())
        });
        take(Read {
            partition,
            offset,
            headers: headers.collect(),
            value: message.payload().unwrap_or_default().to_vec(),
        });
        if offset + 1 >= end {
            ends.remove(&partition);
        }
    }
    Ok(())
}
