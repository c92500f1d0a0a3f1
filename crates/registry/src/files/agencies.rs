//! `agencies.toml`: one `[[agency]]` for each agency.

use std::collections::{BTreeMap, BTreeSet};

use lgsp_core::identifier::AgencyCode;

use super::{agency_code, known_agency, name};
use crate::agency::Agency;
use crate::document::{Faults, Item, Section, Source};

/// Reads the file; `None` where it is not TOML.
pub(crate) fn read(
    source: Source<'_>,
    faults: &mut Faults,
) -> Option<BTreeMap<AgencyCode, Agency>> {
    let document = source.parse(faults)?;
    let mut root = source.root(&document);
    let mut agencies = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut parents = Vec::new();
    for section in root.sections("agency", faults, "a list of tables, [[agency]]") {
        if let Some((agency, parent)) = read_agency(section, &mut taken, faults) {
            parents.extend(parent.map(|item| (agency.code.clone(), item)));
            agencies.entry(agency.code.clone()).or_insert(agency);
        }
    }
    root.finish(faults);
    join_parents(&mut agencies, &parents, faults);
    Some(agencies)
}

fn read_agency<'d>(
    mut section: Section<'d>,
    taken: &mut BTreeSet<AgencyCode>,
    faults: &mut Faults,
) -> Option<(Agency, Option<Item<'d>>)> {
    let code = section.required("code", faults).and_then(|item| own_code(&item, taken, faults));
    let name = section.required("name", faults).map(|item| name(&item, faults)).unwrap_or_default();
    let former_codes = match section.optional("former_codes") {
        Some(item) => {
            let entries = item.entries(faults, "a list of agency codes");
            entries.iter().filter_map(|entry| own_code(entry, taken, faults)).collect()
        }
        None => Vec::new(),
    };
    let parent = section.optional("parent");
    section.finish(faults);
    Some((Agency { code: code?, name, former_codes, parent: None }, parent))
}

/// Reads a code that no agency has or had.
fn own_code(
    item: &Item<'_>,
    taken: &mut BTreeSet<AgencyCode>,
    faults: &mut Faults,
) -> Option<AgencyCode> {
    let code = agency_code(item, faults)?;
    if !taken.insert(code.clone()) {
        faults.mismatch(&item.place, "a code that no other agency has or had", code.as_str());
    }
    Some(code)
}

/// Sets every parent once all agencies are known.
fn join_parents(
    agencies: &mut BTreeMap<AgencyCode, Agency>,
    parents: &[(AgencyCode, Item<'_>)],
    faults: &mut Faults,
) {
    let known: BTreeSet<AgencyCode> = agencies.keys().cloned().collect();
    for (code, item) in parents {
        let parent = known_agency(item, Some(&known), faults);
        if let Some(agency) = agencies.get_mut(code) {
            agency.parent = parent;
        }
    }
    for (code, item) in parents {
        let above = |code: &AgencyCode| agencies.get(code).and_then(|agency| agency.parent.clone());
        // A chain longer than there are agencies, or one that comes back, has a circle.
        let chain = std::iter::successors(above(code), above).take(agencies.len());
        if chain.into_iter().any(|ancestor| ancestor == *code) {
            faults.mismatch(
                &item.place,
                "an agency that is not below this one",
                item.as_text().unwrap_or_default(),
            );
        }
    }
}
