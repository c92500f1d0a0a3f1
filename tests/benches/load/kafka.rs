//! Kafka as the floors use it: the bus's own producer settings, and what the bus wrote.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};

/// As `lgsp_kafka` sets its producers; written into the report.
pub(crate) const SETTINGS: [(&str, &str); 13] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("max.in.flight.requests.per.connection", "5"),
    ("message.timeout.ms", "0"),
    ("retry.backoff.ms", "50"),
    ("retry.backoff.max.ms", "1000"),
    ("partitioner", "murmur2_random"),
    ("compression.type", "lz4"),
    ("batch.size", "262144"),
    ("batch.num.messages", "10000"),
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("message.max.bytes", "2097152"),
];
/// As `lgsp_kafka::event_log` has it.
pub(crate) const EVENT_LINGER_MS: &str = "2";
/// As `lgsp_kafka::evidence_log` has it.
pub(crate) const EVIDENCE_LINGER_MS: &str = "0";

const DOSSIERS: &str = "lgsp.dossier.v1";
const EVIDENCE: &str = "lgsp.audit.v1";
/// Where the query's floor appends: evidence would be broken by records of others.
pub(crate) const FLOOR_EVIDENCE: &str = "bench.audit";
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn producer(bootstrap: &str, linger_ms: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("linger.ms", linger_ms);
    for (name, value) in SETTINGS {
        config.set(name, value);
    }
    config
}

fn consumer(bootstrap: &str) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false");
    Ok(config.create()?)
}

/// Tells how many partitions each topic has that is written to.
pub(crate) fn partitions(bootstrap: &str) -> Result<BTreeMap<String, usize>> {
    let metadata = consumer(bootstrap)?.fetch_metadata(None, TIMEOUT)?;
    let topics = metadata.topics().iter().filter(|topic| {
        [DOSSIERS, "lgsp.citizen.v1", "lgsp.enterprise.v1", EVIDENCE].contains(&topic.name())
    });
    Ok(topics.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect())
}

/// Makes a topic as the evidence's is.
pub(crate) async fn make_floor_evidence(bootstrap: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    let topic = NewTopic::new(FLOOR_EVIDENCE, 3, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "LogAppendTime");
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    for made in admin.create_topics([&topic], &options).await? {
        made.map_err(|(name, code)| anyhow::anyhow!("topic {name} was not made: {code}"))?;
    }
    Ok(())
}

/// Reads one record of a topic that fits.
fn find(
    bootstrap: &str,
    topic: &str,
    fits: impl Fn(&OwnedMessage) -> bool,
) -> Result<OwnedMessage> {
    let consumer = consumer(bootstrap)?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut places = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        places.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            let message = message?.detach();
            if fits(&message) {
                return Ok(message);
            }
        }
    }
    anyhow::bail!("{topic} has no such record")
}

/// Checks that the floor's records have the headers that the bus's have.
pub(crate) fn compare(bootstrap: &str, floors: &[&str]) -> Result<()> {
    let names = |message: &OwnedMessage| -> Vec<String> {
        message
            .headers()
            .map(|headers| headers.iter().map(|header| header.key.to_owned()).collect())
            .unwrap_or_default()
    };
    let by_the_bus = find(bootstrap, DOSSIERS, |message| {
        let adapter = message
            .headers()
            .and_then(|headers| headers.iter().find(|header| header.key == "ce_adapter"));
        adapter.and_then(|header| header.value) == Some(b"grpc")
    })?;
    let found = names(&by_the_bus);
    ensure!(
        found == floors,
        "the floor's headers {floors:?} are not the bus's {found:?}: mend the floor"
    );
    Ok(())
}

/// Returns the bytes of an intent that the bus recorded.
pub(crate) fn an_intent(bootstrap: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let intent = find(bootstrap, EVIDENCE, |message| {
        let text = message.payload().map(String::from_utf8_lossy).unwrap_or_default();
        text.contains("\"intent\"")
    })
    .context("no intent among the evidence")?;
    Ok((intent.key().unwrap_or_default().to_vec(), intent.payload().unwrap_or_default().to_vec()))
}
