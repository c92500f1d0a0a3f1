//! Judges planned days by the schemas that judge real ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use bytes::Bytes;
use jiff::civil::date;
use lgsp_schema::Schemas;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::bundled().unwrap());

fn day(seed: u64, dossiers: u32) -> Vec<Planned> {
    day_of(137, seed, dossiers)
}

fn day_of(agencies: usize, seed: u64, dossiers: u32) -> Vec<Planned> {
    Day::new(Settings {
        seed,
        day: date(2026, 7, 3),
        dossiers,
        agencies: systems(&province("H61", agencies), "motcua", &Way::ALL),
        shares: Shares::USUAL,
    })
    .collect()
}

/// Tells by which rules a record is refused, and which it is warned of.
fn judged(planned: &Planned) -> Result<Vec<&'static str>, Vec<(String, &'static str)>> {
    let data = Bytes::from(planned.data.clone());
    let pairs = |violations: &[lgsp_core::Violation]| {
        violations.iter().map(|one| (one.pointer.clone(), one.rule.code)).collect::<Vec<_>>()
    };
    match SCHEMAS.judge(planned.event_type(), None, data) {
        Ok(valid) => {
            if planned.expected != Expected::Conflict {
                assert_eq!(valid.entity_key(), planned.entity);
            }
            Ok(pairs(valid.warnings()).into_iter().map(|(_, rule)| rule).collect())
        }
        Err(fault) => Err(pairs(&fault.violations)),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 * 1000.0 / whole as f64
}

#[test]
fn the_schemas_refuse_each_broken_record_by_the_planned_rules_and_no_other_record() {
    let mut refused: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for planned in day(7, 2_500) {
        match (judged(&planned), planned.expected) {
            (Err(broken), Expected::Refused(breaches)) => {
                let expected: Vec<_> = breaches
                    .iter()
                    .map(|breach| (breach.pointer.to_owned(), breach.rule.code))
                    .collect();
                assert_eq!(broken, expected, "{planned:?}");
                let rules = breaches.iter().map(|breach| breach.rule.code).collect();
                *refused.entry(rules).or_default() += 1;
            }
            (Ok(_), Expected::Refused(_)) => panic!("{planned:?} keeps every rule"),
            (Err(broken), _) => panic!("{planned:?} breaks {broken:?}"),
            (Ok(_), _) => {}
        }
    }
    assert!(refused.len() >= 10, "{refused:?}");
    assert!(refused.values().all(|count| *count >= 2), "{refused:?}");
}

#[test]
fn faults_and_oddities_come_as_often_as_they_should() {
    let records = day(11, 15_000);
    let count = |holds: &dyn Fn(&Planned) -> bool| records.iter().filter(|one| holds(one)).count();
    let whole = records.len();
    assert!((35_000..60_000).contains(&whole), "{whole}");
    let broken = share(count(&|one| matches!(one.expected, Expected::Refused(_))), whole);
    assert!((19.0..=20.5).contains(&broken), "{broken} of a thousand");
    let repeated = share(count(&|one| one.expected == Expected::Duplicate), whole);
    assert!((9.0..=10.5).contains(&repeated), "{repeated} of a thousand");
    let conflicting = share(count(&|one| one.expected == Expected::Conflict), whole);
    assert!((1.5..=2.5).contains(&conflicting), "{conflicting} of a thousand");
    let mut oddities: BTreeMap<Oddity, usize> = BTreeMap::new();
    for oddity in records.iter().filter_map(|one| one.oddity) {
        *oddities.entry(oddity).or_default() += 1;
    }
    assert_eq!(oddities.len(), 6, "{oddities:?}");
    assert!(oddities.values().all(|count| *count >= 40), "{oddities:?}");
    for kind in Kind::ALL {
        assert!(share(count(&|one| one.kind == kind), whole) > 20.0, "{kind:?}");
    }
    for way in Way::ALL {
        let sent = count(&|one| one.way == way);
        assert!(share(sent, whole) > 20.0, "{way:?}: {sent}");
        assert!(count(&|one| one.way == way && one.expected != Expected::Accepted) > 5, "{way:?}");
    }
    let agencies: HashSet<_> = records.iter().map(|one| one.agency).collect();
    assert_eq!(agencies.len(), 137);
    let dossiers: HashSet<_> =
        records.iter().filter(|one| one.kind == Kind::Dossier).map(|one| &one.entity).collect();
    assert_eq!(dossiers.len(), 15_000);
}

#[test]
fn dossiers_are_told_of_in_the_order_of_their_states_but_for_the_late_records() {
    let (mut late, mut in_order) = (0, 0);
    let mut last: HashMap<String, DateTime> = HashMap::new();
    for planned in day(3, 3_000) {
        if planned.kind != Kind::Dossier
            || matches!(planned.expected, Expected::Duplicate | Expected::Conflict)
        {
            continue;
        }
        let before = last.get(&planned.entity).copied();
        if planned.oddity == Some(Oddity::Late) {
            assert!(before.is_some_and(|before| planned.happened < before), "{planned:?}");
            late += 1;
        } else {
            assert!(before.is_none_or(|before| planned.happened > before), "{planned:?}");
            in_order += 1;
            last.insert(planned.entity, planned.happened);
        }
    }
    assert!(late > 20 && in_order > 4_000, "{late} late, {in_order} in order");
}

#[test]
fn old_codes_are_those_of_records_from_before_the_reorganisation() {
    let agencies = province("H61", 137);
    let mut old = 0;
    for planned in day(5, 4_000) {
        let record: Value = serde_json::from_slice(&planned.data).unwrap_or_default();
        match planned.oddity {
            Some(Oddity::OldAgencyCode) => {
                let former = agencies[planned.agency].former_code.as_deref().unwrap();
                assert!(planned.entity.starts_with(&format!("{former}-25")), "{}", planned.entity);
                let day_of_code = planned.entity.rsplit('-').nth(1).unwrap();
                assert!(day_of_code < "250701", "{day_of_code}");
                old += 1;
            }
            Some(Oddity::OldCommuneCode) if planned.expected == Expected::Accepted => {
                assert!(record["ThuongTru"]["MaQuanHuyen"].is_string(), "{planned:?}");
                old += 1;
            }
            Some(Oddity::NoDeadline) if planned.expected == Expected::Accepted => {
                assert_eq!(record["NgayHenTra"], "");
            }
            _ => {}
        }
    }
    assert!(old > 20, "{old}");
}

#[test]
fn agencies_have_codes_and_ways_of_their_own() {
    let offices = province("H61", 137);
    let mut codes: HashSet<&str> = HashSet::new();
    for office in &offices {
        let former = office.former_code.as_deref();
        for code in [Some(office.code.as_str()), former].into_iter().flatten() {
            assert!(lgsp_core::identifier::AgencyCode::parse(code).is_ok(), "{code}");
            assert!(codes.insert(code), "{code}");
        }
    }
    assert_eq!(offices.len(), 137);
    for count in [1, 3, 7, 137] {
        let systems = systems(&offices[..count], "motcua", &Way::ALL);
        let ways: HashSet<Way> = systems.iter().map(|system| system.way).collect();
        assert_eq!(ways.len(), Way::ALL.len(), "{count} agencies take every way");
        let codes: HashSet<&str> = systems.iter().map(|system| system.code.as_str()).collect();
        assert_eq!(codes.len(), count);
    }
    let one = systems(&offices, "motcua", &[Way::Http]);
    assert!(one.len() == 137 && one.iter().all(|system| system.way == Way::Http));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_day_is_the_same_again_and_another_with_another_seed(seed: u64, dossiers in 1u32..300) {
        prop_assert_eq!(day(seed, dossiers), day(seed, dossiers));
        prop_assert_ne!(day(seed, dossiers), day(seed.wrapping_add(1), dossiers));
    }

    #[test]
    fn each_entity_keeps_to_one_way_and_what_is_said_twice_was_said_before(
        seed: u64, agencies in 1usize..200, dossiers in 50u32..600,
    ) {
        let mut ways: HashMap<String, (Way, usize)> = HashMap::new();
        let mut said: HashMap<String, (String, Vec<u8>)> = HashMap::new();
        let mut latest: HashMap<(String, Kind), Vec<u8>> = HashMap::new();
        let mut contents: HashSet<(String, Vec<u8>)> = HashSet::new();
        let mut at = Duration::ZERO;
        for planned in day_of(agencies, seed, dossiers) {
            prop_assert!(planned.at >= at);
            at = planned.at;
            prop_assert!(planned.way.carries(planned.kind));
            let way = ways.entry(planned.entity.clone()).or_insert((planned.way, planned.agency));
            prop_assert_eq!(*way, (planned.way, planned.agency));
            let (id, content) = (planned.id.clone(), (planned.entity.clone(), planned.data.clone()));
            match planned.expected {
                Expected::Accepted | Expected::Refused(_) => {
                    let is_new = said.insert(id, content.clone()).is_none();
                    prop_assert!(is_new, "ids are unique");
                    prop_assert!(contents.insert(content), "no content twice");
                }
                Expected::Duplicate => {
                    prop_assert_eq!(said.get(&id), Some(&content));
                    if !planned.way.has_ids() {
                        let latest = latest.get(&(planned.entity.clone(), planned.kind));
                        prop_assert_eq!(latest, Some(&planned.data), "nothing came in between");
                    }
                }
                Expected::Conflict => {
                    let (entity, data) = said.get(&id).unwrap();
                    prop_assert_eq!(entity, &planned.entity);
                    prop_assert_ne!(data, &planned.data);
                }
            }
            if matches!(planned.expected, Expected::Accepted) {
                latest.insert((planned.entity, planned.kind), planned.data);
            }
        }
    }
}
