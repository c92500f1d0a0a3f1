//! Running an adapter, whichever it is: inside the bus or at the agency.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{AdapterConfig, Input};
use crate::database::{self, DatabaseError};
use crate::files::{self, FilesError, Tally, Until};
use crate::publisher::Publisher;

/// Why an adapter ended.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A files adapter cannot go on.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A database adapter cannot go on.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A database has no end.
    #[error("a database adapter runs until it is stopped; only files come to an end")]
    Endless,
}

/// Publishes what an adapter's input holds until `stop`; keeps in `state_dir` how far it has come.
///
/// When it is stopped it ends behind the batch at hand, or at once while the bus cannot take that.
/// The future may be dropped at any point: a new run goes on where this one was, publishes what was
/// not noted yet under the same ids, and leaves nothing out.
///
/// # Errors
/// When what the adapter itself needs cannot be used. A bus, folder or database that is away is
/// waited for.
pub async fn run(
    config: &AdapterConfig,
    publisher: Arc<dyn Publisher>,
    state_dir: &Path,
    stop: CancellationToken,
) -> Result<(), AdapterError> {
    match &config.input {
        Input::Files(input) => {
            files::run(config, input, publisher, state_dir, Until::Stopped, stop).await?;
        }
        Input::Database(input) => {
            database::run(config, input, publisher, state_dir, stop).await?;
        }
    }
    Ok(())
}

/// Publishes what is there now and ends, as [`run`] does otherwise; tells what was done.
///
/// # Errors
/// As [`run`]; at the first thing that cannot be read or written; [`AdapterError::Endless`] for a
/// database.
pub async fn run_once(
    config: &AdapterConfig,
    publisher: Arc<dyn Publisher>,
    state_dir: &Path,
    stop: CancellationToken,
) -> Result<Tally, AdapterError> {
    match &config.input {
        Input::Files(input) => {
            Ok(files::run(config, input, publisher, state_dir, Until::Empty, stop).await?)
        }
        Input::Database(_) => Err(AdapterError::Endless),
    }
}
