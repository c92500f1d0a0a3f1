//! Compatibility of schema versions: a table of cases, and what cannot be judged.

#![cfg(test)]

use std::path::PathBuf;

use lgsp_schema::compat::{Comparison, Finding, compare};
use lgsp_schema::{SchemaError, Schemas};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(folder("compat/cases.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// As a case writes it: whom it breaks, the change, the place, and of mandatory fields the name.
fn told(finding: &Finding) -> String {
    let name = finding.detail.as_deref().filter(|_| finding.keyword == "required");
    let name = name.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{} {} {}{name}", finding.breaks, finding.change, finding.pointer)
}

#[test]
fn each_case_of_the_table_is_told_as_it_says() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() > 100, "{}", cases.len());
    for case in &cases {
        let comparison = compare(&case["old"], &case["new"]).unwrap();
        let findings: Vec<_> = comparison.findings().iter().map(told).collect();
        let expected = case["findings"].as_array();
        let expected: Option<Vec<_>> =
            expected.map(|list| list.iter().map(|line| line.as_str().unwrap()).collect());
        let breaks = |side: &str| {
            let lines = expected.iter().flatten();
            !lines.clone().any(|line| line.starts_with(side) || line.starts_with("both"))
        };
        let backward = case["backward"].as_bool().unwrap_or_else(|| breaks("backward"));
        let forward = case["forward"].as_bool().unwrap_or_else(|| breaks("forward"));
        let as_said = expected.is_none_or(|expected| expected == findings);
        if (comparison.is_backward(), comparison.is_forward()) != (backward, forward) || !as_said {
            wrong.push(format!(
                "{}: backward {}, forward {}, {findings:#?}",
                case["case"],
                comparison.is_backward(),
                comparison.is_forward()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_other_way_round_backward_is_forward() {
    for case in cases() {
        let there = compare(&case["old"], &case["new"]).unwrap();
        let back = compare(&case["new"], &case["old"]).unwrap();
        let verdict = |comparison: &Comparison| (comparison.is_backward(), comparison.is_forward());
        let (backward, forward) = verdict(&back);
        assert_eq!(verdict(&there), (forward, backward), "{}", case["case"]);
    }
}

#[test]
fn every_schema_is_fully_compatible_with_itself() {
    for case in cases() {
        for schema in [&case["old"], &case["new"]] {
            assert_eq!(compare(schema, schema).unwrap().findings(), [], "{schema}");
        }
    }
    let dynamic =
        json!({"$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n", "type": "string"}}});
    assert!(compare(&dynamic, &dynamic).unwrap().is_full());
}

#[test]
fn what_cannot_be_judged_is_refused_with_its_place() {
    let good = json!({});
    let bad = [
        (json!({"type": "text"}), ""),
        (json!({"properties": []}), ""),
        (json!([]), ""),
        (json!({"$ref": "#/$defs/nothing"}), ""),
        (json!({"$ref": "https://far.example/schema"}), ""),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/$schema"),
        (json!({"properties": {"a/b": {"$id": "https://far.example/b"}}}), "/properties/a~1b/$id"),
    ];
    for (schema, pointer) in bad {
        let faults = compare(&good, &schema).unwrap_err();
        let places: Vec<_> =
            faults.iter().map(|fault| (fault.file.as_str(), fault.pointer.as_str())).collect();
        assert_eq!(places, [("new", pointer)], "{schema}");
        assert!(compare(&schema, &good).unwrap_err().iter().all(|fault| fault.file == "old"));
    }
}

#[test]
fn a_bundled_schema_changed_in_one_place_is_told_in_that_place() {
    let schemas = Schemas::bundled().unwrap();
    for kind in schemas.kinds() {
        let old: Value = serde_json::from_slice(kind.document()).unwrap();
        let change = |change: &dyn Fn(&mut Value)| {
            let mut new = old.clone();
            change(&mut new);
            let comparison = compare(&old, &new).unwrap();
            comparison.findings().iter().map(told).collect::<Vec<_>>()
        };
        let first = old["required"][0].as_str().unwrap();
        assert_eq!(
            change(&|new| new["properties"]["Moi"] = json!({"type": "string"})),
            ["backward property_added /properties/Moi"]
        );
        assert_eq!(
            change(&|new| new["properties"]["Moi"] = json!({"title": "Mới"})),
            ["none property_added /properties/Moi"]
        );
        assert_eq!(
            change(&|new| new["additionalProperties"] = json!(false)),
            ["backward narrowed /additionalProperties"]
        );
        assert_eq!(
            change(&|new| new["properties"][first]["maxLength"] = json!(1)),
            [format!("backward narrowed /properties/{first}/maxLength")]
        );
        assert_eq!(
            change(&|new| drop(new["required"].as_array_mut().unwrap().remove(0))),
            [format!("forward widened /required {first}")]
        );
        assert_eq!(change(&|new| new["title"] = json!("x")), ["none annotation /title"]);
    }
}

#[test]
fn each_minor_of_the_bundled_schemas_takes_what_the_one_before_took() {
    assert_eq!(Schemas::bundled().unwrap().incompatible_minors(), []);
}

#[test]
fn an_incompatible_minor_is_refused_with_its_place() {
    let error = Schemas::load(&folder("folders/incompatible")).unwrap_err();
    assert!(matches!(error, SchemaError::Faulty { .. }), "{error}");
    let places: Vec<_> =
        error.faults().iter().map(|fault| format!("{}#{}", fault.file, fault.pointer)).collect();
    assert_eq!(
        places,
        [
            "test.recorded.v1@1.1#/x-lgsp/topic",
            "test.recorded.v1@1.1#/properties/Moi",
            "test.recorded.v1@1.1#/required",
            "test.recorded.v1@1.10#/properties/Ma/maxLength",
        ]
    );
}
