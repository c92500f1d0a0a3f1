//! Dead letters.

use super::*;
use crate::Letter;

fn letter() -> Letter {
    Letter {
        event: Submission { adapter: "files", ..enterprise("row-17", "A") },
        code: "schema_violation".to_owned(),
        breaches: vec![("/ENTERPRISE_GDT_CODE".to_owned(), "tax_code".to_owned())],
        origin: "danh-sach.csv, row 17".to_owned(),
        attempt: 1,
    }
}

#[tokio::test]
async fn a_letter_is_durable_with_its_cause_when_the_answer_comes() {
    let bench = Bench::new();
    let caller = bench.caller("motcua");
    let answer = bench.ingest.set_aside(&caller, letter(), soon());
    let settle = async {
        while bench.log.letters.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let (letter, told) = bench.log.letters.lock().unwrap().remove(0);
        told.acknowledged(2, 41);
        letter
    };
    let (place, record) = tokio::join!(answer, settle);
    let place = place.unwrap();
    assert_eq!(
        (place.topic.as_str(), place.partition, place.offset),
        ("lgsp.enterprise.v1.dlq", 2, 41)
    );
    assert_eq!(record.key(), "1500999906");
    assert_eq!(record.data(), &letter().event.data);
    let headers: HashMap<_, _> = record.headers().collect();
    for (name, value) in [
        ("ce_id", "row-17"),
        ("ce_agency", "H61.14"),
        ("ce_adapter", "files"),
        ("lgsp_cause", "schema_violation"),
        ("lgsp_violations", r#"[{"pointer":"/ENTERPRISE_GDT_CODE","rule":"tax_code"}]"#),
        ("lgsp_origin", "danh-sach.csv, row 17"),
        ("lgsp_attempt", "1"),
    ] {
        assert_eq!(headers.get(name), Some(&value), "{name}");
    }
}

#[tokio::test]
async fn a_letter_needs_the_grant_that_its_event_would_need() {
    let bench = Bench::new();
    let refused = bench.ingest.set_aside(&bench.caller("tracuu"), letter(), soon()).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::PermissionDenied);
    let strange = Letter {
        event: Submission { event_type: "lgsp.other.v1".to_owned(), ..letter().event },
        ..letter()
    };
    let refused = bench.ingest.set_aside(&bench.caller("motcua"), strange, soon()).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::UnknownEventType);
}

#[tokio::test]
async fn every_malformed_part_of_a_letter_is_told() {
    let bench = Bench::new();
    let bad = Letter {
        code: "Not A Code".to_owned(),
        breaches: vec![("/x".to_owned(), "no rule\n".to_owned())],
        origin: String::new(),
        attempt: 0,
        ..letter()
    };
    let fault = bench.ingest.set_aside(&bench.caller("motcua"), bad, soon()).await.unwrap_err();
    let places: Vec<_> = fault.violations.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(places, ["code", "origin", "attempt", "violations"]);
}

#[tokio::test]
async fn a_letter_of_a_person_has_a_pseudonym_for_its_key_and_one_of_rubbish_its_id() {
    let bench = Bench::new();
    let caller = bench.caller("motcua");
    let key_of = async |event_type: &str, data: &'static str| {
        let event = Submission {
            event_type: event_type.to_owned(),
            data: Bytes::from_static(data.as_bytes()),
            ..letter().event
        };
        let answer = bench.ingest.set_aside(&caller, Letter { event, ..letter() }, Instant::now());
        assert_eq!(answer.await.unwrap_err().code, ErrorCode::LogUnavailable);
        bench.log.letters.lock().unwrap().remove(0).0.key().to_owned()
    };
    let person = key_of("lgsp.citizen.recorded.v1", r#"{"SoDinhDanh":"086190000001"}"#).await;
    assert_eq!(person.len(), 32);
    assert!(!person.contains("086190000001"));
    assert_eq!(key_of("lgsp.enterprise.recorded.v1", "not json").await, "row-17");
}

#[tokio::test]
async fn whatever_stands_where_a_code_should_is_no_key() {
    let bench = Bench::new();
    let event = Submission {
        event_type: "lgsp.dossier.recorded.v1".to_owned(),
        data: Bytes::from(r#"{"MaHoSo":"Nguyễn Thị Mẫu"}"#),
        ..letter().event
    };
    let caller = bench.caller("motcua");
    let answer = bench.ingest.set_aside(&caller, Letter { event, ..letter() }, Instant::now());
    assert!(answer.await.is_err());
    let key = bench.log.letters.lock().unwrap().remove(0).0.key().to_owned();
    assert_eq!((key.len(), key.contains("Mẫu")), (32, false));
}
