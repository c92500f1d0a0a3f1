//! Checks a planned day against the schemas in `schemas/`, with a small judge of its own.

use std::collections::{HashMap, HashSet};

use jiff::civil::{Time, date};
use lgsp_core::identifier::{DossierCode, FORMATS, portal_time};
use lgsp_core::rule;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const AGENCIES: &[&str] = &["H61.14", "H61.15", "000.00.16.H61"];

fn plan(seed: u64, count: usize) -> Vec<PlannedEvent> {
    working_day(seed, date(2026, 7, 3), count, AGENCIES).collect()
}

fn schema(event_type: &str) -> Value {
    let text = match event_type {
        DOSSIER_RECORDED => include_str!("../../../../schemas/lgsp.dossier.recorded/v1.0.json"),
        CITIZEN_RECORDED => include_str!("../../../../schemas/lgsp.citizen.recorded/v1.0.json"),
        _ => include_str!("../../../../schemas/lgsp.enterprise.recorded/v1.0.json"),
    };
    serde_json::from_str(text).unwrap()
}

/// Judges the members at the top: present, of a listed value, in the named format, short enough.
fn broken_rules(schema: &Value, data: &[u8]) -> Vec<&'static str> {
    let Ok(record) = serde_json::from_slice::<Value>(data) else {
        return vec![rule::JSON_SYNTAX.code];
    };
    let mut broken = Vec::new();
    if String::from_utf8_lossy(data).matches("\"MaHoSo\":").count() > 1 {
        broken.push(rule::JSON_DUPLICATE_MEMBER.code);
    }
    for name in schema["required"].as_array().unwrap() {
        if record.get(name.as_str().unwrap()).is_none() {
            broken.push(rule::REQUIRED.code);
        }
    }
    for (name, value) in record.as_object().unwrap() {
        let Some(property) = schema["properties"].get(name) else {
            panic!("{name} is not in the schema")
        };
        if let Some(list) = property["enum"].as_array()
            && !list.contains(value)
        {
            broken.push(rule::ENUM.code);
        }
        let Some(text) = value.as_str() else { continue };
        let format = FORMATS.iter().find(|(format, _)| property["format"] == *format);
        if let Some(Err(rule)) = format.map(|(_, check)| check(text)) {
            broken.push(rule.code);
        }
        if property["maxLength"].as_u64().is_some_and(|most| text.chars().count() as u64 > most) {
            broken.push(rule::MAX_LENGTH.code);
        }
    }
    broken
}

#[test]
fn every_event_is_accepted_or_refused_by_the_schemas_as_planned() {
    let mut kinds: HashMap<&str, usize> = HashMap::new();
    let mut rules: HashMap<&str, usize> = HashMap::new();
    for event in plan(7, 2_000) {
        let broken = broken_rules(&schema(event.event_type), &event.data);
        let expected = match event.expectation {
            Expect::Accepted => vec![],
            Expect::Refused(rule) => vec![rule],
        };
        assert_eq!(broken, expected, "{}", event.id);
        *kinds.entry(event.event_type).or_default() += 1;
        *rules.entry(expected.first().copied().unwrap_or("accepted")).or_default() += 1;
    }
    assert!((1_700..=1_900).contains(&kinds[DOSSIER_RECORDED]), "{kinds:?}");
    assert!(kinds[CITIZEN_RECORDED] >= 60 && kinds[ENTERPRISE_RECORDED] >= 40, "{kinds:?}");
    assert_eq!(rules.len(), 8, "seven rules and the accepted: {rules:?}");
    let refused: usize =
        rules.iter().filter(|(rule, _)| **rule != "accepted").map(|(_, count)| count).sum();
    assert_eq!(refused, 40);
}

#[test]
fn codes_bear_the_day_of_reception_and_name_one_dossier_each() {
    let mut owners: HashMap<String, String> = HashMap::new();
    for event in plan(7, 2_000) {
        if event.event_type != DOSSIER_RECORDED || event.expectation != Expect::Accepted {
            continue;
        }
        let record: Value = serde_json::from_slice(&event.data).unwrap();
        let text = |name: &str| record[name].as_str().unwrap().to_owned();
        let dossier_code = text("MaHoSo");
        assert!(DossierCode::parse(&dossier_code).is_ok());
        assert!(dossier_code.starts_with(&event.agency));
        let day_of_code = dossier_code.rsplit('-').nth(1).unwrap().to_owned();
        assert_eq!(day_of_code, text("NgayTiepNhan")[2..8]);
        let (received, due) = (
            portal_time(&text("NgayTiepNhan")).unwrap(),
            portal_time(&text("NgayHenTra")).unwrap(),
        );
        assert!(
            received < due
                && received <= event.at
                && portal_time(&text("NgayNopHoSo")).unwrap() <= received
        );
        assert!(calendar::is_working(due.date()));
        let owner = owners.entry(dossier_code).or_insert_with(|| text("SoGiayToChuHoSo"));
        assert_eq!(*owner, text("SoGiayToChuHoSo"));
    }
    assert!(owners.len() > 1_000);
}

#[test]
fn dossiers_go_through_their_states_in_order_within_working_hours() {
    let mut reached: HashMap<String, Vec<u8>> = HashMap::new();
    let mut last = date(2026, 7, 3).at(7, 30, 0, 0);
    for event in plan(7, 2_000) {
        assert!(event.at >= last && event.at.time() < Time::constant(17, 0, 0, 0));
        last = event.at;
        if event.event_type == DOSSIER_RECORDED && event.expectation == Expect::Accepted {
            let record: Value = serde_json::from_slice(&event.data).unwrap();
            let state = record["TrangThaiHoSo"].as_str().unwrap().parse().unwrap();
            reached.entry(record["MaHoSo"].as_str().unwrap().to_owned()).or_default().push(state);
        }
    }
    assert!(reached.values().all(|states| states.is_sorted()));
    assert!(reached.values().any(|states| *states == [2, 4, 9, 10]));
}

#[test]
fn a_plan_is_the_same_again_and_another_with_another_seed() {
    assert_eq!(plan(7, 300), plan(7, 300));
    assert_ne!(plan(7, 300), plan(8, 300));
    assert_eq!(working_day(7, date(2026, 7, 3), 300, &[]).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn ids_are_unique_and_the_expectations_add_up(seed: u64, count in 350usize..3_000) {
        let events = plan(seed, count);
        prop_assert_eq!(events.len(), count);
        let ids: HashSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
        prop_assert_eq!(ids.len(), count);
        let refused = events.iter().filter(|event| event.expectation != Expect::Accepted).count();
        prop_assert!(refused > 0 && refused <= count / 50 && refused + 3 >= count / 50);
    }
}
