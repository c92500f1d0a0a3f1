//! Declared services: listed, asked over HTTP and gRPC alike, released by grant, refused with a code
//! that says what to do.

use std::time::Duration;

use lgsp_audit::Entry;
use lgsp_proto::query::v1::{QueryRequest, QueryResponse};
use lgsp_sim::people::{Gender, Population};
use lgsp_tests::process::wait_for;
use lgsp_tests::sample::{self, new_id};
use lgsp_tests::{Answer, grpc, kcat};
use prost::Message;
use serde_json::{Value, json};

use crate::BUS;

fn ask(client: &str, service: &str, body: &Value) -> Answer {
    let bus = &*BUS;
    bus.post(&format!("/v1/queries/{service}"))
        .bearer(&bus.token(client).unwrap())
        .json(body)
        .send()
        .unwrap()
}

fn refused(answer: &Answer, status: u16, code: &str) -> Vec<String> {
    assert_eq!(answer.status, status, "{}", answer.text());
    let problem = answer.json().unwrap();
    assert_eq!(problem["code"], code);
    let violations = problem["violations"].as_array().cloned().unwrap_or_default();
    violations.iter().map(|one| one["pointer"].as_str().unwrap().to_owned()).collect()
}

fn enterprise() -> String {
    lgsp_sim::enterprises::Enterprises::new(2026).enterprise(7).unwrap().tax_code.clone()
}

#[test]
fn every_declared_service_is_listed_with_what_it_demands_and_releases() {
    let bus = &*BUS;
    let listed = bus
        .get("/v1/queries")
        .bearer(&bus.token("tracuu").unwrap())
        .send()
        .unwrap()
        .json()
        .unwrap();
    let services = listed["services"].as_array().unwrap();
    let named = |name: &str| services.iter().find(|one| one["name"] == name).unwrap();
    assert!(services.len() >= 6, "{listed}");
    assert_eq!(
        named("population")["purpose"],
        json!(["dossierCode", "procedureCode", "officerNumber"])
    );
    assert_eq!(named("catalogue")["openData"], true);
    for service in services {
        for schema in ["requestSchema", "answerSchema"] {
            let schema: Value = serde_json::from_str(service[schema].as_str().unwrap()).unwrap();
            assert_eq!(schema["type"], "object", "{}", service["name"]);
        }
    }
}

#[test]
fn an_enterprise_is_found_by_its_tax_code_alike_over_http_and_grpc() {
    let bus = &*BUS;
    let question = json!({"taxCode": enterprise()});
    let purpose = json!({
        "dossierCode": "H61.14-260703-0001", "procedureCode": "1.004227", "officerNumber": "CB0001",
    });
    let answer = ask("tracuu", "enterprise", &json!({"purpose": purpose, "question": question}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json().unwrap();
    assert_eq!(answer["answer"]["taxCode"], question["taxCode"]);
    assert_eq!(answer["meta"]["carrier"], "ndxp");
    let founded = answer["answer"]["foundedOn"].as_str().unwrap();
    assert!(founded.parse::<jiff::civil::Date>().is_ok(), "{founded}");

    let request = QueryRequest {
        service: Some("enterprise".to_owned()),
        purpose: Some(lgsp_proto::query::v1::Purpose {
            dossier_code: Some("H61.14-260703-0001".to_owned()),
            procedure_code: Some("1.004227".to_owned()),
            officer_number: Some("CB0001".to_owned()),
            reason: Some("Thẩm định hồ sơ".to_owned()),
        }),
        question: question.to_string().into(),
    };
    let bearer = format!("Bearer {}", bus.token("tracuu").unwrap());
    let path = "/lgsp.query.v1.QueryService/Query";
    let (code, message) =
        grpc::call(bus.base_url(), path, &request.encode_to_vec(), Some(&bearer)).unwrap();
    assert_eq!(code, tonic::Code::Ok);
    let response = QueryResponse::decode(message.unwrap().as_slice()).unwrap();
    let same: Value = serde_json::from_slice(&response.answer).unwrap();
    assert_eq!(same, answer["answer"]);
}

#[test]
fn a_question_that_breaks_its_form_or_purpose_is_told_every_fault() {
    let broken = json!({"purpose": {}, "question": {"taxCode": "1500999907", "more": 1}});
    let places = refused(&ask("tracuu", "enterprise", &broken), 422, "purpose_required");
    assert!(places.iter().any(|place| place.starts_with("/purpose/")), "{places:?}");
    assert!(places.contains(&"/question/taxCode".to_owned()), "{places:?}");
    // What is not granted and what does not exist look the same.
    for (client, service) in [("motcua", "enterprise"), ("tracuu", "nothing")] {
        assert!(refused(&ask(client, service, &broken), 403, "permission_denied").is_empty());
    }
}

#[test]
fn a_grant_of_few_fields_gets_these_and_the_rest_is_named_as_withheld() {
    let person = Population::new(2026).person(77).unwrap();
    let number = lgsp_sim::insurance::insurance_number(person.index);
    let body = json!({
        "purpose": {
            "dossierCode": "H61.14-260703-0001", "procedureCode": "1.001612",
            "officerNumber": "CB0001",
        },
        "question": {"socialInsuranceNumber": number},
    });
    let answer = ask("tracuu", "social-insurance-household", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json().unwrap();
    let kept: Vec<_> = answer["answer"].as_object().unwrap().keys().collect();
    assert_eq!(kept, ["householdCode"], "{answer}");
    assert!(!answer["meta"]["withheld"].as_array().unwrap().is_empty(), "{answer}");
}

#[test]
fn open_data_needs_no_purpose_and_leaves_no_evidence() {
    let bus = &*BUS;
    let body = json!({"question": {"catalogue": "madantoc"}});
    let answer = ask("tracuu", "catalogue", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json().unwrap();
    assert_eq!(answer["meta"]["auditId"], "");
    assert!(answer["answer"]["records"].as_array().unwrap().len() >= 6, "{answer}");
    let records = kcat::read(bus.kafka(), "lgsp.audit.v1").unwrap();
    let about_it = records.iter().filter(|record| {
        matches!(serde_json::from_slice::<Value>(&record.value), Ok(entry)
            if entry["service"] == "catalogue" || entry["entry"]["service"] == "catalogue")
    });
    assert_eq!(about_it.count(), 0);
}

#[test]
fn a_service_that_demands_an_open_dossier_is_asked_once_the_dossier_is_published() {
    let bus = &*BUS;
    let person = Population::new(2026).person(78).unwrap();
    let mut dossier = sample::dossier(7781);
    dossier["MaHoSo"] = json!("H61.14-260703-7781");
    dossier["TrangThaiHoSo"] = json!("4");
    let body = json!({
        "purpose": {
            "dossierCode": "H61.14-260703-7781", "procedureCode": "1.004227",
            "officerNumber": "CB0001", "reason": "Xác minh quá trình đóng",
        },
        "question": {
            "fullName": person.name.to_string(), "birthDate": person.birth.to_string(),
            "gender": if person.gender == Gender::Male { "1" } else { "2" },
        },
    });
    refused(&ask("tracuu", "social-insurance-number", &body), 409, "dossier_not_open");
    let token = bus.token("motcua").unwrap();
    let data = dossier.to_string();
    let sent = bus.publish(&token, &new_id(), sample::DOSSIER, data.as_bytes()).unwrap();
    assert_eq!(sent.status, 200, "{}", sent.text());
    let answer = ask("tracuu", "social-insurance-number", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let audit_id = answer.json().unwrap()["meta"]["auditId"].as_str().unwrap().to_owned();
    wait_for("the reason stands in the evidence", Duration::from_secs(10), || {
        let records = kcat::read(bus.kafka(), "lgsp.audit.v1").unwrap();
        let (entries, _) = lgsp_audit::verify(records.iter().map(|one| one.value.as_slice()));
        entries.into_iter().find_map(|entry| match entry {
            Entry::Intent(intent) if intent.audit_id.to_string() == audit_id => {
                intent.reason.filter(|reason| reason == "Xác minh quá trình đóng")
            }
            _ => None,
        })
    })
    .unwrap();
}
