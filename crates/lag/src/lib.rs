//! Offsets and times in, lag and status out.
//!
//! **For:** the [`Model`] that turns what a poller saw ([`Observation`]) into what an operator
//! reads ([`Snapshot`]): per group, topic and partition, lag in records and in seconds.
//!
//! **Must never know:** rdkafka, the clock (times are handed in), who shows the figures.
//!
//! What is not known is said to be unknown, never 0: a group that never committed, a partition
//! without an answer, a topic that was made anew under a group's feet. An unknown part makes the
//! total unknown.
//!
//! **Start reading** at [`model`], then [`history`].

pub mod history;
pub mod model;
pub mod observation;
pub mod snapshot;

pub use model::Model;
pub use observation::{GroupOffsets, GroupPosition, Observation, PartitionEnds, Place, RecordTime};
pub use snapshot::{GroupLag, PartitionLag, PollFailure, Snapshot, Status, TopicLag, TopicSize};
