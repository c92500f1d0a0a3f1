//! Queries out: two forms of one answer, refusals, and the evidence of each question.

use std::collections::HashSet;
use std::time::Duration;

use lgsp_audit::{Entry, Intent, OutcomeKind};
use lgsp_sim::people::{Person, Population};
use lgsp_tests::process::wait_for;
use lgsp_tests::sample::new_id;
use lgsp_tests::{Answer, kcat};
use serde_json::{Value, json};

use crate::BUS;
use crate::python::{details, explained, printed, run};

/// Someone of the population that the simulated platform of `lgsp up` knows.
fn someone(index: u32) -> Person {
    Population::new(2026).person(index).unwrap()
}

fn question(person: &Person) -> Value {
    json!({
        "purpose": {"dossierCode": "H61.14-260703-0001", "procedureCode": "1.004227", "officerNumber": "CB0001"},
        "personalNumber": person.personal_number,
        "fullName": person.name.to_string(),
        "birthDate": person.birth.to_string(),
    })
}

fn ask(question: &Value, request_id: &str) -> Answer {
    let bus = &*BUS;
    bus.post("/v1/population/citizens:lookUp")
        .bearer(&bus.token("tracuu").unwrap())
        .header("x-request-id", request_id)
        .json(question)
        .send()
        .unwrap()
}

fn assert_refused(answer: &Answer, status: u16, code: &str, pointers: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let problem = answer.json().unwrap();
    assert_eq!(problem["code"], code);
    let violations = problem["violations"].as_array().unwrap();
    let found: Vec<_> = violations.iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    assert_eq!(found, pointers);
}

#[test]
fn rest_and_grpc_give_the_same_record() {
    let (person, request_id) = (someone(123_456), new_id());
    let rest = ask(&question(&person), &request_id);
    assert_eq!(rest.status, 200, "{}", rest.text());
    let rest = rest.json().unwrap();
    let (name, birth) = (person.name.to_string(), person.birth.to_string());
    let grpc = printed(&run(
        "tracuu",
        "query.py",
        &[
            "--personal-number",
            &person.personal_number,
            "--full-name",
            &name,
            "--birth-date",
            &birth,
        ],
    ));
    assert_eq!(rest["citizen"], grpc["citizen"]);
    assert_eq!(rest["citizen"]["personalNumber"], person.personal_number);
    assert_eq!(rest["citizen"]["fullName"], name);
    assert_eq!(rest["citizen"]["birthDate"], birth);
    assert!(rest["citizen"]["permanentResidence"]["communeCode"].is_string());

    assert_eq!(rest["meta"]["requestId"], request_id);
    for meta in [&rest["meta"], &grpc["meta"]] {
        for part in ["requestId", "auditId", "asOf", "carrier"] {
            assert!(!meta[part].as_str().unwrap().is_empty(), "{part}: {meta}");
        }
    }
    assert_ne!(rest["meta"]["auditId"], grpc["meta"]["auditId"], "each question has its evidence");
}

#[test]
fn a_question_without_a_purpose_is_told_every_part_it_lacks() {
    let mut asked = question(&someone(7));
    asked.as_object_mut().unwrap().remove("purpose");
    let parts = ["/purpose/dossierCode", "/purpose/procedureCode", "/purpose/officerNumber"];
    assert_refused(&ask(&asked, &new_id()), 422, "purpose_required", &parts);
    asked["purpose"] = json!({"dossierCode": "x", "procedureCode": "1.004227"});
    let wrong = ["/purpose/dossierCode", "/purpose/officerNumber"];
    assert_refused(&ask(&asked, &new_id()), 422, "purpose_required", &wrong);

    let nothing = ["--dossier", "", "--procedure", "", "--officer", "", "--personal-number", "1"];
    let refusal = explained(&run("tracuu", "query.py", &nothing));
    assert_eq!(refusal["status"], "INVALID_ARGUMENT");
    assert_eq!(details(&refusal, "ErrorInfo")[0]["reason"], "PURPOSE_REQUIRED");
    let fields = details(&refusal, "BadRequest")[0]["fieldViolations"].as_array().unwrap();
    let fields: Vec<_> = fields.iter().map(|one| one["field"].as_str().unwrap()).collect();
    for part in parts.into_iter().chain(["/personalNumber", "/fullName", "/birthDate"]) {
        assert!(fields.contains(&part), "{part} is missing in {fields:?}");
    }
}

#[test]
fn an_ungranted_procedure_and_a_malformed_question_are_refused() {
    let mut asked = question(&someone(7));
    asked["purpose"]["procedureCode"] = json!("1.000001");
    assert_refused(&ask(&asked, &new_id()), 403, "permission_denied", &[]);
    let mut asked = question(&someone(7));
    asked["birthDate"] = json!("1990-02-30");
    asked["fullName"] = json!(" ");
    let places = ["/birthDate", "/fullName"];
    assert_refused(&ask(&asked, &new_id()), 400, "invalid_request", &places);
    let mut asked = question(&someone(7));
    asked["soDinhDanh"] = json!("x");
    assert_refused(&ask(&asked, &new_id()), 400, "invalid_request", &[""]);
}

#[test]
fn an_unknown_person_and_a_wrong_name_are_not_found() {
    let person = someone(4321);
    let mut asked = question(&person);
    asked["personalNumber"] = json!(format!("062{}", &person.personal_number[3..]));
    assert_refused(&ask(&asked, &new_id()), 404, "not_found", &[]);
    let mut asked = question(&person);
    asked["fullName"] = json!("Người Khác");
    assert_refused(&ask(&asked, &new_id()), 404, "not_found", &[]);
}

#[test]
fn every_question_leaves_evidence_before_its_outcome_and_no_name_in_it() {
    let bus = &*BUS;
    let people = [someone(11), someone(12), someone(13)];
    let mut ids = HashSet::new();
    for person in &people {
        let request_id = new_id();
        assert_eq!(ask(&question(person), &request_id).status, 200);
        ids.insert(request_id);
    }
    let mut unknown = question(&people[0]);
    unknown["fullName"] = json!("Người Khác");
    let not_found = new_id();
    assert_eq!(ask(&unknown, &not_found).status, 404);
    ids.insert(not_found.clone());

    // The answer does not wait for its outcome's acknowledgement.
    let (records, entries) = wait_for("the outcomes are in the log", Duration::from_secs(10), || {
        let records = kcat::read(bus.kafka(), "lgsp.audit.v1").unwrap();
        let (entries, broken) = lgsp_audit::verify(records.iter().map(|one| one.value.as_slice()));
        assert_eq!(broken, [], "the chain holds");
        let asked: HashSet<_> = entries.iter().filter_map(intent).filter(|one| ids.contains(&one.request_id)).map(|one| one.audit_id).collect();
        let ended = entries.iter().filter(|entry| matches!(entry, Entry::Outcome { audit_id, .. } if asked.contains(audit_id))).count();
        (asked.len() == ids.len() && ended == ids.len()).then_some((records, entries))
    })
    .unwrap();

    let mut open = HashSet::new();
    for entry in &entries {
        match entry {
            Entry::Intent(intent) => assert!(open.insert(intent.audit_id), "one intent each"),
            Entry::Outcome { audit_id, .. } => {
                assert!(open.contains(audit_id), "an outcome without an earlier intent")
            }
        }
    }
    for asked in entries.iter().filter_map(intent).filter(|one| ids.contains(&one.request_id)) {
        assert_eq!((asked.client.as_str(), asked.agency.as_str()), ("tracuu", "H61.14"));
        assert_eq!(
            (asked.dossier.as_str(), asked.procedure.as_str(), asked.officer.as_str()),
            ("H61.14-260703-0001", "1.004227", "CB0001")
        );
        let outcome = entries.iter().find_map(|entry| match entry {
            Entry::Outcome { audit_id, outcome } if *audit_id == asked.audit_id => Some(outcome),
            _ => None,
        });
        let outcome = outcome.unwrap();
        if asked.request_id == not_found {
            assert_eq!((outcome.kind, outcome.released.len()), (OutcomeKind::NotFound, 0));
        } else {
            assert_eq!(outcome.kind, OutcomeKind::Answered);
            assert!(outcome.released.iter().any(|field| field == "fullName"));
        }
    }
    let text: String = records
        .iter()
        .map(|one| String::from_utf8_lossy(&one.value).into_owned() + &one.key)
        .collect();
    for person in &people {
        assert!(!text.contains(&person.personal_number), "a personal number in clear text");
        assert!(!text.contains(&person.name.to_string()), "a name in clear text");
    }
}

fn intent(entry: &Entry) -> Option<&Intent> {
    match entry {
        Entry::Intent(intent) => Some(intent),
        Entry::Outcome { .. } => None,
    }
}
