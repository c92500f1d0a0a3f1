//! The log: one line an event, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// For a machine: one JSON object a line.
    Json,
}

/// Libraries of the wire, which write headers (tokens) and bodies (people) where asked for details.
const DISCREET: &str = "h2=info,hyper=info,hyper_util=info,reqwest=info,tonic=info,tower=info,rustls=info,rdkafka=info,tokio_postgres=warn";

/// Starts the log on standard error; a second call changes nothing.
///
/// `filter` is a directive list as `tracing_subscriber` takes it, e.g. `info,lgsp=debug`. Whatever
/// it says, the libraries of the wire tell no details: those hold tokens and records.
///
/// # Errors
/// The filter's fault, in its own words.
pub fn start(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(format!("{filter},{DISCREET}")).map_err(|error| error.to_string())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_timer(SystemTime);
    match format {
        LogFormat::Text => builder.compact().try_init().ok(),
        LogFormat::Json => builder.json().try_init().ok(),
    };
    Ok(())
}
