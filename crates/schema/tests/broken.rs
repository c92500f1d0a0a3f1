//! Broken and odd records, and what is told of them: one golden table for each event type.
//!
//! A row is a JSON object on a line of its own: how the record differs from the first example of
//! its schema (`set` and `remove` by JSON Pointer, or the whole `text`), and then the violations
//! that refuse it or the warnings that it is accepted with, each as "pointer rule". After a wanted
//! change, copy the file that the failing test names over the golden one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use lgsp_core::{Fault, Violation};
use lgsp_schema::{Schemas, ValidatedEvent};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::bundled().unwrap());

const DOSSIER: &str = "lgsp.dossier.recorded.v1";

/// Each event type and its table.
const TABLES: [(&str, &str); 4] = [
    ("lgsp.citizen.recorded.v1", include_str!("golden/lgsp.citizen.recorded.v1.jsonl")),
    ("lgsp.dossier.progressed.v1", include_str!("golden/lgsp.dossier.progressed.v1.jsonl")),
    (DOSSIER, include_str!("golden/lgsp.dossier.recorded.v1.jsonl")),
    ("lgsp.enterprise.recorded.v1", include_str!("golden/lgsp.enterprise.recorded.v1.jsonl")),
];

/// Texts that stand where personal data would.
const CANARIES: [&str; 2] = ["CANARY", "086190999999"];

fn rows(table: &str) -> Vec<Map<String, Value>> {
    table.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn example(event_type: &str) -> Value {
    let kind = SCHEMAS.kinds().find(|kind| kind.event_type() == event_type).unwrap();
    let schema: Value = serde_json::from_slice(kind.document()).unwrap();
    schema["examples"][0].clone()
}

/// Writes the record that a row describes.
fn record(event_type: &str, row: &Map<String, Value>) -> Bytes {
    if let Some(text) = row.get("text") {
        return text.as_str().unwrap().to_owned().into();
    }
    let mut record = example(event_type);
    let members = |name| row.get(name).and_then(Value::as_object).into_iter().flatten();
    for (pointer, value) in members("set") {
        set(&mut record, pointer, value);
    }
    for pointer in row.get("remove").and_then(Value::as_array).into_iter().flatten() {
        let (parent, name) = pointer.as_str().unwrap().rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
        assert!(parent.remove(name).is_some(), "{pointer} is not in the example");
    }
    serde_json::to_vec(&record).unwrap().into()
}

fn set(record: &mut Value, pointer: &str, value: &Value) {
    let value = repeated(value);
    if let Some(place) = record.pointer_mut(pointer) {
        *place = value;
        return;
    }
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = record.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    parent.insert(name.to_owned(), value);
}

/// Writes out `{"$repeat": [text, count]}` wherever it stands.
fn repeated(value: &Value) -> Value {
    match value {
        Value::Object(object) if object.contains_key("$repeat") => {
            let text = object["$repeat"][0].as_str().unwrap();
            let count = object["$repeat"][1].as_u64().unwrap();
            text.repeat(usize::try_from(count).unwrap()).into()
        }
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.clone(), repeated(value))).collect()
        }
        Value::Array(items) => items.iter().map(repeated).collect(),
        _ => value.clone(),
    }
}

fn judged(event_type: &str, row: &Map<String, Value>) -> Result<ValidatedEvent, Fault> {
    SCHEMAS.judge(event_type, None, record(event_type, row))
}

fn told(violations: &[Violation]) -> Value {
    violations.iter().map(|one| format!("{} {}", one.pointer, one.rule.code)).collect()
}

#[test]
fn each_record_is_told_all_of_its_violations_or_warnings() {
    let mut count = 0;
    for (event_type, table) in TABLES {
        let mut actual = String::new();
        for mut row in rows(table) {
            let (violations, warnings) = match judged(event_type, &row) {
                Ok(event) => (json!([]), told(event.warnings())),
                Err(fault) => {
                    assert_eq!(fault.total_violations, fault.violations.len());
                    (told(&fault.violations), json!([]))
                }
            };
            row.insert("violations".to_owned(), violations);
            row.insert("warnings".to_owned(), warnings);
            actual.push_str(&in_order(&row));
            count += 1;
        }
        if actual != table {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{event_type}.jsonl"));
            fs::write(&path, &actual).unwrap();
            let differing = actual.lines().zip(table.lines()).find(|(now, then)| now != then);
            panic!("differs from the golden table, see {}: {differing:?}", path.display());
        }
    }
    assert!(count >= 60, "{count} rows");
}

/// Writes a row with its members in the order of reading.
fn in_order(row: &Map<String, Value>) -> String {
    let names = ["record", "text", "set", "remove", "violations", "warnings"];
    let members: Vec<_> = names
        .iter()
        .filter_map(|name| Some(format!("{}: {}", json!(name), row.get(*name)?)))
        .collect();
    assert_eq!(members.len(), row.len(), "{row:?}");
    format!("{{{}}}\n", members.join(", "))
}

#[test]
fn no_fault_and_no_warning_repeats_a_value_or_a_name_that_may_be_personal() {
    let mut planted = 0;
    for (event_type, table) in TABLES {
        for row in rows(table) {
            let text = record(event_type, &row);
            let text = String::from_utf8_lossy(&text);
            planted += usize::from(CANARIES.iter().any(|canary| text.contains(canary)));
            let shown = match judged(event_type, &row) {
                Ok(event) => format!("{event:?} {:?}", event.warnings()),
                Err(fault) => format!("{fault:?} {fault}"),
            };
            assert!(CANARIES.iter().all(|canary| !shown.contains(canary)), "{shown}");
        }
    }
    assert!(planted >= 20, "{planted}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_record_never_makes_it_panic(table in 0..TABLES.len(), at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..8)) {
        let (event_type, _) = TABLES[table];
        let mut text = serde_json::to_vec(&example(event_type)).unwrap();
        let start = at.index(text.len());
        let end = (start + bytes.len()).min(text.len());
        text.splice(start..end, bytes);
        let judged = SCHEMAS.judge(event_type, None, text.into());
        prop_assert!(judged.err().is_none_or(|fault| !fault.violations.is_empty()));
    }
}
