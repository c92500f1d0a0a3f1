//! What the auditor's corridor needs from the world: the log of evidence, read back.

use futures_util::stream::BoxStream;
use lgsp_audit::{Evidence, StoredRecord};

/// A span of the log's own time; an end that is absent is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Between {
    /// The first millisecond since 1970 that is in it.
    pub from_unix_millis: Option<i64>,
    /// The first millisecond since 1970 that is not in it any more.
    pub to_unix_millis: Option<i64>,
}

/// Reads the log of evidence.
pub trait EvidenceReader: Send + Sync + 'static {
    /// Reads what the log took in a span of time, one partition after the other, each in its
    /// order, up to the end that it has when the reading starts. Takes the proof that the reading
    /// itself is on record. Reads no further ahead of the caller than a bounded number of records;
    /// whoever drops the stream ends the reading. After a fault nothing follows.
    fn read(
        &self,
        evidence: &Evidence,
        between: Between,
    ) -> BoxStream<'static, Result<StoredRecord, EvidenceUnreadable>>;
}

/// The log of evidence could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log of evidence could not be read to its end")]
pub struct EvidenceUnreadable;
