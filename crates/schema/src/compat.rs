//! Compares two versions of a schema: which changes break whom.
//!
//! *Backward*: a reader with the new schema takes all data that was valid by the old one. *Forward*:
//! a reader with the old schema takes all data that is valid by the new one. *Full*: both.
//!
//! The content model decides much of it. Where it is open, data may hold anything under a name
//! that is not declared, so that declaring the name with constraints breaks old data; where it is
//! closed (`additionalProperties: false`), declaring a name breaks old readers.
//!
//! The verdict is sound: what cannot be proven compatible is told as breaking, never the other way
//! round. It reads plain JSON Schema 2020-12, not just the dialect of the bus, and as the bus reads
//! it: `format` is enforced.

mod advice;
mod document;
mod finding;
mod judge;
mod keywords;
mod minors;
mod rewording;
mod walk;

use std::fmt;

use serde_json::Value;

pub use advice::Advice;
pub use finding::{Breaks, Change, Finding};

use crate::error::SchemaFault;
use document::{Document, Place};
use walk::Walk;

/// One of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The version before the change.
    Old,
    /// The version after the change.
    New,
}

impl Side {
    /// Returns `old` or `new`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one version changed in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    findings: Vec<Finding>,
}

impl Comparison {
    /// How many harmless findings a comparison carries at most; it carries all that break.
    pub const MAX_HARMLESS: usize = 1_000;

    /// Returns each change, those that break somebody first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Tells whether readers with the new schema take all data that was valid by the old one.
    pub fn is_backward(&self) -> bool {
        !self.breaks(&[Breaks::Backward, Breaks::Both])
    }

    /// Tells whether readers with the old schema take all data that is valid by the new one.
    pub fn is_forward(&self) -> bool {
        !self.breaks(&[Breaks::Forward, Breaks::Both])
    }

    /// Tells whether both schemas take the same data.
    pub fn is_full(&self) -> bool {
        self.is_backward() && self.is_forward()
    }

    fn breaks(&self, any: &[Breaks]) -> bool {
        self.findings.iter().any(|finding| any.contains(&finding.breaks))
    }
}

/// Compares two versions of a schema.
///
/// ```
/// use serde_json::json;
///
/// let old = json!({"properties": {"Ten": {"type": "string"}}});
/// let new = json!({"properties": {"Ten": {"type": "string", "maxLength": 100}}});
/// let comparison = lgsp_schema::compat::compare(&old, &new)?;
/// assert!(comparison.is_forward() && !comparison.is_backward());
/// assert_eq!(comparison.findings()[0].pointer, "/properties/Ten/maxLength");
/// # Ok::<(), Vec<lgsp_schema::SchemaFault>>(())
/// ```
///
/// # Errors
/// Why a document cannot be judged; the fault's file is `old` or `new`.
pub fn compare(old: &Value, new: &Value) -> Result<Comparison, Vec<SchemaFault>> {
    let old = Document { side: Side::Old, root: old };
    let new = Document { side: Side::New, root: new };
    let faults: Vec<_> = [&old, &new].into_iter().flat_map(document::faults).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let (before, after) = (Place::root(&old), Place::root(&new));
    let mut findings = match rewording::same_text(old.root, new.root) {
        true => vec![],
        false => finding::of_gaps(
            Walk::default().gaps(&before, &after),
            Walk::default().gaps(&after, &before),
        ),
    };
    let harmless = rewording::harmless(&old, &new, &findings);
    findings.extend(harmless.into_iter().take(Comparison::MAX_HARMLESS));
    findings.sort();
    Ok(Comparison { findings })
}
