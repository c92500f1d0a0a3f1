use std::io::{Seek, Write};

use proptest::prelude::*;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A row as a test looks at it: its number, and its object or the rule that it breaks.
type Seen = (u64, Result<Value, &'static str>);

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn read_all(bytes: &[u8], format: &Format, columns: &[&str]) -> (Vec<Seen>, Result<(), FileFault>) {
    let columns: Vec<_> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut seen = Vec::new();
    let done = read(file(bytes), format, &columns, &mut |row| {
        let content = match row.content {
            Content::Read(value) => Ok(value),
            Content::Unreadable(rule, _) => Err(rule.code),
        };
        seen.push((row.number, content));
        ControlFlow::Continue(())
    });
    (seen, done)
}

fn rows(bytes: &[u8], format: &Format, columns: &[&str]) -> Vec<Seen> {
    let (seen, done) = read_all(bytes, format, columns);
    done.unwrap();
    seen
}

fn breaches(
    bytes: &[u8],
    format: &Format,
    columns: &[&str],
) -> Vec<(Option<u64>, String, &'static str)> {
    match read_all(bytes, format, columns).1.unwrap_err() {
        FileFault::Content(breaches) => {
            breaches.into_iter().map(|it| (it.row, it.column, it.rule.code)).collect()
        }
        FileFault::Io(error) => panic!("{error}"),
    }
}

const fn csv(separator: u8) -> Format {
    Format::Csv { separator, header_row: 1 }
}

const SHEET: Format = Format::Xlsx { sheet: None, header_row: 1 };

/// Makes a spreadsheet of the rows' XML.
fn spreadsheet(rows: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    for (name, text) in [
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Sổ" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{office}/styles" Target="styles.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn text_cell(at: &str, text: &str) -> String {
    format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

#[test]
fn reads_csv_with_and_without_a_mark_and_with_each_separator() {
    for (mark, separator) in [("", ","), ("\u{feff}", ";"), ("", "\t"), ("\u{feff}", ",")] {
        let text = format!("{mark}Mã{separator}Tên\r\n1{separator}\"A, B; C\tD\r\n\"\"C\"\"\"\r\n");
        let found = rows(text.as_bytes(), &csv(separator.as_bytes()[0]), &["Mã"]);
        assert_eq!(found, [(2, Ok(json!({"Mã": "1", "Tên": "A, B; C\tD\r\n\"C\""})))]);
    }
}

#[test]
fn a_csv_row_is_numbered_as_a_spreadsheet_does() {
    let text = "tiêu đề của sổ\n,\na,b\n1,\"x\ny\"\n,\n2,z\n3\n4,z,\n5,z,w\n";
    let format = Format::Csv { separator: b',', header_row: 3 };
    let found = rows(text.as_bytes(), &format, &["a"]);
    let expected = [
        (4, Ok(json!({"a": "1", "b": "x\ny"}))),
        (6, Ok(json!({"a": "2", "b": "z"}))),
        (7, Err("row_unreadable")),
        (8, Ok(json!({"a": "4", "b": "z"}))),
        (9, Err("row_unreadable")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_csv_row_of_another_encoding_is_refused_alone() {
    let found = rows(b"a,b\n1,\xd0\xff\n2,x\n", &csv(b','), &[]);
    assert_eq!(found, [(2, Err("row_unreadable")), (3, Ok(json!({"a": "2", "b": "x"})))]);
    assert_eq!(
        breaches(b"a,\xff\n", &csv(b','), &[]),
        [(Some(1), String::new(), "file_unreadable")]
    );
}

#[test]
fn a_header_names_each_column_once_and_all_that_are_needed() {
    let found = breaches("a,b,a,\n1,2,3,4\n".as_bytes(), &csv(b','), &["b", "c", "d"]);
    let expected = ["a", "c", "d"].map(|name| (Some(1), name.to_owned(), "file_header"));
    assert_eq!(found, expected);
    for empty in ["", "\n\n", ",,\n"] {
        assert_eq!(breaches(empty.as_bytes(), &csv(b','), &[])[0].2, "file_header", "{empty:?}");
    }
}

#[test]
fn a_quote_that_is_never_closed_ends_the_file() {
    let mut text = b"a\n1\n\"".to_vec();
    text.resize(3 * MAX_ROW_BYTES, b'x');
    let (seen, done) = read_all(&text, &csv(b','), &[]);
    assert_eq!(seen, [(2, Ok(json!({"a": "1"})))]);
    assert!(matches!(done, Err(FileFault::Content(it)) if it[0].row == Some(3)));
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_rows() {
    let (seen, done) = read_all("a,b\n1,x\n2,\"y\n3,z\n4,z\n".as_bytes(), &csv(b','), &[]);
    assert_eq!(seen, [(2, Ok(json!({"a": "1", "b": "x"})))]);
    match done {
        Err(FileFault::Content(found)) => {
            assert_eq!((found[0].row, found[0].rule.code), (Some(3), "row_unreadable"));
        }
        other => panic!("{other:?}"),
    }
    let found = rows("a,b\n2,\"y\n3,z\n4,\"\"\"z\"\n5,5\" x\n.,\n.".as_bytes(), &csv(b','), &[]);
    let expected = [
        (2, Err("row_unreadable")),
        (3, Ok(json!({"a": "5", "b": "5\" x"}))),
        (4, Ok(json!({"a": ".", "b": ""}))),
        (5, Err("row_unreadable")),
    ];
    assert_eq!(found, expected, "closed by the quote of a later row; and rows like the end");
    for whole in ["a\n\"x\n\"", "a\r\n\"x\n\"\r\n", "a\n\"x\n\"\n\n"] {
        assert_eq!(rows(whole.as_bytes(), &csv(b','), &[]), [(2, Ok(json!({"a": "x\n"})))]);
    }
}

#[test]
fn reads_json_lines_and_refuses_single_lines() {
    let mut text = "\u{feff}{\"a\": 1}\r\n\n{\"a\": 1, \"a\": 2}\n[1]\nkhông\n".as_bytes().to_vec();
    text.extend(std::iter::repeat_n(b' ', MAX_ROW_BYTES + 1));
    text.extend(b"{}\n{\"b\": {\"c\": []}}");
    let found = rows(&text, &Format::JsonLines, &["needed by tables only"]);
    let expected = [
        (1, Ok(json!({"a": 1}))),
        (3, Err("json_duplicate_member")),
        (4, Err("row_unreadable")),
        (5, Err("json_syntax")),
        (6, Err("row_unreadable")),
        (7, Ok(json!({"b": {"c": []}}))),
    ];
    assert_eq!(found, expected);
}

#[test]
fn reads_a_spreadsheets_texts_numbers_and_serial_dates() {
    let sheet = spreadsheet(&format!(
        r#"<row r="1">{}{}{}</row>
           <row r="3"><c r="A3"><v>86190000001</v></c><c r="B3" s="1"><v>46206.395833333336</v></c>{}</row>
           <row r="4"><c r="C4" t="b"><v>1</v></c><c r="Z4"><v>5</v></c></row>
           <row r="5"><c r="A5" t="e"><v>#N/A</v></c></row>"#,
        text_cell("A1", "Số"),
        text_cell("B1", "Lúc"),
        text_cell("C1", " Tên "),
        text_cell("C3", "Mẫu &amp; thử"),
    ));
    let found = rows(&sheet, &SHEET, &["Số", "Tên"]);
    let expected = [
        (3, Ok(json!({"Số": "86190000001", "Lúc": "2026-07-03T09:30:00", "Tên": "Mẫu & thử"}))),
        (4, Ok(json!({"Số": "", "Lúc": "", "Tên": "true"}))),
        (5, Err("row_unreadable")),
    ];
    assert_eq!(found, expected);
    let named = |name: &str| Format::Xlsx { sheet: Some(name.to_owned()), header_row: 1 };
    assert_eq!(rows(&sheet, &named("Sổ"), &[]).len(), 3);
    assert_eq!(breaches(&sheet, &named("Khác"), &[])[0].2, "file_unreadable");
    assert_eq!(breaches(&sheet, &SHEET, &["Thiếu"])[0].1, "Thiếu");
}

#[test]
fn a_spreadsheet_with_cells_far_apart_takes_no_memory_between_them() {
    let sheet = spreadsheet(&format!(
        r#"<row r="1">{}</row><row r="1048576"><c r="A1048576"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>"#,
        text_cell("A1", "a"),
    ));
    assert_eq!(rows(&sheet, &SHEET, &[]), [(1_048_576, Ok(json!({"a": "1"})))]);
}

#[test]
fn a_spreadsheet_that_unpacks_to_too_much_is_refused() {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    for part in ["xl/sharedStrings.xml", "xl/workbook.xml"] {
        zip.start_file(part, SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![b' '; 1024 * 1024]).unwrap();
    }
    let mut packed = file(&zip.finish().unwrap().into_inner());
    assert!(packed.metadata().unwrap().len() < 64 * 1024);
    assert!(xlsx_file::measure(&mut packed, 2 * 1024 * 1024).is_ok());
    match xlsx_file::measure(&mut packed, 2 * 1024 * 1024 - 1) {
        Err(FileFault::Content(breaches)) => assert_eq!(breaches[0].rule.code, "file_too_large"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_spreadsheet_is_told_so() {
    for bytes in [&b""[..], b"a,b\n1,2\n", b"PK\x03\x04 and no more"] {
        assert_eq!(breaches(bytes, &SHEET, &[]), [(None, String::new(), "file_unreadable")]);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_and_with_growing_numbers(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            "[a,;\"\\n\\r \\t{}:1\\[\\]]{0,300}".prop_map(String::into_bytes),
        ],
        header_row in 1_u64..4,
    ) {
        for format in [
            Format::Csv { separator: b';', header_row },
            Format::Csv { separator: b',', header_row },
            Format::JsonLines,
            Format::Xlsx { sheet: None, header_row },
        ] {
            let (seen, _) = read_all(&bytes, &format, &[]);
            prop_assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "{seen:?}");
        }
    }

    #[test]
    fn any_sheet_and_any_damage_to_it_is_read_without_panic(
        rows in "(<row r=\"[0-9]{1,3}\">|</row>|<c r=\"[A-C][0-9]{1,8}\"( s=\"[0-3]\")?( t=\"(b|e|n|s|d|str|inlineStr)\")?>|<v>[-0-9.eE]{1,20}</v>|<is><t>a</t></is>|</c>){0,30}",
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = spreadsheet(&rows);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let (seen, _) = read_all(&bytes, &SHEET, &[]);
        prop_assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
