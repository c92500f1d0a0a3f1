//! What a dossier does in a day, from its code to its last step.

use std::sync::Arc;

use jiff::civil::DateTime;

use super::course::{STEP_SECONDS, Start, draw_course};
use super::plan::Day;
use super::sending::{About, Sending};
use super::{Kind, Oddity, Way};
use crate::random::{chance, draw};
use crate::traffic::calendar::{WORKED_SECONDS, clock, working_days_from};
use crate::traffic::dossier::{self, Dossier, Told};

/// The highest order number of a day: five digits, of which the code has four at least.
const LAST_ORDER: u32 = 99_999;
/// Working days since a dossier with an old code was filed: before 1 July 2025, in a day of 2026.
const OLD_DAYS: std::ops::Range<i32> = 265..320;

impl Day {
    /// Plans what a dossier does in this day.
    pub(super) fn plan_dossier(&mut self, number: u32, agency: usize, at: u32) {
        let day = self.settings.day;
        let Some(sender) = self.settings.agencies.get(agency) else { return };
        let (code, former) = (sender.code.clone(), sender.former_code.clone());
        let flat = sender.way == Way::File;
        let tells_progress = sender.way.carries(Kind::Progress);
        let odd = self.odd.is_due(&mut self.dice, true).then(|| self.dice.u32(0..3));
        let (without_deadline, former) = (odd == Some(1), former.filter(|_| odd == Some(2)));
        let online = chance(&mut self.dice, 55);
        let (start, mut days_ago) = match former {
            Some(_) => (Start::Carried(4), self.dice.i32(OLD_DAYS)),
            None if chance(&mut self.dice, 75) => (Start::Filed { online }, 0),
            None => {
                let state = draw(&mut self.dice, &[(4, 70), (5, 5), (6, 5), (9, 20)]);
                (Start::Carried(state), self.dice.i32(1..=10))
            }
        };
        let order = self.order(agency, &mut days_ago);
        let filed_day = working_days_from(day, -days_ago);
        let filed = if days_ago == 0 { at } else { self.dice.u32(0..WORKED_SECONDS) };
        let dossier = Arc::new(Dossier {
            number,
            code: dossier::code(former.as_deref().unwrap_or(&code), filed_day, order),
            agency: code,
            online,
            filed: clock(filed_day, filed),
            without_deadline,
            flat,
        });
        let course = draw_course(&mut self.dice, start, at, WORKED_SECONDS, odd == Some(0));
        let carried = days_ago > 0;
        let mut received =
            carried.then(|| clock(filed_day, (filed + STEP_SECONDS).min(WORKED_SECONDS - 1)));
        let mut ended: Option<DateTime> = (start == Start::Carried(9))
            .then(|| clock(working_days_from(day, -1), WORKED_SECONDS - 1));
        let mut held_back = false;
        for (position, step) in course.iter().enumerate() {
            let now = clock(day, step.at);
            let before_reception = matches!(step.state, 1 | 3 | 5 | 7);
            if !before_reception {
                received.get_or_insert(now);
            }
            if matches!(step.state, 3 | 8 | 9 | 10) {
                ended.get_or_insert(now);
            }
            let told = Told { state: step.state, at: now, received, ended };
            let oddity = match (former.is_some(), without_deadline, step.odd) {
                (true, _, _) => Some(Oddity::OldAgencyCode),
                (_, true, _) => Some(Oddity::NoDeadline),
                (_, _, true) => Some(Oddity::OddTransition),
                _ => None,
            };
            // At most every second step is held back: else it would not come after the next one.
            let next = course.get(position + 1).filter(|_| !held_back);
            held_back = self.late.is_due(&mut self.dice, next.is_some());
            let (at, oddity) = match next.filter(|_| held_back) {
                // After what follows from the next step, before the step after it.
                Some(next) => (next.at + self.dice.u32(320..560), Some(Oddity::Late)),
                None => (step.at, oddity),
            };
            let about = About::Dossier(Arc::clone(&dossier), told);
            self.plan(at, Sending { agency, about, happened: step.at, oddity, before: None });
            if tells_progress
                && matches!(step.state, 4 | 5 | 6 | 8 | 9)
                && chance(&mut self.dice, 60)
            {
                let at = step.at + self.dice.u32(60..290);
                let about = About::Progress(Arc::clone(&dossier), told);
                let oddity = former.as_ref().map(|_| Oddity::OldAgencyCode);
                self.plan(at, Sending { agency, about, happened: at, oddity, before: None });
            }
        }
    }

    /// Gives a dossier its number among its agency's of the day. Whoever plans more than a day can
    /// number gets the surplus filed the working day before.
    fn order(&mut self, agency: usize, days_ago: &mut i32) -> u32 {
        let home = self.homes.get(agency).copied().unwrap_or(agency);
        loop {
            let last = self.orders.entry((home, *days_ago)).or_default();
            if *last < LAST_ORDER {
                *last += 1;
                return *last;
            }
            *days_ago += 1;
        }
    }
}
