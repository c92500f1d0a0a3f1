//! The receipt: where an acknowledged event lies.

use crate::fault::Violation;

/// Where a record lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The Kafka topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset within the partition.
    pub offset: i64,
}

/// What a sender gets for an event that is durable: acknowledged by the log with acks=all.
///
/// There is no `Default` and no "pending" receipt: one exists only after the acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's `source`.
    pub source: String,
    /// The event's `id`.
    pub id: String,
    /// Where it lies.
    pub position: Position,
    /// When the bus recorded it, in milliseconds since 1970-01-01T00:00:00Z.
    pub recorded_unix_millis: i64,
    /// Whether the same event had been recorded before; then this is the first receipt again.
    pub duplicate: bool,
    /// What is odd about the record though it was accepted.
    pub warnings: Vec<Violation>,
}
