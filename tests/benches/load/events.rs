//! The events that are published: a working day's, without those that break a rule.

use anyhow::{Context, Result};
use bytes::Bytes;
use lgsp_sim::traffic::{Expect, PlannedEvent, working_day};
use serde_json::{Value, json};

/// The client that publishes.
pub(crate) const CLIENT: &str = "motcua";
/// The sample registry's agencies.
const AGENCIES: [&str; 3] = ["H61.14", "H61.25", "H61.36"];
/// Different records; a longer run sends them again under new ids.
const RECORDS: usize = 50_000;
const SEED: u64 = 2026;

/// One event's lasting part.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) event_type: &'static str,
    pub(crate) source: String,
    pub(crate) data: Bytes,
}

/// An endless day.
#[derive(Debug)]
pub(crate) struct Events(Vec<Event>);

impl Events {
    pub(crate) fn plan() -> Self {
        // One in fifty breaks a rule.
        let planned =
            working_day(SEED, jiff::civil::date(2026, 7, 3), RECORDS + RECORDS / 25, &AGENCIES);
        let valid = planned.filter(|event| event.expectation == Expect::Accepted);
        Self(valid.take(RECORDS).map(event).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event> {
        self.0.iter()
    }

    /// Takes the first so many.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }

    /// Returns the event of a number, from the start again after the last.
    pub(crate) fn get(&self, number: usize) -> Result<&Event> {
        self.0.get(number % self.0.len().max(1)).context("no events")
    }

    pub(crate) fn sizes(&self) -> Value {
        let mut bytes: Vec<usize> = self.iter().map(|event| event.data.len()).collect();
        bytes.sort_unstable();
        let mean = bytes.iter().sum::<usize>() as f64 / bytes.len() as f64;
        json!({
            "records": bytes.len(), "mean_bytes": mean, "min_bytes": bytes.first(),
            "median_bytes": bytes.get(bytes.len() / 2), "max_bytes": bytes.last(),
        })
    }
}

fn event(planned: PlannedEvent) -> Event {
    Event {
        event_type: planned.event_type,
        source: format!("/agencies/{}/systems/{CLIENT}", planned.agency),
        data: planned.data.into(),
    }
}

/// Names an event: unique within a run.
pub(crate) fn id(scenario: &str, number: usize) -> String {
    format!("20260703-{scenario}-{number:06}")
}
