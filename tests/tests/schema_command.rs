//! `lgsp schema` from outside: explain, validate, compare; without a bus, a Kafka or a network.
#![cfg(test)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Output;

use lgsp_tests::sample::{self, CITIZEN, DOSSIER, ENTERPRISE};
use lgsp_tests::{bus, place};
use serde_json::{Value, json};

fn run(arguments: &[&str]) -> Output {
    bus::run(&[&["schema"], arguments].concat()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", stdout(output), String::from_utf8_lossy(&output.stderr))
    })
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = place::scratch().unwrap().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// A dossier with a broken code, a person's number where none belongs, and a strange field.
fn broken_dossier() -> Value {
    let mut dossier = sample::dossier(2);
    dossier["MaHoSo"] = json!("086190000001");
    dossier["TrangThaiHoSo"] = json!("canary-Trần-Thị-Chim");
    dossier["canary Yến"] = json!("canary");
    dossier
}

#[test]
fn the_list_names_every_type_with_its_topic() {
    let listed = answer(&run(&["list", "--output", "json"]));
    let types: Vec<_> = listed["schemas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["type"].as_str().unwrap())
        .collect();
    for event_type in [CITIZEN, DOSSIER, ENTERPRISE] {
        assert!(types.contains(&event_type), "{types:?}");
        assert!(stdout(&run(&["list"])).contains(event_type));
    }
}

#[test]
fn an_explanation_tells_every_field_and_ends_with_an_example_that_is_valid() {
    for event_type in [CITIZEN, DOSSIER, ENTERPRISE] {
        let told = answer(&run(&["explain", event_type, "--output", "json"]));
        let fields = told["fields"].as_array().unwrap();
        assert!(fields.len() > 15);
        let lacks = |field: &&Value| {
            !(field["vi"].is_string() && field["en"].is_string() && field["source"].is_string())
        };
        assert_eq!(fields.iter().find(lacks), None, "{event_type}");
        assert!(fields.iter().any(|field| field["required"] == true));

        let example = file("example.json", &told["example"].to_string());
        let judged = run(&["validate", example.to_str().unwrap(), "--type", event_type]);
        assert_eq!(judged.status.code(), Some(0), "{}", stdout(&judged));
        assert_eq!(stdout(&judged), "");

        let table = stdout(&run(&["explain", event_type]));
        for field in fields.iter().filter(|field| field["depth"] == 0) {
            assert!(
                table.contains(&format!("\n  {}  ", field["name"].as_str().unwrap())),
                "{table}"
            );
        }
    }
    let nested = answer(&run(&["explain", DOSSIER, "--version", "1.0", "--output", "json"]));
    let paths: Vec<_> = nested["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"/DinhDanhCHS/*/SoDinhDanh"), "{paths:?}");
}

#[test]
fn every_violation_and_warning_is_told_with_its_place_and_never_with_the_value() {
    let lines = format!(
        "{}\n\n{}\n{{\"MaHoSo\":\n{}\n",
        sample::dossier(1),
        broken_dossier(),
        json!({"MaHoSo": "x", "Mahoso": 1})
    );
    let path = file("morning.jsonl", &lines);
    let name = path.to_str().unwrap();
    let output = run(&["validate", name, "--type", DOSSIER, "--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let told = answer(&output);
    assert_eq!((&told["records"], &told["invalid"]), (&json!(4), &json!(3)));
    let findings = told["findings"].as_array().unwrap();
    let has = |line: u64, pointer: &str, rule: &str| {
        findings.iter().any(|finding| {
            finding["line"] == line
                && finding["pointer"] == pointer
                && finding["rule"] == rule
                && finding["severity"] == "error"
        })
    };
    assert!(has(3, "/MaHoSo", "dossier_code") && has(3, "/TrangThaiHoSo", "enum"), "{findings:#?}");
    assert!(has(4, "", "json_syntax") && has(5, "/MaTTHC", "required"), "{findings:#?}");
    assert!(findings.iter().all(|finding| finding["file"] == name
        && finding["vi"].is_string()
        && finding["en"].is_string()));
    assert_eq!(findings.iter().map(|finding| finding["record"].as_u64().unwrap()).max(), Some(4));

    let table = run(&["validate", name, "--type", DOSSIER]);
    assert!(stdout(&table).contains("Thiếu trường bắt buộc này"), "{}", stdout(&table));
    for output in [output, table] {
        let said = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        for secret in ["canary", "086190000001", "Chim", "Yến"] {
            assert!(!said.contains(secret), "{secret} is in {said}");
        }
    }
}

#[test]
fn what_is_merely_odd_is_told_and_valid() {
    let mut dossier = sample::dossier(1);
    dossier["Mahoso"] = json!(1);
    let path = file("odd.json", &dossier.to_string());
    let output = run(&["validate", path.to_str().unwrap(), "--type", DOSSIER, "--output", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = answer(&output);
    assert_eq!((&told["invalid"], &told["withWarnings"]), (&json!(0), &json!(1)));
    let odd = told["findings"].as_array().unwrap();
    assert!(
        odd.iter()
            .any(|finding| finding["pointer"] == "/Mahoso" && finding["severity"] == "warning")
    );
}

#[test]
fn an_envelope_names_its_type_and_standard_input_is_a_file() {
    let envelope = |event_type: &str, data: Value| json!({"specversion": "1.0", "id": "1", "source": sample::SOURCE, "type": event_type, "data": data});
    let batch = json!([
        envelope(DOSSIER, sample::dossier(1)),
        envelope("lgsp.nothing.v1", json!({})),
        {"specversion": "1.0", "type": DOSSIER},
        sample::dossier(2),
    ]);
    let path = file("batch.json", &batch.to_string());
    let output = bus::lgsp()
        .unwrap()
        .args(["schema", "validate", "-", "--output", "json"])
        .stdin(File::open(path).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = answer(&output);
    assert_eq!((&told["records"], &told["invalid"]), (&json!(4), &json!(3)));
    let findings: Vec<_> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| {
            (
                finding["record"].as_u64().unwrap(),
                finding["pointer"].as_str().unwrap(),
                finding["rule"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        findings,
        [(2, "type", "event_type"), (3, "data", "attribute"), (4, "type", "attribute")]
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("--type"));
}

#[test]
fn a_comparison_tells_whom_each_change_breaks_by_its_exit_code_too() {
    let own = |version: &str| format!("{DOSSIER}@{version}");
    assert_eq!(run(&["diff", &own("1.0"), &own("1.0")]).status.code(), Some(0));

    let old = file(
        "old.json",
        r#"{"properties": {"a": {"type": "string"}}, "additionalProperties": false}"#,
    );
    let new = file(
        "new.json",
        r#"{"properties": {"a": {"type": "string"}, "b": {}}, "additionalProperties": false, "title": "x"}"#,
    );
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    for (requirement, code) in [("backward", 0), ("forward", 1), ("full", 1), ("none", 0)] {
        let output = run(&["diff", old, new, "--require", requirement, "--output", "json"]);
        assert_eq!(output.status.code(), Some(code), "{requirement}");
        let told = answer(&output);
        assert_eq!(
            (&told["backward"], &told["forward"], &told["compatible"]),
            (&json!(true), &json!(false), &json!(code == 0))
        );
        let finding = &told["findings"][0];
        assert_eq!(
            (&finding["pointer"], &finding["change"], &finding["breaks"]),
            (&json!("/properties/b"), &json!("property_added"), &json!("forward"))
        );
        assert!(
            finding["vi"].as_str().unwrap().ends_with('.')
                && finding["en"].as_str().unwrap().ends_with('.')
        );
        assert_eq!(told["findings"][1]["change"], "annotation");
    }
    let table = stdout(&run(&["diff", old, new]));
    assert!(table.contains("/properties/b  property_added  breaks forward"), "{table}");
    assert!(table.ends_with("backward yes, forward no, full no\n"), "{table}");
    assert_eq!(run(&["diff", new, old]).status.code(), Some(1));
}

#[test]
fn what_is_not_understood_is_said_with_exit_code_64() {
    let bad = file("bad.json", r#"{"type": "text"}"#);
    let twice = file("twice.json", r#"{"type": "object", "type": "array"}"#);
    let good = file("good.json", "{}");
    let (bad, twice, good) =
        (bad.to_str().unwrap(), twice.to_str().unwrap(), good.to_str().unwrap());
    let unknown = format!("{DOSSIER}@9.9");
    let cases: &[(&[&str], &str)] = &[
        (&["diff", good, bad], bad),
        (&["diff", twice, good], "twice"),
        (&["diff", good, "/nonexistent.json"], "/nonexistent.json"),
        (&["diff", good, &unknown], DOSSIER),
        (&["explain", "lgsp.nothing.v1"], DOSSIER),
        (&["explain", DOSSIER, "--version", "9.9"], DOSSIER),
        (&["validate", good, "--type", "lgsp.nothing.v1"], DOSSIER),
        (&["validate"], "FILE"),
    ];
    for (arguments, word) in cases {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let missing = run(&["validate", "/nonexistent.json", "--type", DOSSIER]);
    assert_eq!(missing.status.code(), Some(1), "one file of many may be missing");
}

#[test]
fn a_folder_with_an_incompatible_minor_is_refused() {
    let folder = place::root().join("crates/schema/tests/folders/incompatible");
    let output = run(&["list", "--schemas", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("test.recorded.v1@1.1#/properties/Moi"), "{said}");
}
