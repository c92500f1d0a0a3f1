//! CSV: RFC 4180 with a declared separator, UTF-8 with or without a byte order mark.

use std::io::{self, Read};
use std::str::from_utf8;

use csv::{ByteRecord, ReaderBuilder};
use lgsp_core::rule;
use serde_json::Value;

use super::table::{Header, no_header};
use super::{Content, FileFault, MAX_ROW_BYTES, Row, Take};

/// What is read behind the end of the file: a row that comes as itself, unless a quote was never
/// closed and has swallowed it.
const END: (&[u8], &[u8]) = (b"\n.", b".");

pub(super) fn read(
    file: impl Read,
    separator: u8,
    header_row: u64,
    columns: &[String],
    take: &mut Take<'_>,
) -> Result<(), FileFault> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(
            Bounded { inner: file.chain(END.0), allowance: MAX_ROW_BYTES, ended: false },
        );
    let mut record = ByteRecord::new();
    let mut header: Option<Header> = None;
    // Rows as a spreadsheet counts them: a cell of several lines does not count as several. Only
    // lines without anything are not counted, for the reader does not show them.
    for number in 1.. {
        reader.get_mut().allowance = MAX_ROW_BYTES;
        let more = reader.read_byte_record(&mut record).map_err(|error| fault(error, number))?;
        // The reader asks behind the end only while it reads the last row, which is the one added.
        if !more || reader.get_ref().ended {
            match (more, record.len(), record.get(0)) {
                (false, ..) => break,
                (true, 1, Some(cell)) if cell == END.1 => break,
                _ => return Err(FileFault::rule(Some(number), &rule::ROW_UNREADABLE)),
            }
        }
        let Some(header) = &header else {
            if number >= header_row {
                let unreadable = |_| FileFault::rule(Some(number), &rule::FILE_UNREADABLE);
                let cells: Result<Vec<_>, _> = record.iter().map(from_utf8).collect();
                let cells = cells.map_err(unreadable)?;
                header = Some(Header::new(number, cells.into_iter(), columns)?);
            }
            continue;
        };
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let row = Row { number, content: content(&record, header, separator) };
        if take(row).is_break() {
            break;
        }
    }
    if header.is_some() { Ok(()) } else { Err(no_header(header_row)) }
}

fn content(record: &ByteRecord, header: &Header, separator: u8) -> Content {
    let swallowed = record.iter().any(|cell| holds_rows(cell, header.width(), separator));
    let surplus = record.iter().skip(header.width()).any(|cell| !cell.trim_ascii().is_empty());
    let cells: Result<Vec<_>, _> = record.iter().map(from_utf8).collect();
    match cells {
        Ok(cells) if !surplus && !swallowed && record.len() >= header.width() => {
            Content::Read(header.row(cells.into_iter().map(str::to_owned)))
        }
        _ => {
            let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
            Content::Unreadable(&rule::ROW_UNREADABLE, cells.map(Value::String).collect())
        }
    }
}

/// Tells whether a cell of several lines looks as if it had swallowed rows, for want of a quote. Its
/// first line is its own in any case; of a table of one column nothing can be told.
fn holds_rows(cell: &[u8], width: usize, separator: u8) -> bool {
    let cells = |line: &[u8]| line.iter().filter(|byte| **byte == separator).count() + 1;
    width > 1
        && cell.split(|byte| matches!(byte, b'\n' | b'\r')).skip(1).any(|it| cells(it) == width)
}

/// A quote that is never closed would make the rest of the file one row.
struct Bounded<R> {
    inner: R,
    allowance: usize,
    /// Whether there was nothing more.
    ended: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(buffer)?;
        self.ended |= read == 0 && !buffer.is_empty();
        self.allowance = self.allowance.saturating_sub(read);
        Ok(read)
    }
}

fn fault(error: csv::Error, row: u64) -> FileFault {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() != io::ErrorKind::FileTooLarge => {
            FileFault::Io(error)
        }
        _ => FileFault::rule(Some(row), &rule::ROW_UNREADABLE),
    }
}
