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
pub(crate) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A record as it lies in the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link<E> {
    v: u32,
    pub(crate) writer: Uuid,
    pub(crate) seq: u64,
    pub(crate) prev: String,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    #[serde(flatten)]
    pub(crate) entry: E,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::verify;
    use crate::record::{Outcome, OutcomeKind};

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
