//! The database adapter: an agency's PostgreSQL, in one of two forms.
//!
//! * **Outbox**: the application writes each event to a table of its own, in the transaction of
//!   the change itself. Nothing that was committed is missed, in the order of each entity.
//! * **Query**: a declared `select` over tables that nobody may change, with a column that grows
//!   with every change. What it can miss by its nature stands in the module of the reader.
//!
//! Both publish each row at least once, always under the same id, so that the bus keeps one; a
//! row is done only when the broker has it or it lies among the dead letters. The adapter may be
//! stopped, killed or cut off at any point.

mod config;
mod connection;
mod error;
mod line;
mod outbox;
mod query;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::AdapterConfig;
use crate::publisher::Publisher;
pub use config::{DatabaseConfig, Form, Outbox, Overlap, Query};
use connection::Server;
pub use error::DatabaseError;
use line::Line;
use query::Journal;

/// The first and the longest wait for a database that is away; a session that lasted as long as
/// the longest counts as a new beginning.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Publishes the rows of a database until `stop`; keeps in `state_dir` how far a query has come.
///
/// A database that is away, refuses or lacks a table is tried again, with a line in the log. The
/// future may be dropped at any point.
///
/// # Errors
/// When what the adapter itself needs cannot be used: its certificates, its state.
pub async fn run(
    config: &AdapterConfig,
    database: &DatabaseConfig,
    publisher: Arc<dyn Publisher>,
    state_dir: &Path,
    stop: CancellationToken,
) -> Result<(), DatabaseError> {
    let server = Server::new(database, &config.name)?;
    let mut reader = match &database.form {
        Form::Outbox(outbox) => Reader::Outbox(outbox),
        Form::Query(query) => {
            let journal = Journal::open(state_dir, &config.name, &query.watermark).await?;
            Reader::Query(query, Box::new(journal))
        }
    };
    let woken = Arc::new(Notify::new());
    let line = Line { config, database, publisher: &*publisher, woken: &woken, stop: &stop };
    let mut backoff = BACKOFF.0;
    while !line.is_stopping() {
        let began = Instant::now();
        let Err(error) = session(&server, &line, &woken, &mut reader).await else { break };
        if began.elapsed() >= BACKOFF.1 {
            backoff = BACKOFF.0;
        }
        let (adapter, retry_ms) = (&config.name, backoff.as_millis());
        match error {
            DatabaseError::Declared(_) => {
                tracing::error!(%adapter, %error, retry_ms, "the database is not as declared");
            }
            _ => tracing::warn!(%adapter, %error, retry_ms, "the database cannot be read now"),
        }
        line.wait(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.1);
    }
    Ok(())
}

/// What outlives a session.
enum Reader<'a> {
    Outbox(&'a Outbox),
    Query(&'a Query, Box<Journal>),
}

/// Reads for as long as one session lasts; success means that the adapter stops.
async fn session(
    server: &Server,
    line: &Line<'_>,
    woken: &Arc<Notify>,
    reader: &mut Reader<'_>,
) -> Result<(), DatabaseError> {
    let connected = tokio::select! {
        connected = server.connect(woken.clone()) => connected?,
        () = line.stop.cancelled() => return Ok(()),
    };
    let (mut client, driver) = connected;
    let work = async {
        match reader {
            Reader::Outbox(outbox) => outbox::publish(&client, outbox, line).await,
            Reader::Query(query, journal) => {
                query::publish(&mut client, query, journal, line).await
            }
        }
    };
    tokio::select! {
        // First: it knows why the session ended, the statement only that it did.
        biased;
        ended = driver => Err(ended),
        done = work => done,
    }
}
