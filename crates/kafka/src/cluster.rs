//! What a cluster says of itself: who it is, its brokers and its topics.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::Metadata;

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the cluster's id, which it got when its first broker was formatted: another id is
/// another cluster, with other offsets.
///
/// # Errors
/// When the cluster does not answer, or does not tell its id.
pub async fn cluster_id(config: &KafkaConfig) -> Result<String, KafkaError> {
    const WHAT: &str = "tell its cluster id";
    ask(config, WHAT, |client, _| {
        // Known since the answer with the metadata.
        let id = client.client().fetch_cluster_id(Duration::ZERO).filter(|id| !id.is_empty());
        id.ok_or_else(|| KafkaError::Request { what: WHAT, why: "the answer has none".to_owned() })
    })
    .await
}

/// How large a cluster is and what it has.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// The number of brokers that are up.
    pub(crate) brokers: usize,
    /// Its topics: name, number of partitions, replicas of the first.
    pub(crate) topics: BTreeMap<String, (usize, usize)>,
}

pub(crate) async fn inventory(config: &KafkaConfig) -> Result<Inventory, KafkaError> {
    ask(config, "list topics", |_, metadata| {
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let topics = topics
            .map(|topic| {
                let replicas =
                    topic.partitions().first().map_or(0, |partition| partition.replicas().len());
                (topic.name().to_owned(), (topic.partitions().len(), replicas))
            })
            .collect();
        Ok(Inventory { brokers: metadata.brokers().len(), topics })
    })
    .await
}

/// Asks with a client of its own, on a blocking thread.
async fn ask<T: Send + 'static>(
    config: &KafkaConfig,
    what: &'static str,
    read: impl FnOnce(&BaseConsumer<Voice>, &Metadata) -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    let config = config.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer<Voice> =
            config.client().create_with_context(Voice::new("cluster"))?;
        let metadata =
            client.fetch_metadata(None, REQUEST_TIMEOUT).map_err(KafkaError::request(what))?;
        read(&client, &metadata)
    });
    asked
        .await
        .unwrap_or_else(|_| Err(KafkaError::Request { what, why: "the thread died".to_owned() }))
}
