//! CSV: RFC 4180 with a declared separator, UTF-8 with or without a byte order mark.

use std::io::{self, Read};
use std::str::from_utf8;

use csv::{ByteRecord, ReaderBuilder};
use lgsp_core::rule;
use serde_json::Value;

use super::table::{Header, no_header};
use super::{Content, FileFault, MAX_ROW_BYTES, Row, Take};

pub(super) fn read(
    file: impl Read,
    separator: u8,
    header_row: u64,
    columns: &[String],
    take: &mut Take<'_>,
) -> Result<(), FileFault> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(Bounded { inner: file, allowance: MAX_ROW_BYTES });
    let mut record = ByteRecord::new();
    let mut header: Option<Header> = None;
    // Rows as a spreadsheet counts them: a cell of several lines does not count as several. Only
    // lines without anything are not counted, for the reader does not show them.
    for number in 1.. {
        reader.get_mut().allowance = MAX_ROW_BYTES;
        let more = reader.read_byte_record(&mut record).map_err(|error| fault(error, number))?;
        if !more {
            break;
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
        let row = Row { number, content: content(&record, header) };
        if take(row).is_break() {
            break;
        }
    }
    if header.is_some() { Ok(()) } else { Err(no_header(header_row)) }
}

fn content(record: &ByteRecord, header: &Header) -> Content {
    let surplus = record.iter().skip(header.width()).any(|cell| !cell.trim_ascii().is_empty());
    let cells: Result<Vec<_>, _> = record.iter().map(from_utf8).collect();
    match cells {
        Ok(cells) if !surplus && record.len() >= header.width() => {
            Content::Read(header.row(cells.into_iter().map(str::to_owned)))
        }
        _ => {
            let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
            Content::Unreadable(&rule::ROW_UNREADABLE, cells.map(Value::String).collect())
        }
    }
}

/// A quote that is never closed would make the rest of the file one row.
struct Bounded<R> {
    inner: R,
    allowance: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(buffer)?;
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
