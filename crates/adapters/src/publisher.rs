//! What an adapter needs from the bus: publish records in order, set aside what cannot be.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lgsp_core::rule::Rule;
use lgsp_core::{Fault, Violation};

/// A record on its way into the bus. `Debug` hides its data.
#[derive(Clone)]
pub struct Record {
    /// CloudEvents `id`: made from what the record is and where it stood, so that a restart makes
    /// the same one again.
    pub id: String,
    /// CloudEvents `source`, `/agencies/<agency code>/systems/<client id>`.
    pub source: String,
    /// CloudEvents `type`, e.g. `lgsp.dossier.recorded.v1`.
    pub event_type: String,
    /// CloudEvents `time`, RFC 3339, where the record tells when it came about.
    pub time: Option<String>,
    /// The record as JSON, as the mapping made it.
    pub data: Bytes,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("type", &self.event_type)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Recorded {
        /// It had been recorded before.
        duplicate: bool,
        /// What is odd about it though it was accepted.
        warnings: Vec<Breach>,
    },
    /// It will never be accepted as it is.
    Refused(Refusal),
    /// That is not known: publish the same record again, before any later one of its entity.
    Unknown {
        /// After which time.
        retry_after: Duration,
    },
}

/// Why a record was refused; from the bus itself or over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code, e.g. `schema_violation`.
    pub code: String,
    /// The sentence for a person, in Vietnamese.
    pub vi: String,
    /// The sentence for a person, in English.
    pub en: String,
    /// Every broken rule, at most [`Fault::MAX_VIOLATIONS`].
    pub breaches: Vec<Breach>,
}

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// JSON Pointer into the data, or an attribute's name.
    pub pointer: String,
    /// The rule's stable code.
    pub rule: String,
    /// What to do, in Vietnamese.
    pub vi: String,
    /// What to do, in English.
    pub en: String,
}

impl Breach {
    /// Makes a breach of a rule by the whole.
    pub fn of(rule: &Rule) -> Self {
        Self {
            pointer: String::new(),
            rule: rule.code.to_owned(),
            vi: rule.vi.to_owned(),
            en: rule.en.to_owned(),
        }
    }
}

impl From<&Violation> for Breach {
    fn from(violation: &Violation) -> Self {
        Self { pointer: violation.pointer.clone(), ..Self::of(violation.rule) }
    }
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        let (vi, en) = fault.code.sentences();
        Self {
            code: fault.code.as_str().to_owned(),
            vi: vi.to_owned(),
            en: en.to_owned(),
            breaches: fault.violations.iter().map(Breach::from).collect(),
        }
    }
}

/// A record that cannot be published, on its way to the dead letters. `Debug` hides its data.
#[derive(Clone)]
pub struct DeadLetter {
    /// The record: mapped where the mapping succeeded, else the row as it was read, as JSON.
    pub record: Record,
    /// Why.
    pub cause: Refusal,
    /// Where it came from: the file and row, or the table and row.
    pub origin: String,
    /// The how manieth attempt failed, from 1.
    pub attempt: u32,
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("record", &self.record)
            .field("code", &self.cause.code)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The bus cannot take it now; nothing is known to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus cannot be reached or cannot store anything now")]
pub struct Unavailable {
    /// After which time to try again.
    pub retry_after: Duration,
}

/// Publishes an adapter's records: into the bus it runs in, or over the line.
pub trait Publisher: Send + Sync {
    /// Publishes records in their order; returns an outcome for each, in the same order.
    ///
    /// After the first [`Outcome::Unknown`] of a batch every later one is unknown too, though some
    /// may have been recorded: publishing all of them again, in the same order, keeps the order of
    /// each entity and repeats nothing.
    fn publish<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Vec<Outcome>>;

    /// Sets a record aside: it is durable among the dead letters when this returns.
    ///
    /// # Errors
    /// When that is not known; set the same letter aside again.
    fn set_aside<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Unavailable>>;
}
