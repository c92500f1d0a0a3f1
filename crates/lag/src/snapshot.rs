//! What an operator reads.

use std::sync::Arc;

/// How a group does. There is no default: a forgotten path must not look healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never committed, no answer, or offsets that contradict each other.
    Unknown,
    /// Nothing unread, or nothing unread for long.
    Ok,
    /// Records wait unread.
    Behind,
}

impl Status {
    /// Returns the status as a stable lowercase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Behind => "behind",
        }
    }
}

/// Lag of all groups at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// When the figures were taken, milliseconds since 1970; `None` until a poll succeeded.
    pub taken_unix_millis: Option<i64>,
    /// Every group the cluster knows, by name.
    pub groups: Vec<GroupLag>,
    /// Every topic, by name.
    pub topics: Vec<TopicSize>,
    /// Why the figures are older than they should be; `None` after a poll that succeeded.
    pub failure: Option<PollFailure>,
}

impl Snapshot {
    /// Returns the age of the figures in milliseconds; `None` while there are none.
    pub fn age_millis(&self, now_unix_millis: i64) -> Option<u64> {
        let taken = self.taken_unix_millis?;
        Some(u64::try_from(now_unix_millis.saturating_sub(taken)).unwrap_or(0))
    }
}

/// How much a topic holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSize {
    /// The topic.
    pub topic: Arc<str>,
    /// Offsets between its oldest and its newest record; `None` when unknown for any partition.
    pub records: Option<u64>,
}

/// Why polls fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollFailure {
    /// When the first poll in a row failed, milliseconds since 1970.
    pub since_unix_millis: i64,
    /// What the last one failed of.
    pub reason: String,
}

/// Lag of a group over all its topics.
///
/// A group of which no partition is known has no topics, and its total is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupLag {
    /// The group's id.
    pub group: Arc<str>,
    /// Records not read; `None` when unknown for any partition.
    pub lag_records: Option<u64>,
    /// Age of the oldest record not read, in seconds; `None` when unknown for any partition.
    pub lag_seconds: Option<f64>,
    /// The worst status of its partitions, unknown being the worst.
    pub status: Status,
    /// Its topics, by name.
    pub topics: Vec<TopicLag>,
}

/// Lag of a group in one topic.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicLag {
    /// The topic.
    pub topic: Arc<str>,
    /// Records not read; `None` when unknown for any partition.
    pub lag_records: Option<u64>,
    /// Age of the oldest record not read, in seconds; `None` when unknown for any partition.
    pub lag_seconds: Option<f64>,
    /// The worst status of its partitions, unknown being the worst.
    pub status: Status,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionLag>,
}

/// Lag of a group in one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionLag {
    /// The partition.
    pub partition: i32,
    /// The offset of the first record not read; `None` when never committed.
    pub committed: Option<i64>,
    /// The offset that the next record will get; `None` without an answer.
    pub end: Option<i64>,
    /// Records not read.
    pub lag_records: Option<u64>,
    /// Age of the oldest record not read, in seconds.
    pub lag_seconds: Option<f64>,
    /// How the group does here.
    pub status: Status,
}

/// The total of some parts: sum of records, greatest age, worst status; no parts are unknown.
pub(crate) struct Total {
    pub(crate) records: Option<u64>,
    pub(crate) seconds: Option<f64>,
    pub(crate) status: Status,
}

impl Total {
    pub(crate) fn of(parts: impl Iterator<Item = Self>) -> Self {
        parts.reduce(Self::and).unwrap_or(Self {
            records: None,
            seconds: None,
            status: Status::Unknown,
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            records: self.records.zip(other.records).map(|(one, two)| one.saturating_add(two)),
            seconds: self.seconds.zip(other.seconds).map(|(one, two)| one.max(two)),
            status: match (self.status, other.status) {
                (Status::Unknown, _) | (_, Status::Unknown) => Status::Unknown,
                (Status::Behind, _) | (_, Status::Behind) => Status::Behind,
                (Status::Ok, Status::Ok) => Status::Ok,
            },
        }
    }
}

impl From<&PartitionLag> for Total {
    fn from(part: &PartitionLag) -> Self {
        Self { records: part.lag_records, seconds: part.lag_seconds, status: part.status }
    }
}

impl From<&TopicLag> for Total {
    fn from(part: &TopicLag) -> Self {
        Self { records: part.lag_records, seconds: part.lag_seconds, status: part.status }
    }
}
