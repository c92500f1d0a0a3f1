//! A JSON Lines file: each row is what its line says.
#![no_main]

use lgsp_adapters::files::Format;
use lgsp_adapters::fuzzing::rows;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let rows = rows(lgsp_fuzz::file(bytes), &Format::JsonLines, &[]);
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let filled = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
    assert_eq!(rows.len(), filled);
    for (number, row) in rows {
        if let Some(row) = row {
            let line = lines[usize::try_from(number).unwrap() - 1].trim_ascii();
            assert_eq!(serde_json::from_slice::<Value>(line).unwrap(), row);
        }
    }
});
