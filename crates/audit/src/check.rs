//! Checking chains: what was changed, what is missing, what was moved.
//!
//! A writer's last record has no record after it that holds its hash: that it was changed, or
//! taken away, shows only once the writer has written again.

use std::collections::BTreeMap;

use lgsp_core::digest::{hex, sha256};
use uuid::Uuid;

use crate::chain::{Link, START};
use crate::record::Entry;

/// What is wrong with a chain. `P` tells places, as the caller names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding<P> {
    /// A record that cannot be read; of its writer it is told as missing too.
    Unreadable {
        /// Where.
        at: P,
    },
    /// A record that is not what the one after it, or the chain's start, says of it.
    Changed {
        /// Where it lies.
        at: P,
        /// The writer.
        writer: Uuid,
        /// Its sequence.
        seq: u64,
    },
    /// Records that should stand before another and stand nowhere.
    Missing {
        /// Where the record lies before which they should stand.
        before: P,
        /// The writer.
        writer: Uuid,
        /// The first sequence that is missing.
        first: u64,
        /// The last sequence that is missing.
        last: u64,
    },
    /// A record that stands behind a later one of its writer: it was moved, or put in again.
    Reordered {
        /// Where it lies.
        at: P,
        /// The writer.
        writer: Uuid,
        /// Its sequence.
        seq: u64,
    },
}

/// What a record says, beside its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The writer.
    pub writer: Uuid,
    /// Its sequence, from 1.
    pub seq: u64,
    /// When the writer sealed it, milliseconds since 1970.
    pub unix_millis: i64,
    /// What it says.
    pub entry: Entry,
}

/// Reads one record without checking its chain; `None` for one that cannot be read.
pub fn read(bytes: &[u8]) -> Option<Sealed> {
    let Link { writer, seq, time, entry, .. } = serde_json::from_slice(bytes).ok()?;
    Some(Sealed { writer, seq, unix_millis: time, entry })
}

/// Whether all that was ever written before a record lies among the records given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// It does: a writer that begins in the middle lacks its beginning.
    Here,
    /// It may be past retention, or was not asked for: a writer may begin in the middle.
    MayBeGone,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<P> {
    /// How many records were checked.
    pub records: u64,
    /// How many writers they are of.
    pub writers: usize,
    /// What is wrong; empty for whole chains.
    pub findings: Vec<Finding<P>>,
}

/// Checks records one by one, of any number of writers, in the order of the log. Keeps a hash for
/// each writer, not the records.
#[derive(Debug)]
pub struct Checker<P> {
    writers: BTreeMap<Uuid, Line<P>>,
    findings: Vec<Finding<P>>,
    records: u64,
}

#[derive(Debug)]
struct Line<P> {
    /// The record of the highest sequence.
    top: Seen<P>,
    /// The last record.
    previous: Seen<P>,
    /// Sequences that were left out: the first to the last, and before which record.
    gaps: BTreeMap<u64, (u64, P)>,
}

#[derive(Debug, Clone)]
struct Seen<P> {
    at: P,
    seq: u64,
    hash: String,
}

impl<P: Clone> Checker<P> {
    /// Starts without any record.
    #[expect(clippy::new_without_default, reason = "a check that was forgotten finds nothing")]
    pub fn new() -> Self {
        Self { writers: BTreeMap::new(), findings: Vec::new(), records: 0 }
    }

    /// Takes the next record; returns what it says, if it can be read.
    pub fn follow(&mut self, at: P, bytes: &[u8], older: Older) -> Option<Sealed> {
        self.records += 1;
        let link = serde_json::from_slice::<Link<Entry>>(bytes).ok().filter(|link| link.seq > 0);
        let Some(Link { writer, seq, prev, time, entry, .. }) = link else {
            self.findings.push(Finding::Unreadable { at });
            return None;
        };
        let seen = Seen { at, seq, hash: hex(&sha256(bytes)) };
        match self.writers.get_mut(&writer) {
            Some(line) => self.findings.extend(line.follow(writer, seen, &prev)),
            None => {
                if seq == 1 && prev != START {
                    let at = seen.at.clone();
                    self.findings.push(Finding::Changed { at, writer, seq });
                }
                let lacks = seq > 1 && older == Older::Here;
                let gap = lacks.then(|| (1, (seq - 1, seen.at.clone())));
                let line =
                    Line { top: seen.clone(), previous: seen, gaps: gap.into_iter().collect() };
                self.writers.insert(writer, line);
            }
        }
        Some(Sealed { writer, seq, unix_millis: time, entry })
    }

    /// Ends the check: what was left out and never came is missing.
    pub fn end(self) -> Report<P> {
        let (mut findings, writers) = (self.findings, self.writers.len());
        for (writer, line) in self.writers {
            let missing =
                |(first, (last, before))| Finding::Missing { before, writer, first, last };
            findings.extend(line.gaps.into_iter().map(missing));
        }
        Report { records: self.records, writers, findings }
    }
}

impl<P: Clone> Line<P> {
    fn follow(&mut self, writer: Uuid, seen: Seen<P>, prev: &str) -> Option<Finding<P>> {
        let seq = seen.seq;
        self.fill(seq);
        let follows = |before: &&Seen<P>| before.seq.checked_add(1) == Some(seq);
        let finding = match [&self.previous, &self.top].into_iter().find(follows) {
            Some(before) => (before.hash != prev).then(|| {
                let (at, seq) = (before.at.clone(), before.seq);
                Finding::Changed { at, writer, seq }
            }),
            None if seq > self.top.seq => {
                self.gaps.insert(self.top.seq + 1, (seq - 1, seen.at.clone()));
                None
            }
            None => Some(Finding::Reordered { at: seen.at.clone(), writer, seq }),
        };
        if seq > self.top.seq {
            self.top = seen.clone();
        }
        self.previous = seen;
        finding
    }

    /// A record that comes late was not missing.
    fn fill(&mut self, seq: u64) {
        let Some((&first, (last, before))) = self.gaps.range(..=seq).next_back() else { return };
        let (last, before) = (*last, before.clone());
        if seq > last {
            return;
        }
        self.gaps.remove(&first);
        if first < seq {
            self.gaps.insert(first, (seq - 1, before.clone()));
        }
        if seq < last {
            self.gaps.insert(seq + 1, (last, before));
        }
    }
}

/// Checks the records of any number of writers, in the order of the log; returns every entry and
/// everything that is wrong, by its place among the records given, from 0.
///
/// A writer seen first in the middle of its chain (older records past retention) starts there.
pub fn verify<'a>(
    records: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Entry>, Vec<Finding<usize>>) {
    let mut checker = Checker::new();
    let entries = records.into_iter().enumerate().filter_map(|(at, bytes)| {
        checker.follow(at, bytes, Older::MayBeGone).map(|sealed| sealed.entry)
    });
    let entries = entries.collect();
    (entries, checker.end().findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::record::{Outcome, OutcomeKind};

    const WRITER: Uuid = Uuid::from_u128(7);

    fn records(count: usize) -> Vec<Vec<u8>> {
        let mut chain = Chain::new(WRITER);
        let mut out = Vec::new();
        for number in 0..count {
            let outcome = Outcome {
                kind: OutcomeKind::Answered,
                code: None,
                elapsed_millis: number as u64,
                released: vec![],
            };
            let entry = Entry::Outcome { audit_id: Uuid::from_u128(number as u128), outcome };
            chain
                .append::<serde_json::Error>(&entry, 1_700_000_000_000, |bytes| {
                    out.push(bytes.to_vec());
                    Ok(())
                })
                .unwrap();
        }
        out
    }

    fn findings(records: &[Vec<u8>]) -> Vec<Finding<usize>> {
        verify(records.iter().map(Vec::as_slice)).1
    }

    fn missing(before: usize, first: u64, last: u64) -> Finding<usize> {
        Finding::Missing { before, writer: WRITER, first, last }
    }

    #[test]
    fn a_whole_chain_verifies() {
        let records = records(5);
        let (entries, found) = verify(records.iter().map(Vec::as_slice));
        assert_eq!((entries.len(), found), (5, vec![]));
    }

    #[test]
    fn finds_one_changed_one_missing_and_one_reordered_record() {
        let whole = records(5);
        let mut changed = whole.clone();
        let text = String::from_utf8(changed[2].clone()).unwrap().replace("answered", "not_found");
        changed[2] = text.into_bytes();
        assert_eq!(findings(&changed), [Finding::Changed { at: 2, writer: WRITER, seq: 3 }]);
        let mut gone = whole.clone();
        gone.remove(2);
        assert_eq!(findings(&gone), [missing(2, 3, 3)]);
        let mut reordered = whole;
        reordered.swap(1, 2);
        assert_eq!(findings(&reordered), [Finding::Reordered { at: 2, writer: WRITER, seq: 2 }]);
    }

    #[test]
    fn finds_a_record_put_in_again_one_beyond_reading_and_a_forged_start() {
        let whole = records(5);
        let mut again = whole.clone();
        again.insert(3, whole[1].clone());
        assert_eq!(findings(&again), [Finding::Reordered { at: 3, writer: WRITER, seq: 2 }]);
        let mut unreadable = whole.clone();
        unreadable[2].truncate(10);
        assert_eq!(findings(&unreadable), [Finding::Unreadable { at: 2 }, missing(3, 3, 3)]);
        let mut forged = whole;
        let text = String::from_utf8(forged[0].clone()).unwrap();
        let text = text.replace(START, &"1".repeat(64));
        forged[0] = text.into_bytes();
        let start = Finding::Changed { at: 0, writer: WRITER, seq: 1 };
        assert_eq!(findings(&forged), [start.clone(), start]);
    }

    #[test]
    fn a_writer_that_begins_in_the_middle_lacks_its_beginning_only_where_nothing_is_gone() {
        let late = &records(5)[3..];
        assert_eq!(findings(late), []);
        let mut checker = Checker::new();
        for (at, record) in late.iter().enumerate() {
            assert!(checker.follow(at, record, Older::Here).is_some());
        }
        let report = checker.end();
        assert_eq!((report.records, report.writers), (2, 1));
        assert_eq!(report.findings, [missing(0, 1, 3)]);
    }

    #[test]
    fn of_a_long_gap_only_what_never_came_is_missing() {
        let whole = records(6);
        let late = [&whole[0], &whole[5], &whole[2]].map(Clone::clone);
        let moved = Finding::Reordered { at: 2, writer: WRITER, seq: 3 };
        assert_eq!(findings(&late), [moved, missing(1, 2, 2), missing(1, 4, 5)]);
    }
}
