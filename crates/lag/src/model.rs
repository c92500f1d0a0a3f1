//! The model: observations in, a snapshot out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::history::History;
use crate::observation::{GroupOffsets, GroupPosition, Observation, PartitionEnds, Place};
use crate::snapshot::{
    GroupLag, PartitionLag, PollFailure, Snapshot, Status, TopicLag, TopicSize, Total,
};

/// A group whose oldest unread record is at most this many seconds old is not behind: between
/// two polls of a busy topic something is always unread.
pub const SMALL_LAG_SECONDS: f64 = 10.0;

/// Remembers what polls saw and says what it means.
///
/// ```
/// use lgsp_lag::{GroupOffsets, GroupPosition, Model, Observation, PartitionEnds, Place, Status};
///
/// let place = Place { topic: "lgsp.dossier.v1".into(), partition: 0 };
/// let mut model = Model::new();
/// model.observe(Observation {
///     taken_unix_millis: 1_000,
///     ends: vec![PartitionEnds { place: place.clone(), start: Some(0), end: Some(5) }],
///     groups: vec![GroupOffsets {
///         group: "thong-ke".into(),
///         positions: Some(vec![GroupPosition { place, committed: None }]),
///     }],
///     record_times: vec![],
/// });
/// let group = &model.snapshot().groups[0];
/// assert_eq!((group.status, group.lag_records), (Status::Unknown, None));
/// ```
#[derive(Debug)]
pub struct Model {
    histories: HashMap<Place, History>,
    /// Times of records that were asked for, kept as long as a group stands there.
    record_times: HashMap<(Place, i64), i64>,
    snapshot: Snapshot,
}

impl Model {
    /// Starts without any figures.
    #[expect(clippy::new_without_default, reason = "status and lag have no default, by convention")]
    pub fn new() -> Self {
        let (groups, topics) = (Vec::new(), Vec::new());
        let snapshot = Snapshot { taken_unix_millis: None, groups, topics, failure: None };
        Self { histories: HashMap::new(), record_times: HashMap::new(), snapshot }
    }

    /// Lists the records whose time must be looked up, because the polls so far do not tell it:
    /// partition and offset. Ask before [`Model::observe`], which wants the answers.
    pub fn unresolved(&self, observation: &Observation) -> Vec<(Place, i64)> {
        let ends = by_place(&observation.ends);
        let mut asked: Vec<_> = positions(observation)
            .filter_map(|position| oldest_unread(position, *ends.get(&position.place)?))
            .filter(|key| {
                self.written_at(key).is_none()
                    && !self.will_cover(key, observation.taken_unix_millis)
            })
            .collect();
        asked.sort();
        asked.dedup();
        asked
    }

    /// Takes in what a poll saw.
    pub fn observe(&mut self, observation: Observation) {
        let ends = by_place(&observation.ends);
        let in_use: HashSet<_> = positions(&observation)
            .filter_map(|position| oldest_unread(position, *ends.get(&position.place)?))
            .collect();
        for (place, ends) in &ends {
            let Some(end) = ends.end else { continue };
            let history = self.histories.entry((*place).clone()).or_default();
            if history.add(observation.taken_unix_millis, end) {
                self.record_times.retain(|(known, _), _| known != *place);
            }
        }
        self.histories.retain(|place, _| ends.contains_key(place));
        for time in &observation.record_times {
            self.record_times.insert((time.place.clone(), time.offset), time.unix_millis);
        }
        self.record_times.retain(|key, _| in_use.contains(key));

        let mut groups: Vec<_> = observation
            .groups
            .iter()
            .map(|group| self.group(group, &ends, observation.taken_unix_millis))
            .collect();
        groups.sort_by(|one, two| one.group.cmp(&two.group));
        self.snapshot = Snapshot {
            taken_unix_millis: Some(observation.taken_unix_millis),
            groups,
            topics: sizes(&observation.ends),
            failure: None,
        };
    }

    /// Notes that a poll failed: the figures stay, their age grows, the reason is told.
    pub fn poll_failed(&mut self, now_unix_millis: i64, reason: String) {
        let since_unix_millis = self
            .snapshot
            .failure
            .as_ref()
            .map_or(now_unix_millis, |failure| failure.since_unix_millis);
        self.snapshot.failure = Some(PollFailure { since_unix_millis, reason });
    }

    /// Returns the figures as they are now known.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    fn written_at(&self, key: &(Place, i64)) -> Option<i64> {
        // The record's own time is exact, so it goes before the estimate.
        let exact = self.record_times.get(key).copied();
        exact.or_else(|| self.histories.get(&key.0)?.written_at(key.1))
    }

    fn will_cover(&self, key: &(Place, i64), unix_millis: i64) -> bool {
        self.histories.get(&key.0).is_some_and(|history| history.will_cover(key.1, unix_millis))
    }

    fn group(
        &self,
        offsets: &GroupOffsets,
        ends: &HashMap<&Place, &PartitionEnds>,
        now: i64,
    ) -> GroupLag {
        let mut topics: BTreeMap<_, Vec<PartitionLag>> = BTreeMap::new();
        let positions = offsets.positions.iter().flatten();
        let committed = positions.clone().filter(|position| position.committed.is_some());
        let reads: HashSet<_> = committed.map(|position| &position.place.topic).collect();
        for position in positions {
            let ends = ends.get(&position.place).copied();
            let lag = self.partition(position, ends, reads.contains(&position.place.topic), now);
            topics.entry(position.place.topic.clone()).or_default().push(lag);
        }
        let topics: Vec<_> = topics
            .into_iter()
            .map(|(topic, mut partitions)| {
                partitions.sort_by_key(|lag| lag.partition);
                let total = Total::of(partitions.iter().map(Total::from));
                TopicLag {
                    topic,
                    lag_records: total.records,
                    lag_seconds: total.seconds,
                    status: total.status,
                    partitions,
                }
            })
            .collect();
        let total = Total::of(topics.iter().map(Total::from));
        GroupLag {
            group: offsets.group.clone(),
            lag_records: total.records,
            lag_seconds: total.seconds,
            status: total.status,
            topics,
        }
    }

    /// Tells the lag in one partition; `reads_topic`: whether the group committed in any
    /// partition of its topic.
    fn partition(
        &self,
        position: &GroupPosition,
        ends: Option<&PartitionEnds>,
        reads_topic: bool,
        now: i64,
    ) -> PartitionLag {
        let end = ends.and_then(|ends| ends.end);
        let lag_records = match position.committed {
            // A commit beyond the end: the topic was made anew, and the group's offset means
            // nothing.
            Some(committed) => end.and_then(|end| u64::try_from(end.checked_sub(committed)?).ok()),
            // A group commits where it read, and there is nothing here to read.
            None if reads_topic && ends.is_some_and(holds_nothing) => Some(0),
            None => None,
        };
        let lag_seconds = match lag_records {
            None => None,
            Some(0) => Some(0.0),
            Some(_) => ends
                .and_then(|ends| oldest_unread(position, ends))
                .and_then(|key| self.written_at(&key))
                .map(|written| (now.saturating_sub(written).max(0)) as f64 / 1000.0),
        };
        let status = match (lag_records, lag_seconds) {
            (None, _) => Status::Unknown,
            (Some(0), _) => Status::Ok,
            (Some(_), Some(seconds)) if seconds <= SMALL_LAG_SECONDS => Status::Ok,
            (Some(_), _) => Status::Behind,
        };
        PartitionLag {
            partition: position.place.partition,
            committed: position.committed,
            end,
            lag_records,
            lag_seconds,
            status,
        }
    }
}

fn sizes(ends: &[PartitionEnds]) -> Vec<TopicSize> {
    let mut sizes: BTreeMap<Arc<str>, Option<u64>> = BTreeMap::new();
    for partition in ends {
        let held = partition
            .end
            .zip(partition.start)
            .and_then(|(end, start)| u64::try_from(end - start).ok());
        let sum = sizes.entry(Arc::clone(&partition.place.topic)).or_insert(Some(0));
        *sum = sum.zip(held).map(|(sum, held)| sum.saturating_add(held));
    }
    sizes.into_iter().map(|(topic, records)| TopicSize { topic, records }).collect()
}

fn holds_nothing(ends: &PartitionEnds) -> bool {
    ends.start.zip(ends.end).is_some_and(|(start, end)| start == end)
}

fn by_place(ends: &[PartitionEnds]) -> HashMap<&Place, &PartitionEnds> {
    ends.iter().map(|ends| (&ends.place, ends)).collect()
}

fn positions(observation: &Observation) -> impl Iterator<Item = &GroupPosition> {
    observation.groups.iter().filter_map(|group| group.positions.as_ref()).flatten()
}

/// Returns the place and offset of the oldest record that is kept and not read, if there is one.
fn oldest_unread(position: &GroupPosition, ends: &PartitionEnds) -> Option<(Place, i64)> {
    let oldest = position.committed?.max(ends.start.unwrap_or(0));
    (oldest < ends.end?).then(|| (position.place.clone(), oldest))
}
