//! Clients in Python, which learn the messages by reflection; their code is under `tests/clients`.

use std::process::{Command, Output};

use lgsp_tests::sample::{self, DOSSIER, new_id};
use lgsp_tests::{kcat, place};
use serde_json::{Value, json};

use crate::BUS;

/// Runs a client.
pub(crate) fn run(client: &str, script: &str, arguments: &[&str]) -> Output {
    let bus = &*BUS;
    Command::new(place::python().unwrap())
        .arg(place::root().join("tests/clients").join(script))
        .args(["--target", bus.target(), "--client", client, "--secret-file"])
        .arg(bus.secret_file(client))
        .args(arguments)
        .output()
        .unwrap()
}

/// Reads what a client printed on success.
pub(crate) fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Reads how a client explains a refusal.
pub(crate) fn explained(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stderr)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Finds the details of a type among those of a refusal.
pub(crate) fn details<'a>(refusal: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = refusal["details"].as_array().unwrap();
    let is_kind = |one: &&Value| one["@type"] == format!("type.googleapis.com/google.rpc.{kind}");
    all.iter().filter(is_kind).collect()
}

#[test]
fn a_client_by_reflection_publishes_and_reads_its_receipt() {
    let id = new_id();
    let answer = printed(&run("motcua", "publish_and_query.py", &["--id", &id]));
    assert_eq!(answer["published"]["id"], id);
    assert_eq!(answer["published"], answer["found"]);
    assert_eq!(answer["published"]["topic"], "lgsp.dossier.v1");
}

#[test]
fn a_refusal_carries_every_violation_and_two_languages() {
    let mut broken = sample::dossier(300);
    broken["MaHoSo"] = json!("H61.14-260230-0001");
    broken["TrangThaiHoSo"] = json!("11");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), broken.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let refusal = explained(&run("motcua", "publish_and_query.py", &["--data-file", path]));
    assert_eq!(refusal["status"], "INVALID_ARGUMENT");

    let info = details(&refusal, "ErrorInfo");
    assert_eq!(
        (&info[0]["reason"], &info[0]["domain"]),
        (&json!("SCHEMA_VIOLATION"), &json!("lgsp"))
    );
    assert_eq!(info[0]["metadata"]["total_violations"], "2");
    let languages: Vec<_> =
        details(&refusal, "LocalizedMessage").iter().map(|one| one["locale"].clone()).collect();
    assert_eq!(languages, ["vi", "en"]);
    let violations = details(&refusal, "BadRequest")[0]["fieldViolations"].as_array().unwrap();
    let places: Vec<_> = violations
        .iter()
        .map(|one| (one["field"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [("/MaHoSo", "DOSSIER_CODE"), ("/TrangThaiHoSo", "ENUM")]);
    for one in violations {
        let (vi, en) = one["description"].as_str().unwrap().split_once(" | ").unwrap();
        assert!(vi.ends_with('.') && en.ends_with('.'), "{one}");
    }
}

#[test]
fn a_refused_token_is_told_as_unauthenticated() {
    let wrong = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(wrong.path(), "wrong").unwrap();
    // The last of two equal options counts.
    let path = wrong.path().to_str().unwrap();
    let refusal = explained(&run("motcua", "publish_and_query.py", &["--secret-file", path]));
    assert_eq!(refusal["status"], 401);
    assert!(refusal["message"].as_str().unwrap().contains("invalid_client"));
}

#[test]
fn a_stream_of_independent_cloudevents_gets_a_result_for_each_in_order() {
    let bus = &*BUS;
    let mut lines = String::new();
    let mut planned = Vec::new();
    for number in 0..60_u32 {
        let id = new_id();
        let whole = sample::dossier(1000 + number).to_string();
        let (data, rule) = match number % 6 {
            2 => (whole.replace("-260703-", "-260230-"), Some("dossier_code")),
            5 => (whole[..whole.len() / 2].to_owned(), Some("json_syntax")),
            _ => (whole, None),
        };
        lines.push_str(&json!({"id": id, "type": DOSSIER, "data": data}).to_string());
        lines.push('\n');
        planned.push((id, data, rule));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let path = file.path().to_str().unwrap();
    let results = printed(&run("motcua", "stream.py", &["--events-file", path]));
    let results = results.as_array().unwrap();
    assert_eq!(results.len(), planned.len());
    let stored = kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap();
    for (number, (result, (id, data, rule))) in results.iter().zip(&planned).enumerate() {
        assert_eq!(result["id"], **id, "in the order of the events");
        let found: Vec<_> = stored.iter().filter(|record| record.headers["ce_id"] == *id).collect();
        match rule {
            None => {
                assert_eq!(result["receipt"]["id"], **id, "{result}");
                assert_eq!(found.len(), 1);
                assert_eq!(found[0].value, data.as_bytes());
                assert_eq!(found[0].headers["ce_lot"], number.to_string());
                assert_eq!(found[0].headers["ce_adapter"], "grpc");
            }
            Some(rule) => {
                let fault = &result["fault"];
                assert_eq!(fault["violations"][0]["rule"], *rule, "{result}");
                assert_eq!(fault["totalViolations"], 1);
                assert!(fault["messageVi"].is_string() && fault["messageEn"].is_string());
                assert!(found.is_empty(), "what was refused is not recorded");
            }
        }
    }
}
