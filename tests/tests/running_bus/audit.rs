//! The auditor's way: questions are found by whom and what they were about, records leave, and a
//! chain that was touched is told.

use std::fs;
use std::process::Output;
use std::time::Duration;

use lgsp_proto::audit::v1::{ExportEvidenceRequest, SearchEvidenceRequest};
use lgsp_sim::people::{Person, Population};
use lgsp_tests::process::wait_for;
use lgsp_tests::sample::new_id;
use lgsp_tests::{grpc, place};
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::BUS;

const DOSSIER: &str = "H61.14-260703-4711";
const OFFICER: &str = "CB4711";

/// Asks for someone of the simulated population; returns the answer's audit id.
fn ask(person: &Person, request_id: &str) -> String {
    let bus = &*BUS;
    let question = json!({
        "purpose": {"dossierCode": DOSSIER, "procedureCode": "1.004227", "officerNumber": OFFICER},
        "personalNumber": person.personal_number,
        "fullName": person.name.to_string(),
        "birthDate": person.birth.to_string(),
    });
    let answer = bus
        .post("/v1/population/citizens:lookUp")
        .bearer(&bus.token("tracuu").unwrap())
        .header("x-request-id", request_id)
        .json(&question)
        .send()
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()["meta"]["auditId"].as_str().unwrap().to_owned()
}

fn audit(arguments: &[&str]) -> Output {
    BUS.command(&[&["audit"], arguments].concat()).unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn search(criteria: &[&str]) -> Vec<Value> {
    let told = stdout(&audit(&[&["search", "--output", "json"], criteria].concat()));
    let told: Value = serde_json::from_str(&told).unwrap();
    told["questions"].as_array().unwrap().clone()
}

fn ids(questions: &[Value]) -> Vec<&str> {
    questions.iter().map(|one| one["auditId"].as_str().unwrap()).collect()
}

#[test]
fn a_question_is_found_by_citizen_dossier_and_officer_and_only_by_an_auditor() {
    let bus = &*BUS;
    let person = Population::new(2026).person(404_711).unwrap();
    let number = person.personal_number.as_str();
    let request_id = new_id();
    let asked = ask(&person, &request_id);

    let by_citizen = ["--citizen", number, "--service", "population"];
    let found = wait_for("the question has its end", Duration::from_secs(10), || {
        let found = search(&by_citizen);
        let ended = found.iter().all(|one| one["outcome"].is_object());
        (ended && !found.is_empty()).then_some(found)
    })
    .unwrap();
    assert_eq!(ids(&found), [asked.as_str()]);
    let question = &found[0];
    assert_eq!(question["requestId"], request_id.as_str());
    assert_eq!((&question["client"], &question["agency"]), (&json!("tracuu"), &json!("H61.14")));
    assert_eq!(
        (&question["dossierCode"], &question["officerNumber"]),
        (&json!(DOSSIER), &json!(OFFICER))
    );
    assert_eq!(question["outcome"]["kind"], "answered");
    let released = question["outcome"]["released"].as_array().unwrap();
    assert!(released.iter().any(|field| field == "fullName"), "{question}");
    assert_eq!(question["place"]["topic"], "lgsp.audit.v1");

    for criteria in [
        &["--dossier", DOSSIER][..],
        &["--officer", OFFICER, "--client", "tracuu", "--agency", "H61.14"],
        &["--audit-id", &asked],
        &["--dossier", DOSSIER, "--from", "2026-01-01"],
    ] {
        assert!(ids(&search(criteria)).contains(&asked.as_str()), "{criteria:?}");
    }
    for criteria in [
        &["--dossier", DOSSIER, "--officer", "CB9999"][..],
        &["--dossier", DOSSIER, "--to", "2026-01-01"],
        &["--dossier", DOSSIER, "--agency", "H61.25"],
    ] {
        assert_eq!(search(criteria), Vec::<Value>::new(), "{criteria:?}");
    }

    // Who looks leaves traces too, and the number is in none of them.
    let looked = search(&["--citizen", number, "--service", "audit"]);
    assert!(looked.iter().all(|one| one["client"] == "kiemtoan"), "{looked:?}");
    assert!(looked.iter().any(|one| one["operation"] == "SearchEvidence"), "{looked:?}");
    let table = stdout(&audit(&["search", "--citizen", number]));
    assert!(table.contains("OUTCOME") && table.contains(&asked), "{table}");
    for told in [&table, &format!("{found:?}{looked:?}"), &bus.log().unwrap()] {
        assert!(!told.contains(number), "a personal number in clear text");
    }
    let malformed = audit(&["search", "--citizen", &number[1..]]);
    assert_eq!(malformed.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&malformed.stderr).contains(&number[1..]));

    let authorization = format!("Bearer {}", bus.token("tracuu").unwrap());
    let requests = [
        (
            "/lgsp.audit.v1.AuditService/SearchEvidence",
            SearchEvidenceRequest::default().encode_to_vec(),
        ),
        (
            "/lgsp.audit.v1.AuditService/ExportEvidence",
            ExportEvidenceRequest::default().encode_to_vec(),
        ),
    ];
    for (path, request) in requests {
        let refused = grpc::call(bus.base_url(), path, &request, Some(&authorization)).unwrap();
        assert_eq!(refused, (Code::PermissionDenied, None), "{path}");
    }
}

#[test]
fn the_chains_are_whole_and_a_touched_export_is_told() {
    let person = Population::new(2026).person(404_712).unwrap();
    for _ in 0..5 {
        ask(&person, &new_id());
    }
    let told = stdout(&audit(&["verify", "--output", "json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["whole"], &told["findings"]), (&json!(true), &json!([])), "{told}");
    assert!(told["records"].as_u64().unwrap() >= 10, "{told}");

    let export = stdout(&audit(&["export"]));
    assert!(!export.contains(&person.personal_number));
    let whole: Vec<&str> = export.lines().collect();
    let file = place::scratch().unwrap().join("evidence.jsonl");
    let verify = |lines: &[String]| {
        fs::write(&file, lines.join("\n")).unwrap();
        let output = audit(&["verify", "--output", "json", "--file", file.to_str().unwrap()]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found: Vec<_> =
            told["findings"].as_array().unwrap().iter().map(|one| one["what"].clone()).collect();
        (output.status.code(), found)
    };
    let lines: Vec<_> = whole.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(verify(&lines), (Some(0), vec![]));

    // One writer wrote all; the third record is neither its first nor its last.
    let mut changed = lines.clone();
    changed[2] = changed[2].replacen("\\\"time\\\":1", "\\\"time\\\":2", 1);
    assert_ne!(changed[2], lines[2]);
    assert_eq!(verify(&changed), (Some(1), vec![json!("changed")]));
    let mut missing = lines.clone();
    missing.remove(2);
    assert_eq!(verify(&missing), (Some(1), vec![json!("missing")]));
    let mut reordered = lines;
    reordered.swap(2, 3);
    assert_eq!(verify(&reordered), (Some(1), vec![json!("reordered")]));
}
