//! The sums of a day.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use lgsp_sim::day::{Expected, Planned, Way};
use serde::Serialize;

use super::fate::Fate;
use crate::cli::Output;
use crate::table;

/// What became of the records of one way.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Sums {
    planned: u64,
    recorded: u64,
    duplicate: u64,
    refused: u64,
    conflict: u64,
    handed_over: u64,
    unknown: u64,
    /// Records that were sent more than once since nobody knew what had become of them.
    sent_again: u64,
    /// Records whose outcome was another than planned.
    unexpected: u64,
}

/// The sums of a day by way.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Summary {
    ways: BTreeMap<&'static str, Sums>,
    seconds: f64,
    /// The first records whose outcome was another than planned.
    surprises: Vec<String>,
}

impl Summary {
    /// How many surprises are named.
    const NAMED: usize = 20;

    pub(super) fn plan(&mut self, way: Way) {
        self.ways.entry(way.name()).or_default().planned += 1;
    }

    pub(super) fn settle(&mut self, planned: &Planned, fate: &Fate, attempts: u32) {
        let sums = self.ways.entry(planned.way.name()).or_default();
        let sum = match fate {
            Fate::Recorded { duplicate: false } => &mut sums.recorded,
            Fate::Recorded { duplicate: true } => &mut sums.duplicate,
            Fate::Refused { code, .. } if code == "conflict" => &mut sums.conflict,
            Fate::Refused { .. } => &mut sums.refused,
            Fate::HandedOver => &mut sums.handed_over,
            Fate::Unknown => &mut sums.unknown,
        };
        *sum += 1;
        sums.sent_again += u64::from(attempts > 1);
        if !fits(planned, fate, attempts) {
            sums.unexpected += 1;
            if self.surprises.len() < Self::NAMED {
                let outcome = match fate {
                    Fate::Recorded { .. } => "recorded",
                    Fate::Refused { code, .. } => code,
                    Fate::HandedOver => "handed over",
                    Fate::Unknown => "unknown",
                };
                self.surprises.push(format!("{} ({}): {outcome}", planned.id, planned.way.name()));
            }
        }
    }

    pub(super) fn end(&mut self, took: Duration) {
        self.seconds = took.as_secs_f64();
    }

    /// Tells whether every record was settled, as planned.
    pub(super) fn is_as_planned(&self) -> bool {
        self.ways.values().all(|sums| {
            let settled =
                sums.recorded + sums.duplicate + sums.refused + sums.conflict + sums.handed_over;
            sums.unexpected == 0 && settled == sums.planned
        })
    }

    pub(super) fn show(&self, output: Output) -> Result<String> {
        if output == Output::Json {
            return Ok(serde_json::to_string(self)?);
        }
        let head = [
            "WAY",
            "PLANNED",
            "RECORDED",
            "DUPLICATE",
            "REFUSED",
            "CONFLICT",
            "HANDED OVER",
            "UNKNOWN",
            "SENT AGAIN",
            "UNEXPECTED",
        ];
        let rows = self.ways.iter().map(|(way, sums)| {
            let figures = [
                sums.planned,
                sums.recorded,
                sums.duplicate,
                sums.refused,
                sums.conflict,
                sums.handed_over,
                sums.unknown,
                sums.sent_again,
                sums.unexpected,
            ];
            let mut cells = std::iter::once((*way).to_owned())
                .chain(figures.into_iter().map(|figure| figure.to_string()));
            std::array::from_fn::<String, 10, _>(|_| cells.next().unwrap_or_default())
        });
        let mut lines = vec![table::plain(head, rows)];
        lines.extend(self.surprises.iter().map(|one| format!("not as planned: {one}")));
        let planned: u64 = self.ways.values().map(|sums| sums.planned).sum();
        lines.push(format!("{planned} records in {:.1} s", self.seconds));
        Ok(lines.join("\n"))
    }
}

/// Tells whether a record's outcome is what was planned.
///
/// What was sent again may be known from the first time, and is a duplicate then.
fn fits(planned: &Planned, fate: &Fate, attempts: u32) -> bool {
    match (planned.expected, fate) {
        (_, Fate::HandedOver) => true,
        (Expected::Accepted, Fate::Recorded { duplicate }) => !duplicate || attempts > 1,
        (Expected::Duplicate, Fate::Recorded { duplicate }) => *duplicate,
        (Expected::Conflict, Fate::Refused { code, .. }) => code == "conflict",
        (Expected::Refused(planned), Fate::Refused { breaches, .. }) => {
            let planned = planned.iter().map(|breach| (breach.pointer, breach.rule.code));
            planned.eq(breaches.iter().map(|(pointer, rule)| (pointer.as_str(), rule.as_str())))
        }
        _ => false,
    }
}
