//! Over gRPC: judging without recording, and setting aside what cannot be published.

use lgsp_proto::event::v1::publish_events_response::Result as Outcome;
use lgsp_proto::event::v1::{
    CloudEvent, PublishEventRequest, PublishEventResponse, PublishEventsRequest, SetAsideRequest,
    SetAsideResponse,
};
use lgsp_proto::fault::v1::Violation;
use lgsp_tests::sample::{self, DOSSIER, SOURCE, new_id};
use lgsp_tests::{Bus, grpc, kcat};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::BUS;

const DEAD_LETTERS: &str = "lgsp.dossier.v1.dlq";

async fn publish(
    bus: &Bus,
    event: CloudEvent,
    dry_run: bool,
) -> Result<PublishEventResponse, Status> {
    let message = PublishEventRequest { event: Some(event), dry_run };
    let request = grpc::with_token(&bus.token("motcua").unwrap(), message).unwrap();
    let mut client = grpc::events(bus.base_url()).await.unwrap();
    client.publish_event(request).await.map(tonic::Response::into_inner)
}

async fn set_aside(
    bus: &Bus,
    client: &str,
    letter: SetAsideRequest,
) -> Result<SetAsideResponse, Status> {
    let request = grpc::with_token(&bus.token(client).unwrap(), letter).unwrap();
    let mut client = grpc::events(bus.base_url()).await.unwrap();
    client.set_aside(request).await.map(tonic::Response::into_inner)
}

fn is_stored(bus: &Bus, id: &str) -> bool {
    let records = kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap();
    records.iter().any(|record| record.headers["ce_id"] == id)
}

#[tokio::test]
async fn a_dry_run_judges_everything_and_records_nothing() {
    let (bus, id) = (&*BUS, new_id());
    let mut data = sample::dossier(4800);
    data["TruongLa"] = json!("x");
    let event = sample::event(&id, &data.to_string());
    let answer = publish(bus, event.clone(), true).await.unwrap();
    assert_eq!(answer.receipt, None);
    let verdict = answer.verdict.unwrap();
    assert_eq!((verdict.id.as_str(), verdict.source.as_str()), (&*id, SOURCE));
    assert!(!verdict.duplicate && verdict.warnings[0].rule == "unknown_field");

    let broken = data.to_string().replace("-260703-", "-260230-");
    let refused = publish(bus, sample::event(&id, &broken), true).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!((violations.len(), violations[0].field.as_str()), (1, "/MaHoSo"));
    assert!(!is_stored(bus, &id));

    assert!(publish(bus, event.clone(), false).await.unwrap().receipt.is_some());
    assert!(publish(bus, event, true).await.unwrap().verdict.unwrap().duplicate);
    let other = sample::event(&id, &sample::dossier(4801).to_string());
    assert_eq!(publish(bus, other, true).await.unwrap_err().code(), Code::AlreadyExists);
}

#[tokio::test]
async fn a_stream_may_hold_dry_runs_between_events() {
    let bus = &*BUS;
    let planned: Vec<_> = (0..30_u32)
        .map(|number| {
            let whole = sample::dossier(4820 + number).to_string();
            let data = if number % 5 == 4 { whole.replace("-260703-", "-260230-") } else { whole };
            (new_id(), data, number % 2 == 0)
        })
        .collect();
    let requests: Vec<_> = planned
        .iter()
        .map(|(id, data, dry_run)| PublishEventsRequest {
            event: Some(sample::event(id, data)),
            dry_run: *dry_run,
        })
        .collect();
    let token = bus.token("motcua").unwrap();
    let requests = grpc::with_token(&token, tokio_stream::iter(requests)).unwrap();
    let mut client = grpc::events(bus.base_url()).await.unwrap();
    let mut answers = client.publish_events(requests).await.unwrap().into_inner();
    for (number, (id, _, dry_run)) in planned.iter().enumerate() {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.id, *id, "in the order of the events");
        match (answer.result.unwrap(), number % 5 == 4, dry_run) {
            (Outcome::Fault(fault), true, _) => assert_eq!(fault.code, "schema_violation"),
            (Outcome::Verdict(verdict), false, true) => assert_eq!(verdict.id, *id),
            (Outcome::Receipt(receipt), false, false) => assert_eq!(receipt.id, *id),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(answers.message().await.unwrap(), None);
    let stored = kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap();
    for (number, (id, _, dry_run)) in planned.iter().enumerate() {
        let count = stored.iter().filter(|record| record.headers["ce_id"] == *id).count();
        assert_eq!(count, usize::from(!dry_run && number % 5 != 4));
    }
}

fn letter(id: &str, data: &str) -> SetAsideRequest {
    let violation = Violation {
        pointer: "/MaHoSo".to_owned(),
        rule: "dossier_code".to_owned(),
        message_vi: "not kept".to_owned(),
        message_en: "not kept".to_owned(),
    };
    SetAsideRequest {
        event: Some(sample::event(id, data)),
        code: "schema_violation".to_owned(),
        violations: vec![violation],
        origin: "hoso-2026-07.csv:17".to_owned(),
        attempt: 2,
        adapter: "files".to_owned(),
    }
}

#[tokio::test]
async fn what_cannot_be_published_lies_among_the_dead_letters_with_its_cause() {
    let bus = &*BUS;
    let (broken, unreadable) = (new_id(), new_id());
    let wrong = sample::dossier(4860).to_string().replace("-260703-", "-260230-");
    for (id, data, key) in [
        // What is no code may be anything, a person's name too: then its key is a pseudonym.
        (&broken, wrong.as_str(), None),
        // No JSON at all: then nothing but the id can be its key.
        (&unreadable, "{\"MaHoSo\":", Some(unreadable.as_str())),
    ] {
        let place = set_aside(bus, "motcua", letter(id, data)).await.unwrap();
        assert_eq!(place.topic, DEAD_LETTERS);
        let record =
            kcat::read_one(bus.kafka(), DEAD_LETTERS, place.partition, place.offset).unwrap();
        assert_eq!(record.value.as_slice(), data.as_bytes());
        assert_eq!(key.unwrap_or(&record.key), record.key);
        assert!(!record.key.contains("260230") && record.key.len() >= 32, "{}", record.key);
        let expected = [
            ("ce_specversion", "1.0"),
            ("ce_id", id),
            ("ce_source", SOURCE),
            ("ce_type", DOSSIER),
            ("ce_agency", "H61.14"),
            ("ce_client", "motcua"),
            ("ce_adapter", "files"),
            ("content-type", "application/json"),
            ("lgsp_cause", "schema_violation"),
            ("lgsp_origin", "hoso-2026-07.csv:17"),
            ("lgsp_attempt", "2"),
        ];
        for (name, value) in expected {
            assert_eq!(record.headers.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(record.headers.contains_key("ce_recordedtime"));
        assert!(!is_stored(bus, id));
    }
    // kcat parts headers by commas, so the JSON is looked at in the raw.
    let raw = lgsp_tests::place::tool("kcat", 60)
        .args(["-b", bus.kafka(), "-C", "-e", "-t", DEAD_LETTERS, "-o", "beginning", "-J"])
        .output()
        .unwrap();
    let breaches = String::from_utf8(raw.stdout).unwrap().lines().find_map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        let headers = record["headers"].as_array().unwrap().clone();
        let at = |name: &str| {
            let at = headers.iter().position(|part| part == name)?;
            headers[at + 1].as_str().map(str::to_owned)
        };
        (at("ce_id").as_deref() == Some(&broken)).then(|| at("lgsp_violations").unwrap())
    });
    let breaches: Value = serde_json::from_str(&breaches.unwrap()).unwrap();
    assert_eq!(breaches, json!([{"pointer": "/MaHoSo", "rule": "dossier_code"}]));
}

#[tokio::test]
async fn a_letter_is_as_bounded_and_as_permitted_as_an_event() {
    let bus = &*BUS;
    let valid = || letter(&new_id(), "{}");
    let mut cases: Vec<(&str, SetAsideRequest, Code)> = vec![
        (
            "an adapter that is none",
            SetAsideRequest { adapter: "grpc".to_owned(), ..valid() },
            Code::InvalidArgument,
        ),
        (
            "a code that is none",
            SetAsideRequest { code: "Nguyễn".to_owned(), ..valid() },
            Code::InvalidArgument,
        ),
        ("no origin", SetAsideRequest { origin: String::new(), ..valid() }, Code::InvalidArgument),
        ("no attempt", SetAsideRequest { attempt: 0, ..valid() }, Code::InvalidArgument),
        ("no event", SetAsideRequest { event: None, ..valid() }, Code::InvalidArgument),
    ];
    let large = "x".repeat(1024 * 1024 + 1);
    cases.push(("data that are too large", letter(&new_id(), &large), Code::ResourceExhausted));
    let mut foreign = valid();
    foreign.event.as_mut().unwrap().source = "/agencies/H61.99/systems/motcua".to_owned();
    cases.push(("a foreign agency", foreign, Code::PermissionDenied));
    for (name, letter, code) in cases {
        let refused = set_aside(bus, "motcua", letter).await.unwrap_err();
        assert_eq!(refused.code(), code, "{name}");
    }
    assert_eq!(set_aside(bus, "tracuu", valid()).await.unwrap_err().code(), Code::PermissionDenied);
}
