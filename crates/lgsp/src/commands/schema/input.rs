//! Records out of files: one JSON document, a list, or JSON Lines; read with bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// How large a file may be that is no JSON Lines, in bytes.
const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// How long a line may be: an event's data and its envelope, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 2 << 20;

/// One record of a file.
pub(super) struct Record {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// The line on which it stands, from 1, where lines hold records.
    pub(super) line: Option<u64>,
    /// Its bytes; `None` if they are more than may be.
    pub(super) bytes: Option<Bytes>,
}

/// Hands each record of a file to a function.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn each(path: &Path, judge: &mut dyn FnMut(Record)) -> io::Result<()> {
    let mut file: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path)?),
    };
    let mut start = Vec::new();
    file.by_ref().take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut start)?;
    let whole = start.len() <= MAX_DOCUMENT_BYTES;
    if !whole || is_lines(path, &start) {
        return each_line(BufReader::new(Cursor::new(start).chain(file)), judge);
    }
    let start = Bytes::from(start);
    match serde_json::from_slice::<Vec<&RawValue>>(&start) {
        Ok(items) => {
            for (number, item) in (1..).zip(items) {
                let bytes = start.slice_ref(item.get().as_bytes());
                judge(Record { number, line: None, bytes: Some(bytes) });
            }
        }
        Err(_) => judge(Record { number: 1, line: None, bytes: Some(start) }),
    }
    Ok(())
}

/// Tells JSON Lines by the file's name, or by a first line that is an object of its own.
fn is_lines(path: &Path, text: &[u8]) -> bool {
    if path.extension().is_some_and(|end| end == "jsonl" || end == "ndjson") {
        return true;
    }
    let mut lines =
        text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    lines.next().is_some()
        && first.starts_with(b"{")
        && first.ends_with(b"}")
        && serde_json::from_slice::<IgnoredAny>(text).is_err()
}

fn each_line(mut text: impl BufRead, judge: &mut dyn FnMut(Record)) -> io::Result<()> {
    let mut number = 0;
    for line in 1.. {
        let mut bytes = Vec::new();
        text.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            break;
        }
        let too_long = bytes.len() > MAX_LINE_BYTES;
        if too_long {
            text.skip_until(b'\n')?;
        }
        if too_long || !bytes.trim_ascii().is_empty() {
            number += 1;
            let bytes = (!too_long).then(|| Bytes::from(bytes));
            judge(Record { number, line: Some(line), bytes });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(name: &str, text: &[u8]) -> Vec<(u64, Option<u64>, Option<usize>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut found = Vec::new();
        each(&path, &mut |record| {
            found.push((
                record.number,
                record.line,
                record.bytes.map(|bytes| bytes.trim_ascii().len()),
            ))
        })
        .unwrap();
        found
    }

    #[test]
    fn tells_one_record_from_a_list_and_from_lines() {
        assert_eq!(records("a.json", b"{\n \"a\": 1\n}\n"), [(1, None, Some(11))]);
        assert_eq!(records("a.json", b"[{\"a\": 1}, 7]"), [(1, None, Some(8)), (2, None, Some(1))]);
        assert_eq!(records("a.json", b"[]"), []);
        let lines = [(1, Some(1), Some(7)), (2, Some(3), Some(2))];
        assert_eq!(records("a.json", b"{\"a\":1}\n\n{}\n"), lines);
        assert_eq!(records("a.txt", b"{\"a\":1}\r\n \r\n{}"), lines);
        assert_eq!(records("a.jsonl", b"[1]\n"), [(1, Some(1), Some(3))]);
        assert_eq!(records("a.jsonl", b""), []);
    }

    #[test]
    fn what_is_broken_is_still_a_record() {
        assert_eq!(records("a.json", b""), [(1, None, Some(0))]);
        assert_eq!(records("a.json", b"{\"a\":\n"), [(1, None, Some(5))]);
        assert_eq!(
            records("a.jsonl", b"{\"a\":\n{}\n"),
            [(1, Some(1), Some(5)), (2, Some(2), Some(2))]
        );
        assert_eq!(records("a.json", b"\xff\xfe"), [(1, None, Some(2))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_alone() {
        let mut text = vec![b'x'; MAX_DOCUMENT_BYTES + 10];
        text.extend(b"\n{}\n");
        assert_eq!(records("a.json", &text), [(1, Some(1), None), (2, Some(2), Some(2))]);
    }
}
