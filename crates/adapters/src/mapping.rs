//! A declared mapping: from a row or record as an agency has it to the data of an event.
//!
//! A mapping is data, never code. It is read from TOML (`deploy/adapters/mappings/` has worked
//! ones), and applied to one JSON object: a row by its columns' names, or a record.
//!
//! ```
//! use lgsp_adapters::mapping::Mapping;
//! use serde_json::json;
//!
//! let mapping = Mapping::parse(r#"
//!     type = "lgsp.dossier.recorded.v1"
//!     [fields]
//!     MaHoSo = { from = "Mã hồ sơ" }
//!     NgayTiepNhan = { from = "Ngày tiếp nhận", date = "%d/%m/%Y %H:%M" }
//!     TrangThaiHoSo = { from = "Trạng thái", codes = { "Đang xử lý" = "4" } }
//! "#).unwrap();
//! let row = json!({"Mã hồ sơ": " H61.14-260703-0001", "Ngày tiếp nhận": "03/07/2026 09:30",
//!                  "Trạng thái": "Đang xử lý"});
//! let mapped = mapping.apply(&row).unwrap();
//! assert_eq!(mapped.data, json!({"MaHoSo": "H61.14-260703-0001",
//!                                "NgayTiepNhan": "20260703093000", "TrangThaiHoSo": "4"}));
//! let misfits = mapping.apply(&json!({"Trạng thái": "mất"})).unwrap_err();
//! assert_eq!((misfits[0].column.as_str(), misfits[0].rule.code), ("Trạng thái", "code_list"));
//! ```
//!
//! What a mapping does not say: an empty source leaves its field out (or gives its `default`), and
//! an object whose sources are all empty is left out, whatever constants stand beside them. Text
//! is trimmed and brought to Unicode's NFC. Whether the result keeps its schema is not judged
//! here.

mod apply;
mod moment;
mod node;
mod read;

use std::fmt;
use std::path::Path;

use lgsp_core::rule::Rule;
use lgsp_registry::document::{Faults, Section, Source};
use serde_json::Value;

use crate::config::ConfigFault;
use crate::publisher::Breach;
use node::{Field, Node};

pub(crate) use apply::{number as exact_number, tidied};
pub(crate) use read::event_type as read_event_type;

/// Turns rows of one form into data of one event type.
pub struct Mapping {
    /// The event type that the mapping file names; `None` where the adapter's configuration does.
    event_type: Option<String>,
    /// `None` takes the row as it is.
    root: Option<Node>,
    time: Option<Field>,
}

/// A row that was mapped. `Debug` hides the data.
#[derive(Clone, PartialEq)]
pub struct Mapped {
    /// The event's data.
    pub data: Value,
    /// When the record came about, RFC 3339, where the mapping tells.
    pub time: Option<String>,
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").finish_non_exhaustive()
    }
}

/// What a mapping cannot turn: where it stands in the row, where it should go, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The column, or the path within the record, as the mapping names it.
    pub column: String,
    /// JSON Pointer to the field that it was for.
    pub pointer: String,
    /// The rule that it breaks.
    pub rule: &'static Rule,
}

impl From<&Misfit> for Breach {
    fn from(misfit: &Misfit) -> Self {
        Self { pointer: misfit.pointer.clone(), ..Self::of(misfit.rule) }
    }
}

/// From which column each field came, and what stood there. `Debug` hides the latter.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trace(Vec<Traced>);

/// One field of a [`Trace`]. Holds what the row holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Traced {
    /// JSON Pointer to the field, or `time`.
    pub pointer: String,
    /// The column, or the path within the record; several joined by ` + `.
    pub column: String,
    /// What stood there, as text.
    pub source: String,
}

impl Trace {
    /// Returns the column of a field, or of the innermost field around it.
    pub fn column(&self, pointer: &str) -> Option<&str> {
        let within = |outer: &str| {
            pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let fitting = self.0.iter().filter(|field| within(&field.pointer));
        fitting.max_by_key(|field| field.pointer.len()).map(|field| field.column.as_str())
    }

    /// Returns each field, sorted by its name; also those that were left out.
    pub fn fields(&self) -> &[Traced] {
        &self.0
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.iter().map(|field| (&field.pointer, &field.column));
        f.debug_map().entries(fields).finish()
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced")
            .field("pointer", &self.pointer)
            .field("column", &self.column)
            .finish_non_exhaustive()
    }
}

impl Mapping {
    /// The largest mapping or code list file that is read, in bytes.
    pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

    /// Makes the mapping that takes a row as it is: for files whose columns bear the fields' own
    /// names, and records that need no mapping.
    pub const fn as_it_is() -> Self {
        Self { event_type: None, root: None, time: None }
    }

    /// Reads a mapping from the text of a file of its own, which names no other files.
    ///
    /// # Errors
    /// Every fault, with key and line.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigFault>> {
        Self::parse_in(text, "mapping", None)
    }

    /// Reads a mapping file and the code lists that it names. Blocks.
    ///
    /// # Errors
    /// Every fault, with file, key and line; or that the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<ConfigFault>> {
        let name = path.display().to_string();
        let text = crate::config::read_text(path, Self::MAX_FILE_BYTES)
            .map_err(|expected| vec![ConfigFault::of_file(&name, expected)])?;
        Self::parse_in(&text, &name, path.parent())
    }

    fn parse_in(text: &str, name: &str, folder: Option<&Path>) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = Faults::default();
        let source = Source { name, text };
        let table = source.parse(&mut faults);
        let mapping = table
            .as_ref()
            .and_then(|table| Self::read(source.root(table), true, folder, &mut faults));
        faults.into_result()?;
        mapping.ok_or_else(|| vec![ConfigFault::of_file(name, "a mapping")])
    }

    /// Reads a mapping from a table of a document; `None` with the faults reported.
    ///
    /// `alone` is a file of its own, which must name the event type. Code list files are looked
    /// for from `folder`.
    pub(crate) fn read(
        section: Section<'_>,
        alone: bool,
        folder: Option<&Path>,
        faults: &mut Faults,
    ) -> Option<Self> {
        read::mapping(section, alone, folder, faults)
    }

    /// Returns the event type that the mapping is for, where it says.
    pub fn event_type(&self) -> Option<&str> {
        self.event_type.as_deref()
    }

    /// Returns the columns that a row must have, though they may be empty: all that are named and
    /// not marked `optional`.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        if let Some(root) = &self.root {
            root.columns(&mut columns);
        }
        if let Some(time) = &self.time {
            time.columns(&mut columns);
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Maps a row or record, a JSON object.
    ///
    /// # Errors
    /// Everything that does not fit, sorted by the fields' names.
    pub fn apply(&self, row: &Value) -> Result<Mapped, Vec<Misfit>> {
        apply::apply(self, row)
    }

    /// Tells from which column each field of a row came, also of those that were left out.
    pub fn trace(&self, row: &Value) -> Trace {
        apply::trace(self, row)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("type", &self.event_type).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
