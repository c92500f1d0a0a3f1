//! Spreadsheets (`.xlsx`): the cells' values as text, times in ISO 8601.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use jiff::civil::DateTime;
use jiff::{RoundMode, Unit, civil::DateTimeRound};
use lgsp_core::rule;
use serde_json::Value;

use super::table::{Header, no_header};
use super::{Content, FileFault, MAX_COLUMNS, MAX_ROW_BYTES, Row, Take};

/// How large a spreadsheet may be when it is unpacked, in bytes: its texts are kept in memory.
const MAX_UNPACKED_BYTES: u64 = 192 * 1024 * 1024;
/// How many parts a spreadsheet may have.
const MAX_PARTS: usize = 2000;

pub(super) fn read(
    mut file: File,
    sheet: Option<&str>,
    header_row: u64,
    columns: &[String],
    take: &mut Take<'_>,
) -> Result<(), FileFault> {
    measure(&mut file, MAX_UNPACKED_BYTES)?;
    let unreadable = |_| FileFault::rule(None, &rule::FILE_UNREADABLE);
    file.rewind()?;
    let mut book = Xlsx::new(BufReader::new(file)).map_err(unreadable)?;
    let names = book.sheet_names();
    let wanted = match sheet {
        Some(sheet) => names.iter().find(|name| crate::mapping::tidied(name) == sheet.trim()),
        None => names.first(),
    };
    let name = wanted.ok_or_else(|| FileFault::rule(None, &rule::FILE_UNREADABLE))?.clone();
    let mut cells = book.worksheet_cells_reader(&name).map_err(unreadable)?;
    let mut sheet = Sheet { columns, header_row, header: None, line: None };
    loop {
        let at = sheet.line.as_ref().map(|line| line.number);
        let unreadable = |_| FileFault::rule(at, &rule::FILE_UNREADABLE);
        let Some(cell) = cells.next_cell().map_err(unreadable)? else { break };
        let (row, column) = cell.get_position();
        let (number, column) = (u64::from(row) + 1, column as usize);
        if at.is_some_and(|at| number < at) {
            return Err(FileFault::rule(at, &rule::FILE_UNREADABLE));
        }
        if at.is_none_or(|at| number > at) && sheet.finish_line(take)? {
            return Ok(());
        }
        sheet.add(number, column, cell.get_value());
    }
    if sheet.finish_line(take)? {
        return Ok(());
    }
    if sheet.header.is_some() { Ok(()) } else { Err(no_header(header_row)) }
}

/// A sheet while its cells come in, row by row.
struct Sheet<'c> {
    columns: &'c [String],
    header_row: u64,
    header: Option<Header>,
    line: Option<Line>,
}

struct Line {
    number: u64,
    /// By column; only those that are not empty.
    cells: BTreeMap<usize, String>,
    bytes: usize,
    /// A cell holds an error such as `#N/A`.
    broken: bool,
}

impl Sheet<'_> {
    fn add(&mut self, number: u64, column: usize, value: &DataRef<'_>) {
        let line = self.line.get_or_insert_with(|| Line {
            number,
            cells: BTreeMap::new(),
            bytes: 0,
            broken: false,
        });
        // What stands beyond the header's columns is nobody's.
        let known = match &self.header {
            Some(header) => column < header.width(),
            None => column <= MAX_COLUMNS,
        };
        if !known {
            return;
        }
        match text(value) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => {
                line.bytes += text.len();
                if line.bytes <= MAX_ROW_BYTES {
                    line.cells.insert(column, text);
                }
            }
            None => line.broken = true,
        }
    }

    /// Gives the row that is complete; tells whether the reading shall end.
    fn finish_line(&mut self, take: &mut Take<'_>) -> Result<bool, FileFault> {
        let Some(Line { number, mut cells, bytes, broken }) = self.line.take() else {
            return Ok(false);
        };
        let Some(header) = &self.header else {
            if number >= self.header_row {
                let width = cells.keys().next_back().map_or(0, |last| last + 1);
                let names = (0..width).map(|column| cells.get(&column).map_or("", String::as_str));
                self.header = Some(Header::new(number, names, self.columns)?);
            }
            return Ok(false);
        };
        if cells.is_empty() && !broken {
            return Ok(false);
        }
        let row = header.row((0..header.width()).map(|at| cells.remove(&at).unwrap_or_default()));
        let content = if bytes > MAX_ROW_BYTES {
            Content::Unreadable(&rule::ROW_UNREADABLE, Value::Null)
        } else if broken {
            Content::Unreadable(&rule::ROW_UNREADABLE, row)
        } else {
            Content::Read(row)
        };
        Ok(take(Row { number, content }).is_break())
    }
}

/// Writes a cell's value as text; `None` for an error.
fn text(value: &DataRef<'_>) -> Option<String> {
    Some(match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        // The shortest form that is the same number; never with an exponent.
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(at) => moment(at).unwrap_or_else(|| at.as_f64().to_string()),
        DataRef::Error(_) => return None,
    })
}

/// Writes a serial date as ISO 8601, to the second: the fraction is the format's inexactness.
fn moment(at: &ExcelDateTime) -> Option<String> {
    if !at.is_datetime() {
        return None;
    }
    let (year, month, day, hour, minute, second, millis) = at.to_ymd_hms_milli();
    let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, day);
    let day = i8::try_from(day).ok()?;
    let [hour, minute, second] = [hour, minute, second].map(|part| i8::try_from(part).ok());
    let nanos = i32::from(millis) * 1_000_000;
    let at = DateTime::new(year, month, day, hour?, minute?, second?, nanos).ok()?;
    let round = DateTimeRound::new().smallest(Unit::Second).mode(RoundMode::HalfExpand);
    at.round(round).ok().map(|at| at.to_string())
}

/// Unpacks a spreadsheet once without keeping anything: what it claims of its size may be untrue.
pub(super) fn measure(file: &mut File, most: u64) -> Result<(), FileFault> {
    let unreadable = |_| FileFault::rule(None, &rule::FILE_UNREADABLE);
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let mut left = most;
    if archive.len() > MAX_PARTS {
        return Err(FileFault::rule(None, &rule::FILE_TOO_LARGE));
    }
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(unreadable)?;
        let unpacked = io::copy(&mut part.take(left + 1), &mut io::sink());
        let unpacked = unpacked.map_err(|_| FileFault::rule(None, &rule::FILE_UNREADABLE))?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| FileFault::rule(None, &rule::FILE_TOO_LARGE))?;
    }
    Ok(())
}
