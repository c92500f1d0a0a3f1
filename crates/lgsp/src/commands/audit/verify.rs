//! `lgsp audit verify`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use lgsp_audit::{Checker, Finding, Older, StoredRecord};
use lgsp_proto::audit::v1::ExportEvidenceRequest;
use serde_json::{Value, json};

use super::{Verify, stored};
use crate::caller;
use crate::cli::{self, Output};
use crate::data_dir::DataDir;
use crate::table::plain;

/// How long a line of an export may be, in bytes: a record has at most 2 MiB, and each of its
/// bytes at most six in JSON.
const MAX_LINE_BYTES: u64 = 13 << 20;

pub(super) async fn run(options: &Verify) -> Result<bool> {
    let mut check = Check::new();
    match &options.file {
        Some(path) => read_file(path, &mut check)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => read_bus(&DataDir::existing(&options.data.data_dir)?, &mut check).await?,
    }
    let found = check.end();
    if options.output == Output::Json {
        cli::say(&found.json().to_string());
    } else {
        cli::say(&found.table());
    }
    if found.records == 0 {
        cli::tell("there is no record to check");
    }
    Ok(found.findings.is_empty())
}

async fn read_bus(data: &DataDir, check: &mut Check) -> Result<()> {
    let mut auditor = caller::auditor(data).await?;
    let records = auditor.export_evidence(ExportEvidenceRequest::default()).await;
    let mut records = records.map_err(|status| caller::refused(&status))?.into_inner();
    while let Some(record) = records.message().await.map_err(|status| caller::refused(&status))? {
        check.record(&stored(record), None);
    }
    Ok(())
}

fn read_file(path: &Path, check: &mut Check) -> Result<()> {
    let file: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path)?),
    };
    read_lines(BufReader::new(file), check)
}

fn read_lines(mut lines: impl BufRead, check: &mut Check) -> Result<()> {
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let read = lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(());
        }
        if u64::try_from(read).is_ok_and(|read| read >= MAX_LINE_BYTES) {
            bail!("line {number} is longer than any record");
        }
        let line = std::str::from_utf8(&text).ok().map(str::trim_end);
        match line.and_then(|line| StoredRecord::from_line(line).ok()) {
            Some(record) => check.record(&record, Some(number)),
            None => check.unreadable.push(number),
        }
    }
    Ok(())
}

/// Where a record lies: in the log, and in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    partition: i32,
    offset: i64,
    line: Option<u64>,
}

/// A check under way.
struct Check {
    checker: Checker<Spot>,
    /// The first offset that was seen of each partition.
    first: HashMap<i32, i64>,
    /// Lines of a file that hold no record.
    unreadable: Vec<u64>,
}

impl Check {
    fn new() -> Self {
        Self { checker: Checker::new(), first: HashMap::new(), unreadable: Vec::new() }
    }

    fn record(&mut self, record: &StoredRecord, line: Option<u64>) {
        let StoredRecord { partition, offset, .. } = *record;
        // A partition that is there from its first offset on has lost nothing to retention.
        let first = *self.first.entry(partition).or_insert(offset);
        let older = if first == 0 { Older::Here } else { Older::MayBeGone };
        self.checker.follow(Spot { partition, offset, line }, &record.value, older);
    }

    fn end(self) -> Found {
        let report = self.checker.end();
        let lines = self.unreadable.into_iter().map(|line| Row {
            what: "unreadable",
            spot: None,
            line: Some(line),
            writer: None,
            records: None,
        });
        let findings = lines.chain(report.findings.into_iter().map(Row::of)).collect();
        Found { records: report.records, writers: report.writers, findings }
    }
}

/// What a check found.
struct Found {
    records: u64,
    writers: usize,
    findings: Vec<Row>,
}

/// A finding, for whoever looks for the reason.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    what: &'static str,
    /// Of something missing: the record before which it should stand.
    spot: Option<(i32, i64)>,
    line: Option<u64>,
    writer: Option<String>,
    /// The first and the last sequence that it is about.
    records: Option<(u64, u64)>,
}

impl Row {
    fn of(finding: Finding<Spot>) -> Self {
        let (what, at, about) = match finding {
            Finding::Unreadable { at } => ("unreadable", at, None),
            Finding::Changed { at, writer, seq } => ("changed", at, Some((writer, seq, seq))),
            Finding::Missing { before, writer, first, last } => {
                ("missing", before, Some((writer, first, last)))
            }
            Finding::Reordered { at, writer, seq } => ("reordered", at, Some((writer, seq, seq))),
        };
        Self {
            what,
            spot: Some((at.partition, at.offset)),
            line: at.line,
            writer: about.map(|(writer, ..)| writer.to_string()),
            records: about.map(|(_, first, last)| (first, last)),
        }
    }
}

impl Found {
    fn json(&self) -> Value {
        let findings = self.findings.iter().map(|row| {
            json!({
                "what": row.what,
                "partition": row.spot.map(|(partition, _)| partition),
                "offset": row.spot.map(|(_, offset)| offset),
                "line": row.line,
                "writer": row.writer,
                "first": row.records.map(|(first, _)| first),
                "last": row.records.map(|(_, last)| last),
            })
        });
        json!({
            "whole": self.findings.is_empty(), "records": self.records, "writers": self.writers,
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    fn table(&self) -> String {
        let (records, writers) = (self.records, self.writers);
        if self.findings.is_empty() {
            return format!("whole: {records} records of {writers} writers");
        }
        fn cell<T: ToString>(value: Option<T>) -> String {
            value.map_or_else(|| "-".to_owned(), |value| value.to_string())
        }
        let rows = self.findings.iter().map(|row| {
            let about = row.records.map(|(first, last)| match first == last {
                true => first.to_string(),
                false => format!("{first} to {last}"),
            });
            [
                row.what.to_owned(),
                cell(about),
                cell(row.writer.as_ref()),
                cell(row.spot.map(|(partition, _)| partition)),
                cell(row.spot.map(|(_, offset)| offset)),
                cell(row.line),
            ]
        });
        let head = ["FOUND", "RECORD", "WRITER", "PARTITION", "AT OR BEFORE OFFSET", "LINE"];
        let count = self.findings.len();
        let table = plain(head, rows);
        format!("{table}\nnot whole: {count} findings in {records} records of {writers} writers")
    }
}

#[cfg(test)]
mod tests {
    use lgsp_audit::{Chain, Entry, Outcome, OutcomeKind};
    use uuid::Uuid;

    use super::*;

    const WRITER: Uuid = Uuid::from_u128(9);

    /// Lines of an export: one writer's records, as they lie from an offset on.
    fn lines(count: usize, start: i64) -> Vec<String> {
        let (mut chain, mut lines) = (Chain::new(WRITER), Vec::new());
        for offset in (start..).take(count) {
            let outcome = Outcome {
                kind: OutcomeKind::Answered,
                code: None,
                elapsed_millis: 1,
                released: vec![],
            };
            let entry = Entry::Outcome { audit_id: Uuid::from_u128(1), outcome };
            chain
                .append::<serde_json::Error>(&entry, 1_790_000_000_000, |value| {
                    let record = StoredRecord {
                        topic: "lgsp.audit.v1".to_owned(),
                        partition: 1,
                        offset,
                        unix_millis: 1_790_000_000_000,
                        key: WRITER.to_string().into_bytes(),
                        headers: vec![],
                        value: value.to_vec(),
                    };
                    lines.push(record.to_line()?);
                    Ok(())
                })
                .unwrap();
        }
        lines
    }

    fn check(lines: &[String]) -> Found {
        let mut check = Check::new();
        read_lines(lines.join("\n").as_bytes(), &mut check).unwrap();
        check.end()
    }

    /// What was found, on which line, and which records it is about.
    type Told = (&'static str, Option<u64>, Option<(u64, u64)>);

    fn found(lines: &[String]) -> Vec<Told> {
        check(lines).findings.iter().map(|row| (row.what, row.line, row.records)).collect()
    }

    #[test]
    fn a_whole_export_is_whole() {
        let whole = check(&lines(5, 0));
        assert_eq!(whole.json()["whole"], true);
        assert_eq!(whole.table(), "whole: 5 records of 1 writers");
    }

    #[test]
    fn an_export_tells_where_a_record_was_changed_is_missing_or_was_moved() {
        let whole = lines(5, 0);
        let mut changed = whole.clone();
        changed[2] = changed[2].replace("answered", "not_found");
        assert_eq!(found(&changed), [("changed", Some(3), Some((3, 3)))]);
        let mut missing = whole.clone();
        missing.remove(2);
        assert_eq!(found(&missing), [("missing", Some(3), Some((3, 3)))]);
        let mut reordered = whole.clone();
        reordered.swap(1, 2);
        assert_eq!(found(&reordered), [("reordered", Some(3), Some((2, 2)))]);
        let mut broken = whole;
        broken[3].truncate(20);
        let both = [("unreadable", Some(4), None), ("missing", Some(5), Some((4, 4)))];
        assert_eq!(found(&broken), both);
        let told = check(&broken);
        assert_eq!(told.json()["findings"][1]["offset"], 4);
        assert!(told.table().contains(&WRITER.to_string()), "{}", told.table());
    }

    #[test]
    fn a_lost_beginning_is_missing_only_where_retention_took_nothing() {
        let mut later = lines(5, 40);
        later.drain(..2);
        assert_eq!(found(&later), []);
        let mut other = lines(3, 0);
        other.remove(0);
        let other: Vec<_> =
            other.iter().map(|line| line.replace(r#""offset":1,"#, r#""offset":0,"#)).collect();
        assert_eq!(found(&other), [("missing", Some(1), Some((1, 1)))]);
    }
}
