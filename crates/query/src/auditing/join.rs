//! Finds questions in the log and joins each with its outcome.
//!
//! A question's outcome stands behind its intent, almost always in the same partition. Where the
//! bus's producer was replaced in between, it stands in another one; then, and of questions at the
//! end of the span, the outcome is looked for once more, in all partitions.

use std::collections::HashMap;

use futures_util::StreamExt;
use lgsp_audit::{Entry, Evidence, Intent, Outcome, StoredRecord, read};
use lgsp_core::Fault;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Between, Criteria, Ended, EvidenceReader};

/// How many questions without an outcome are kept before their outcomes are looked for.
const MOST_OPEN: usize = 16_384;

/// Where a record lies, and when the log took it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The topic.
    pub topic: String,
    /// Milliseconds since 1970.
    pub unix_millis: i64,
}

/// A question that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What was about to be asked.
    pub intent: Intent,
    /// Where that stands.
    pub intent_place: Place,
    /// How it ended, and where that stands; `None` while the log does not say.
    pub outcome: Option<(Outcome, Place)>,
}

/// Which questions are wanted.
pub(super) struct Filter {
    pub(super) subject: Option<String>,
    pub(super) criteria: Criteria,
}

impl Filter {
    fn takes(&self, intent: &Intent) -> bool {
        fn is(wanted: Option<&str>, found: &str) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        let wanted = &self.criteria;
        is(self.subject.as_deref(), &intent.subject)
            && is(wanted.dossier.as_ref().map(|one| one.as_str()), &intent.dossier)
            && is(wanted.officer.as_ref().map(|one| one.as_str()), &intent.officer)
            && is(wanted.client.as_ref().map(|one| one.as_str()), &intent.client)
            && is(wanted.agency.as_ref().map(|one| one.as_str()), &intent.agency)
            && is(wanted.service.as_deref(), &intent.service)
            && wanted.audit_id.is_none_or(|wanted| wanted == intent.audit_id)
    }
}

type Tell = mpsc::Sender<Result<Found, Fault>>;
type Open = HashMap<Uuid, (Intent, Place)>;

/// Tells every question that is wanted, but for the search itself; returns how many.
pub(super) async fn search(
    reader: &dyn EvidenceReader,
    evidence: &Evidence,
    filter: &Filter,
    tell: &Tell,
) -> Result<u64, Ended> {
    let (mut open, mut told) = (Open::new(), 0);
    let mut records = reader.read(evidence, filter.criteria.between);
    while let Some(record) = records.next().await {
        let record = record?;
        match entry(&record) {
            Some(Entry::Intent(intent)) => {
                if intent.audit_id == evidence.audit_id() || !filter.takes(&intent) {
                    continue;
                }
                if open.len() >= MOST_OPEN {
                    told += settle(reader, evidence, &mut open, tell).await?;
                }
                open.insert(intent.audit_id, (intent, place(record)));
            }
            Some(Entry::Outcome { audit_id, outcome }) => {
                told += close(&mut open, audit_id, outcome, record, tell).await?;
            }
            None => {}
        }
    }
    // The reader's own end must come before another reading begins.
    drop(records);
    told += settle(reader, evidence, &mut open, tell).await?;
    Ok(told)
}

/// Looks for the outcomes of what is open, wherever they stand, and tells all of it.
async fn settle(
    reader: &dyn EvidenceReader,
    evidence: &Evidence,
    open: &mut Open,
    tell: &Tell,
) -> Result<u64, Ended> {
    let Some(from) = open.values().map(|(_, place)| place.unix_millis).min() else { return Ok(0) };
    let between = Between { from_unix_millis: Some(from), to_unix_millis: None };
    let mut records = reader.read(evidence, between);
    let mut told = 0;
    while !open.is_empty()
        && let Some(record) = records.next().await
    {
        let record = record?;
        if let Some(Entry::Outcome { audit_id, outcome }) = entry(&record) {
            told += close(open, audit_id, outcome, record, tell).await?;
        }
    }
    let mut rest: Vec<_> = open.drain().map(|(_, begun)| begun).collect();
    rest.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (intent, intent_place) in rest {
        send(tell, Found { intent, intent_place, outcome: None }).await?;
        told += 1;
    }
    Ok(told)
}

/// Tells a question that is open and has its outcome now; returns how many that are.
async fn close(
    open: &mut Open,
    audit_id: Uuid,
    outcome: Outcome,
    record: StoredRecord,
    tell: &Tell,
) -> Result<u64, Ended> {
    let Some((intent, intent_place)) = open.remove(&audit_id) else { return Ok(0) };
    send(tell, Found { intent, intent_place, outcome: Some((outcome, place(record))) }).await?;
    Ok(1)
}

async fn send(tell: &Tell, found: Found) -> Result<(), Ended> {
    tell.send(Ok(found)).await.map_err(|_| Ended::CallerGone)
}

fn entry(record: &StoredRecord) -> Option<Entry> {
    let sealed = read(&record.value);
    if sealed.is_none() {
        let (partition, offset) = (record.partition, record.offset);
        tracing::warn!(partition, offset, "a record of evidence cannot be read");
    }
    Some(sealed?.entry)
}

fn place(record: StoredRecord) -> Place {
    let StoredRecord { topic, partition, offset, unix_millis, .. } = record;
    Place { partition, offset, topic, unix_millis }
}
