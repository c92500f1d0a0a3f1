//! `lgsp sim`.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use lgsp_sim::platform::{self, SimConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, OtherSim, Sim};
use crate::data_dir::DataDir;

pub(crate) async fn run(options: Sim) -> Result<bool> {
    if let Some(OtherSim::Traffic(options)) = options.other {
        return super::traffic::run(options).await;
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    // Alone it makes the folder; as a child it finds one, which its parent holds.
    let data = match options.until_stdin_ends {
        true => DataDir::existing(&options.data.data_dir)?,
        false => DataDir::prepare(&options.data.data_dir)?.0,
    };
    let config = SimConfig {
        consumer_key: data.secret("platform-consumer-key")?,
        consumer_secret: data.secret("platform-consumer-secret")?,
        access_key: data.secret("platform-access-key")?,
        secret_key: data.secret("platform-secret-key")?,
        seed: options.seed,
        latency_ms: options.latency_ms,
        token_seconds: SimConfig::TOKEN_SECONDS,
        faults: options.faults,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("port {} is taken: choose another with --port (0 takes a free one)", options.port)
    })?;
    let shutdown = CancellationToken::new();
    let url = format!("http://{}", listener.local_addr()?);
    let serving = platform::serve(listener, config, shutdown.clone());
    cli::say(&format!("ready {url}"));
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = cli::stdin_ended(options.until_stdin_ends) => {}
        }
        shutdown.cancel();
        // A reader that waits for standard input cannot be cancelled, so the process is ended.
        anyhow::Ok(())
    };
    tokio::select! {
        served = serving => served.context("the simulator failed").map(|()| true),
        _ = told => Ok(true),
    }
}
