//! `lgsp up`.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::bus::{Bus, Options};
use crate::cli::{self, Up};

pub(crate) async fn run(options: Up) -> Result<bool> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let stdin_ended = cli::stdin_ended(options.until_stdin_ends);
    tokio::pin!(stdin_ended);
    let options = Options {
        data_dir: options.data.data_dir,
        port: options.port,
        kafka_port: options.kafka_port,
        kafka: options.kafka,
        topics: options.topics,
        receipts: options.receipts.config(),
        adapters: options.adapters,
        services: options.services,
        broker: options.broker,
        seed: 2026,
    };
    let started = async {
        let bus = Bus::start(options, |step| tracing::info!("{step}")).await?;
        cli::say(&format!("ready {}", bus.base_url));
        anyhow::Ok(bus)
    };
    let bus = tokio::select! {
        bus = started => bus?,
        () = &mut stdin_ended => return Ok(true),
        _ = terminate.recv() => return Ok(true),
        _ = interrupt.recv() => return Ok(true),
    };
    let failed = tokio::select! {
        error = bus.failed() => Some(error),
        () = &mut stdin_ended => None,
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    if let Some(error) = &failed {
        tracing::error!(error = %error, "the bus cannot go on");
    }
    tracing::info!("stopping; once more stops at once");
    tokio::select! {
        () = bus.stop() => failed.map_or(Ok(true), Err),
        _ = terminate.recv() => Ok(false),
        _ = interrupt.recv() => Ok(false),
    }
}
