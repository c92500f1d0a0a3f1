//! The `lgsp` program: the data bus of a province.
//!
//! **For:** reading the command line, wiring the rooms together, starting and stopping them.
//!
//! **Must never know:** rules of the field; they stand in the rooms.
//!
//! **Start reading** at [`cli`], then [`bus`].

mod adapters;
mod bus;
mod caller;
mod cli;
mod commands;
mod data_dir;
mod dossiers;
mod operations;
mod receipts;
mod services;
mod shared;
mod simulator;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// The command did what it was asked to.
const DONE: u8 = 0;
/// It could not, or what it judged has faults.
const FAILED: u8 = 1;
/// What was typed is not understood (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { USAGE } else { DONE });
        }
    };
    if let Err(fault) = lgsp_telemetry::logs::start(cli.log_format.into(), cli.log()) {
        cli::complain(&anyhow::anyhow!("--log: {fault}"));
        return ExitCode::from(USAGE);
    }
    // Fails only when it is installed already.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::complain(&anyhow::Error::new(error).context("cannot start"));
            return ExitCode::from(FAILED);
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Up(options) => commands::up::run(options).await,
            Command::Demo(options) => commands::demo::run(options).await,
            Command::Token(options) => commands::token::run(&options),
            Command::Lag(options) => commands::lag::run(&options).await,
            Command::Topics(options) => commands::topics::run(&options).await,
            Command::Check(options) => commands::check::run(&options).await,
            Command::Registry(registry) => commands::registry::run(&registry.command),
            Command::Schema(command) => commands::schema::run(&command),
            Command::Adapter(command) => commands::adapter::run(command).await,
            Command::Audit(command) => commands::audit::run(command).await,
            Command::Sim(options) => commands::sim::run(options).await,
        }
    });
    // What still runs on blocking threads has had its time.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(true) => ExitCode::from(DONE),
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            cli::complain(&error);
            ExitCode::from(if error.is::<cli::Misunderstood>() { USAGE } else { FAILED })
        }
    }
}
