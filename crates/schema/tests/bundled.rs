//! The schemas in `schemas/`: bilingual, sourced, with examples that keep them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::LazyLock;

use bytes::Bytes;
use lgsp_core::identifier::{FORMATS, ODDITIES};
use lgsp_core::{ErrorCode, Fault};
use lgsp_schema::{EventKind, Schemas};
use serde_json::{Value, json};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::bundled().unwrap());

const DOSSIER: &str = "lgsp.dossier.recorded.v1";
const CITIZEN: &str = "lgsp.citizen.recorded.v1";
const ENTERPRISE: &str = "lgsp.enterprise.recorded.v1";

fn document(kind: &EventKind) -> Value {
    serde_json::from_slice(kind.document()).unwrap()
}

fn example(event_type: &str) -> Value {
    let kind = SCHEMAS.kinds().find(|kind| kind.event_type() == event_type).unwrap();
    document(kind).pointer("/examples/0").unwrap().clone()
}

fn bytes(value: &Value) -> Bytes {
    serde_json::to_vec(value).unwrap().into()
}

fn judge(event_type: &str, record: &Value) -> Result<Vec<(String, &'static str)>, Fault> {
    let event = SCHEMAS.judge(event_type, None, bytes(record))?;
    Ok(event
        .warnings()
        .iter()
        .map(|warning| (warning.pointer.clone(), warning.rule.code))
        .collect())
}

/// Calls a function with each declared member: its name and its schema.
fn each_field<'s>(schema: &'s Value, found: &mut Vec<(&'s str, &'s Value)>) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match (keyword.as_str(), value) {
            // What a condition says of a field stands beside the field's own declaration.
            ("if" | "then" | "else" | "examples", _) => {}
            ("properties", Value::Object(properties)) => {
                for (name, inner) in properties {
                    found.push((name, inner));
                    each_field(inner, found);
                }
            }
            (_, Value::Object(_)) => each_field(value, found),
            (_, Value::Array(items)) => items.iter().for_each(|item| each_field(item, found)),
            _ => {}
        }
    }
}

#[test]
fn each_kind_is_what_clients_were_promised() {
    let kinds: Vec<_> = SCHEMAS
        .kinds()
        .map(|kind| {
            (
                kind.event_type(),
                kind.version(),
                kind.topic(),
                kind.key_pointer(),
                kind.key_is_personal(),
                kind.dataschema(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            (
                CITIZEN,
                "1.0",
                "lgsp.citizen.v1",
                "/SoDinhDanh",
                true,
                "/v1/schemas/lgsp.citizen.recorded.v1/1.0"
            ),
            (
                DOSSIER,
                "1.0",
                "lgsp.dossier.v1",
                "/MaHoSo",
                false,
                "/v1/schemas/lgsp.dossier.recorded.v1/1.0"
            ),
            (
                ENTERPRISE,
                "1.0",
                "lgsp.enterprise.v1",
                "/ENTERPRISE_GDT_CODE",
                false,
                "/v1/schemas/lgsp.enterprise.recorded.v1/1.0"
            ),
        ]
    );
}

#[test]
fn each_example_is_complete_and_valid_without_a_warning() {
    for kind in SCHEMAS.kinds() {
        let schema = document(kind);
        let example = &schema["examples"][0];
        assert_eq!(judge(kind.event_type(), example), Ok(vec![]));
        let declared: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        let shown: Vec<_> = example.as_object().unwrap().keys().collect();
        assert_eq!(declared, shown, "{}", kind.event_type());
    }
}

#[test]
fn every_field_says_what_it_is_in_both_languages_and_where_it_comes_from() {
    for kind in SCHEMAS.kinds() {
        let schema = document(kind);
        let sources = schema["x-sources"].as_object().unwrap();
        let mut fields = vec![("", &schema)];
        each_field(&schema, &mut fields);
        assert!(fields.len() > 20);
        for (name, field) in fields {
            let at = format!("{} {name}", kind.event_type());
            let (vi, en) =
                (field["title"].as_str().expect(&at), field["description"].as_str().expect(&at));
            assert!(vi.len() > 2 && en.len() > 2 && vi != en, "{at}");
            assert!(en.is_ascii(), "{at}: {en}");
            if !name.is_empty() {
                let source = field["x-source"].as_str().expect(&at);
                let keys: Vec<_> =
                    source.split(';').next().unwrap_or_default().split(", ").collect();
                assert!(keys.iter().all(|key| sources.contains_key(*key)), "{at}: {source}");
            }
        }
    }
}

#[test]
fn every_member_of_the_official_packet_is_known() {
    let schema = document(SCHEMAS.kinds().find(|kind| kind.event_type() == DOSSIER).unwrap());
    assert_eq!(schema["properties"].as_object().unwrap().len(), 38);
    assert_eq!(schema["required"].as_array().unwrap().len(), 16);
}

#[test]
fn every_named_format_is_enforced() {
    let places = [
        ("dossier-code", DOSSIER, "/MaHoSo"),
        ("procedure-code", DOSSIER, "/MaTTHC"),
        ("portal-time", DOSSIER, "/NgayTiepNhan"),
        ("personal-number", CITIZEN, "/SoDinhDanh"),
        ("identity-card-9", CITIZEN, "/SoCMND"),
        ("birth-date", CITIZEN, "/NgayThangNamSinh"),
        ("tax-code", ENTERPRISE, "/ENTERPRISE_GDT_CODE"),
        ("day-slashed", ENTERPRISE, "/FOUNDING_DATE"),
    ];
    for (format, event_type, place) in places {
        let rule = FORMATS
            .iter()
            .find(|(name, _)| *name == format)
            .and_then(|(_, check)| check("?").err())
            .unwrap();
        let mut record = example(event_type);
        *record.pointer_mut(place).unwrap() = json!("?");
        let fault = judge(event_type, &record).unwrap_err();
        assert_eq!(fault, Fault::at(ErrorCode::SchemaViolation, place, rule), "{format}");
    }
    // `agency-code` names no field of these schemas; tests/folder.rs tries it.
    assert_eq!(places.len() + 1, FORMATS.len());
    assert_eq!(ODDITIES.len(), 1);
}

#[test]
fn optional_fields_may_be_null_or_absent_and_required_ones_neither() {
    for event_type in [DOSSIER, CITIZEN, ENTERPRISE] {
        let schema =
            document(SCHEMAS.kinds().find(|kind| kind.event_type() == event_type).unwrap());
        let required: Vec<_> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        for name in schema["properties"].as_object().unwrap().keys() {
            let (mut null, mut absent) = (example(event_type), example(event_type));
            null[name] = Value::Null;
            absent.as_object_mut().unwrap().remove(name);
            let must = required.contains(&name.as_str());
            assert_eq!(judge(event_type, &null).is_err(), must, "null {name}");
            assert_eq!(judge(event_type, &absent).is_err(), must, "absent {name}");
        }
    }
}

#[test]
fn what_is_odd_is_accepted_with_a_warning() {
    let mut record = example(DOSSIER);
    record["DinhDanhCHS"] = json!([
        {"LoaiDinhDanh": "1", "SoDinhDanh": "999190000001"},
        {"LoaiDinhDanh": "2", "SoDinhDanh": "999190000", "NoiCap": "x"},
    ]);
    record["Mahoso"] = json!(1);
    record["086190000001"] = json!(1);
    let odd = |pointer: &str, code| (pointer.to_owned(), code);
    assert_eq!(
        judge(DOSSIER, &record).unwrap(),
        [
            odd("", "unknown_field"),
            odd("/DinhDanhCHS/0/SoDinhDanh", "personal_number_prefix"),
            odd("/DinhDanhCHS/1/NoiCap", "unknown_field"),
            odd("/Mahoso", "unknown_field"),
        ]
    );
}

#[test]
fn the_bytes_pass_unchanged_and_debug_hides_them() {
    let text = format!("\n {} ", serde_json::to_string_pretty(&example(CITIZEN)).unwrap());
    let data = Bytes::from(text);
    let event = SCHEMAS.judge(CITIZEN, None, data.clone()).unwrap();
    assert_eq!(event.data().as_ptr(), data.as_ptr());
    assert_eq!(event.entity_key(), "086190000001");
    let shown = format!("{event:?}");
    assert!(
        shown.contains("lgsp.citizen.recorded.v1")
            && !shown.contains("086190000001")
            && !shown.contains("Nguy"),
        "{shown}"
    );
    let (kind, whole, key, warnings) = event.into_parts();
    assert_eq!(
        (kind.event_type(), whole, &*key, warnings.len()),
        (CITIZEN, data, "086190000001", 0)
    );
}
