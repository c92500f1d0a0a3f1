//! The files of a registry folder, each read by a module of its own.

pub(crate) mod agencies;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod secrets;

use std::collections::BTreeSet;

use lgsp_core::identifier::AgencyCode;

use crate::document::{Faults, Item};

pub(crate) const AGENCIES: &str = "agencies.toml";
pub(crate) const CLIENTS: &str = "clients.toml";
pub(crate) const SECRETS: &str = "client-secrets.toml";

pub(crate) const CODES: &str = "codes.toml";
pub(crate) const PROCEDURES: &str = "procedures.json";

/// Every file, in the order in which the reader should look at them.
pub(crate) const ALL: [&str; 5] = [AGENCIES, CLIENTS, SECRETS, CODES, PROCEDURES];

/// Reads a name for people.
fn name(item: &Item<'_>, faults: &mut Faults) -> String {
    let read = |text: &str| {
        let fits = !text.trim().is_empty()
            && text.chars().count() <= 200
            && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    };
    item.read(faults, "a name of 1 to 200 characters on one line", read).unwrap_or_default()
}

/// Reads an agency's code.
fn agency_code(item: &Item<'_>, faults: &mut Faults) -> Option<AgencyCode> {
    item.read(faults, "an agency code such as \"H61.14\"", |text| AgencyCode::parse(text).ok())
}

/// Reads the code of an agency of the registry; `known` is `None` where that cannot be told.
fn known_agency(
    item: &Item<'_>,
    known: Option<&BTreeSet<AgencyCode>>,
    faults: &mut Faults,
) -> Option<AgencyCode> {
    let code = agency_code(item, faults)?;
    if known.is_some_and(|known| !known.contains(&code)) {
        faults.mismatch(&item.place, format!("the code of an agency in {AGENCIES}"), code.as_str());
    }
    Some(code)
}

/// Reads a list that has some entries, each of them once.
fn distinct<T: Ord>(
    item: &Item<'_>,
    faults: &mut Faults,
    expected: &str,
    mut read: impl FnMut(&Item<'_>, &mut Faults) -> Option<T>,
) -> BTreeSet<T> {
    let mut distinct = BTreeSet::new();
    for entry in item.some_entries(faults, expected) {
        if let Some(value) = read(&entry, faults)
            && !distinct.insert(value)
        {
            faults.mismatch(&entry.place, "each entry once", entry.as_text().unwrap_or_default());
        }
    }
    distinct
}
