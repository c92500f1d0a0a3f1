//! `lgsp schema diff`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Result;
use lgsp_schema::compat::{Breaks, Comparison, Finding, compare};
use lgsp_schema::parse_strict;
use serde_json::{Value, json};

use super::{Diff, Folder, Requirement};
use crate::cli::{self, Misunderstood, Output};

/// How large a schema file may be, in bytes.
const MAX_SCHEMA_BYTES: u64 = 4 << 20;

pub(super) fn run(options: &Diff) -> Result<bool> {
    let old = read(&options.old, &options.folder)?;
    let new = read(&options.new, &options.folder)?;
    let comparison = compare(&old, &new).map_err(|faults| {
        let told = faults.iter().map(|fault| {
            let name = if fault.file == "old" { &options.old } else { &options.new };
            format!("{name}#{}: {}", fault.pointer, fault.problem)
        });
        Misunderstood(told.collect::<Vec<_>>().join("; "))
    })?;
    let holds = match options.require {
        Requirement::Backward => comparison.is_backward(),
        Requirement::Forward => comparison.is_forward(),
        Requirement::Full => comparison.is_full(),
        Requirement::None => true,
    };
    match options.output {
        Output::Json => cli::say(&as_json(options, &comparison, holds).to_string()),
        Output::Table => tell(&comparison),
    }
    Ok(holds)
}

/// Reads a schema: a file if there is one of that name, else one of the bus's own.
fn read(name: &str, folder: &Folder) -> Result<Value> {
    let path = Path::new(name);
    if !path.exists() && name.contains('@') {
        let schemas = folder.load()?;
        return Ok(parse_strict(super::find_named(&schemas, name)?.document())?);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SCHEMA_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| Misunderstood(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_SCHEMA_BYTES {
        return Err(Misunderstood(format!("{name} is larger than {MAX_SCHEMA_BYTES} bytes")).into());
    }
    let parsed = parse_strict(&bytes).map_err(|fault| {
        let places = fault
            .violations
            .iter()
            .map(|broken| format!("{name}#{}: {}", broken.pointer, broken.rule.en));
        Misunderstood(places.collect::<Vec<_>>().join("; "))
    })?;
    Ok(parsed)
}

fn as_json(options: &Diff, comparison: &Comparison, holds: bool) -> Value {
    let findings = comparison.findings().iter().map(|finding| {
        json!({
            "pointer": finding.pointer, "in": finding.side.as_str(), "keyword": finding.keyword,
            "change": finding.change.as_str(), "breaks": finding.breaks.as_str(), "detail": finding.detail,
            "vi": finding.advice().vi, "en": finding.advice().en,
        })
    });
    json!({
        "old": options.old, "new": options.new,
        "backward": comparison.is_backward(), "forward": comparison.is_forward(), "full": comparison.is_full(),
        "compatible": holds, "findings": findings.collect::<Vec<_>>(),
    })
}

fn tell(comparison: &Comparison) {
    let harmless = |finding: &&Finding| finding.breaks == Breaks::Nobody;
    for finding in comparison.findings().iter().filter(|finding| !harmless(finding)) {
        let detail = finding.detail.iter().map(|detail| format!("  {detail}"));
        let pointer = if finding.pointer.is_empty() { "(schema)" } else { &finding.pointer };
        cli::say(&format!(
            "{pointer}  {}  breaks {}{}\n  vi: {}\n  en: {}",
            finding.change,
            finding.breaks,
            detail.collect::<String>(),
            finding.advice().vi,
            finding.advice().en
        ));
    }
    // What breaks nobody is told in one breath.
    let mut told = BTreeMap::<_, Vec<&str>>::new();
    for finding in comparison.findings().iter().filter(harmless) {
        let of_kind = told.entry((finding.change, finding.advice())).or_default();
        of_kind.push(if finding.pointer.is_empty() { "(schema)" } else { &finding.pointer });
    }
    for ((change, advice), pointers) in told {
        cli::say(&format!(
            "{}  {change}  breaks none\n  vi: {}\n  en: {}",
            pointers.join(" "),
            advice.vi,
            advice.en
        ));
    }
    let word = |holds: bool| if holds { "yes" } else { "no" };
    cli::say(&format!(
        "backward {}, forward {}, full {}",
        word(comparison.is_backward()),
        word(comparison.is_forward()),
        word(comparison.is_full())
    ));
}
