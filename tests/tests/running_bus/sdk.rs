//! Clients that others wrote: the CloudEvents SDKs of Python and Java, and worked clients over
//! gRPC that survive a broken line; their code is under `tests/clients`.

use std::process::Output;

use lgsp_tests::kcat;
use lgsp_tests::line::Line;
use lgsp_tests::place::{self, tool};
use lgsp_tests::sample::{self, DOSSIER, new_id};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::BUS;
use crate::python::printed;

/// How many seconds a client may take.
const SECONDS: u32 = 150;

/// In which language a client is written.
#[derive(Debug, Clone, Copy)]
enum Client {
    Python(&'static str),
    Java(&'static str),
}

impl Client {
    fn run(self, target: &str, events: &NamedTempFile, more: &[&str]) -> Output {
        let mut command = match self {
            Self::Python(script) => {
                let mut command = tool(place::python().unwrap().to_str().unwrap(), SECONDS);
                command.arg(place::root().join("tests/clients").join(script));
                command
            }
            Self::Java(class) => {
                let mut command = tool("java", SECONDS);
                command.args(["-cp", &place::java_clients().unwrap()]);
                command.arg(format!("lgsp.client.{class}"));
                command
            }
        };
        command
            .args(["--target", target, "--client", "motcua", "--secret-file"])
            .arg(BUS.secret_file("motcua"))
            .arg("--events-file")
            .arg(events.path())
            .args(more)
            .output()
            .unwrap()
    }
}

/// An event as a client is told to publish it.
struct Planned {
    id: String,
    data: String,
}

fn planned(orders: impl Iterator<Item = u32>) -> Vec<Planned> {
    orders.map(|order| Planned { id: new_id(), data: sample::dossier(order).to_string() }).collect()
}

/// Writes a client's file; the data as an object, or as text.
fn file(events: &[Planned], as_object: bool) -> NamedTempFile {
    let lines: Vec<_> = events
        .iter()
        .map(|Planned { id, data }| {
            let data = if as_object { serde_json::from_str(data).unwrap() } else { json!(data) };
            json!({"id": id, "type": DOSSIER, "data": data}).to_string()
        })
        .collect();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    file
}

/// Checks that each event is in the log once, with this data, and returns the values there.
fn check_stored(events: &[Planned], adapter: &str) -> Vec<String> {
    let stored = kcat::read(BUS.kafka(), "lgsp.dossier.v1").unwrap();
    let check = |event: &Planned| {
        let mut found = stored.iter().filter(|record| record.headers["ce_id"] == event.id);
        let (Some(record), None) = (found.next(), found.next()) else {
            panic!("{} is not there once", event.id)
        };
        assert_eq!(record.headers["ce_adapter"], adapter);
        let text = String::from_utf8(record.value.clone()).unwrap();
        let meaning = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(meaning(&text), meaning(&event.data));
        (record.clone(), text)
    };
    let (records, texts): (Vec<_>, Vec<_>) = events.iter().map(check).unzip();
    if adapter == "http" {
        for record in records {
            assert_eq!(record.headers["ce_lot"], "7");
            assert!(record.headers["ce_time"].contains('T'), "{:?}", record.headers);
        }
    }
    texts
}

/// Publishes in each mode; returns what was stored in binary mode.
fn publishes_in_every_mode(client: Client, as_object: bool, order: u32) -> Vec<String> {
    let mut binary = Vec::new();
    for (mode, answers) in [("binary", 3), ("structured", 3), ("batch", 1)] {
        let events = planned(order..order + 3);
        let output = client.run(BUS.target(), &file(&events, as_object), &["--mode", mode]);
        let answer = printed(&output);
        assert_eq!(answer.as_array().unwrap().len(), answers, "{mode}: {answer}");
        let receipts = match mode {
            "batch" => answer[0]["receipts"].as_array().unwrap(),
            _ => answer.as_array().unwrap(),
        };
        for (receipt, event) in receipts.iter().zip(&events) {
            assert_eq!((&receipt["id"], &receipt["duplicate"]), (&json!(event.id), &json!(false)));
        }
        let texts = check_stored(&events, "http");
        if mode == "binary" {
            binary = texts;
        }
    }
    binary
}

fn explains_a_refused_batch(client: Client, as_object: bool, order: u32) {
    let mut events = planned(order..order + 3);
    events[1].data = events[1].data.replace("-260703-", "-260230-");
    let output = client.run(BUS.target(), &file(&events, as_object), &["--mode", "batch"]);
    assert_eq!(output.status.code(), Some(1));
    let problem: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(problem["code"], "invalid_batch");
    assert_eq!(problem["outcomes"][0]["index"], 1);
    assert_eq!(problem["outcomes"][0]["fault"]["violations"][0]["rule"], "dossier_code");
}

#[test]
fn the_cloudevents_sdk_for_python_publishes_in_every_mode() {
    let client = Client::Python("cloudevents_http.py");
    publishes_in_every_mode(client, true, 5000);
    explains_a_refused_batch(client, true, 5010);
    let mut events = planned(5020..5023);
    events[2].data = events[2].data.replace("-260703-", "-260230-");
    let lenient = ["--mode", "batch", "--prefer", "handling=lenient"];
    let answer = printed(&client.run(BUS.target(), &file(&events, true), &lenient));
    assert_eq!(answer[0]["batch"]["recorded"], 2, "{answer}");
    check_stored(&events[..2], "http");
}

#[test]
fn the_cloudevents_sdk_for_java_publishes_in_every_mode() {
    let client = Client::Java("HttpEvents");
    let binary = publishes_in_every_mode(client, false, 5100);
    assert_eq!(binary, planned(5100..5103).into_iter().map(|event| event.data).collect::<Vec<_>>());
    explains_a_refused_batch(client, false, 5110);
}

/// Lets a client publish over a line that breaks just when answers are on their way.
fn survives_a_broken_line(client: Client, order: u32) {
    let mut events = planned((order..order + 80).cycle().take(320));
    events[7].data = events[7].data.replace("-260703-", "-260230-");
    let line = Line::breaking_after(128 * 1024, BUS.target()).unwrap();
    let answer = printed(&client.run(line.target(), &file(&events, false), &[]));
    assert!(line.has_broken(), "nothing was at stake");
    assert!(answer["streams"].as_u64().unwrap() >= 2, "{}", answer["streams"]);
    let outcomes = answer["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), events.len());
    assert_eq!(outcomes[7]["fault"]["violations"][0]["rule"], "dossier_code", "{}", outcomes[7]);
    let refused = events.remove(7);
    let duplicate = |one: &&Value| one["receipt"]["duplicate"] == json!(true);
    let repeated = outcomes.iter().filter(duplicate).count();
    assert!(repeated > 0, "no event was sent again whose receipt was lost");

    check_stored(&events, "grpc");
    let stored = kcat::read(BUS.kafka(), "lgsp.dossier.v1").unwrap();
    assert!(stored.iter().all(|record| record.headers["ce_id"] != refused.id));
    // Each dossier's events lie in the order in which they were planned.
    let place = |id: &str| {
        let record = stored.iter().find(|record| record.headers["ce_id"] == id).unwrap();
        (record.key.clone(), record.partition, record.offset)
    };
    let mut places: Vec<_> = events.iter().map(|event| place(&event.id)).collect();
    let planned = places.clone();
    places.sort_by(|left, right| left.0.cmp(&right.0).then(left.2.cmp(&right.2)));
    for key in planned.iter().map(|(key, ..)| key) {
        let in_plan: Vec<_> = planned.iter().filter(|place| place.0 == *key).collect();
        let in_log: Vec<_> = places.iter().filter(|place| place.0 == *key).collect();
        assert_eq!(in_plan, in_log, "{key}");
    }
}

#[test]
fn a_python_client_publishes_again_what_has_no_outcome() {
    survives_a_broken_line(Client::Python("resend.py"), 5200);
}

#[test]
fn a_java_client_publishes_again_what_has_no_outcome() {
    survives_a_broken_line(Client::Java("GrpcEvents"), 5300);
}
