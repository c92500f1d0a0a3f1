//! JSON Lines: one object a line, UTF-8; empty lines do not count.

use std::io::{self, BufRead};

use lgsp_core::rule;
use serde_json::Value;

use super::{Content, FileFault, MAX_ROW_BYTES, Row, Take};

/// The byte order mark that some editors put before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn read(mut lines: impl BufRead, take: &mut Take<'_>) -> Result<(), FileFault> {
    let mut line = Vec::new();
    for number in 1.. {
        let Some(whole) = next_line(&mut lines, &mut line)? else { break };
        let text = match number {
            1 => line.strip_prefix(MARK).unwrap_or(&line),
            _ => &line,
        };
        let text = text.trim_ascii();
        let content = match whole {
            true if text.is_empty() => continue,
            true => content(text),
            false => Content::Unreadable(&rule::ROW_UNREADABLE, Value::Null),
        };
        if take(Row { number, content }).is_break() {
            break;
        }
    }
    Ok(())
}

fn content(text: &[u8]) -> Content {
    let broken = match lgsp_schema::parse_strict(text) {
        Ok(record @ Value::Object(_)) => return Content::Read(record),
        Ok(_) => &rule::ROW_UNREADABLE,
        Err(fault) => fault.violations.first().map_or(&rule::ROW_UNREADABLE, |first| first.rule),
    };
    Content::Unreadable(broken, Value::String(String::from_utf8_lossy(text).into_owned()))
}

/// Reads a line without its end; `None` at the end of the file. `false` means that it was longer
/// than a row may be, and was passed over.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut any, mut whole) = (false, true);
    loop {
        let buffer = lines.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let mut pieces = buffer.splitn(2, |byte| *byte == b'\n');
        let piece = pieces.next().unwrap_or_default();
        let ends = pieces.next().is_some();
        whole &= line.len() + piece.len() <= MAX_ROW_BYTES;
        if whole {
            line.extend_from_slice(piece);
        }
        let used = piece.len() + usize::from(ends);
        lines.consume(used);
        if ends {
            return Ok(Some(whole));
        }
    }
}
