//! `lgsp schema list`.

use anyhow::Result;
use serde_json::{Value, json};

use super::List;
use crate::cli::{self, Output};
use crate::table::plain;

pub(super) fn run(options: &List) -> Result<bool> {
    let schemas = options.folder.load()?;
    let kinds = schemas.kinds().map(|kind| {
        let document: Value = serde_json::from_slice(kind.document()).unwrap_or_default();
        let title = document.get("title").and_then(Value::as_str).unwrap_or_default();
        (kind, title.to_owned())
    });
    match options.output {
        Output::Json => {
            let rows = kinds.map(|(kind, title)| {
                json!({
                    "type": kind.event_type(), "version": kind.version(), "topic": kind.topic(),
                    "key": kind.key_pointer(), "dataschema": kind.dataschema(), "title": title,
                })
            });
            cli::say(&json!({ "schemas": rows.collect::<Vec<_>>() }).to_string());
        }
        Output::Table => {
            let rows = kinds.map(|(kind, title)| {
                [kind.event_type(), kind.version(), kind.topic(), kind.key_pointer(), &title]
                    .map(str::to_owned)
            });
            cli::say(&plain(["TYPE", "VERSION", "TOPIC", "KEY", "TITLE"], rows));
        }
    }
    Ok(true)
}
