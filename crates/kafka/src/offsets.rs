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
        let mut groups = self.groups()?;
        let ends = self.ends()?;
        add_uncommitted(&mut groups, &ends);
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
        let (mut places, mut led) = (BTreeSet::new(), BTreeSet::new());
        for topic in metadata.topics().iter().filter(|topic| !topic.name().starts_with("__")) {
            let name: Arc<str> = topic.name().into();
            for partition in topic.partitions() {
                let place = Place { topic: Arc::clone(&name), partition: partition.id() };
                // Without a leader it has no answer to give, and asking would fail the rest.
                if partition.leader() >= 0 {
                    led.insert(place.clone());
                }
                places.insert(place);
            }
        }
        let starts = self.edges(&led, Offset::Beginning)?;
        let ends = self.edges(&led, Offset::End)?;
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

/// Adds to each group the partitions that it left out of the topics it reads: a group that has
/// stopped is known by its commits alone, and would hide what it never committed.
fn add_uncommitted(groups: &mut [GroupOffsets], ends: &[PartitionEnds]) {
    let mut partitions: HashMap<&str, Vec<&Place>> = HashMap::new();
    for PartitionEnds { place, .. } in ends {
        partitions.entry(&place.topic).or_default().push(place);
    }
    for positions in groups.iter_mut().filter_map(|group| group.positions.as_mut()) {
        let known: BTreeSet<_> = positions.iter().map(|position| position.place.clone()).collect();
        let topics: BTreeSet<_> = known.iter().map(|place| &*place.topic).collect();
        let all = topics.into_iter().filter_map(|topic| partitions.get(topic)).flatten();
        let missing = all.filter(|place| !known.contains(**place));
        positions.extend(
            missing.map(|place| GroupPosition { place: Place::clone(place), committed: None }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_position_in_every_partition_of_the_topics_it_reads() {
        let place = |topic: &str, partition| Place { topic: topic.into(), partition };
        let at = |topic, partition, committed| GroupPosition {
            place: place(topic, partition),
            committed,
        };
        let end = |topic, partition, end| PartitionEnds {
            place: place(topic, partition),
            start: end,
            end,
        };
        // Of a partition without a leader no end is known, and it belongs to its topic.
        let ends =
            [end("a", 0, Some(5)), end("a", 1, Some(0)), end("a", 2, None), end("b", 0, Some(1))];
        let group = |positions| GroupOffsets { group: "thong-ke".into(), positions };
        let mut groups = [
            group(Some(vec![at("a", 1, Some(0)), at("gone", 3, Some(7))])),
            group(Some(vec![])),
            group(None),
        ];
        add_uncommitted(&mut groups, &ends);
        let expected =
            vec![at("a", 1, Some(0)), at("gone", 3, Some(7)), at("a", 0, None), at("a", 2, None)];
        assert_eq!(groups, [group(Some(expected)), group(Some(vec![])), group(None)]);
    }
}
