//! The chain: each record of a writer holds the hash of the record before it.
//!
//! One process is one writer; its records carry the writer's id, a sequence from 1 and the
//! SHA-256 of the writer's previous record, byte for byte as it lies in the log. They go to one
//! partition (the writer's id is the record key), so the log's order is the chain's.

use lgsp_core::digest::{hex, sha256};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::record::Entry;

/// The hash that stands before a writer's first record.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Debug, Serialize, Deserialize)]
struct Link<E> {
    v: u32,
    writer: Uuid,
    seq: u64,
    prev: String,
    /// Milliseconds since 1970.
    time: i64,
    #[serde(flatten)]
    entry: E,
}

/// One writer's chain.
#[derive(Debug)]
pub struct Chain {
    writer: Uuid,
    seq: u64,
    prev: String,
}

impl Chain {
    /// Starts a writer's chain.
    pub fn new(writer: Uuid) -> Self {
        Self { writer, seq: 0, prev: START.to_owned() }
    }

    /// Returns the writer's id, which is the record key.
    pub fn writer(&self) -> Uuid {
        self.writer
    }

    /// Seals an entry as the next record and hands its bytes to `hand_over`; only when that
    /// takes them does the chain go on.
    ///
    /// # Errors
    /// That of `hand_over`, or of serialising, which a valid entry cannot cause.
    pub fn append<E: From<serde_json::Error>>(
        &mut self,
        entry: &Entry,
        unix_millis: i64,
        hand_over: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let seq = self.seq + 1;
        let link = Link {
            v: 1,
            writer: self.writer,
            seq,
            prev: self.prev.clone(),
            time: unix_millis,
            entry,
        };
        let bytes = serde_json::to_vec(&link)?;
        hand_over(&bytes)?;
        self.seq = seq;
        self.prev = hex(&sha256(&bytes));
        Ok(())
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A record that cannot be read.
    Unreadable {
        /// Its place among the records given, from 0.
        at: usize,
    },
    /// A record that does not follow its writer's previous one: something was changed, taken
    /// away, added or moved here or just before.
    Link {
        /// Its place among the records given, from 0.
        at: usize,
        /// The writer.
        writer: Uuid,
        /// The sequence found.
        seq: u64,
    },
}

/// Checks the records of any number of writers, in the order of the log; returns every entry and
/// every break.
///
/// A writer seen first in the middle of its chain (older records past retention) starts there.
pub fn verify<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Entry>, Vec<Broken>) {
    let mut last: std::collections::HashMap<Uuid, (u64, String)> = std::collections::HashMap::new();
    let (mut entries, mut broken) = (Vec::new(), Vec::new());
    for (at, bytes) in records.into_iter().enumerate() {
        let Ok(link) = serde_json::from_slice::<Link<Entry>>(bytes) else {
            broken.push(Broken::Unreadable { at });
            continue;
        };
        let follows = match last.get(&link.writer) {
            Some((seq, hash)) => link.seq == seq + 1 && link.prev == *hash,
            None => link.seq > 1 || link.prev == START,
        };
        if !follows {
            broken.push(Broken::Link { at, writer: link.writer, seq: link.seq });
        }
        last.insert(link.writer, (link.seq, hex(&sha256(bytes))));
        entries.push(link.entry);
    }
    (entries, broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, OutcomeKind};

    fn records(count: usize) -> Vec<Vec<u8>> {
        let mut chain = Chain::new(Uuid::from_u128(7));
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

    fn breaks(records: &[Vec<u8>]) -> usize {
        verify(records.iter().map(Vec::as_slice)).1.len()
    }

    #[test]
    fn a_whole_chain_verifies() {
        let records = records(5);
        let (entries, broken) = verify(records.iter().map(Vec::as_slice));
        assert_eq!((entries.len(), broken), (5, vec![]));
    }

    #[test]
    fn finds_one_changed_one_missing_and_one_reordered_record() {
        let whole = records(5);
        let mut changed = whole.clone();
        let text = String::from_utf8(changed[2].clone()).unwrap().replace("answered", "not_found");
        changed[2] = text.into_bytes();
        assert_eq!(breaks(&changed), 1);
        let mut missing = whole.clone();
        missing.remove(2);
        assert_eq!(breaks(&missing), 1);
        let mut reordered = whole;
        reordered.swap(1, 2);
        assert!(breaks(&reordered) >= 2);
    }

    #[test]
    fn a_record_that_was_not_taken_leaves_the_chain_where_it_was() {
        let mut chain = Chain::new(Uuid::from_u128(7));
        let outcome =
            Outcome { kind: OutcomeKind::Failed, code: None, elapsed_millis: 0, released: vec![] };
        let entry = Entry::Outcome { audit_id: Uuid::nil(), outcome };
        #[derive(Debug)]
        struct Full;
        impl From<serde_json::Error> for Full {
            fn from(_: serde_json::Error) -> Self {
                Self
            }
        }
        assert!(chain.append::<Full>(&entry, 0, |_| Err(Full)).is_err());
        let mut taken = Vec::new();
        chain
            .append::<Full>(&entry, 0, |bytes| {
                taken = bytes.to_vec();
                Ok(())
            })
            .unwrap();
        assert_eq!(verify([taken.as_slice()]).1, vec![]);
    }
}
