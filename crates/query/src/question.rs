//! A question to a declared service, and what comes back.

use std::fmt;

use lgsp_core::identifier::{DossierCode, OfficerNumber, ProcedureCode};
use lgsp_core::rule::Rule;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::service::PurposePart;

/// The longest reason that a caller may give, in characters.
pub const MAX_REASON: usize = 200;

/// Why a record is asked for. Which parts are mandatory, the service says.
#[derive(Debug, Clone, Default)]
pub struct Purpose {
    /// The dossier that needs the record.
    pub dossier: Option<DossierCode>,
    /// The procedure of that dossier (the far side's `MaDVC`).
    pub procedure: Option<ProcedureCode>,
    /// The officer who asks (the far side's `MaCanBo`), as the calling system asserts.
    pub officer: Option<OfficerNumber>,
    /// In words, at most [`MAX_REASON`] characters; it goes into the evidence.
    pub reason: Option<String>,
    /// The parts that came in a form that they do not have, each by its name and the rule that it
    /// breaks: they are told together with what is missing.
    pub broken: Vec<(PurposePart, &'static Rule)>,
}

/// What is asked. `Debug` hides the body.
#[derive(Clone)]
pub struct Question {
    /// Why.
    pub purpose: Purpose,
    /// The members that the service's request form names.
    pub body: Map<String, Value>,
    /// Where the body lies in the request, for the pointers of faults: empty, or e.g. `/question`.
    pub place: &'static str,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// What a far side gave, brought into the form that the service declares. `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The record: official codes as they are, dates as ISO 8601, what is empty left out.
    pub record: Map<String, Value>,
    /// How many fields the far side sent that the service's mapping does not know.
    pub unknown_fields: usize,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched").field("fields", &self.record.len()).finish_non_exhaustive()
    }
}

/// What the caller gets. `Debug` hides the record.
pub struct Answer {
    /// The record, of which only what is granted is left.
    pub record: Map<String, Value>,
    /// Names the evidence; absent for open data.
    pub audit_id: Option<Uuid>,
    /// When the far side gave the record, milliseconds since 1970.
    pub as_of_unix_millis: i64,
    /// Who carried the call.
    pub carrier: String,
    /// Whether the answer was kept from an earlier question; open data alone ever is.
    pub is_cached: bool,
    /// Which fields the far side gave and the grant does not release, or not in full.
    pub withheld: Vec<String>,
    /// What is odd about the answer: a place and a rule each.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("audit_id", &self.audit_id)
            .field("withheld", &self.withheld)
            .finish_non_exhaustive()
    }
}
