//! The lag poller: reads where groups stand and where partitions end, and feeds the lag model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lgsp_core::Clock;
use lgsp_lag::{
    GroupOffsets, GroupPosition, Model, Observation, PartitionEnds, Place, RecordTime, Snapshot,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;
use crate::group_offsets;
use crate::health::Health;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Records whose time is looked up in one poll, at most; the others are unknown until the next.
const MAX_RECORD_TIMES: usize = 64;
/// How long one round of looking record times up may take.
const RECORD_TIMES_TIMEOUT: Duration = Duration::from_secs(2);

/// Polls the cluster and keeps the model. Its calls block: [`LagPoller::run`] puts them on
/// blocking threads.
pub struct LagPoller {
    consumer: BaseConsumer<Voice>,
    model: Model,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
}

impl std::fmt::Debug for LagPoller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LagPoller").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Reads the newest figures; never touches the broker.
#[derive(Debug, Clone)]
pub struct LagReader {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    health: Arc<Health>,
}

impl LagReader {
    /// Returns the newest figures.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Waits for figures newer than those last seen by this reader; returns the newest figures
    /// at once when the poller has ended.
    pub async fn changed(&mut self) -> Arc<Snapshot> {
        // An ended poller leaves its last figures, whose age tells.
        drop(self.snapshots.changed().await);
        Arc::clone(&self.snapshots.borrow_and_update())
    }

    /// Returns when the cluster last answered and what it failed of since.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }
}

impl LagPoller {
    /// Sets a poller up; it connects in the background.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn connect(config: &KafkaConfig, clock: Arc<dyn Clock>) -> Result<Self, KafkaError> {
        let mut settings = config.reader();
        settings
            // A record is read for its time alone: fetch as little as there can be. The broker
            // always gives one whole batch, however large.
            .set("max.partition.fetch.bytes", "1024")
            .set("queued.min.messages", "1")
            .set("queued.max.messages.kbytes", "64")
            .set("fetch.wait.max.ms", "100");
        Ok(Self {
            consumer: settings.create_with_context(Voice::new("lag"))?,
            model: Model::new(),
            clock,
            health: Arc::new(Health::new()),
        })
    }

    /// Polls at once and then every so often until shutdown, in a task of the tracker; returns
    /// the reader of the figures.
    pub fn run(
        self,
        every: Duration,
        shutdown: CancellationToken,
        tracker: &TaskTracker,
    ) -> LagReader {
        let (tell, snapshots) = watch::channel(Arc::new(self.model.snapshot()));
        let reader = LagReader { snapshots, health: Arc::clone(&self.health) };
        let blocking = tracker.clone();
        tracker.spawn(async move {
            let mut poller = self;
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
                let polled = blocking.spawn_blocking(move || {
                    let snapshot = poller.poll();
                    (poller, snapshot)
                });
                let Ok((back, snapshot)) = polled.await else { break };
                poller = back;
                tell.send_replace(Arc::new(snapshot));
            }
        });
        reader
    }

    /// Polls once and returns the figures. After a failure they are the old ones, with its
    /// reason. Blocks.
    pub fn poll(&mut self) -> Snapshot {
        // Serves the library's log lines; nothing is assigned, so no record can come.
        drop(self.consumer.poll(Duration::ZERO));
        let failed_before = self.health.last_error().is_some();
        match self.observe() {
            Ok(observation) => {
                if failed_before {
                    info!("lag is polled again");
                }
                self.health.answered(observation.taken_unix_millis);
                self.model.observe(observation);
            }
            Err(error) => {
                if !failed_before {
                    warn!(%error, "lag cannot be polled: its figures age");
                }
                self.health.failed(error.to_string());
                self.model.poll_failed(self.clock.unix_millis(), error.to_string());
            }
        }
        self.model.snapshot()
    }

    fn observe(&self) -> Result<Observation, KafkaError> {
        // Commits before ends: what is committed was written before, so lag is never negative.
        let groups = self.groups()?;
        let ends = self.ends()?;
        let mut observation = Observation {
            taken_unix_millis: self.clock.unix_millis(),
            ends,
            groups,
            record_times: Vec::new(),
        };
        let mut unresolved = self.model.unresolved(&observation);
        unresolved.truncate(MAX_RECORD_TIMES);
        observation.record_times = self.record_times(unresolved)?;
        Ok(observation)
    }

    fn groups(&self) -> Result<Vec<GroupOffsets>, KafkaError> {
        let names = group_offsets::list_groups(&self.consumer, REQUEST_TIMEOUT)?;
        let mut assigned: HashMap<_, _> =
            group_offsets::assigned(&self.consumer, &names, REQUEST_TIMEOUT)?.into_iter().collect();
        let group = |name: String| {
            // Assigned and never committed is known, and its offset is not.
            let mut positions: BTreeMap<(String, i32), Option<i64>> = BTreeMap::new();
            positions.extend(
                assigned.remove(&name).unwrap_or_default().into_iter().map(|place| (place, None)),
            );
            let committed = group_offsets::committed(&self.consumer, &name, REQUEST_TIMEOUT);
            let positions = committed.ok().map(|committed| {
                positions.extend(
                    committed
                        .into_iter()
                        .map(|(topic, partition, offset)| ((topic, partition), offset)),
                );
                let position = |((topic, partition), committed): ((String, i32), _)| {
                    GroupPosition { place: Place { topic: topic.into(), partition }, committed }
                };
                positions.into_iter().map(position).collect()
            });
            GroupOffsets { group: name.into(), positions }
        };
        Ok(names.into_iter().map(group).collect())
    }

    /// Reads where every partition starts and ends, but for Kafka's internal topics.
    fn ends(&self) -> Result<Vec<PartitionEnds>, KafkaError> {
        let metadata = self
            .consumer
            .fetch_metadata(None, REQUEST_TIMEOUT)
            .map_err(KafkaError::request("list topics"))?;
        let mut places = BTreeSet::new();
        for topic in metadata.topics().iter().filter(|topic| !topic.name().starts_with("__")) {
            let name: Arc<str> = topic.name().into();
            // A partition without a leader has no answer to give, and asking would fail the rest.
            let led = topic.partitions().iter().filter(|partition| partition.leader() >= 0);
            places.extend(
                led.map(|partition| Place { topic: Arc::clone(&name), partition: partition.id() }),
            );
        }
        let starts = self.edges(&places, Offset::Beginning)?;
        let ends = self.edges(&places, Offset::End)?;
        Ok(places
            .into_iter()
            .map(|place| PartitionEnds {
                start: starts.get(&place).copied(),
                end: ends.get(&place).copied(),
                place,
            })
            .collect())
    }

    /// Reads one edge of many partitions in one request to each broker. The protocol's
    /// ListOffsets takes the library's numbers of `Beginning` (-2) and `End` (-1) for the times
    /// "earliest" and "latest".
    fn edges(
        &self,
        places: &BTreeSet<Place>,
        edge: Offset,
    ) -> Result<HashMap<Place, i64>, KafkaError> {
        const WHAT: &str = "read where partitions end";
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        let mut asked = TopicPartitionList::with_capacity(places.len());
        for place in places {
            asked.add_partition_offset(&place.topic, place.partition, edge)?;
        }
        let answers = self
            .consumer
            .offsets_for_times(asked, REQUEST_TIMEOUT)
            .map_err(KafkaError::request(WHAT))?;
        let edges = answers.elements().into_iter().filter_map(|element| {
            match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(offset)) => Some((
                    Place { topic: element.topic().into(), partition: element.partition() },
                    offset,
                )),
                _ => None,
            }
        });
        Ok(edges.collect())
    }

    /// Reads the times of records, as many as answer in time.
    fn record_times(&self, mut asked: Vec<(Place, i64)>) -> Result<Vec<RecordTime>, KafkaError> {
        let mut times = Vec::with_capacity(asked.len());
        let deadline = Instant::now() + RECORD_TIMES_TIMEOUT;
        while !asked.is_empty() && Instant::now() < deadline {
            // A partition can be read at one offset at a time.
            let mut round: HashMap<Place, i64> = HashMap::new();
            asked.retain(|(place, offset)| {
                let free = !round.contains_key(place);
                if free {
                    round.insert(place.clone(), *offset);
                }
                !free
            });
            self.read_times(round, deadline, &mut times)?;
        }
        Ok(times)
    }

    fn read_times(
        &self,
        mut round: HashMap<Place, i64>,
        deadline: Instant,
        times: &mut Vec<RecordTime>,
    ) -> Result<(), KafkaError> {
        const WHAT: &str = "read the time of a record";
        let mut assignment = TopicPartitionList::with_capacity(round.len());
        for (place, offset) in &round {
            assignment.add_partition_offset(
                &place.topic,
                place.partition,
                Offset::Offset(*offset),
            )?;
        }
        self.consumer.assign(&assignment).map_err(KafkaError::request(WHAT))?;
        while !round.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // Errors are of single partitions, whose times stay unknown.
            let Some(Ok(message)) = self.consumer.poll(left) else { continue };
            let place = Place { topic: message.topic().into(), partition: message.partition() };
            let Some(offset) = round.get(&place).copied() else { continue };
            if message.offset() < offset {
                continue;
            }
            round.remove(&place);
            if let Some(unix_millis) = message.timestamp().to_millis() {
                times.push(RecordTime { place, offset, unix_millis });
            }
        }
        self.consumer.unassign().map_err(KafkaError::request(WHAT))
    }
}
