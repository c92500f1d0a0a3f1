//! An event in the log's queue, whose receipt follows.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use lgsp_core::{ErrorCode, Fault, Position, Receipt, Violation};
use lgsp_telemetry::Metrics;
use lgsp_telemetry::metrics::EventLabels;
use tokio::sync::oneshot;

use crate::book::Outcome;
use crate::ports::StoredReceipt;

pub(crate) fn receipt(
    stored: &StoredReceipt,
    source: String,
    id: String,
    duplicate: bool,
    warnings: Vec<Violation>,
) -> Receipt {
    let position = Position {
        topic: stored.topic.to_string(),
        partition: stored.partition,
        offset: stored.offset,
    };
    Receipt {
        source,
        id,
        position,
        recorded_unix_millis: stored.recorded_unix_millis,
        duplicate,
        warnings,
    }
}

/// How an event's fate is learnt.
pub(crate) enum Fate {
    Known(Arc<StoredReceipt>),
    Awaited(oneshot::Receiver<Outcome>),
}

/// An event that was taken.
pub(crate) struct Taken {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) duplicate: bool,
    pub(crate) warnings: Vec<Violation>,
    pub(crate) fate: Fate,
}

/// Counts an event once its outcome is known.
pub(crate) struct Counted {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) event_type: String,
    pub(crate) started: Instant,
}

impl Counted {
    /// Counts it.
    pub(crate) fn count(self, outcome: &'static str) {
        self.metrics.events.get_or_create(&EventLabels { r#type: self.event_type, outcome }).inc();
        self.metrics.acknowledge_seconds.observe(self.started.elapsed().as_secs_f64());
    }
}

/// An event in the log's queue; its receipt follows. Dropped, the event goes its way all the same.
pub struct Pending {
    pub(crate) taken: Taken,
    pub(crate) counted: Counted,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl Pending {
    /// Waits until the event is durable.
    ///
    /// # Errors
    /// `log_unavailable` when that is not known before the deadline.
    pub async fn receipt(self, deadline: Instant) -> Result<Receipt, Fault> {
        let Self { taken, counted } = self;
        let outcome = match taken.fate {
            Fate::Known(stored) => Outcome::Recorded(stored),
            Fate::Awaited(told) => {
                let told = tokio::time::timeout_at(deadline.into(), told).await;
                told.ok().and_then(Result::ok).unwrap_or(Outcome::Unknown)
            }
        };
        let stored = match outcome {
            Outcome::Recorded(stored) => stored,
            Outcome::Refused | Outcome::Unknown => {
                let code = match outcome {
                    // What the log refuses for good is a record beyond the cluster's own limit.
                    Outcome::Refused => ErrorCode::PayloadTooLarge,
                    _ => ErrorCode::LogUnavailable,
                };
                counted.count(code.as_str());
                return Err(code.into());
            }
        };
        counted.count(if taken.duplicate { "duplicate" } else { "recorded" });
        Ok(receipt(&stored, taken.source, taken.id, taken.duplicate, taken.warnings))
    }
}
