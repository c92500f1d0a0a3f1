//! `lgsp schema explain`.

use anyhow::Result;
use lgsp_core::rule::Rule;
use lgsp_schema::outline::{Field, Outline, outline};
use lgsp_schema::{EventKind, parse_strict};
use serde_json::{Value, json};

use super::Explain;
use crate::cli::{self, Output};

pub(super) fn run(options: &Explain) -> Result<bool> {
    let schemas = options.folder.load()?;
    let kind = match &options.version {
        None => super::find_named(&schemas, &options.event_type)?,
        version => super::find(&schemas, &options.event_type, version.as_deref())?,
    };
    let document = parse_strict(kind.document())?;
    let outline = outline(&document);
    let example = document.pointer("/examples/0");
    let text = |member: &str| document.get(member).and_then(Value::as_str).unwrap_or_default();
    if options.output == Output::Json {
        cli::say(
            &json!({
                "type": kind.event_type(), "version": kind.version(), "topic": kind.topic(),
                "key": kind.key_pointer(), "dataschema": kind.dataschema(),
                "title": text("title"), "description": text("description"),
                "fields": outline.fields.iter().map(field_as_json).collect::<Vec<_>>(),
                "conditions": outline.conditions.iter().map(|condition| json!({
                    "path": condition.path, "when": condition.when, "then": condition.then, "otherwise": condition.otherwise,
                })).collect::<Vec<_>>(),
                "formats": outline.formats.iter().map(|(name, rule)| (name.clone(), rule_as_json(rule))).collect::<serde_json::Map<_, _>>(),
                "oddities": outline.oddities.iter().map(|(rule, places)| json!({
                    "rule": rule.code, "vi": rule.vi, "en": rule.en, "places": places,
                })).collect::<Vec<_>>(),
                "example": example,
            })
            .to_string(),
        );
        return Ok(true);
    }
    cli::say(&format!("{}@{}", kind.event_type(), kind.version()));
    cli::say(&format!("{}\n{}", text("title"), text("description")));
    tell_kind(kind);
    tell_outline(&outline);
    if let Some(example) = example {
        cli::say("\nA valid example / Ví dụ hợp lệ");
        cli::say(&serde_json::to_string_pretty(example)?);
    }
    Ok(true)
}

fn tell_kind(kind: &EventKind) {
    cli::say(&format!(
        "topic {}, key {}, dataschema {}",
        kind.topic(),
        kind.key_pointer(),
        kind.dataschema()
    ));
}

fn tell_outline(outline: &Outline) {
    cli::say("\nFields / Các trường");
    for field in &outline.fields {
        let indent = "  ".repeat(field.depth + 1);
        cli::say(&format!("{indent}{}  {}", field.name, traits(field).join(", ")));
        let words = [field.title.clone(), field.description.clone()];
        let source = field.source.as_ref().map(|source| format!("source: {source}"));
        for line in words.into_iter().chain([source]).flatten() {
            cli::say(&format!("{indent}    {line}"));
        }
    }
    if !outline.conditions.is_empty() {
        cli::say("\nConditions / Điều kiện");
    }
    for condition in &outline.conditions {
        let place = if condition.path.is_empty() { "(record)" } else { &condition.path };
        let otherwise = condition.otherwise.iter().map(|rule| format!(", otherwise {rule}"));
        cli::say(&format!(
            "  {place}: when {}, then {}{}",
            condition.when,
            condition.then,
            otherwise.collect::<String>()
        ));
    }
    let formats = outline.formats.iter().map(|(name, rule)| (format!("format {name}"), *rule));
    tell_rules("Formats / Các dạng", formats);
    let oddities = outline.oddities.iter();
    let oddities =
        oddities.map(|(rule, places)| (format!("{} ({})", rule.code, places.join(", ")), *rule));
    tell_rules("Warnings, accepted all the same / Cảnh báo, vẫn được nhận", oddities);
}

fn tell_rules(heading: &str, rules: impl Iterator<Item = (String, &'static Rule)>) {
    for (index, (name, rule)) in rules.enumerate() {
        if index == 0 {
            cli::say(&format!("\n{heading}"));
        }
        cli::say(&format!("  {name}\n    {}\n    {}", rule.vi, rule.en));
    }
}

/// What there is to say of a field in short.
fn traits(field: &Field) -> Vec<String> {
    let types = if field.types.is_empty() { "any".to_owned() } else { field.types.join("|") };
    let required = field.required.then(|| "required".to_owned());
    [types].into_iter().chain(required).chain(field.rules.iter().cloned()).collect()
}

fn field_as_json(field: &Field) -> Value {
    json!({
        "path": field.path, "name": field.name, "depth": field.depth, "types": field.types, "required": field.required,
        "rules": field.rules, "vi": field.title, "en": field.description, "source": field.source,
    })
}

fn rule_as_json(rule: &Rule) -> Value {
    json!({ "rule": rule.code, "vi": rule.vi, "en": rule.en })
}
