//! `lgsp adapter test`: source and result side by side, and the schema's verdict.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use lgsp_adapters::files::{Format, SampleRow, sample};
use lgsp_adapters::mapping::Trace;
use lgsp_adapters::{AdapterConfig, Breach, Input, Mapping, Misfit};
use lgsp_schema::{Schemas, parse_strict};
use serde_json::{Value, json};

use super::{Test, faults};
use crate::cli::{self, Misunderstood, Output};
use crate::table::plain;

/// The largest sample in JSON, in bytes.
const MAX_JSON_BYTES: u64 = 16 * 1024 * 1024;
/// How many characters of a value a table shows.
const SHOWN_CHARACTERS: usize = 48;

/// One record that was tried.
struct Tried {
    row: u64,
    trace: Trace,
    /// What the mapping made, if it could.
    data: Option<Value>,
    time: Option<String>,
    violations: Vec<Breach>,
    warnings: Vec<Breach>,
}

pub(super) fn run(options: &Test) -> Result<bool> {
    let (mapping, event_type, format) = load(&options.mapping)?;
    let rows = read(options, &mapping, format)?;
    if rows.is_empty() {
        return Err(Misunderstood("the sample holds no record".to_owned()).into());
    }
    let schemas = Schemas::bundled()?;
    let tried: Vec<Tried> =
        rows.into_iter().map(|row| attempt(&mapping, &event_type, &schemas, row)).collect();
    let invalid = tried.iter().filter(|record| !record.violations.is_empty()).count();
    match options.output {
        Output::Json => {
            let records: Vec<Value> = tried.iter().map(Tried::as_json).collect();
            cli::say(
                &json!({"type": event_type, "valid": invalid == 0, "records": records}).to_string(),
            );
        }
        Output::Table => {
            tried.iter().for_each(Tried::tell);
            cli::say(&format!("{event_type}: {} records, {invalid} invalid", tried.len()));
        }
    }
    Ok(invalid == 0)
}

/// Reads a mapping, of a file of its own or of an adapter's configuration.
fn load(path: &Path) -> Result<(Mapping, String, Option<Format>)> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_config = text.lines().any(|line| line.trim_start().starts_with("[adapter]"));
    let misunderstood =
        |found: Vec<_>| Misunderstood(format!("faults of the mapping:{}", faults(&found)));
    if is_config {
        let config = AdapterConfig::load(path).map_err(misunderstood)?;
        let format = match config.input {
            Input::Files(files) => Some(files.format),
            Input::Database(_) => None,
        };
        Ok((config.mapping, config.event_type, format))
    } else {
        let mapping = Mapping::load(path).map_err(misunderstood)?;
        let event_type = mapping.event_type().unwrap_or_default().to_owned();
        Ok((mapping, event_type, None))
    }
}

fn read(options: &Test, mapping: &Mapping, declared: Option<Format>) -> Result<Vec<SampleRow>> {
    let path = &options.sample;
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let most = usize::from(options.records);
    let usual = match extension.as_str() {
        "json" => return read_json(path, most),
        "jsonl" => Format::JsonLines,
        "csv" => Format::Csv { separator: options.separator, header_row: 1 },
        "xlsx" => Format::Xlsx { sheet: None, header_row: 1 },
        _ => {
            let expected = "the sample's name must end in .json, .jsonl, .csv or .xlsx";
            return Err(Misunderstood(expected.to_owned()).into());
        }
    };
    let format = declared.filter(|format| format.extension() == extension).unwrap_or(usual);
    sample(path, &format, mapping, most).with_context(|| format!("cannot use {}", path.display()))
}

/// Reads one record, or a list of them.
fn read_json(path: &Path, most: usize) -> Result<Vec<SampleRow>> {
    let cannot = || format!("cannot use {}", path.display());
    let bytes = std::fs::metadata(path).with_context(cannot)?.len();
    anyhow::ensure!(bytes <= MAX_JSON_BYTES, "{} is larger than 16 MiB", path.display());
    let text = std::fs::read(path).with_context(cannot)?;
    let records = match parse_strict(&text) {
        Ok(Value::Array(records)) => records,
        Ok(record) => vec![record],
        Err(fault) => {
            let rule = fault.violations.first().map_or("", |violation| violation.rule.en);
            anyhow::bail!("{}: {rule}", cannot());
        }
    };
    Ok((1..).zip(records.into_iter().take(most).map(Ok)).collect())
}

fn attempt(mapping: &Mapping, event_type: &str, schemas: &Schemas, row: SampleRow) -> Tried {
    let (row, content) = row;
    let mut tried = Tried {
        row,
        trace: Trace::default(),
        data: None,
        time: None,
        violations: Vec::new(),
        warnings: Vec::new(),
    };
    let record = match content {
        Ok(record) => record,
        Err(breach) => {
            tried.violations.push(breach);
            return tried;
        }
    };
    tried.trace = mapping.trace(&record);
    match mapping.apply(&record) {
        Err(misfits) => tried.violations = misfits.iter().map(|it: &Misfit| it.into()).collect(),
        Ok(mapped) => {
            match schemas.judge(event_type, None, Bytes::from(mapped.data.to_string())) {
                Ok(event) => tried.warnings = event.warnings().iter().map(Into::into).collect(),
                Err(fault) => tried.violations = fault.violations.iter().map(Into::into).collect(),
            }
            tried.data = Some(mapped.data);
            tried.time = mapped.time;
        }
    }
    tried
}

impl Tried {
    fn column(&self, breach: &Breach) -> &str {
        self.trace.column(&breach.pointer).unwrap_or_default()
    }

    fn as_json(&self) -> Value {
        let told = |breaches: &[Breach]| -> Vec<Value> {
            let told = breaches.iter().map(|breach| {
                let Breach { pointer, rule, vi, en } = breach;
                json!({"pointer": pointer, "column": self.column(breach), "rule": rule, "vi": vi, "en": en})
            });
            told.collect()
        };
        let fields = self.trace.fields().iter().map(|field| {
            json!({"pointer": field.pointer, "column": field.column, "source": field.source})
        });
        json!({
            "row": self.row,
            "valid": self.violations.is_empty(),
            "fields": fields.collect::<Vec<_>>(),
            "data": self.data,
            "time": self.time,
            "violations": told(&self.violations),
            "warnings": told(&self.warnings),
        })
    }

    fn tell(&self) {
        let verdict = if self.violations.is_empty() { "valid" } else { "INVALID" };
        cli::say(&format!("row {}: {verdict}", self.row));
        cli::say(&plain(["FIELD", "COLUMN", "SOURCE", "RESULT", "RULE"], self.lines()));
        for (kind, breaches) in [("error", &self.violations), ("warning", &self.warnings)] {
            for breach in breaches {
                let Breach { pointer, rule, vi, en } = breach;
                let column = self.column(breach);
                cli::say(&format!("  {kind} {pointer} ({column}) {rule}: {vi} / {en}"));
            }
        }
        cli::say("");
    }

    /// Lines the fields up: those that came from the record, then what the mapping says by itself.
    fn lines(&self) -> Vec<[String; 5]> {
        let mut results = Vec::new();
        if let Some(data) = &self.data {
            leaves(String::new(), data, &mut results);
        }
        results.extend(self.time.iter().map(|time| ("time".to_owned(), time.clone())));
        let mut lines = Vec::new();
        for field in self.trace.fields() {
            let at = results.iter().position(|(pointer, _)| *pointer == field.pointer);
            let result = at.map(|at| results.remove(at).1);
            let absent = if self.data.is_some() { "(left out)" } else { "" };
            let result = result.unwrap_or_else(|| absent.to_owned());
            lines.push([
                field.pointer.clone(),
                field.column.clone(),
                shown(&field.source),
                shown(&result),
                self.rules(&field.pointer),
            ]);
        }
        for (pointer, result) in results {
            let rules = self.rules(&pointer);
            lines.push([pointer, "(constant)".to_owned(), String::new(), shown(&result), rules]);
        }
        lines
    }

    fn rules(&self, pointer: &str) -> String {
        let breaches = self.violations.iter().chain(&self.warnings);
        let here = breaches.filter(|breach| breach.pointer == pointer);
        here.map(|breach| breach.rule.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Lists every value of a document that is no list or object, by its JSON Pointer.
fn leaves(pointer: String, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(format!("{pointer}/{name}"), value, found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(format!("{pointer}/{index}"), value, found);
            }
        }
        Value::String(text) => found.push((pointer, format!("{text:?}"))),
        other => found.push((pointer, other.to_string())),
    }
}

/// Shortens a value for a table, onto one line.
fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .take(SHOWN_CHARACTERS)
        .collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
