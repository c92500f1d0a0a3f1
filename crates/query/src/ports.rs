//! What the corridor needs from the world: a log for evidence, and the far side.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lgsp_audit::{Evidence, Intent, Outcome};
use lgsp_core::identifier::DossierCode;
use lgsp_core::{Fault, Violation};
use uuid::Uuid;

use crate::question::{Fetched, Question};

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

/// What the bus knows of dossiers, from the events that agencies published.
pub trait Dossiers: Send + Sync + 'static {
    /// Returns the state (`TrangThaiHoSo`) of a dossier's last event; nothing where none is known.
    ///
    /// # Errors
    /// A fault to tell the caller, where that cannot be told now.
    fn state<'a>(
        &'a self,
        dossier: &'a DossierCode,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>>;
}

/// The evidence is not known to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evidence is not known to be durable")]
pub struct EvidenceUnavailable;

/// Proof that a question may be asked: it is on record, or it asks for nobody's data.
#[derive(Debug)]
pub enum Leave<'a> {
    /// The intent is durable.
    Recorded(&'a Evidence),
    /// The service gives open data.
    Open(OpenData),
}

impl Leave<'_> {
    /// Returns the id under which the far side may be told of the question.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Recorded(evidence) => evidence.audit_id(),
            Self::Open(OpenData(id)) => *id,
        }
    }
}

/// States that a service gives open data; only the corridor makes it, of a service that is declared
/// so.
#[derive(Debug)]
pub struct OpenData(pub(crate) Uuid);

/// A national database, whatever carries the call.
pub trait Upstream: Send + Sync + 'static {
    /// Tells whether a question of the declared form can also be put in the far side's own, before
    /// anything of it is on record.
    ///
    /// # Errors
    /// What cannot, by its place within the question's body.
    fn can_ask(&self, question: &Question) -> Result<(), Vec<Violation>> {
        let _any = question;
        Ok(())
    }

    /// Asks; takes the proof that the question may be asked.
    ///
    /// # Errors
    /// [`UpstreamError`]; never later than the deadline by more than a moment.
    fn fetch<'a>(
        &'a self,
        leave: Leave<'a>,
        question: &'a Question,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Fetched, UpstreamError>>;

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
        path: Cow<'static, str>,
    },
}
