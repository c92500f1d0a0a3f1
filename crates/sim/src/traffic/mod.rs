//! A working day of a province: what its one-stop systems publish and its officers ask.
//!
//! People and enterprises are synthetic. The procedure codes are of the national catalogue's
//! form and occur in the field; the names, fields of administration and terms beside them are
//! examples, no statement about those procedures.

mod calendar;
mod dossier;
mod flaw;
mod plan;
mod questions;
mod registers;

use jiff::civil::{Date, DateTime};

use crate::people::Population;
use plan::What;

pub use questions::{ExpectAnswer, PlannedLookUp, PlannedPurpose, questions};

/// The type of a dossier's event.
pub const DOSSIER_RECORDED: &str = "lgsp.dossier.recorded.v1";
/// The type of a citizen's event.
pub const CITIZEN_RECORDED: &str = "lgsp.citizen.recorded.v1";
/// The type of an enterprise's event.
pub const ENTERPRISE_RECORDED: &str = "lgsp.enterprise.recorded.v1";

/// What the bus should do with a planned event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Accept it.
    Accepted,
    /// Refuse it for breaking this rule and no other: the rule's code.
    Refused(&'static str),
}

/// An event that a one-stop system is going to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedEvent {
    /// The CloudEvents `type`.
    pub event_type: &'static str,
    /// The CloudEvents `id`: unique among all planned for that day with that seed.
    pub id: String,
    /// The agency that publishes it.
    pub agency: String,
    /// When it happens, local time of Viet Nam.
    pub at: DateTime,
    /// The record; broken on purpose where the expectation says so.
    pub data: Vec<u8>,
    /// What should become of it.
    pub expectation: Expect,
}

/// Plans `count` events of a day, in the order of their times: dossiers on their way through the
/// states 2, 4, 9 and 10, among them about one citizen or enterprise in ten, and one event in
/// fifty that breaks a rule. The plan is the same for the same arguments; records are written as
/// they are asked for, so that a large plan costs little memory.
///
/// ```
/// use lgsp_sim::traffic::working_day;
/// let day = jiff::civil::date(2026, 7, 3);
/// assert_eq!(working_day(7, day, 2_000, &["H61.14", "H61.15"]).count(), 2_000);
/// ```
pub fn working_day(
    seed: u64,
    day: Date,
    count: usize,
    agencies: &[&str],
) -> impl Iterator<Item = PlannedEvent> + use<> {
    let agencies: Vec<String> = agencies.iter().map(|agency| (*agency).to_owned()).collect();
    let people = Population::new(seed);
    let (dossiers, steps) = plan::plan(seed, count, agencies.len());
    steps.into_iter().enumerate().filter_map(move |(number, step)| {
        let at = calendar::clock(day, step.at);
        let dossier_of = |number: u32| dossiers.get(usize::try_from(number).ok()?);
        let (event_type, agency, data) = match step.what {
            What::Dossier { number, state, ended } => {
                let dossier = dossier_of(number)?;
                let agency = agencies.get(dossier.agency)?;
                let told = dossier::Told { day, number, state, ended, agency };
                (DOSSIER_RECORDED, agency, dossier::write(seed, &people, dossier, &told, step.flaw))
            }
            What::Citizen { agency, number } => (
                CITIZEN_RECORDED,
                agencies.get(agency)?,
                registers::write_citizen(seed, &people, number),
            ),
            What::Enterprise { agency, number } => (
                ENTERPRISE_RECORDED,
                agencies.get(agency)?,
                registers::write_enterprise(seed, &people, number, step.flaw),
            ),
        };
        Some(PlannedEvent {
            event_type,
            id: format!("{}-{seed:x}-{number:06}", day.strftime("%Y%m%d")),
            agency: agency.clone(),
            at,
            data,
            expectation: step
                .flaw
                .map_or(Expect::Accepted, |flaw| Expect::Refused(flaw.rule().code)),
        })
    })
}

#[cfg(test)]
mod tests;
