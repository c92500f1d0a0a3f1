//! `codes.toml`: one `[[change]]` for each code that was replaced.

use std::collections::BTreeSet;

use jiff::civil::Date;
use lgsp_core::identifier::{AgencyCode, CodeKind};

use crate::codes::{CodeChange, CodeChanges};
use crate::document::{Faults, Item, Section, Source};

/// Reads the file; `known` holds the agencies' codes of today, `None` where they cannot be told.
pub(crate) fn read(
    source: Source<'_>,
    known: Option<&BTreeSet<AgencyCode>>,
    faults: &mut Faults,
) -> CodeChanges {
    let mut changes = CodeChanges::new();
    let Some(document) = source.parse(faults) else { return changes };
    let mut root = source.root(&document);
    for section in root.sections("change", faults, "a list of tables, [[change]]") {
        read_change(section, known, &mut changes, faults);
    }
    root.finish(faults);
    changes
}

fn read_change(
    mut section: Section<'_>,
    known: Option<&BTreeSet<AgencyCode>>,
    changes: &mut CodeChanges,
    faults: &mut Faults,
) {
    let kind = section.required("kind", faults).and_then(|item| {
        let expected = "\"agency\", \"province\", \"district\" or \"commune\"";
        item.read(faults, expected, CodeKind::parse)
    });
    let code = section
        .required("code", faults)
        .and_then(|item| Some((read_code(&item, kind, faults)?, item)));
    let valid_from = section.optional("valid_from").and_then(|item| day(&item, faults));
    let valid_to =
        section.required("valid_to", faults).and_then(|item| Some((day(&item, faults)?, item)));
    let replaced_by = section
        .optional("replaced_by")
        .and_then(|item| Some((read_code(&item, kind, faults)?, item)));
    section.finish(faults);

    let (Some(kind), Some((code, at)), Some((valid_to, ends))) = (kind, code, valid_to) else {
        return;
    };
    if valid_from.is_some_and(|from| from > valid_to) {
        faults.expected(&ends.place, "a day on or after valid_from");
    }
    if let Some((new, item)) = &replaced_by {
        if *new == code {
            faults.mismatch(&item.place, "another code than the old one", new);
        }
        let unknown = |agency: &AgencyCode| known.is_some_and(|known| !known.contains(agency));
        if kind == CodeKind::Agency && AgencyCode::parse(new).is_ok_and(|agency| unknown(&agency)) {
            faults.mismatch(&item.place, "the code of an agency in agencies.toml", new);
        }
    }
    let change =
        CodeChange { valid_from, valid_to, replaced_by: replaced_by.map(|(code, _)| code) };
    if changes.insert((kind, code.clone()), change).is_some() {
        faults.mismatch(&at.place, "each code once", &code);
    }
}

fn read_code(item: &Item<'_>, kind: Option<CodeKind>, faults: &mut Faults) -> Option<String> {
    let expected = "a code of its kind: an agency's, or 2 digits of a province, 3 of a district, 5 of a commune";
    item.read(faults, expected, |text| {
        let fits = kind.is_none_or(|kind| kind.fits(text));
        fits.then(|| text.to_owned())
    })
}

/// Reads a day: TOML's own `2025-06-30`, or the same as text.
fn day(item: &Item<'_>, faults: &mut Faults) -> Option<Date> {
    let day = item.as_date().and_then(|text| text.parse().ok());
    if day.is_none() {
        faults.expected(&item.place, "a day such as 2025-06-30");
    }
    day
}
