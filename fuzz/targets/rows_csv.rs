//! A CSV file, after two characters: which separator, and where the header stands.
#![no_main]

use lgsp_adapters::files::Format;
use lgsp_adapters::fuzzing::rows;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [separator, header_row, bytes @ ..] = input else { return };
    let separator = match separator {
        b';' => b';',
        b'\t' => b'\t',
        _ => b',',
    };
    let format = Format::Csv { separator, header_row: u64::from(header_row % 4) + 1 };
    let rows = rows(lgsp_fuzz::file(bytes), &format, &[]);
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let names = |row: &Option<serde_json::Value>| {
        row.as_ref().map(|row| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
    };
    let mut headers: Vec<_> = rows.iter().filter_map(|(_, row)| names(row)).collect();
    headers.dedup();
    assert!(headers.len() <= 1, "every row has all columns");
});
