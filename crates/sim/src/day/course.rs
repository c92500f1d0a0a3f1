//! Through which states a dossier goes in a day.
//!
//! No source gives a table of transitions; this one is inferred from Nghị định 61/2018/NĐ-CP,
//! articles 17–20, and from the states of the national portal's code list. The weights are made up.

use fastrand::Rng;

use crate::random::{chance, draw};

/// The states after which a dossier is finished.
const FINAL: &[u8] = &[3, 7, 8, 10];

/// Into which states each may go, with weights.
const FORESEEN: &[(u8, &[(u8, u32)])] = &[
    (1, &[(2, 85), (3, 5), (5, 7), (7, 3)]),
    (2, &[(4, 70), (5, 6), (6, 6), (7, 1), (8, 1), (9, 16)]),
    (4, &[(5, 8), (6, 8), (7, 2), (8, 4), (9, 78)]),
    (5, &[(1, 10), (2, 30), (4, 50), (7, 7), (8, 3)]),
    (6, &[(4, 60), (7, 5), (8, 3), (9, 32)]),
    (9, &[(10, 1)]),
];

/// Steps that no law foresees, and systems take all the same.
const ODD: &[(u8, &[(u8, u32)])] = &[
    (1, &[(4, 1), (9, 1)]),
    (2, &[(10, 1)]),
    (4, &[(10, 2), (2, 1)]),
    (5, &[(9, 1)]),
    (6, &[(10, 1)]),
    (9, &[(4, 1)]),
];

/// How far apart two steps are at least, in seconds: what follows from a step is sent in between.
pub(super) const STEP_SECONDS: u32 = 600;
/// How far apart they are at most.
const LONGEST_SECONDS: u32 = 5400;
/// How many steps a dossier takes in a day at most.
const MOST_STEPS: usize = 7;

/// One step of a dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// At which worked second of the day.
    pub(super) at: u32,
    /// The state reached.
    pub(super) state: u8,
    /// Whether the change is one that no law foresees.
    pub(super) odd: bool,
}

/// Where a dossier stands when its day begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It is filed today: online (state 1) or at the counter (state 2).
    Filed {
        /// Whether online.
        online: bool,
    },
    /// It was in this state already.
    Carried(u8),
}

/// Tells whether the law foresees a change of state.
#[cfg(test)]
pub(super) fn is_foreseen(from: u8, to: u8) -> bool {
    options(FORESEEN, from).iter().any(|(state, _)| *state == to)
}

/// Draws the steps of a day, in order of time; none after `end`.
pub(super) fn draw_course(
    dice: &mut Rng,
    start: Start,
    first_at: u32,
    end: u32,
    odd: bool,
) -> Vec<Step> {
    let mut odd = odd;
    let mut steps = Vec::new();
    let mut at = first_at;
    let mut state = match start {
        Start::Filed { online } => {
            let state = if online { 1 } else { 2 };
            steps.push(Step { at, state, odd: false });
            at += dice.u32(STEP_SECONDS..LONGEST_SECONDS);
            state
        }
        Start::Carried(state) => state,
    };
    while at < end && steps.len() < MOST_STEPS && !FINAL.contains(&state) {
        // The first step of a carried dossier is what brings it into the day.
        if !steps.is_empty() && !chance(dice, 70) {
            break;
        }
        let table = if odd { ODD } else { FORESEEN };
        let next = draw(dice, options(table, state));
        steps.push(Step { at, state: next, odd });
        odd = false;
        state = next;
        at += dice.u32(STEP_SECONDS..LONGEST_SECONDS);
    }
    steps
}

fn options(table: &'static [(u8, &'static [(u8, u32)])], state: u8) -> &'static [(u8, u32)] {
    table.iter().find(|(from, _)| *from == state).map_or(&[(8, 1)], |(_, to)| to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_course_takes_foreseen_steps_but_for_the_odd_one(
            seed: u64, first_at in 0u32..28_000, odd: bool, start in 0usize..6,
        ) {
            let start = [
                Start::Filed { online: true },
                Start::Filed { online: false },
                Start::Carried(4),
                Start::Carried(5),
                Start::Carried(6),
                Start::Carried(9),
            ][start];
            let mut dice = fastrand::Rng::with_seed(seed);
            let steps = draw_course(&mut dice, start, first_at, 28_800, odd);
            prop_assert!(!steps.is_empty() && steps.len() <= MOST_STEPS);
            prop_assert!(steps.iter().filter(|step| step.odd).count() <= usize::from(odd));
            prop_assert!(steps.iter().all(|step| step.at < 28_800));
            let mut from = match start {
                Start::Filed { .. } => None,
                Start::Carried(state) => Some((0, state)),
            };
            for step in steps {
                if let Some((at, state)) = from {
                    prop_assert_eq!(is_foreseen(state, step.state), !step.odd);
                    prop_assert!(at == 0 || step.at >= at + STEP_SECONDS);
                }
                from = Some((step.at, step.state));
            }
        }
    }
}
