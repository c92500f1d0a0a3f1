//! Adapters that the bus runs itself: every configuration of one folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lgsp_adapters::{AdapterConfig, Input, LocalPublisher, Publisher};
use lgsp_identity::Identity;
use lgsp_ingest::Ingest;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an adapter that ended with an error rests before it begins anew.
const REST: Duration = Duration::from_secs(10);

/// Reads every `.toml` file of a folder; blocks.
///
/// # Errors
/// Every fault of every file, an adapter's name that occurs twice, a client that is not registered.
pub(crate) fn load(folder: &Path, identity: &Identity) -> Result<Vec<AdapterConfig>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the adapters' folder {}", folder.display()))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("the adapters' folder {}", folder.display()))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let (mut configs, mut faults, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for file in files {
        match AdapterConfig::load(&file) {
            Err(found) => faults.extend(found.iter().map(ToString::to_string)),
            Ok(config) => {
                if !names.insert(config.name.clone()) {
                    faults.push(format!(
                        "{}: adapter.name: another adapter has the name {:?} already",
                        file.display(),
                        config.name
                    ));
                }
                if identity.registry().client(&config.client).is_none() {
                    faults.push(format!(
                        "{}: adapter.client: the registry has no client {:?}",
                        file.display(),
                        config.client.as_str()
                    ));
                }
                configs.push(config);
            }
        }
    }
    if !faults.is_empty() {
        bail!("{} faults of adapters:\n  {}", faults.len(), faults.join("\n  "));
    }
    Ok(configs)
}

/// Runs adapters until the shutdown, each with a folder of its own for what it has to remember.
pub(crate) fn run(
    configs: Vec<AdapterConfig>,
    ingest: &Ingest,
    identity: &Arc<Identity>,
    state: &Path,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    for config in configs {
        let kind = match config.input {
            Input::Files(_) => "files",
            Input::Database(_) => "database",
        };
        let (ingest, identity) = (ingest.clone(), Arc::clone(identity));
        let publisher: Arc<dyn Publisher> =
            Arc::new(LocalPublisher::new(ingest, identity, config.client.clone(), kind));
        let (state, stop) = (state.join(&config.name), stop.clone());
        tasks.spawn(async move {
            tracing::info!(adapter = config.name, kind, "an adapter runs");
            while !stop.is_cancelled() {
                let publisher = Arc::clone(&publisher);
                let ran = lgsp_adapters::run(&config, publisher, &state, stop.clone());
                match ran.await {
                    Ok(()) => return,
                    Err(error) => {
                        let error = format!("{:#}", anyhow::Error::from(error));
                        tracing::error!(
                            adapter = config.name,
                            error,
                            "an adapter ended; it begins anew"
                        );
                    }
                }
                stop.run_until_cancelled(tokio::time::sleep(REST)).await;
            }
        });
    }
}
