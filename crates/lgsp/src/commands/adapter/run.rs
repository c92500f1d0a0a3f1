//! `lgsp adapter run`.

use std::sync::Arc;

use anyhow::{Context, Result};
use lgsp_adapters::{AdapterConfig, Publisher, RemoteConfig, RemotePublisher, Tally};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Run, faults};
use crate::cli::{self, Misunderstood};

pub(super) async fn run(options: Run) -> Result<bool> {
    let mut config = AdapterConfig::load(&options.config).map_err(|found| {
        Misunderstood(format!("faults of the configuration:{}", faults(&found)))
    })?;
    if let Some(client) = options.client {
        config.client = client;
    }
    let remote = RemoteConfig {
        url: options.url,
        client: config.client.clone(),
        secret_file: options.secret_file,
        certificates: options.certificates,
        insecure_plain_text: options.insecure_plain_text,
    };
    let publisher = RemotePublisher::new(&remote, config.input.kind())
        .map_err(|error| Misunderstood(error.to_string()))?;
    let publisher: Arc<dyn Publisher> = Arc::new(publisher);

    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let stop = CancellationToken::new();
    let work = async {
        if options.once {
            let done = lgsp_adapters::run_once(&config, publisher, &options.state, stop.clone());
            anyhow::Ok(Some(done.await?))
        } else {
            lgsp_adapters::run(&config, publisher, &options.state, stop.clone()).await?;
            Ok(None)
        }
    };
    tokio::pin!(work);
    let done = tokio::select! {
        done = &mut work => done?,
        _ = terminate.recv() => stopped(&stop, &mut work).await?,
        _ = interrupt.recv() => stopped(&stop, &mut work).await?,
    };
    Ok(done.is_none_or(|tally| told(&tally) && !stop.is_cancelled()))
}

async fn stopped<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> T {
    tracing::info!("stopping after the batch at hand");
    stop.cancel();
    work.await
}

/// Tells what was done; and whether all of it went well.
fn told(tally: &Tally) -> bool {
    let Tally { files, broken_files, withheld, recorded, refused } = tally;
    cli::say(&format!(
        "{files} files ({broken_files} unreadable, {withheld} withheld): {recorded} records recorded, {refused} refused"
    ));
    *broken_files == 0 && *withheld == 0 && *refused == 0
}
