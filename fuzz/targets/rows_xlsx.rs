//! A spreadsheet: `z` and the archive as it is; or the parts of one, which NULs separate: sheet,
//! shared strings, styles, workbook, relations. An empty part is replaced by a plain one.
#![no_main]

use std::io::{Cursor, Write};

use lgsp_adapters::files::Format;
use lgsp_adapters::fuzzing::rows;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const PARTS: [(&str, &str); 5] = [
    ("xl/worksheets/sheet1.xml", ""),
    (
        "xl/sharedStrings.xml",
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1"><si><t>a</t></si></sst>"#,
    ),
    (
        "xl/styles.xml",
        r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#,
    ),
];

fuzz_target!(|input: &[u8]| {
    let bytes = match input.split_first() {
        Some((b'z', archive)) => archive.to_vec(),
        _ => archive(lgsp_fuzz::parts(input)),
    };
    let format = Format::Xlsx { sheet: None, header_row: 1 };
    let rows = rows(lgsp_fuzz::file(&bytes), &format, &[]);
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
});

fn archive(parts: [&[u8]; PARTS.len()]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for ((name, usual), part) in PARTS.iter().zip(parts) {
        archive.start_file(*name, stored).unwrap();
        let part = if part.is_empty() { usual.as_bytes() } else { part };
        archive.write_all(part).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
