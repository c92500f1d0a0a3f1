//! Events in, by `curl`; what became of them, by `kcat`.

use lgsp_tests::kcat::{self, Record};
use lgsp_tests::sample::{self, CITIZEN, DOSSIER, SOURCE, new_id};
use lgsp_tests::{Answer, Bus};
use serde_json::{Value, json};

use crate::BUS;

/// Reads the record that a receipt names.
fn read(bus: &Bus, receipt: &Value) -> Record {
    let topic = receipt["topic"].as_str().unwrap();
    let partition = i32::try_from(receipt["partition"].as_i64().unwrap_or(0)).unwrap();
    // ProtoJSON writes 64-bit numbers as text and leaves zeros out.
    let offset = receipt["offset"].as_str().map_or(0, |offset| offset.parse().unwrap());
    kcat::read_one(bus.kafka(), topic, partition, offset).unwrap()
}

fn accepted(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

/// A dossier in a form of its own: what is stored must be these bytes, not their meaning.
fn odd_form(order: u32) -> String {
    let whole = sample::dossier(order).to_string();
    let rest = whole.trim_start_matches('{');
    format!("{{ \"GhiChu\" : \"\\u0110\\u1eb7ng,=\" ,\n\t{rest} ")
}

#[test]
fn binary_mode_stores_the_very_bytes_with_headers_and_key() {
    let (bus, id, data) = (&*BUS, new_id(), odd_form(1));
    let token = bus.token("motcua").unwrap();
    let answer = bus
        .post("/v1/events")
        .bearer(&token)
        .header("content-type", "application/json; charset=utf-8")
        .header("ce-specversion", "1.0")
        .header("ce-id", &id)
        .header("ce-source", SOURCE)
        .header("ce-type", DOSSIER)
        .header("ce-time", "2026-07-03T09:30:00+07:00")
        .header("ce-subject", "H%C3%A0%20N%E1%BB%99i")
        .header("ce-lot", "7")
        .body(data.as_bytes())
        .send()
        .unwrap();
    let receipt = accepted(&answer);
    assert_eq!((receipt["id"].as_str(), receipt["source"].as_str()), (Some(&*id), Some(SOURCE)));
    assert_eq!(receipt["topic"], "lgsp.dossier.v1");
    assert!(receipt["recordedTime"].as_str().unwrap().ends_with('Z'));

    let record = read(bus, &receipt);
    assert_eq!(String::from_utf8(record.value).unwrap(), data);
    assert_eq!(record.key, sample::dossier_code(1));
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_source", SOURCE),
        ("ce_type", DOSSIER),
        ("ce_agency", "H61.14"),
        ("ce_client", "motcua"),
        ("ce_adapter", "http"),
        ("ce_time", "2026-07-03T09:30:00+07:00"),
        ("ce_subject", "Hà Nội"),
        ("ce_lot", "7"),
        ("content-type", "application/json"),
    ];
    for (name, value) in expected {
        assert_eq!(record.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(record.headers["ce_dataschema"].contains("lgsp.dossier.recorded"));
    assert!(record.headers.contains_key("ce_recordedtime"));
    assert_eq!(record.headers.len(), expected.len() + 2, "{:?}", record.headers.keys());
}

#[test]
fn structured_mode_stores_the_data_as_it_stands_in_the_envelope() {
    let (bus, id, data) = (&*BUS, new_id(), odd_form(2));
    let token = bus.token("motcua").unwrap();
    let data = data.trim();
    let body = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{SOURCE}","type":"{DOSSIER}","data": {data} ,"lot":7}}"#
    );
    let answer = bus
        .post("/v1/events")
        .bearer(&token)
        .header("content-type", "application/cloudevents+json; charset=UTF-8")
        .body(body.as_bytes())
        .send()
        .unwrap();
    let record = read(bus, &accepted(&answer));
    assert_eq!(String::from_utf8(record.value).unwrap(), data);
    assert_eq!(record.headers["ce_lot"], "7");
}

#[test]
fn a_citizens_key_is_no_personal_number_and_the_same_each_time() {
    let (bus, number) = (&*BUS, "086190000777");
    let token = bus.token("motcua").unwrap();
    let keys = ["Nguyễn Thị Mẫu", "Nguyễn Thị Mẫu Mới"].map(|name| {
        let data = json!({"SoDinhDanh": number, "HoVaTen": name}).to_string();
        let answer = bus.publish(&token, &new_id(), CITIZEN, data.as_bytes()).unwrap();
        let record = read(bus, &accepted(&answer));
        assert_eq!(record.value, data.as_bytes());
        let headers = format!("{:?}", record.headers);
        assert!(!headers.contains(number) && !headers.contains("Mẫu"), "{headers}");
        record.key
    });
    assert_eq!(keys[0], keys[1], "one citizen's events keep their order");
    assert!(keys[0].len() == 32 && keys[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(!keys[0].contains(number));
}

#[test]
fn a_repeat_gets_the_first_receipt_and_other_content_is_a_conflict() {
    let (bus, id) = (&*BUS, new_id());
    let token = bus.token("motcua").unwrap();
    let data = sample::dossier(4).to_string();
    let first = accepted(&bus.publish(&token, &id, DOSSIER, data.as_bytes()).unwrap());
    assert_eq!(first["duplicate"], false, "{first}");

    let again = accepted(&bus.publish(&token, &id, DOSSIER, data.as_bytes()).unwrap());
    assert_eq!(again["duplicate"], true);
    let found = bus.get(&format!("/v1/receipts?source={SOURCE}&id={id}")).bearer(&token).send();
    let found = accepted(&found.unwrap());
    for part in ["source", "id", "topic", "partition", "offset", "recordedTime"] {
        assert_eq!(again.get(part), first.get(part), "{part}");
        assert_eq!(found.get(part), first.get(part), "{part}");
    }

    let other = sample::dossier(5).to_string();
    let conflict = bus.publish(&token, &id, DOSSIER, other.as_bytes()).unwrap();
    assert_eq!(conflict.status, 409, "{}", conflict.text());
    assert_eq!(conflict.json().unwrap()["code"], "conflict");

    let records = kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap();
    let stored: Vec<_> = records.iter().filter(|record| record.headers["ce_id"] == id).collect();
    assert_eq!(stored.len(), 1, "recorded once");
    assert_eq!(stored[0].value, data.as_bytes());
}

#[test]
fn an_unknown_field_is_recorded_with_a_warning_in_two_languages() {
    let bus = &*BUS;
    let mut data = sample::dossier(6);
    data["TruongLa"] = json!("x");
    let token = bus.token("motcua").unwrap();
    let answer = bus.publish(&token, &new_id(), DOSSIER, data.to_string().as_bytes()).unwrap();
    let receipt = accepted(&answer);
    let warning = &receipt["warnings"][0];
    assert_eq!(warning["rule"], "unknown_field", "{receipt}");
    assert_eq!(warning["pointer"], "/TruongLa");
    assert!(!warning["messageVi"].as_str().unwrap().is_empty());
    assert!(!warning["messageEn"].as_str().unwrap().is_empty());
    assert_eq!(read(bus, &receipt).value, data.to_string().as_bytes());
}

#[test]
fn nobody_reads_the_receipts_of_another() {
    let (bus, id) = (&*BUS, new_id());
    let token = bus.token("motcua").unwrap();
    let data = sample::dossier(7).to_string();
    accepted(&bus.publish(&token, &id, DOSSIER, data.as_bytes()).unwrap());
    let path = format!("/v1/receipts?source={SOURCE}&id={id}");
    let other = bus.get(&path).bearer(&bus.token("tracuu").unwrap()).send().unwrap();
    assert_eq!(
        (other.status, other.json().unwrap()["code"].as_str()),
        (403, Some("permission_denied"))
    );
    let unknown = bus.get(&path.replace(&id, &new_id())).bearer(&token).send().unwrap();
    assert_eq!(
        (unknown.status, unknown.json().unwrap()["code"].as_str()),
        (404, Some("not_found"))
    );
}
