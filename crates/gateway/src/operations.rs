//! What operators ask the running process: a port, answered without touching the broker.

use lgsp_lag::Snapshot;

/// The state of one thing that the bus itself needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What: `kafka`, `receipts`, `audit`, `registry`, `keys`.
    pub name: &'static str,
    /// Why it does not work; `None` when it does.
    pub fault: Option<String>,
}

/// A topic, declared against found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub name: String,
    /// Partitions as declared.
    pub declared_partitions: i32,
    /// Partitions as found; `None` if unknown.
    pub partitions: Option<i32>,
    /// Records between the oldest and the newest offset; `None` if unknown.
    pub records: Option<u64>,
    /// Differences between declared and found.
    pub drift: Vec<String>,
}

/// Tells operators the state of the bus, from what was gathered last.
pub trait Operations: Send + Sync + 'static {
    /// Returns the last lag figures.
    fn lag(&self) -> Snapshot;
    /// Returns the declared topics as last found.
    fn topics(&self) -> Vec<TopicState>;
    /// Returns the state of what the bus itself needs; far sides are not among it.
    fn checks(&self) -> Vec<Check>;
    /// Tells whether the process is stopping.
    fn is_stopping(&self) -> bool;
}
