//! The simulated national platform as a child process with its own loopback port.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data_dir::DataDir;

/// How long the child may take to say that it is ready.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before a child that died is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);

struct Running {
    child: Child,
    /// The child ends when this pipe closes: with this process, however that ends.
    _pipe: ChildStdin,
    base_url: String,
}

/// Starts the child and keeps it running, at one address, until the shutdown; returns the address.
pub(crate) async fn start(
    data: &DataDir,
    seed: u64,
    shutdown: CancellationToken,
    tasks: &TaskTracker,
) -> Result<String> {
    let mut running = launch(data, seed, 0).await?;
    let base_url = running.base_url.clone();
    let port = base_url
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .context("the simulator's address has no port")?;
    let data = data.clone();
    tasks.spawn(async move {
        while shutdown.run_until_cancelled(running.child.wait()).await.is_some() {
            tracing::warn!("the simulated national platform ended: it is started again");
            loop {
                if shutdown.run_until_cancelled(tokio::time::sleep(RESTART_AFTER)).await.is_none() {
                    return;
                }
                match launch(&data, seed, port).await {
                    Ok(again) => {
                        running = again;
                        break;
                    }
                    Err(error) => tracing::warn!(error = %format!("{error:#}"), "the simulator could not be started"),
                }
            }
        }
        running.child.kill().await.ok();
    });
    Ok(base_url)
}

async fn launch(data: &DataDir, seed: u64, port: u16) -> Result<Running> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut child = Command::new(program)
        .arg("sim")
        .arg("--data-dir")
        .arg(data.path())
        .args(["--port", &port.to_string(), "--seed", &seed.to_string(), "--until-stdin-ends"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C at a terminal is for this process, which then ends its children in order.
        .process_group(0)
        .spawn()
        .context("the simulator could not be started")?;
    let (Some(pipe), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        bail!("the simulator has no pipes")
    };
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(START_TIMEOUT, lines.next_line())
        .await
        .context("the simulator did not start in time")?;
    let line =
        line.context("the simulator cannot be read")?.context("the simulator ended at once")?;
    let base_url = line
        .strip_prefix("ready ")
        .context("the simulator did not say that it is ready")?
        .to_owned();
    Ok(Running { child, _pipe: pipe, base_url })
}
