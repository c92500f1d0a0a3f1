//! What operators ask the running process, gathered from the pollers.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use lgsp_core::Clock;
use lgsp_gateway::{Check, Operations, TopicState};
use lgsp_ingest::Book;
use lgsp_kafka::topics::Described;
use lgsp_kafka::{KafkaConfig, KafkaEventLog, KafkaEvidenceLog, LagReader, Topics};
use lgsp_lag::Snapshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often topics are compared with what is declared.
const TOPICS_EVERY: Duration = Duration::from_secs(15);

/// Without an answer for this long the cluster counts as away.
const SILENCE_MILLIS: i64 = 10_000;

/// The state of the process.
pub(crate) struct State {
    pub(crate) lag: LagReader,
    pub(crate) topics: ArcSwap<Vec<TopicState>>,
    pub(crate) book: Arc<Book>,
    pub(crate) events: Arc<KafkaEventLog>,
    pub(crate) evidence: Arc<KafkaEvidenceLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stopping: CancellationToken,
}

impl Operations for State {
    fn lag(&self) -> Snapshot {
        Snapshot::clone(&self.lag.snapshot())
    }

    fn topics(&self) -> Vec<TopicState> {
        let sizes = &self.lag.snapshot().topics;
        let with_size = |topic: &TopicState| {
            let size = sizes.iter().find(|size| *size.topic == *topic.name);
            TopicState { records: size.and_then(|size| size.records), ..topic.clone() }
        };
        self.topics.load().iter().map(with_size).collect()
    }

    fn checks(&self) -> Vec<Check> {
        let health = self.lag.health();
        let answered = health.answered_unix_millis();
        let silent =
            answered.is_none_or(|answered| self.clock.unix_millis() - answered > SILENCE_MILLIS);
        // A single failed poll tells at once, a silent poller after a while.
        let kafka = health
            .last_error()
            .or_else(|| silent.then(|| "no answer for more than 10 s".to_owned()));
        let fatal = |is_fatal: bool| {
            is_fatal.then(|| "the producer lost its place in the log and is made anew".to_owned())
        };
        let receipts = self.book.store_failed().then(|| match self.book.is_shared() {
            true => "the receipts' PostgreSQL does not answer".to_owned(),
            false => "receipts cannot be stored: is the disk full?".to_owned(),
        });
        vec![
            Check { name: "kafka", fault: kafka },
            Check { name: "events", fault: fatal(self.events.is_fatal()) },
            Check { name: "audit", fault: fatal(self.evidence.is_fatal()) },
            Check { name: "receipts", fault: receipts },
        ]
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }
}

impl State {
    /// Compares the topics with what is declared, now and then, until the shutdown.
    pub(crate) fn watch_topics(
        self: &Arc<Self>,
        declared: Arc<Topics>,
        kafka: KafkaConfig,
        shutdown: CancellationToken,
        tasks: &TaskTracker,
    ) {
        let this = Arc::clone(self);
        tasks.spawn(async move {
            loop {
                // While the cluster is away the last state stays.
                if let Ok(described) = declared.describe(&kafka).await {
                    this.topics.store(Arc::new(states(&described)));
                }
                if shutdown.run_until_cancelled(tokio::time::sleep(TOPICS_EVERY)).await.is_none() {
                    return;
                }
            }
        });
    }
}

/// Puts described topics into the gateway's words.
pub(crate) fn states(described: &[Described]) -> Vec<TopicState> {
    described.iter().map(state_of).collect()
}

fn state_of(described: &Described) -> TopicState {
    let drift = described.drift.iter();
    TopicState {
        name: described.topic.name.clone(),
        declared_partitions: described.topic.partitions.into(),
        partitions: described.actual_partitions.and_then(|count| i32::try_from(count).ok()),
        drift: drift
            .map(|drift| {
                format!("{}: declared {}, found {}", drift.setting, drift.declared, drift.actual)
            })
            .collect(),
        records: None,
    }
}
