//! The schemas, for whoever makes records.

use lgsp_tests::sample::{self, DOSSIER, new_id};
use lgsp_tests::{Answer, kcat};
use serde_json::{Value, json};

use crate::BUS;

fn listed() -> Vec<Value> {
    let list = BUS.get("/v1/schemas").send().unwrap();
    assert_eq!((list.status, list.header("content-type")), (200, Some("application/json")));
    assert!(list.header("etag").is_some());
    list.json().unwrap()["schemas"].as_array().unwrap().clone()
}

fn get(path: &str, known: &str) -> Answer {
    BUS.get(path).header("if-none-match", known).send().unwrap()
}

#[test]
fn every_schema_is_listed_and_can_be_kept_for_ever() {
    let listed = listed();
    let types: Vec<_> = listed.iter().map(|one| one["type"].as_str().unwrap()).collect();
    for kind in [DOSSIER, sample::CITIZEN, sample::ENTERPRISE] {
        assert!(types.contains(&kind), "{types:?}");
    }
    for one in &listed {
        let text = |name: &str| one[name].as_str().unwrap();
        assert!(text("topic").starts_with("lgsp.") && text("title").len() > 10, "{one}");
        let page = get(text("url"), "\"another\"");
        assert_eq!(page.status, 200, "{one}");
        assert_eq!(page.header("content-type"), Some("application/schema+json"));
        assert!(page.header("cache-control").unwrap().contains("immutable"));
        let document = page.json().unwrap();
        assert_eq!(document["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(document["x-lgsp"]["type"], one["type"]);
        assert_eq!(document["title"], one["title"]);

        let tag = page.header("etag").unwrap();
        let kept = get(text("url"), tag);
        assert_eq!((kept.status, kept.body.len(), kept.header("etag")), (304, 0, Some(tag)));
    }
}

#[test]
fn what_an_event_names_as_its_schema_is_where_it_says() {
    let bus = &*BUS;
    let (id, data) = (new_id(), sample::dossier(4700).to_string());
    let token = bus.token("motcua").unwrap();
    let receipt = bus.publish(&token, &id, DOSSIER, data.as_bytes()).unwrap().json().unwrap();
    let partition = i32::try_from(receipt["partition"].as_i64().unwrap()).unwrap();
    let offset = receipt["offset"].as_str().unwrap().parse().unwrap();
    let record = kcat::read_one(bus.kafka(), "lgsp.dossier.v1", partition, offset).unwrap();
    let named = &record.headers["ce_dataschema"];
    let document = bus.get(named).send().unwrap().json().unwrap();
    assert_eq!(document["x-lgsp"]["type"], DOSSIER);
    assert!(listed().iter().any(|one| one["dataschema"] == json!(named)));
}

#[test]
fn what_is_no_schema_is_not_found() {
    for path in ["lgsp.dossier.recorded.v9/9.0", "..%2f..%2fetc/passwd", "%ff/1.0"] {
        let answer = BUS.get(&format!("/v1/schemas/{path}")).send().unwrap();
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json().unwrap()["code"], "not_found");
    }
    assert_eq!(BUS.get(&format!("/v1/schemas/{DOSSIER}")).send().unwrap().status, 404);
    assert_eq!(BUS.post("/v1/schemas").send().unwrap().status, 405);
}
