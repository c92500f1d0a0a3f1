//! A separate consumer: reads the topics from their first record, and the evidence's chain.

use std::collections::HashMap;

use anyhow::Result;
use lgsp_audit::{Entry, OutcomeKind};
use lgsp_core::digest::Digest128;
use lgsp_kafka::replay;

use crate::bus::Bus;

/// Every event found: source and id, how often, and the digest of its bytes.
pub(super) type Found = HashMap<(String, String), (usize, Digest128)>;

pub(super) async fn events(bus: &Bus, topics: &[&'static str]) -> Result<Found> {
    let (kafka, topics) = (bus.kafka.clone(), topics.to_vec());
    let found = tokio::task::spawn_blocking(move || {
        let mut found = Found::new();
        replay(&kafka, &topics, &[], 0, |record| {
            let header = |name| {
                String::from_utf8_lossy(record.header(name).unwrap_or_default()).into_owned()
            };
            let digest = Digest128::of(&[record.value().unwrap_or_default()]);
            found.entry((header("ce_source"), header("ce_id"))).or_insert((0, digest)).0 += 1;
        })?;
        anyhow::Ok(found)
    });
    found.await?
}

/// What the evidence says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) intents: usize,
    pub(super) answered: usize,
    pub(super) not_found: usize,
    pub(super) otherwise: usize,
    /// Breaks of the chain.
    pub(super) broken: usize,
}

pub(super) async fn evidence(bus: &Bus) -> Result<Evidence> {
    let kafka = bus.kafka.clone();
    let records = tokio::task::spawn_blocking(move || {
        let mut records: Vec<Vec<u8>> = Vec::new();
        replay(&kafka, &["lgsp.audit.v1"], &[], 0, |record| {
            records.push(record.value().unwrap_or_default().to_vec())
        })?;
        anyhow::Ok(records)
    });
    let records = records.await??;
    let (entries, broken) = lgsp_audit::verify(records.iter().map(Vec::as_slice));
    let mut evidence = Evidence { broken: broken.len(), ..Evidence::default() };
    for entry in entries {
        match entry {
            Entry::Intent(_) => evidence.intents += 1,
            Entry::Outcome { outcome, .. } => match outcome.kind {
                OutcomeKind::Answered => evidence.answered += 1,
                OutcomeKind::NotFound => evidence.not_found += 1,
                OutcomeKind::Refused | OutcomeKind::Failed | OutcomeKind::NotAsked => {
                    evidence.otherwise += 1
                }
            },
        }
    }
    Ok(evidence)
}
