//! The ledger: one line for each record of the day, what was planned and what became of it.
//!
//! JSON Lines. It names entities and contents by digests only: nobody's number stands in it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use lgsp_core::digest::Digest128;
use lgsp_sim::day::{Expected, Planned};
use serde_json::json;

use super::fate::{Breach, Fate};
use super::lane::Errand;
use super::summary::Summary;

/// Writes the ledger and counts.
#[derive(Debug)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Debug)]
struct Books {
    file: Option<BufWriter<File>>,
    failure: Option<std::io::Error>,
    summary: Summary,
}

impl Ledger {
    /// Opens a new ledger; without a path it only counts.
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot make {}", path.display()))
        };
        let file = path.map(create).transpose()?.map(BufWriter::new);
        Ok(Self(Mutex::new(Books { file, failure: None, summary: Summary::default() })))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a record that is about to be handed to its lane.
    pub(super) fn planned(&self, planned: &Planned) -> Result<()> {
        let mut books = self.books();
        books.summary.plan(planned.way);
        match books.failure.take() {
            None => Ok(()),
            Some(error) => Err(error).context("the ledger cannot be written"),
        }
    }

    /// Notes what became of a record.
    pub(super) fn settled(&self, errand: &Errand, fate: &Fate, attempts: u32) {
        let planned = &errand.planned;
        let (outcome, code, breaches): (_, _, &[Breach]) = match fate {
            Fate::Recorded { duplicate: false } => ("recorded", None, &[]),
            Fate::Recorded { duplicate: true } => ("duplicate", None, &[]),
            Fate::Refused { code, breaches } => ("refused", Some(code), breaches),
            Fate::HandedOver => ("handed over", None, &[]),
            Fate::Unknown => ("unknown", None, &[]),
        };
        let line = json!({
            "number": errand.number,
            "id": planned.id,
            "way": planned.way.name(),
            "type": planned.event_type(),
            "source": planned.source,
            "entity": hex(&[planned.entity.as_bytes()]),
            "content": hex(&[&planned.data]),
            "expected": name(planned.expected),
            "outcome": outcome,
            "code": code,
            "breaches": breaches,
            "attempts": attempts,
        });
        let mut books = self.books();
        books.summary.settle(planned, fate, attempts);
        let Some(file) = &mut books.file else { return };
        // Whoever watches the ledger sees each line when it is true.
        let written = writeln!(file, "{line}").and_then(|()| file.flush());
        books.failure = written.err().or(books.failure.take());
    }

    /// Ends the ledger; returns the sums.
    pub(super) fn close(&self, took: Duration) -> Result<Summary> {
        let mut books = self.books();
        if let Some(error) = books.failure.take() {
            return Err(error).context("the ledger cannot be written");
        }
        books.summary.end(took);
        Ok(books.summary.clone())
    }
}

/// Names what was planned for a record.
fn name(expected: Expected) -> &'static str {
    match expected {
        Expected::Accepted => "accepted",
        Expected::Duplicate => "duplicate",
        Expected::Refused(_) => "refused",
        Expected::Conflict => "conflict",
    }
}

fn hex(parts: &[&[u8]]) -> String {
    lgsp_core::digest::hex(&Digest128::of(parts).0)
}
