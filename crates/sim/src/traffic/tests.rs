//! Judges the events of a working day by the schemas that judge real ones.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use jiff::civil::{Time, date};
use lgsp_core::identifier::{DossierCode, portal_time};
use lgsp_schema::Schemas;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const AGENCIES: &[&str] = &["H61.14", "H61.15", "000.00.16.H61"];

fn plan(seed: u64, count: usize) -> Vec<PlannedEvent> {
    working_day(seed, date(2026, 7, 3), count, AGENCIES).collect()
}

#[test]
fn every_event_is_accepted_or_refused_by_the_schemas_as_planned() {
    let schemas = Schemas::bundled().unwrap();
    let mut kinds: HashMap<&str, usize> = HashMap::new();
    let mut rules: HashMap<&str, usize> = HashMap::new();
    for event in plan(7, 2_000) {
        let judged = schemas.judge(event.event_type, None, Bytes::from(event.data));
        let first = judged.err().map(|fault| fault.violations[0].rule.code);
        let expected = match event.expectation {
            Expect::Accepted => None,
            Expect::Refused(rule) => Some(rule),
        };
        assert_eq!(first, expected, "{}", event.id);
        *kinds.entry(event.event_type).or_default() += 1;
        *rules.entry(expected.unwrap_or("accepted")).or_default() += 1;
    }
    assert!((1_500..=1_900).contains(&kinds[DOSSIER_RECORDED]), "{kinds:?}");
    assert!(kinds[CITIZEN_RECORDED] >= 60 && kinds[ENTERPRISE_RECORDED] >= 40, "{kinds:?}");
    assert!(rules.len() >= 9, "{rules:?}");
    let refused = 2_000 - rules["accepted"];
    assert!((30..=42).contains(&refused), "{rules:?}");
}

#[test]
fn codes_bear_the_day_of_filing_and_name_one_dossier_each() {
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
        assert_eq!(day_of_code, text("NgayNopHoSo")[2..8]);
        let filed = portal_time(&text("NgayNopHoSo")).unwrap();
        assert!(filed <= event.at);
        if let Some(received) = portal_time(&text("NgayTiepNhan")) {
            let due = portal_time(&text("NgayHenTra")).unwrap();
            assert!(filed <= received && received < due && received <= event.at);
            assert!(calendar::is_working(due.date()));
        }
        let owner = owners.entry(dossier_code).or_insert_with(|| text("SoGiayToChuHoSo"));
        assert_eq!(*owner, text("SoGiayToChuHoSo"));
    }
    assert!(owners.len() > 700, "{}", owners.len());
}

#[test]
fn events_come_in_order_within_working_hours() {
    let mut last = date(2026, 7, 3).at(7, 30, 0, 0);
    let mut reached: HashSet<String> = HashSet::new();
    for event in plan(7, 2_000) {
        assert!(event.at >= last && event.at.time() < Time::constant(18, 0, 0, 0));
        last = event.at;
        if event.event_type == DOSSIER_RECORDED && event.expectation == Expect::Accepted {
            let record: Value = serde_json::from_slice(&event.data).unwrap();
            reached.insert(record["TrangThaiHoSo"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(reached.len(), 10, "every state occurs: {reached:?}");
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
    fn ids_are_unique_and_the_expectations_add_up(seed: u64, count in 1_000usize..3_000) {
        let events = plan(seed, count);
        prop_assert_eq!(events.len(), count);
        let ids: HashSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
        prop_assert_eq!(ids.len(), count);
        let refused = events.iter().filter(|event| event.expectation != Expect::Accepted).count();
        // One in fifty of the whole day; which of the day's records are left out here is chance.
        prop_assert!((count / 150..=count / 25).contains(&refused), "{refused} of {count}");
    }
}
