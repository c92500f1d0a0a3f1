//! `lgsp adapter`: an agency's own systems to events: try a mapping, run an adapter, judge a
//! configuration.

mod check;
mod run;
mod test;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use lgsp_adapters::ConfigFault;
use lgsp_core::identifier::ClientId;

use crate::cli::Output;

/// What to do with an adapter.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Adapter {
    /// Show what a mapping makes of sample records, and whether the result is valid.
    ///
    /// Source and result stand side by side; nothing is sent, no bus is needed. MAPPING is a mapping
    /// file (see deploy/adapters/mappings/) or an adapter's whole configuration. Exit code 0 if
    /// every record is valid, 1 if not.
    Test(Test),
    /// Run an adapter here, at the agency, and push its records to a bus elsewhere.
    ///
    /// Needs a client of that bus and the file with its secret. Records wait here while the line is
    /// down; nothing is lost or recorded twice by stops, restarts and half-sent batches. Ctrl-C
    /// stops it after the batch at hand.
    Run(Run),
    /// Judge an adapter's configuration, with its mapping and code lists, without running it.
    Check(Check),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Test {
    /// The mapping's file, or an adapter's configuration.
    mapping: PathBuf,
    /// Sample records: `.json` (one record or a list), `.jsonl`, `.csv` or `.xlsx`.
    sample: PathBuf,
    /// What stands between the columns of a `.csv`, where MAPPING does not say: `,` `;` or `tab`.
    #[arg(long, value_parser = separator, default_value = ",")]
    separator: u8,
    /// How many records are tried at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    records: u16,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    /// The adapter's configuration, e.g. deploy/adapters/files/so-ho-so.toml.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The bus: `https://HOST[:PORT]`; plain `http` on loopback only.
    #[arg(long = "to", value_name = "URL")]
    url: String,
    /// Call as this client of the bus's registry, instead of the one that the configuration names.
    #[arg(long, value_parser = client)]
    client: Option<ClientId>,
    /// The file with the client's secret.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The folder that remembers how far the adapter has come; keep it.
    #[arg(long, value_name = "FOLDER", default_value = ".lgsp-adapter")]
    state: PathBuf,
    /// Deal with the files that are there, and end; exit code 1 if something was refused.
    #[arg(long)]
    once: bool,
    /// Trust these certificates (PEM) instead of the system's.
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
    /// Send records and secret unencrypted to another machine. For trials only.
    #[arg(long)]
    insecure_plain_text: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Check {
    /// The adapter's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

pub(crate) async fn run(command: Adapter) -> Result<bool> {
    match command {
        Adapter::Test(options) => test::run(&options),
        Adapter::Run(options) => run::run(options).await,
        Adapter::Check(options) => check::run(&options),
    }
}

/// Lists the faults of a configuration or mapping.
fn faults(found: &[ConfigFault]) -> String {
    found.iter().map(|fault| format!("\n  {fault}")).collect()
}

fn separator(text: &str) -> Result<u8, String> {
    match text {
        "," => Ok(b','),
        ";" => Ok(b';'),
        "tab" | "\t" => Ok(b'\t'),
        _ => Err("expected , ; or tab".to_owned()),
    }
}

fn client(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|_| "expected 1 to 40 of a-z, 0-9 and -".to_owned())
}
