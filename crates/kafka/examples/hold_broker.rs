//! Starts a broker, says its process id, and holds it until killed: for the test that kills it.
//!
//! Arguments: data folder, folder of the jars.

use std::io::Write as _;

use anyhow::Context as _;
use lgsp_kafka::{Broker, BrokerConfig};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let data_dir = arguments.next().context("which data folder?")?.into();
    let libs = arguments.next().context("which folder of jars?")?.into();
    let config = BrokerConfig { data_dir, port: 0, libs, java: "java".into(), heap_mib: 256 };
    let broker = Broker::start(config, CancellationToken::new(), &TaskTracker::new()).await?;
    let pid = broker.pid().context("no broker runs")?;
    writeln!(std::io::stdout(), "{pid}")?;
    broker.stopped().await;
    Ok(())
}
