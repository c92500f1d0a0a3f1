//! What one-stop systems publish and officers ask: records of dossiers, citizens and enterprises,
//! and look-ups.
//!
//! People and enterprises are synthetic. The procedure codes are of the national catalogue's
//! form and occur in the field; the names, fields of administration and terms beside them are
//! examples, no statement about those procedures.

pub(crate) mod calendar;
pub(crate) mod dossier;
pub(crate) mod progress;
mod questions;
pub(crate) mod registers;

use jiff::civil::{Date, DateTime};

use crate::day::{Agency, Day, Expected, Kind, Settings, Shares, Way};

pub use crate::day::{CITIZEN_RECORDED, DOSSIER_RECORDED, ENTERPRISE_RECORDED};
pub use questions::{ExpectAnswer, PlannedLookUp, PlannedPurpose, questions};

/// What the dice of traffic are thrown for; apart from those of people.
pub(crate) mod purpose {
    pub(crate) const PLAN: u32 = 101;
    pub(crate) const DOSSIER: u32 = 102;
    pub(crate) const CITIZEN: u32 = 103;
    pub(crate) const ENTERPRISE: u32 = 104;
    pub(crate) const QUESTION: u32 = 105;
    pub(crate) const PROGRESS: u32 = 106;
}

/// What the bus should do with a planned event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Accept it.
    Accepted,
    /// Refuse it for breaking this rule first: the rule's code.
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

/// Plans `count` events of a day, in the order of their times: the records of dossiers, citizens
/// and enterprises of a [`Day`] whose only faults are one broken record in fifty.
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
    let codes: Vec<String> = agencies.iter().map(|agency| (*agency).to_owned()).collect();
    let agency = |code: &String| Agency {
        code: code.clone(),
        former_code: None,
        client: String::new(),
        way: Way::GrpcStream,
    };
    let agencies = codes.iter().map(agency).collect();
    // A dossier has more than two events: the day is longer than what is asked of it.
    let dossiers = u32::try_from(count / 2 + 20).unwrap_or(u32::MAX);
    Day::new(Settings { seed, day, dossiers, agencies, shares: Shares::BROKEN_ONLY })
        .filter(|planned| planned.kind != Kind::Progress)
        .take(count)
        .filter_map(move |planned| {
            let expectation = match planned.expected {
                Expected::Refused(breaches) => {
                    Expect::Refused(breaches.first().map_or("", |breach| breach.rule.code))
                }
                _ => Expect::Accepted,
            };
            Some(PlannedEvent {
                event_type: planned.event_type(),
                agency: codes.get(planned.agency)?.clone(),
                id: planned.id,
                at: planned.happened,
                data: planned.data,
                expectation,
            })
        })
}

#[cfg(test)]
mod tests;
