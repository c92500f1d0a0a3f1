//! Open data is about nobody and is kept for everybody; every other answer gives what is declared
//! and no more.

use lgsp_registry::document::{Faults, Place};

use super::read::{Connector, Declared};
use crate::rest::Plan;
use crate::rest::ask::Source;

/// Tells of everything by which open data would be about somebody, and of what only open data may
/// do.
pub(super) fn check(declared: &Declared<'_>, faults: &mut Faults) {
    if let (true, Some((place, _))) = (declared.is_open_data, &declared.subject) {
        faults.expected(place, "no subject for open data");
    }
    let Some((place, connector)) = &declared.connector else { return };
    match (declared.is_open_data, connector) {
        (true, Connector::Population { .. }) => {
            faults.expected(place, "no open data from the population database");
        }
        (true, Connector::Rest(plan)) => about_nobody(place, plan, faults),
        (false, Connector::Rest(plan)) if plan.answer.has_rows() => {
            // Rows hand on fields that nobody declared.
            faults.expected(place, "no form rows but for open data");
        }
        (false, _) => {}
    }
}

fn about_nobody(place: &Place<'_>, plan: &Plan, faults: &mut Faults) {
    if !plan.answer.compared().is_empty() {
        faults.expected(place, "no equals for open data");
    }
    // An answer is kept and given to the next caller, who has another purpose.
    for (source, _) in plan.request.sources() {
        if let Source::Purpose(part) = source {
            faults.mismatch(place, "nothing of a purpose for open data", part.name());
        }
    }
}
