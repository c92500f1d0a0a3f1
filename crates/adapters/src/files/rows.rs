//! The rows of a file, one after the other, never the whole file at once.

mod csv_file;
mod json_lines;
mod table;
mod xlsx_file;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use lgsp_core::rule::{self, Rule};
use serde_json::Value;

use super::config::Format;

/// The longest row that is read, in bytes: what an event may have.
pub(super) const MAX_ROW_BYTES: usize = 1024 * 1024;
/// The most columns.
const MAX_COLUMNS: usize = 1000;
/// The largest CSV or JSON Lines file, in bytes.
const MAX_TEXT_BYTES: u64 = 256 * 1024 * 1024;
/// The largest spreadsheet, in bytes.
const MAX_SHEET_BYTES: u64 = 32 * 1024 * 1024;

/// One row of a file. Not `Debug`: it holds people's data.
pub(super) struct Row {
    /// The line or row as an editor or spreadsheet counts it, from 1; it only grows.
    pub(super) number: u64,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// An object: columns by their names, or the record.
    Read(Value),
    /// What it is could not be told; with what was read of it, as JSON.
    Unreadable(&'static Rule, Value),
}

/// Why a file, or its rest, cannot be read.
#[derive(Debug)]
pub(super) enum FileFault {
    /// It is not what it should be: what is wrong, all of it.
    Content(Vec<FileBreach>),
    /// The system did not give it.
    Io(io::Error),
}

/// One thing that is wrong with a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileBreach {
    /// At or after which row, where that is known.
    pub(super) row: Option<u64>,
    /// Which column, where it is one.
    pub(super) column: String,
    pub(super) rule: &'static Rule,
}

impl FileFault {
    fn rule(row: Option<u64>, rule: &'static Rule) -> Self {
        Self::Content(vec![FileBreach { row, column: String::new(), rule }])
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Who takes the rows; breaking ends the reading.
pub(super) type Take<'t> = dyn FnMut(Row) -> ControlFlow<()> + 't;

/// Reads a file from its beginning, row by row. Blocks.
///
/// `columns` are those that a table must have.
///
/// # Errors
/// When the file is not what the format says; rows before that place were given.
pub(super) fn read(
    file: File,
    format: &Format,
    columns: &[String],
    take: &mut Take<'_>,
) -> Result<(), FileFault> {
    let bytes = file.metadata()?.len();
    let most = match format {
        Format::Xlsx { .. } => MAX_SHEET_BYTES,
        Format::Csv { .. } | Format::JsonLines => MAX_TEXT_BYTES,
    };
    if bytes > most {
        return Err(FileFault::rule(None, &rule::FILE_TOO_LARGE));
    }
    match format {
        Format::Csv { separator, header_row } => {
            csv_file::read(file, *separator, *header_row, columns, take)
        }
        Format::Xlsx { sheet, header_row } => {
            xlsx_file::read(file, sheet.as_deref(), *header_row, columns, take)
        }
        Format::JsonLines => json_lines::read(io::BufReader::new(file), take),
    }
}

#[cfg(test)]
mod tests;
