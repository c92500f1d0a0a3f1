//! What one poll of the cluster saw.

use std::sync::Arc;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
}

/// What one poll saw. Commits are read before end offsets, so that lag is never negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When the end offsets were read, milliseconds since 1970.
    pub taken_unix_millis: i64,
    /// Where each partition starts and ends.
    pub ends: Vec<PartitionEnds>,
    /// Where each group stands.
    pub groups: Vec<GroupOffsets>,
    /// Times of records that [`Model::unresolved`](crate::Model::unresolved) asked for.
    pub record_times: Vec<RecordTime>,
}

/// Where a partition starts and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEnds {
    /// Which partition.
    pub place: Place,
    /// The offset of the oldest record kept; `None` without an answer.
    pub start: Option<i64>,
    /// The offset that the next record will get; `None` without an answer.
    pub end: Option<i64>,
}

/// Where a consumer group stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffsets {
    /// The group's id.
    pub group: Arc<str>,
    /// Every partition of every topic in which the group committed or is assigned any; empty
    /// where none is known; `None` when the cluster did not answer for the group.
    pub positions: Option<Vec<GroupPosition>>,
}

/// Where a group stands in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPosition {
    /// Which partition.
    pub place: Place,
    /// The offset of the first record not yet read; `None` when the group never committed here.
    pub committed: Option<i64>,
}

/// When a record was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordTime {
    /// Which partition.
    pub place: Place,
    /// The offset asked for.
    pub offset: i64,
    /// The time of the first record at or after that offset, milliseconds since 1970.
    pub unix_millis: i64,
}
