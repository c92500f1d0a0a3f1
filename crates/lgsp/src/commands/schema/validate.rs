//! `lgsp schema validate`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, Violation, rule};
use lgsp_schema::{Schemas, parse_strict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::input::{self, Record};
use super::{Validate, find_named};
use crate::cli::{self, Output};
use crate::table::plain;

/// How many findings are told; the rest is counted.
const MAX_FINDINGS: usize = 10_000;

/// How large an event's data may be, in bytes, as on the bus.
const MAX_DATA_BYTES: usize = 1 << 20;

/// What is judged of a CloudEvents envelope; all else is for the bus to judge.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    event_type: Option<String>,
    dataschema: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// One thing told about one record.
struct Finding {
    file: String,
    line: Option<u64>,
    record: u64,
    is_error: bool,
    pointer: String,
    rule: &'static str,
    vi: &'static str,
    en: &'static str,
}

/// What was found in all files.
#[derive(Default)]
struct Findings {
    records: u64,
    invalid: u64,
    warned: u64,
    told: Vec<Finding>,
    untold: u64,
}

pub(super) fn run(options: &Validate) -> Result<bool> {
    let schemas = options.folder.load()?;
    let kind = options.event_type.as_deref().map(|name| find_named(&schemas, name)).transpose()?;
    let named = kind.map(|kind| (kind.event_type(), kind.dataschema()));
    let mut findings = Findings::default();
    let mut unreadable = Vec::new();
    for path in &options.files {
        let mut judge =
            |record: Record| findings.add(path, &record, judged(&schemas, named, &record));
        if let Err(error) = input::each(path, &mut judge) {
            unreadable.push((path.display().to_string(), error.to_string()));
        }
    }
    match options.output {
        Output::Json => cli::say(&findings.as_json(&unreadable).to_string()),
        Output::Table => findings.tell(),
    }
    for (path, error) in &unreadable {
        cli::tell(&format!("cannot read {path}: {error}"));
    }
    let untyped =
        |finding: &Finding| finding.rule == rule::ATTRIBUTE.code && finding.pointer == "type";
    if findings.told.iter().any(untyped) {
        cli::tell("a record without an envelope needs --type; `lgsp schema list` shows the types");
    }
    Ok(findings.invalid == 0 && unreadable.is_empty())
}

/// Judges a record: its warnings, or its fault.
fn judged(
    schemas: &Schemas,
    named: Option<(&str, &str)>,
    record: &Record,
) -> Result<Vec<Violation>, Fault> {
    let Some(bytes) = &record.bytes else { return Err(ErrorCode::PayloadTooLarge.into()) };
    let value = parse_strict(bytes)?;
    let (event_type, dataschema, data) = if value.get("specversion").is_some() {
        unpacked(bytes)?
    } else {
        let (event_type, dataschema) = named.ok_or_else(|| missing("type"))?;
        (event_type.to_owned(), Some(dataschema.to_owned()), bytes.clone())
    };
    if data.len() > MAX_DATA_BYTES {
        return Err(ErrorCode::PayloadTooLarge.into());
    }
    let event = schemas.judge(&event_type, dataschema.as_deref(), data)?;
    Ok(event.warnings().to_vec())
}

/// Takes an envelope apart; the data is the very bytes that stand in it.
fn unpacked(bytes: &Bytes) -> Result<(String, Option<String>, Bytes), Fault> {
    let malformed = |_| Fault::at(ErrorCode::InvalidRequest, "", &rule::ATTRIBUTE);
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
    let event_type = envelope.event_type.ok_or_else(|| missing("type"))?;
    let data = envelope.data.ok_or_else(|| missing("data"))?;
    Ok((event_type, envelope.dataschema, bytes.slice_ref(data.get().as_bytes())))
}

fn missing(attribute: &str) -> Fault {
    Fault::at(ErrorCode::InvalidRequest, attribute, &rule::ATTRIBUTE)
}

impl Findings {
    fn add(&mut self, path: &Path, record: &Record, outcome: Result<Vec<Violation>, Fault>) {
        self.records += 1;
        let file = path.display().to_string();
        let mut tell = |is_error, pointer: String, (rule, vi, en)| {
            if self.told.len() >= MAX_FINDINGS {
                self.untold += 1;
                return;
            }
            let (line, number) = (record.line, record.number);
            self.told.push(Finding {
                file: file.clone(),
                line,
                record: number,
                is_error,
                pointer,
                rule,
                vi,
                en,
            });
        };
        match outcome {
            Ok(warnings) => {
                self.warned += u64::from(!warnings.is_empty());
                for warning in warnings {
                    tell(
                        false,
                        warning.pointer,
                        (warning.rule.code, warning.rule.vi, warning.rule.en),
                    );
                }
            }
            Err(fault) => {
                self.invalid += 1;
                if fault.violations.is_empty() {
                    let (vi, en) = fault.code.sentences();
                    tell(true, String::new(), (fault.code.as_str(), vi, en));
                }
                let beyond = fault.total_violations.saturating_sub(fault.violations.len());
                for broken in fault.violations {
                    tell(true, broken.pointer, (broken.rule.code, broken.rule.vi, broken.rule.en));
                }
                self.untold += beyond as u64;
            }
        }
    }

    fn as_json(&self, unreadable: &[(String, String)]) -> Value {
        let findings = self.told.iter().map(|finding| {
            json!({
                "file": finding.file, "line": finding.line, "record": finding.record,
                "severity": severity(finding), "pointer": finding.pointer, "rule": finding.rule,
                "vi": finding.vi, "en": finding.en,
            })
        });
        let unreadable =
            unreadable.iter().map(|(file, error)| json!({ "file": file, "error": error }));
        json!({
            "records": self.records, "invalid": self.invalid, "withWarnings": self.warned, "untold": self.untold,
            "findings": findings.collect::<Vec<_>>(), "unreadable": unreadable.collect::<Vec<_>>(),
        })
    }

    fn tell(&self) {
        if !self.told.is_empty() {
            let rows = self.told.iter().map(|finding| {
                let line = finding.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
                let pointer =
                    if finding.pointer.is_empty() { "(record)" } else { &finding.pointer };
                [
                    finding.file.clone(),
                    line,
                    finding.record.to_string(),
                    severity(finding).to_owned(),
                    pointer.to_owned(),
                    finding.rule.to_owned(),
                ]
            });
            cli::say(&plain(["FILE", "LINE", "RECORD", "SEVERITY", "POINTER", "RULE"], rows));
            let rules: BTreeMap<_, _> =
                self.told.iter().map(|finding| (finding.rule, (finding.vi, finding.en))).collect();
            for (rule, (vi, en)) in rules {
                cli::say(&format!("{rule}\n  vi: {vi}\n  en: {en}"));
            }
        }
        if self.untold > 0 {
            cli::say(&format!("and {} more", self.untold));
        }
        let (valid, invalid) = (self.records - self.invalid, self.invalid);
        cli::tell(&format!(
            "{} records: {valid} valid, {} of them with warnings; {invalid} invalid",
            self.records, self.warned
        ));
    }
}

fn severity(finding: &Finding) -> &'static str {
    if finding.is_error { "error" } else { "warning" }
}
