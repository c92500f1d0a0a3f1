//! The schemas in `schemas/`: bilingual, sourced, with examples that keep them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use lgsp_core::identifier::FORMATS;
use lgsp_core::{ErrorCode, Fault};
use lgsp_schema::{EventKind, Schemas, ValidatedEvent};
use serde_json::{Value, json};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::bundled().unwrap());

const DOSSIER: &str = "lgsp.dossier.recorded.v1";
const PROGRESS: &str = "lgsp.dossier.progressed.v1";
const CITIZEN: &str = "lgsp.citizen.recorded.v1";
const ENTERPRISE: &str = "lgsp.enterprise.recorded.v1";

fn kind(event_type: &str) -> &'static EventKind {
    SCHEMAS.kinds().find(|kind| kind.event_type() == event_type).unwrap()
}

fn document(kind: &EventKind) -> Value {
    serde_json::from_slice(kind.document()).unwrap()
}

/// Returns the first example, which shows every field.
fn example(event_type: &str) -> Value {
    document(kind(event_type))["examples"][0].clone()
}

fn judge(event_type: &str, record: &Value) -> Result<ValidatedEvent, Fault> {
    SCHEMAS.judge(event_type, None, serde_json::to_vec(record).unwrap().into())
}

/// Finds each declared member: its name and its schema.
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

/// Lists the members that a schema declares at this place and below, as pointers without indices.
fn declared(root: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        declared(root, root.pointer(name.trim_start_matches('#')).unwrap(), at, found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let here = format!("{at}/{name}");
        declared(root, inner, &here, found);
        found.insert(here);
    }
    if schema["items"].is_object() {
        declared(root, &schema["items"], at, found);
    }
}

/// Lists the members that a record has, as pointers without indices.
fn shown(record: &Value, at: &str, found: &mut BTreeSet<String>) {
    for (name, value) in record.as_object().into_iter().flatten() {
        let here = format!("{at}/{name}");
        shown(value, &here, found);
        found.insert(here);
    }
    record.as_array().into_iter().flatten().for_each(|item| shown(item, at, found));
}

#[test]
fn each_kind_is_what_clients_were_promised() {
    let kinds: Vec<_> = SCHEMAS
        .kinds()
        .map(|kind| {
            let place = (kind.topic(), kind.key_pointer());
            (kind.event_type(), kind.version(), place, kind.state_pointer(), kind.dataschema())
        })
        .collect();
    let (dossiers, state) = (("lgsp.dossier.v1", "/MaHoSo"), Some("/TrangThaiHoSo"));
    let citizens = ("lgsp.citizen.v1", "/SoDinhDanh");
    let enterprises = ("lgsp.enterprise.v1", "/ENTERPRISE_GDT_CODE");
    assert_eq!(
        kinds,
        [
            (CITIZEN, "1.0", citizens, None, "/v1/schemas/lgsp.citizen.recorded.v1/1.0"),
            (
                PROGRESS,
                "1.0",
                dossiers,
                Some("/TrangThai"),
                "/v1/schemas/lgsp.dossier.progressed.v1/1.0"
            ),
            (DOSSIER, "1.0", dossiers, state, "/v1/schemas/lgsp.dossier.recorded.v1/1.0"),
            (ENTERPRISE, "1.0", enterprises, None, "/v1/schemas/lgsp.enterprise.recorded.v1/1.0"),
        ]
    );
}

#[test]
fn a_key_that_is_a_persons_number_is_personal_in_every_type() {
    for (event_type, key, personal) in [
        (CITIZEN, "086190000001", true),
        (ENTERPRISE, "086190000001", true),
        (ENTERPRISE, "08619000001", true),
        (ENTERPRISE, "1500999906", false),
        (ENTERPRISE, "1500999906-001", false),
        (DOSSIER, "H61.14-260703-0001", false),
        (PROGRESS, "H61.14-260703-0001", false),
    ] {
        assert_eq!(kind(event_type).is_personal_key(key), personal, "{event_type} {key}");
    }
}

#[test]
fn the_first_example_shows_every_field_and_the_second_only_what_must_be_there() {
    for kind in SCHEMAS.kinds() {
        let schema = document(kind);
        let (mut fields, mut members) = (BTreeSet::new(), BTreeSet::new());
        declared(&schema, &schema, "", &mut fields);
        shown(&schema["examples"][0], "", &mut members);
        // A relative is shown once, a name and a date in one of their two forms.
        let beside = |field: &&String| {
            let once = ["/NguoiDaiDien/", "/VoChong/", "/NoiO", "/QueQuan/", "/NoiDangKyKhaiSinh/"];
            let forms = ["/Ho", "/ChuDem", "/Ten", "/Nam", "/NgayThangNam"];
            once.iter().any(|one| field.starts_with(one))
                || forms.iter().any(|form| field.ends_with(form))
        };
        let missing: Vec<_> = fields.difference(&members).filter(|field| !beside(field)).collect();
        assert_eq!(missing, Vec::<&String>::new(), "{}", kind.event_type());

        let oddities = schema["x-lgsp"]["oddities"].as_array();
        let expected = oddities
            .into_iter()
            .flatten()
            .filter(|oddity| oddity["rule"] == "missing_expected")
            .map(|oddity| &oddity["at"].as_str().unwrap()[1..]);
        let required: BTreeSet<_> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .chain(expected)
            .collect();
        let minimal: BTreeSet<_> =
            schema["examples"][1].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(required, minimal, "{}", kind.event_type());
    }
}

#[test]
fn each_example_is_valid_without_a_warning() {
    for kind in SCHEMAS.kinds() {
        let examples = document(kind)["examples"].clone();
        assert!(examples.as_array().unwrap().len() >= 2);
        for example in examples.as_array().unwrap() {
            let event = judge(kind.event_type(), example).unwrap();
            assert_eq!(event.warnings(), [], "{}", kind.event_type());
        }
    }
}

#[test]
fn every_field_says_what_it_is_in_both_languages_and_where_it_comes_from() {
    for kind in SCHEMAS.kinds() {
        let schema = document(kind);
        let sources = schema["x-sources"].as_object().unwrap();
        let mut fields = vec![("", &schema)];
        each_field(&schema, &mut fields);
        assert!(fields.len() >= 10);
        for (name, field) in fields {
            let at = format!("{} {name}", kind.event_type());
            let text = |member: &str| field[member].as_str().unwrap_or_default();
            let (vi, en) = (text("title"), text("description"));
            assert!(vi.len() > 2 && en.len() > 2 && vi != en, "{at}");
            assert!(en.is_ascii(), "{at}: {en}");
            if !name.is_empty() {
                let mut keys = text("x-source").split(';').next().unwrap_or_default().split(", ");
                assert!(keys.all(|key| sources.contains_key(key)), "{at}: {}", text("x-source"));
            }
        }
    }
}

#[test]
fn every_member_of_the_official_packets_is_known() {
    for (event_type, members, required) in [(DOSSIER, 38, 10), (PROGRESS, 9, 4)] {
        let schema = document(kind(event_type));
        assert_eq!(schema["properties"].as_object().unwrap().len(), members);
        assert_eq!(schema["required"].as_array().unwrap().len(), required);
    }
    let mut nested = BTreeSet::new();
    let schema = document(kind(DOSSIER));
    declared(&schema, &schema, "", &mut nested);
    let within = |list: &str| nested.iter().filter(|field| field.starts_with(list)).count();
    assert_eq!(
        [
            within("/TaiLieuNop/"),
            within("/DanhSachLePhi/"),
            within("/DanhSachTepDinhKemKhac/"),
            within("/DanhSachHoSoBoSung/"),
            within("/DanhSachHoSoBoSung/DanhSachGiayToBoSung/"),
            within("/DanhSachHoSoBoSung/DanhSachLePhiBoSung/"),
            within("/DanhSachGiayToKetQua/"),
            within("/DSKetNoiCSDL/"),
            within("/DinhDanhCHS/"),
        ],
        [9, 5, 3, 26, 9, 5, 5, 1, 2]
    );
}

#[test]
fn every_named_format_is_enforced_where_a_field_names_it() {
    let mut used = BTreeSet::new();
    for kind in SCHEMAS.kinds() {
        for (name, field) in document(kind)["properties"].as_object().unwrap() {
            let Some(format) = field["format"].as_str() else { continue };
            let check = FORMATS.iter().find(|(known, _)| *known == format).unwrap().1;
            // A control character is in nothing.
            let mut record = example(kind.event_type());
            record[name] = json!("\u{1}".repeat(14));
            let fault = judge(kind.event_type(), &record).unwrap_err();
            let rule = check("\u{1}").unwrap_err();
            let expected = Fault::at(ErrorCode::SchemaViolation, format!("/{name}"), rule);
            assert_eq!(fault, expected, "{format}");
            used.insert(format.to_owned());
        }
    }
    assert!(used.len() >= 11, "{used:?}");
}

/// A format takes an empty text, so a field that must hold something says so.
#[test]
fn a_required_text_of_a_named_format_may_not_be_empty() {
    let mut empty = Vec::new();
    for kind in SCHEMAS.kinds() {
        let schema = document(kind);
        let mut fields = vec![("", &schema)];
        each_field(&schema, &mut fields);
        for (_, holder) in fields {
            for name in holder["required"].as_array().into_iter().flatten() {
                let field = &holder["properties"][name.as_str().unwrap()];
                if field["format"].is_string() && field["minLength"].as_u64().unwrap_or(0) == 0 {
                    empty.push(name.clone());
                }
            }
        }
    }
    assert_eq!(empty, ["NgayTiepNhan"], "empty until the dossier is received");
}

#[test]
fn optional_fields_may_be_null_or_absent_and_required_ones_neither() {
    for event_type in [DOSSIER, PROGRESS, CITIZEN, ENTERPRISE] {
        let schema = document(kind(event_type));
        let required = schema["required"].as_array().unwrap();
        for name in schema["properties"].as_object().unwrap().keys() {
            let (mut null, mut absent) = (example(event_type), example(event_type));
            null[name] = Value::Null;
            absent.as_object_mut().unwrap().remove(name);
            let must = required.iter().any(|one| one == name);
            assert_eq!(judge(event_type, &null).is_err(), must, "null {name}");
            assert_eq!(judge(event_type, &absent).is_err(), must, "absent {name}");
        }
    }
}

#[test]
fn state_and_replaceable_codes_are_read_off_the_record() {
    let read = |event_type: &str, record: &Value| {
        let event = judge(event_type, record).unwrap();
        let codes: Vec<_> =
            event.codes().iter().map(|(kind, code)| format!("{} {code}", kind.as_str())).collect();
        (event.state().map(str::to_owned), codes)
    };
    let mut dossier = example(DOSSIER);
    assert_eq!(read(DOSSIER, &dossier), (Some("4".to_owned()), vec!["agency H61.14".to_owned()]));
    dossier["MaHoSo"] = json!("000.00.14.H61-250630-0001");
    dossier["TrangThaiHoSo"] = json!("10");
    assert_eq!(
        read(DOSSIER, &dossier),
        (Some("10".to_owned()), vec!["agency 000.00.14.H61".to_owned()])
    );
    assert_eq!(
        read(PROGRESS, &example(PROGRESS)),
        (Some("4".to_owned()), vec!["agency H61.14".to_owned()])
    );
    let mut citizen = example(CITIZEN);
    assert_eq!(read(CITIZEN, &citizen).1, ["province 86", "commune 99999"]);
    citizen["ThuongTru"]["MaQuanHuyen"] = json!("855");
    assert_eq!(read(CITIZEN, &citizen).1, ["province 86", "district 855", "commune 99999"]);
    citizen["ThuongTru"] = Value::Null;
    assert_eq!(read(CITIZEN, &citizen), (None, vec![]));
    let mut enterprise = example(ENTERPRISE);
    enterprise["HOAdress"] = json!({"CityID": 86, "WardID": "2955", "DistrictID": "855"});
    assert_eq!(read(ENTERPRISE, &enterprise).1, ["district 855"], "what has the form of its kind");
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
