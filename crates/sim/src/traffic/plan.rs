//! The plan of a day: which dossier takes which step when, and which records are flawed.

use std::collections::HashMap;

use fastrand::Rng;

use super::calendar::{MORNING_SECONDS, WORKED_SECONDS};
use super::flaw::Flaw;
use crate::random::{chance, dice};

/// What the dice of traffic are thrown for; apart from those of people.
pub(super) mod purpose {
    pub(in super::super) const PLAN: u32 = 101;
    pub(in super::super) const DOSSIER: u32 = 102;
    pub(in super::super) const CITIZEN: u32 = 103;
    pub(in super::super) const ENTERPRISE: u32 = 104;
    pub(in super::super) const QUESTION: u32 = 105;
}

/// The highest order number of a day: five digits, of which the code has four at least.
const LAST_ORDER: u32 = 99_999;
/// One event in so many is flawed.
const FLAW_EVERY: usize = 50;

/// A dossier, as far as its steps need to agree on it.
#[derive(Debug, Clone)]
pub(super) struct Dossier {
    /// Which of the agencies received it.
    pub(super) agency: usize,
    /// How many working days ago.
    pub(super) days_ago: i32,
    /// At which worked second of that day.
    pub(super) received: u32,
    /// Its order number among the agency's of that day.
    pub(super) order: u32,
}

/// What a step is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A dossier reaches a state.
    Dossier {
        /// Which dossier of the plan.
        number: u32,
        /// The state's code.
        state: u8,
        /// At which worked second of the day processing ended, once it has.
        ended: Option<u32>,
    },
    /// A citizen's data are recorded.
    Citizen {
        /// By which of the agencies.
        agency: usize,
        /// Which citizen of the plan.
        number: u32,
    },
    /// An enterprise's data are recorded.
    Enterprise {
        /// By which of the agencies.
        agency: usize,
        /// Which enterprise of the plan.
        number: u32,
    },
}

/// One event to be.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// At which worked second of the day.
    pub(super) at: u32,
    pub(super) what: What,
    pub(super) flaw: Option<Flaw>,
}

/// Plans so many steps, in order of time; none without agencies.
pub(super) fn plan(seed: u64, count: usize, agencies: usize) -> (Vec<Dossier>, Vec<Step>) {
    let mut dice = dice(seed, purpose::PLAN, 0);
    let (mut dossiers, mut steps) = (Vec::new(), Vec::with_capacity(count));
    if agencies == 0 {
        return (dossiers, steps);
    }
    while steps.len() < count {
        let agency = dice.usize(0..agencies);
        // A dossier has 1.6 steps on average: of all events, about one in ten is none of a dossier.
        let number = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        match dice.u32(0..100) {
            0..9 => steps.push(step(arrival(&mut dice), What::Citizen { agency, number })),
            9..16 => steps.push(step(arrival(&mut dice), What::Enterprise { agency, number })),
            _ => {
                let number = u32::try_from(dossiers.len()).unwrap_or(u32::MAX);
                dossiers.push(run_dossier(&mut dice, agency, number, count, &mut steps));
            }
        }
    }
    give_orders(&mut dossiers);
    steps.sort_by_key(|step| step.at);
    place_flaws(&mut dice, &mut steps);
    (dossiers, steps)
}

fn step(at: u32, what: What) -> Step {
    Step { at, what, flaw: None }
}

/// Draws a worked second: more people come in the morning.
fn arrival(dice: &mut Rng) -> u32 {
    if chance(dice, 60) {
        dice.u32(0..MORNING_SECONDS)
    } else {
        dice.u32(MORNING_SECONDS..WORKED_SECONDS)
    }
}

/// Draws a dossier and its steps of this day: received today, or received before and taken up
/// again. Every step comes later than the one before.
fn run_dossier(
    dice: &mut Rng,
    agency: usize,
    number: u32,
    count: usize,
    steps: &mut Vec<Step>,
) -> Dossier {
    let today = chance(dice, 75);
    let mut at = arrival(dice);
    let (days_ago, received) = if today { (0, at) } else { (dice.i32(1..=10), arrival(dice)) };
    let path: &[u8] = match (today, dice.u32(0..100)) {
        (true, 0..45) => &[2],
        (true, 45..75) => &[2, 4],
        (true, 75..88) => &[2, 4, 9],
        (true, _) => &[2, 4, 9, 10],
        (false, 0..40) => &[4],
        (false, 40..70) => &[9, 10],
        (false, _) => &[9],
    };
    let mut ended = None;
    for state in path {
        if steps.len() >= count || at >= WORKED_SECONDS {
            break;
        }
        if *state == 9 {
            ended = Some(at);
        }
        steps.push(step(at, What::Dossier { number, state: *state, ended }));
        at += dice.u32(600..7200);
    }
    Dossier { agency, days_ago, received, order: 0 }
}

/// Numbers each agency's dossiers of each day in the order of their reception. Whoever plans
/// more than a day can number gets the surplus received the working day before.
fn give_orders(dossiers: &mut [Dossier]) {
    let mut by_reception: Vec<&mut Dossier> = dossiers.iter_mut().collect();
    by_reception.sort_by_key(|dossier| dossier.received);
    let mut orders: HashMap<(usize, i32), u32> = HashMap::new();
    for dossier in by_reception {
        loop {
            let order = orders.entry((dossier.agency, dossier.days_ago)).or_default();
            if *order < LAST_ORDER {
                *order += 1;
                dossier.order = *order;
                break;
            }
            dossier.days_ago += 1;
        }
    }
}

/// Flaws one step of every fifty, each flaw by turns, on a record that it can be a flaw of.
fn place_flaws(dice: &mut Rng, steps: &mut [Step]) {
    for (turn, flaw) in (0..steps.len() / FLAW_EVERY).zip(Flaw::ALL.into_iter().cycle()) {
        let from = turn * FLAW_EVERY + dice.usize(0..FLAW_EVERY);
        let fits = |step: &&mut Step| {
            step.flaw.is_none()
                && match step.what {
                    What::Dossier { .. } => !flaw.is_of_enterprise(),
                    What::Enterprise { .. } => flaw.is_of_enterprise(),
                    What::Citizen { .. } => false,
                }
        };
        if let Some(step) = steps.iter_mut().skip(from).find(fits) {
            step.flaw = Some(flaw);
        }
    }
}
