//! What CSV and spreadsheets share: a header, and rows under it.

use std::collections::HashSet;

use lgsp_core::rule;
use serde_json::{Map, Value};

use super::{FileBreach, FileFault, MAX_COLUMNS};
use crate::mapping::tidied;

/// The columns of a table, by their names.
pub(super) struct Header {
    /// `None` for a column without a name, which is not looked at.
    names: Vec<Option<String>>,
}

impl Header {
    /// Takes the cells of the header row.
    ///
    /// # Errors
    /// Each column that is missing or there twice.
    pub(super) fn new<'c>(
        row: u64,
        cells: impl Iterator<Item = &'c str>,
        columns: &[String],
    ) -> Result<Self, FileFault> {
        let names: Vec<_> = cells.take(MAX_COLUMNS + 1).map(tidied).collect();
        if names.len() > MAX_COLUMNS {
            return Err(FileFault::rule(Some(row), &rule::FILE_TOO_LARGE));
        }
        let mut seen = HashSet::new();
        let named = names.iter().filter(|name| !name.is_empty());
        let twice = named.filter(|name| !seen.insert(name.as_str())).cloned();
        let mut wrong: Vec<_> = twice.collect();
        wrong.extend(columns.iter().filter(|name| !seen.contains(name.as_str())).cloned());
        if seen.is_empty() || !wrong.is_empty() {
            let breach = |column| FileBreach { row: Some(row), column, rule: &rule::FILE_HEADER };
            let wrong: Vec<_> = wrong.into_iter().map(breach).collect();
            return Err(match wrong.as_slice() {
                [] => FileFault::rule(Some(row), &rule::FILE_HEADER),
                _ => FileFault::Content(wrong),
            });
        }
        let names = names.into_iter().map(|name| (!name.is_empty()).then_some(name)).collect();
        Ok(Self { names })
    }

    /// Returns how many columns there are.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// Makes the row of its cells; every column is there, though it may be empty.
    pub(super) fn row(&self, cells: impl Iterator<Item = String>) -> Value {
        let cells = cells.chain(std::iter::repeat_with(String::new));
        let named = self.names.iter().zip(cells);
        let members = named.filter_map(|(name, cell)| Some((name.clone()?, Value::String(cell))));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

/// Tells that no file has a header when its rows ended before it.
pub(super) fn no_header(row: u64) -> FileFault {
    FileFault::rule(Some(row), &rule::FILE_HEADER)
}
