//! What the corridor needs from the world: a log for evidence, and the far side.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lgsp_audit::{Evidence, Intent, Outcome};

use crate::citizen::{Citizen, CitizenLookUp};

/// Keeps the evidence of who asked what.
pub trait EvidenceLog: Send + Sync + 'static {
    /// Records that a question is about to be asked; resolves once that is durable (acks=all).
    ///
    /// # Errors
    /// When it is not known to be durable before the deadline; then nothing may be asked.
    fn intent(
        &self,
        intent: Intent,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Evidence, EvidenceUnavailable>>;

    /// Hands over how it ended; does not wait. An intent whose evidence is dropped without this
    /// stays visibly open in the log.
    ///
    /// # Errors
    /// When it could not be handed over; then no answer may leave.
    fn outcome(&self, evidence: Evidence, outcome: Outcome) -> Result<(), EvidenceUnavailable>;
}

/// The evidence is not known to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evidence is not known to be durable")]
pub struct EvidenceUnavailable;

/// The national population database, whatever carries the call.
pub trait Upstream: Send + Sync + 'static {
    /// Asks for a citizen's record; takes the evidence that the question is on record.
    ///
    /// # Errors
    /// [`UpstreamError`]; never later than the deadline by more than a moment.
    fn fetch<'a>(
        &'a self,
        evidence: &'a Evidence,
        question: &'a CitizenLookUp,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Citizen, UpstreamError>>;

    /// Makes ready what does not depend on the question (connection, access token), so that it
    /// overlaps the evidence's way into the log.
    fn warm_up(&self, deadline: Instant) -> BoxFuture<'_, ()>;

    /// Names who carries the call, for the answer's `meta`, e.g. `ndxp`.
    fn carrier(&self) -> &str;
}

/// How a far side failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// It answered that there is no such record.
    #[error("the far side knows no such record")]
    NotFound,
    /// It refused the bus's request, by its own error code.
    #[error("the far side refused with its code {code}")]
    Refused {
        /// Its error code: at most 20 characters of `[A-Za-z0-9_-]`.
        code: String,
    },
    /// It cannot be reached, or says that it is down.
    #[error("the far side is down: {what}")]
    Unavailable {
        /// What failed, without values, e.g. `connect`.
        what: &'static str,
        /// When to try again, where it said so.
        retry_after: Option<Duration>,
    },
    /// It did not answer before the deadline.
    #[error("the far side did not answer in time")]
    Timeout,
    /// It answered in a form that breaks its contract.
    #[error("the far side broke its contract at {path}")]
    Contract {
        /// Where: an element path without values.
        path: &'static str,
    },
}
