//! `lgsp adapter check`.

use anyhow::Result;
use lgsp_adapters::{AdapterConfig, ConfigFault, Input};
use lgsp_schema::Schemas;
use serde_json::{Value, json};

use super::Check;
use crate::cli::{self, Output};

pub(super) fn run(options: &Check) -> Result<bool> {
    let file = options.config.display().to_string();
    let faults = match AdapterConfig::load(&options.config) {
        Err(faults) => faults,
        Ok(config) => beyond_the_file(&file, &config)?,
    };
    match options.output {
        Output::Json => {
            let faults: Vec<Value> = faults.iter().map(as_json).collect();
            cli::say(&json!({"valid": faults.is_empty(), "faults": faults}).to_string());
        }
        Output::Table if faults.is_empty() => cli::say(&format!("{file}: no faults")),
        Output::Table => faults.iter().for_each(|fault| cli::say(&fault.to_string())),
    }
    Ok(faults.is_empty())
}

/// Judges what the file alone cannot tell.
fn beyond_the_file(file: &str, config: &AdapterConfig) -> Result<Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let schemas = Schemas::bundled()?;
    let event_type = config.event_type.as_str();
    if !schemas.kinds().any(|kind| kind.event_type() == event_type) {
        let expected = format!("an event type of the bus instead of {event_type:?}");
        faults.push(ConfigFault::of_file(file, expected));
    }
    if let Input::Files(files) = &config.input
        && !files.folder.is_dir()
    {
        let expected = format!("the folder {}, which is missing", files.folder.display());
        faults.push(ConfigFault::of_file(file, expected));
    }
    Ok(faults)
}

fn as_json(fault: &ConfigFault) -> Value {
    let ConfigFault { file, line, key, expected, found } = fault;
    json!({"file": file, "line": line, "key": key, "expected": expected, "found": found})
}
