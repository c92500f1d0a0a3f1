//! The day as it unfolds: who arrives when, what follows from it, and what goes wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::course::STEP_SECONDS;
use super::flaw::{FLAWS, Flaw, amend};
use super::sending::{About, Before, Sending};
use super::shares::Turns;
use super::{Expected, Kind, Oddity, Planned, Settings, Way};
use crate::people::Population;
use crate::random::{chance, dice};
use crate::traffic::calendar::{MORNING_SECONDS, WORKED_SECONDS, clock};
use crate::traffic::purpose;
use crate::traffic::registers::{self, Citizen};

/// A day, planned as it is read.
///
/// ```
/// use lgsp_sim::day::{Day, Settings, Shares, Way, province, systems};
/// let day = Day::new(Settings {
///     seed: 7,
///     day: jiff::civil::date(2026, 7, 3),
///     dossiers: 100,
///     agencies: systems(&province("H61", 137), "motcua", &Way::ALL),
///     shares: Shares::USUAL,
/// });
/// assert!(day.count() > 200);
/// ```
#[derive(Debug)]
pub struct Day {
    pub(super) settings: Settings,
    people: Population,
    pub(super) dice: Rng,
    arrived: u32,
    /// When the next dossier arrives.
    arrival: Option<u32>,
    /// What is still to be sent, by time and order of planning.
    pending: BTreeMap<(u32, u64), Sending>,
    planned: u64,
    /// How many records were named.
    named: u64,
    /// The first system of each system's agency: they number their dossiers together.
    pub(super) homes: Vec<usize>,
    /// The last order number, by agency and working days ago.
    pub(super) orders: HashMap<(usize, i32), u32>,
    broken: Turns,
    repeated: Turns,
    conflicting: Turns,
    pub(super) late: Turns,
    pub(super) odd: Turns,
    /// How often each flaw came.
    flawed: Vec<u32>,
}

impl Day {
    /// Plans a day.
    pub fn new(settings: Settings) -> Self {
        let shares = settings.shares;
        let mut known: HashMap<&str, usize> = HashMap::new();
        let homes = settings.agencies.iter().enumerate();
        let homes = homes.map(|(at, agency)| *known.entry(&agency.code).or_insert(at)).collect();
        let mut day = Self {
            people: Population::new(settings.seed),
            dice: dice(settings.seed, purpose::PLAN, 0),
            arrived: 0,
            arrival: None,
            pending: BTreeMap::new(),
            planned: 0,
            named: 0,
            homes,
            orders: HashMap::new(),
            broken: Turns::new(shares.broken),
            repeated: Turns::new(shares.repeated),
            conflicting: Turns::new(shares.conflicting),
            late: Turns::new(shares.late),
            odd: Turns::new(shares.odd),
            flawed: vec![0; FLAWS.len()],
            settings,
        };
        day.arrival = day.next_arrival();
        day
    }

    /// Draws when the next dossier arrives: more people come in the morning.
    fn next_arrival(&mut self) -> Option<u32> {
        if self.arrived >= self.settings.dossiers || self.settings.agencies.is_empty() {
            return None;
        }
        let share = (f64::from(self.arrived) + self.dice.f64()) / f64::from(self.settings.dossiers);
        let (morning, day) = (f64::from(MORNING_SECONDS), f64::from(WORKED_SECONDS));
        let at = if share < 0.6 {
            share / 0.6 * morning
        } else {
            morning + (share - 0.6) / 0.4 * (day - morning)
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in a day")]
        let at = at as u32;
        Some(at.min(WORKED_SECONDS - 1))
    }

    /// Puts a record on its way.
    pub(super) fn plan(&mut self, at: u32, sending: Sending) {
        self.planned += 1;
        self.pending.insert((at, self.planned), sending);
    }

    /// A dossier comes into the day, and with it, now and then, its owner's or an enterprise's data.
    fn arrive(&mut self, at: u32) {
        let number = self.arrived;
        self.arrived += 1;
        let agency = self.dice.usize(0..self.settings.agencies.len().max(1));
        let Some(way) = self.settings.agencies.get(agency).map(|agency| agency.way) else { return };
        self.plan_dossier(number, agency, at);
        if way.carries(Kind::Citizen) && chance(&mut self.dice, 25) {
            self.plan_citizen(number, agency, at);
        }
        if way.carries(Kind::Enterprise) && chance(&mut self.dice, 8) {
            let revisions = if chance(&mut self.dice, 30) { 2 } else { 1 };
            for revision in 0..revisions {
                let about = About::Enterprise { number, revision };
                self.plan_plain(agency, at, revision, about, None);
            }
        }
    }

    fn plan_plain(
        &mut self,
        agency: usize,
        at: u32,
        turn: u32,
        about: About,
        oddity: Option<Oddity>,
    ) {
        let at = at + self.dice.u32(30..STEP_SECONDS) + turn * 2 * STEP_SECONDS;
        self.plan(at, Sending { agency, about, happened: at, oddity, before: None });
    }

    fn plan_citizen(&mut self, number: u32, agency: usize, at: u32) {
        let Some(person) = registers::citizen(self.settings.seed, &self.people, number) else {
            return;
        };
        let (person, mut told) = (Arc::new(person), Citizen::default());
        let mut oddity = None;
        if self.odd.is_due(&mut self.dice, true) {
            told.old_commune = self.dice.bool();
            told.other_gender = !told.old_commune;
            oddity = Some(match told.old_commune {
                true => Oddity::OldCommuneCode,
                false => Oddity::GenderAgainstNumber,
            });
        }
        for revision in 0..if chance(&mut self.dice, 30) { 2 } else { 1 } {
            let about = About::Citizen(Arc::clone(&person), Citizen { revision, ..told });
            self.plan_plain(agency, at, revision, about, oddity);
        }
    }

    /// Sends what is due, and decides what goes wrong with it.
    fn send(&mut self, at: u32, sending: Sending) -> Option<Planned> {
        let agency = self.settings.agencies.get(sending.agency)?;
        let (way, kind) = (agency.way, sending.about.kind());
        let source = format!("/agencies/{}/systems/{}", agency.code, agency.client);
        let is_late = sending.oddity == Some(Oddity::Late);
        let (entity, mut data) = sending.write(self.settings.seed, self.settings.day, &self.people);
        let number = sending.before.map_or(self.named, |before| before.number);
        let mut expected = Expected::Accepted;
        match sending.before {
            Some(Before { amended: true, .. }) => {
                data = amend(kind, &data);
                expected = Expected::Conflict;
            }
            Some(_) => expected = Expected::Duplicate,
            None => {
                self.named += 1;
                if let Some(flaw) = self.flaw(kind, way, is_late) {
                    data = flaw.spoil(data);
                    expected = Expected::Refused(flaw.breaches);
                } else if self.repeated.is_due(&mut self.dice, way.repeats()) {
                    // Mostly at once, as after a lost answer; a system that was restarted repeats
                    // what it sent hours ago, where an id tells that it is known.
                    let hours_later = way.has_ids() && chance(&mut self.dice, 30);
                    let wait =
                        if hours_later { self.dice.u32(20..9000) } else { self.dice.u32(1..20) };
                    let before = Some(Before { number, amended: false });
                    self.plan(at + wait, Sending { before, ..sending.clone() });
                } else if self.conflicting.is_due(&mut self.dice, way.has_ids()) {
                    let before = Some(Before { number, amended: true });
                    let wait = self.dice.u32(1..3000);
                    self.plan(at + wait, Sending { before, ..sending.clone() });
                }
            }
        }
        let (seed, day) = (self.settings.seed, self.settings.day);
        Some(Planned {
            at: Duration::from_secs(at.into()),
            happened: clock(day, sending.happened),
            way,
            kind,
            entity,
            agency: sending.agency,
            source,
            id: format!("{}-{seed:x}-{number:06}", day.strftime("%Y%m%d")),
            data,
            expected,
            oddity: sending.oddity,
        })
    }

    /// Chooses the flaw of a record whose turn it is: of those that fit, the rarest so far.
    fn flaw(&mut self, kind: Kind, way: Way, is_late: bool) -> Option<&'static Flaw> {
        let fitting = FLAWS.iter().zip(&mut self.flawed).filter(|(flaw, _)| flaw.fits(kind, way));
        let rarest = fitting.min_by_key(|(_, count)| **count);
        if !self.broken.is_due(&mut self.dice, rarest.is_some() && !is_late) {
            return None;
        }
        rarest.map(|(flaw, count)| {
            *count += 1;
            flaw
        })
    }
}

impl Iterator for Day {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        loop {
            let due = self.pending.first_key_value().map(|(key, _)| key.0);
            if let Some(arrival) = self.arrival
                && due.is_none_or(|due| arrival <= due)
            {
                self.arrive(arrival);
                self.arrival = self.next_arrival();
                continue;
            }
            let ((at, _), sending) = self.pending.pop_first()?;
            if let Some(planned) = self.send(at, sending) {
                return Some(planned);
            }
        }
    }
}
