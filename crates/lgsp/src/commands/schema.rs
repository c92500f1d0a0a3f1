//! `lgsp schema`: the schemas, without a running bus and without a network.

mod diff;
mod explain;
mod input;
mod list;
mod validate;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use lgsp_schema::{EventKind, Schemas};

use crate::cli::{Misunderstood, Output};

/// What to do with the schemas.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Schema {
    /// List the event types, each with its versions.
    List(List),
    /// Tell what a record of a type must hold: fields, rules, a valid example.
    ///
    /// For example `lgsp schema explain lgsp.citizen.recorded.v1`.
    #[command(disable_version_flag = true)]
    Explain(Explain),
    /// Judge records as the bus would, without sending them.
    ///
    /// A file holds one JSON record, a JSON list of them, or JSON Lines (one record a line); `-` is
    /// standard input. A CloudEvents envelope (structured mode) names its type itself; for bare
    /// records `--type` does. Of an envelope only `type`, `dataschema` and `data` are judged. Every
    /// violation and warning is told with its place, never with the value. Exit code 0 if every
    /// record is valid, 1 if not.
    Validate(Validate),
    /// Tell which changes between two versions of a schema break whom.
    ///
    /// Backward: readers with NEW take all data that was valid by OLD. Forward: readers with OLD
    /// take all data that is valid by NEW. What cannot be proven compatible is told as breaking.
    /// OLD and NEW are files of JSON Schema 2020-12, or `type@version` of the bus's own, e.g.
    /// `lgsp.dossier.recorded.v1@1.0`. Exit code 0 if compatible as required, 1 if not, 64 if one
    /// of the two is not understood.
    Diff(Diff),
}

/// Which schemas are meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct Folder {
    /// Use the schemas of this folder (`<name>/v<major>.<minor>.json`) instead of the bundled ones.
    #[arg(long, value_name = "FOLDER")]
    schemas: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    #[command(flatten)]
    folder: Folder,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Explain {
    /// The event type, e.g. `lgsp.dossier.recorded.v1`.
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// The version, e.g. `1.0`; without it the newest.
    #[arg(long)]
    version: Option<String>,
    #[command(flatten)]
    folder: Folder,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Validate {
    /// Files of records; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The event type of records without an envelope, or `type@version`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    #[command(flatten)]
    folder: Folder,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Diff {
    /// The version before the change: a file, or `type@version`.
    old: String,
    /// The version after the change: a file, or `type@version`.
    new: String,
    /// What must hold for exit code 0.
    #[arg(long, value_enum, default_value = "backward")]
    require: Requirement,
    #[command(flatten)]
    folder: Folder,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

/// Which compatibility is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Requirement {
    /// Readers with the new schema take old data.
    Backward,
    /// Readers with the old schema take new data.
    Forward,
    /// Both.
    Full,
    /// Nothing: only tell.
    None,
}

pub(crate) fn run(command: &Schema) -> Result<bool> {
    match command {
        Schema::List(options) => list::run(options),
        Schema::Explain(options) => explain::run(options),
        Schema::Validate(options) => validate::run(options),
        Schema::Diff(options) => diff::run(options),
    }
}

impl Folder {
    fn load(&self) -> Result<Schemas> {
        Ok(match &self.schemas {
            Some(folder) => Schemas::load(folder)?,
            None => Schemas::bundled()?,
        })
    }
}

/// Finds a type in a version, or in the newest one.
fn find<'s>(
    schemas: &'s Schemas,
    event_type: &str,
    version: Option<&str>,
) -> Result<&'s EventKind, Misunderstood> {
    let fitting = schemas.kinds().filter(|kind| {
        kind.event_type() == event_type && version.is_none_or(|version| kind.version() == version)
    });
    fitting.last().ok_or_else(|| {
        let known = schemas.kinds().map(|kind| format!("{}@{}", kind.event_type(), kind.version()));
        let asked = version
            .map_or_else(|| event_type.to_owned(), |version| format!("{event_type}@{version}"));
        Misunderstood(format!(
            "there is no schema {asked}; there are {}",
            known.collect::<Vec<_>>().join(", ")
        ))
    })
}

/// Finds a type that is named as `type` or `type@version`.
fn find_named<'s>(schemas: &'s Schemas, name: &str) -> Result<&'s EventKind, Misunderstood> {
    match name.split_once('@') {
        Some((event_type, version)) => find(schemas, event_type, Some(version)),
        None => find(schemas, name, None),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}
