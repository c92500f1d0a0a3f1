//! Loading schemas from a folder: every fault at once, and the choice among versions.

use std::path::PathBuf;

use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_schema::{SchemaError, Schemas};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/folders").join(name)
}

#[test]
fn the_folder_of_the_repository_is_what_the_binary_carries() {
    let loaded =
        Schemas::load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas")).unwrap();
    assert_eq!(format!("{loaded:?}"), format!("{:?}", Schemas::bundled().unwrap()));
}

#[test]
fn all_faults_of_all_files_are_listed() {
    let error = Schemas::load(&folder("faulty")).unwrap_err();
    let places: Vec<_> =
        error.faults().iter().map(|fault| format!("{}#{}", fault.file, fault.pointer)).collect();
    assert_eq!(
        places,
        [
            "a.recorded/v1.0.json#/properties/Ma/format",
            "a.recorded/v1.0.json#/properties/So/maxLenght",
            "a.recorded/v1.0.json#/x-lgsp/type",
            "a.recorded/v1.0.json#/x-lgsp/key",
            "b.recorded/v1.0.json#/type",
            "c.recorded/v1.0.json#/properties/So/type",
            "d.recorded/v1.0.json#/examples/1/Ma",
        ]
    );
    let shown = error.to_string();
    assert!(error.faults().iter().all(|fault| shown.contains(&fault.to_string())), "{shown}");
}

#[test]
fn a_folder_without_schemas_is_refused() {
    assert!(matches!(
        Schemas::load(&folder("versions/test.recorded")),
        Err(SchemaError::Empty { .. })
    ));
    assert!(matches!(Schemas::load(&folder("nothing")), Err(SchemaError::Unreadable { .. })));
}

#[test]
fn the_newest_minor_judges_unless_another_is_named() {
    let schemas = Schemas::load(&folder("versions")).unwrap();
    let judged = |event_type: &str, dataschema: Option<&str>| {
        let event = schemas.judge(event_type, dataschema, Bytes::from_static(br#"{"Ma":"1"}"#));
        event.map(|event| event.kind().version().to_owned())
    };
    assert_eq!(judged("test.recorded.v1", None).unwrap(), "1.10");
    assert_eq!(judged("test.recorded.v2", None).unwrap(), "2.0");
    assert_eq!(
        judged("test.recorded.v1", Some("/v1/schemas/test.recorded.v1/1.2")).unwrap(),
        "1.2"
    );

    let unknown =
        |attribute| Err(Fault::at(ErrorCode::UnknownEventType, attribute, &rule::EVENT_TYPE));
    for event_type in ["", "test.recorded", "test.recorded.v3", "Test.recorded.v1"] {
        assert_eq!(judged(event_type, None), unknown("type"), "{event_type}");
    }
    for dataschema in
        ["", "1.2", "/v1/schemas/test.recorded.v1/1.3", "/v1/schemas/test.recorded.v2/2.0"]
    {
        assert_eq!(
            judged("test.recorded.v1", Some(dataschema)),
            unknown("dataschema"),
            "{dataschema}"
        );
    }
}

#[test]
fn a_format_that_only_other_schemas_use_is_enforced() {
    let schemas = Schemas::load(&folder("versions")).unwrap();
    let judged = |text: &'static str| {
        schemas.judge("test.recorded.v2", None, Bytes::from_static(text.as_bytes()))
    };
    assert!(judged(r#"{"Ma":"1","CoQuan":"H61.14"}"#).is_ok());
    let fault = judged(r#"{"Ma":"1","CoQuan":"Z61"}"#).unwrap_err();
    assert_eq!(fault, Fault::at(ErrorCode::SchemaViolation, "/CoQuan", &rule::AGENCY_CODE));
}

#[test]
fn an_empty_key_is_no_key_even_where_the_schema_forgot_to_say_so() {
    let schemas = Schemas::load(&folder("versions")).unwrap();
    let fault = schemas.judge("test.recorded.v1", None, Bytes::from_static(br#"{"Ma":""}"#));
    let expected = Fault::at(ErrorCode::SchemaViolation, "/Ma", &rule::MIN_LENGTH);
    assert_eq!(fault.unwrap_err(), expected);
}
