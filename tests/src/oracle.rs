//! The oracle of a working day: plans the day once more, reads the sender's ledger and, with a
//! client of its own, the topics, and tells everything that does not fit together.
//!
//! What it demands: every record of the day has one line in the ledger, with the outcome that was
//! planned for it; every acknowledged record is read exactly once, as it was sent; records of an
//! entity are read in the order in which they were sent; every refused one is explained by the
//! planned rules; nothing is read that was not sent.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use lgsp_core::digest::{Digest128, hex};
use lgsp_sim::day::{Expected, Kind, Oddity, Planned, PlannedBreach, Way};
use serde::Deserialize;
use serde_json::Value;

use crate::records::{self, Read};

/// The topics of events; each has its dead letters in a topic of its own.
const TOPICS: [&str; 3] = ["lgsp.dossier.v1", "lgsp.citizen.v1", "lgsp.enterprise.v1"];

/// How many faults are told.
const TOLD: usize = 50;

/// What the sender noted of a record.
#[derive(Debug, Deserialize)]
struct Line {
    number: usize,
    id: String,
    way: String,
    content: String,
    outcome: String,
    code: Option<String>,
    breaches: Vec<(String, String)>,
    attempts: u32,
}

/// A record of the day, without its content.
#[derive(Debug)]
struct Sent {
    id: String,
    way: Way,
    kind: Kind,
    entity: Digest128,
    content: Digest128,
    expected: Expected,
    oddity: Option<Oddity>,
    /// Where it was read: partition and offset.
    read: Vec<(i32, i64)>,
    /// By which rules it lies among the dead letters.
    letters: Vec<Vec<(String, String)>>,
}

/// What the oracle says.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many records there were, by what became of them.
    pub counts: BTreeMap<&'static str, usize>,
    /// Everything that does not fit together; at most fifty are told.
    pub faults: Vec<String>,
}

impl Verdict {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn fault(&mut self, fault: String) {
        self.count("faults");
        if self.faults.len() < TOLD {
            self.faults.push(fault);
        }
    }

    /// Returns how many records there were of which that became.
    pub fn of(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or(0)
    }
}

/// By what a record that was read is found among those that were sent.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    /// By source and id.
    Id(Digest128),
    /// By source, type and the bytes of the data.
    Bytes(Digest128),
    /// By source, type and the data without its empty members: rows of tables.
    Members(Digest128),
}

/// Judges a day. Blocks.
///
/// # Errors
/// When the ledger or the topics cannot be read.
pub fn judge(day: impl Iterator<Item = Planned>, ledger: &Path, kafka: &str) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let (mut sent, index) = plan(day);
    compare_with_ledger(&mut sent, ledger, &mut verdict)?;
    for topic in TOPICS {
        records::read(kafka, topic, |record| match find(&record, &index) {
            Some(number) => {
                let Some(sent) = sent.get_mut(number) else { return };
                let as_sent =
                    sent.way == Way::File || Digest128::of(&[&record.value]) == sent.content;
                sent.read.push((record.partition, record.offset));
                if !as_sent {
                    verdict.fault(format!("{} was read with another content", sent.id));
                }
            }
            None => verdict.fault(format!(
                "{topic} {} {} was read and never sent",
                record.partition, record.offset
            )),
        })?;
        records::read(kafka, &format!("{topic}.dlq"), |record| {
            let found = find(&record, &index).and_then(|number| sent.get_mut(number));
            match (found, rules_of(&record)) {
                (Some(sent), Some(rules)) => sent.letters.push(rules),
                _ => verdict.fault(format!("{topic}.dlq {} explains nothing", record.offset)),
            }
        })?;
    }
    compare_with_topics(&sent, &mut verdict);
    check_order(&sent, &mut verdict);
    Ok(verdict)
}

/// Lists the day, and by what each record is found. Of one that is sent again the first counts.
fn plan(day: impl Iterator<Item = Planned>) -> (Vec<Sent>, HashMap<Key, usize>) {
    let (mut sent, mut index) = (Vec::new(), HashMap::new());
    for (number, planned) in day.enumerate() {
        let key = match planned.way {
            Way::File => members(&planned.source, planned.event_type(), &planned.data),
            Way::Packet => bytes(&planned.source, planned.event_type(), &planned.data),
            // The outbox wants a UUID; its sender makes it of source and id.
            Way::Outbox => {
                let of = Digest128::of_event(&planned.source, &planned.id);
                let id = uuid::Builder::from_custom_bytes(of.0).into_uuid().to_string();
                Key::Id(Digest128::of_event(&planned.source, &id))
            }
            _ => Key::Id(Digest128::of_event(&planned.source, &planned.id)),
        };
        index.entry(key).or_insert(number);
        sent.push(Sent {
            way: planned.way,
            kind: planned.kind,
            entity: Digest128::of(&[planned.entity.as_bytes()]),
            content: Digest128::of(&[&planned.data]),
            expected: planned.expected,
            oddity: planned.oddity,
            read: Vec::new(),
            letters: Vec::new(),
            id: planned.id,
        });
    }
    (sent, index)
}

fn bytes(source: &str, event_type: &str, data: &[u8]) -> Key {
    Key::Bytes(Digest128::of(&[source.as_bytes(), event_type.as_bytes(), data]))
}

fn members(source: &str, event_type: &str, data: &[u8]) -> Key {
    let mut record: Value = serde_json::from_slice(data).unwrap_or_default();
    drop_empty(&mut record);
    let text = record.to_string();
    Key::Members(Digest128::of(&[source.as_bytes(), event_type.as_bytes(), text.as_bytes()]))
}

/// Takes out what is empty, as a mapping does.
fn drop_empty(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.values_mut().for_each(drop_empty);
        object.retain(|_, value| {
            !value.is_null() && value != "" && value.as_object().is_none_or(|one| !one.is_empty())
        });
    }
}

fn find(record: &Read, index: &HashMap<Key, usize>) -> Option<usize> {
    let header = |name: &str| record.headers.get(name).map_or("", String::as_str);
    let (source, event_type) = (header("ce_source"), header("ce_type"));
    let by_id = Key::Id(Digest128::of_event(source, header("ce_id")));
    let found = index.get(&by_id);
    let found = found.or_else(|| index.get(&bytes(source, event_type, &record.value)));
    found.or_else(|| index.get(&members(source, event_type, &record.value))).copied()
}

/// Reads which rules a dead letter names.
fn rules_of(letter: &Read) -> Option<Vec<(String, String)>> {
    let violations: Value = serde_json::from_str(letter.headers.get("lgsp_violations")?).ok()?;
    let text = |one: &Value, name: &str| Some(one.get(name)?.as_str()?.to_owned());
    let rules = violations.as_array()?.iter();
    rules.map(|one| Some((text(one, "pointer")?, text(one, "rule")?))).collect()
}

fn is_as_planned(planned: &[PlannedBreach], told: &[(String, String)]) -> bool {
    let planned = planned.iter().map(|one| (one.pointer, one.rule.code));
    planned.eq(told.iter().map(|(pointer, rule)| (pointer.as_str(), rule.as_str())))
}

/// Demands one line for each record, with the outcome that was planned.
fn compare_with_ledger(sent: &mut [Sent], ledger: &Path, verdict: &mut Verdict) -> Result<()> {
    let mut lines: Vec<u32> = vec![0; sent.len()];
    let file = File::open(ledger).with_context(|| format!("no ledger {}", ledger.display()))?;
    for line in BufReader::new(file).lines() {
        let line: Line = serde_json::from_str(&line?).context("a line of the ledger")?;
        let (Some(sent), Some(count)) = (sent.get(line.number), lines.get_mut(line.number)) else {
            verdict.fault(format!("{} is of no planned record", line.id));
            continue;
        };
        *count += 1;
        if line.attempts > 1 {
            verdict.count("sent again");
        }
        if (&line.id, line.way.as_str(), &line.content)
            != (&sent.id, sent.way.name(), &hex(&sent.content.0))
        {
            verdict.fault(format!("{} was sent otherwise than planned", line.id));
        }
        let handed_over =
            matches!(sent.way, Way::File | Way::Outbox) && line.outcome == "handed over";
        let fits = match (sent.expected, line.outcome.as_str()) {
            _ if handed_over => true,
            (Expected::Accepted, "recorded") => true,
            // What was sent again may be known from the first time.
            (Expected::Accepted, "duplicate") => line.attempts > 1,
            (Expected::Duplicate, outcome) => outcome == "duplicate",
            (Expected::Conflict, "refused") => line.code.as_deref() == Some("conflict"),
            (Expected::Refused(planned), "refused") => is_as_planned(planned, &line.breaches),
            _ => false,
        };
        if !fits {
            verdict.fault(format!(
                "{} ({}): {:?} was planned, and {} {:?} came",
                line.id,
                line.way,
                sent.expected,
                line.outcome,
                line.code.as_deref().unwrap_or_default()
            ));
        }
    }
    for (sent, count) in sent.iter().zip(lines).filter(|(_, count)| *count != 1) {
        verdict.fault(format!("{} ({}) has {count} lines", sent.id, sent.way.name()));
    }
    Ok(())
}

/// Demands that what was acknowledged is there once, and what was refused is not.
fn compare_with_topics(sent: &[Sent], verdict: &mut Verdict) {
    for sent in sent {
        verdict.count("sent");
        if sent.oddity == Some(Oddity::Late) {
            verdict.count("late");
        }
        let handed_over = matches!(sent.way, Way::File | Way::Outbox);
        let (times, has_letter) = match sent.expected {
            Expected::Accepted => (1, false),
            Expected::Refused(_) => (0, handed_over),
            Expected::Duplicate | Expected::Conflict => (0, false),
        };
        verdict.count(match sent.expected {
            Expected::Accepted => "accepted",
            Expected::Duplicate => "duplicates",
            Expected::Conflict => "conflicts",
            Expected::Refused(_) => "refused",
        });
        // A dead letter has no promise of once: an adapter that is not answered sets it aside again.
        if sent.read.len() != times || sent.letters.is_empty() == has_letter {
            let (read, set_aside) = (sent.read.len(), sent.letters.len());
            let way = sent.way.name();
            verdict.fault(format!(
                "{} ({way}) was read {read} times, set aside {set_aside} times, {:?}",
                sent.id, sent.read
            ));
        }
        for rules in &sent.letters {
            verdict.count("dead letters");
            if !matches!(sent.expected, Expected::Refused(planned) if is_as_planned(planned, rules))
            {
                verdict.fault(format!("{} was set aside by other rules: {rules:?}", sent.id));
            }
        }
    }
}

/// Demands that each entity's records lie in one partition, in the order in which they were sent.
fn check_order(sent: &[Sent], verdict: &mut Verdict) {
    let mut last: HashMap<(Digest128, bool), (i32, i64)> = HashMap::new();
    for sent in sent {
        let Some((partition, offset)) = sent.read.first().copied() else { continue };
        let personal = sent.kind == Kind::Citizen;
        if let Some(before) = last.insert((sent.entity, personal), (partition, offset))
            && (before.0 != partition || before.1 >= offset)
        {
            verdict.fault(format!("{} ({}) was overtaken", sent.id, sent.way.name()));
        }
    }
}
