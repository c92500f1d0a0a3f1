//! The files adapter: a watched folder of CSV, XLSX or JSON Lines files.
//!
//! A file that is complete is published row by row, in batches. After each batch its result file
//! `<name>.ket-qua.csv` and the journal are written; a restart goes on behind the last noted row
//! and publishes what came after it again, under the same ids. A row that is refused goes to the
//! dead letters and into the result; nobody waits behind it. A finished file goes to `da-xu-ly/`,
//! one that cannot be read to `loi/`, each with its result. One that has changed meanwhile is read
//! anew; one whose result cannot be written stays, and others go on.

mod away;
mod batch;
mod config;
mod folder;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod journal;
mod process;
mod result;
mod rows;
mod sample;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::AdapterConfig;
use crate::publisher::Publisher;
pub use config::{FilesConfig, Format};
use folder::{Look, Watch};
use journal::Journal;
use process::{Desk, Fate};
pub use sample::{SampleError, SampleRow, sample};

/// Why a files adapter cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// An adapter of the same name runs on the same state folder.
    #[error("another adapter {name:?} runs on the state folder {}", path.display())]
    InUse {
        /// The adapter.
        name: String,
        /// The state folder.
        path: PathBuf,
    },
    /// The state folder cannot be used.
    #[error("cannot use the state folder {}", path.display())]
    State {
        /// The state folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The watched folder, or a file in it, cannot be read or moved.
    #[error("cannot use the watched folder {}", path.display())]
    Folder {
        /// The watched folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What an adapter has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Files put away.
    pub files: u64,
    /// Of them those that could not be read, or not to their end.
    pub broken_files: u64,
    /// Times that a file could not be read for a reason of the system's, and was left there.
    pub withheld: u64,
    /// Rows recorded, also those that had been recorded before.
    pub recorded: u64,
    /// Rows refused and set aside.
    pub refused: u64,
}

/// When an adapter ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is asked to stop.
    Stopped,
    /// When nothing is left in the folder, or it is asked to stop.
    Empty,
}

/// Publishes the files of a folder; keeps in `state_dir` how far the file at hand has come.
///
/// A folder that is away is looked at again, with a line in the log. The future may be dropped at
/// any point.
///
/// # Errors
/// When the state folder cannot be used; with [`Until::Empty`] also at the first thing that cannot
/// be read or written.
pub async fn run(
    config: &AdapterConfig,
    files: &FilesConfig,
    publisher: Arc<dyn Publisher>,
    state_dir: &Path,
    until: Until,
    stop: CancellationToken,
) -> Result<Tally, FilesError> {
    let tasks = TaskTracker::new();
    let (path, name) = (state_dir.to_owned(), config.name.clone());
    let opened = tasks.spawn_blocking(move || Journal::open(&path, &name)).await;
    let state = |source: io::Error| match source.kind() {
        io::ErrorKind::ResourceBusy => {
            FilesError::InUse { name: config.name.clone(), path: state_dir.to_owned() }
        }
        _ => FilesError::State { path: state_dir.to_owned(), source },
    };
    let journal = opened.map_err(io::Error::other).flatten().map_err(state)?;
    let journal = Arc::new(journal);
    let desk = Desk {
        config,
        files,
        publisher: &*publisher,
        journal: &journal,
        tasks: &tasks,
        stop: &stop,
    };
    let tally = watch(&desk, until).await;
    tasks.close();
    tasks.wait().await;
    tally
}

async fn watch(desk: &Desk<'_>, until: Until) -> Result<Tally, FilesError> {
    let mut tally = Tally::default();
    let mut seen = Watch::default();
    while !desk.stop.is_cancelled() {
        let is_left = match look_and_work(desk, &mut seen, &mut tally).await {
            Ok(is_left) => is_left,
            Err(source) if until == Until::Empty => {
                return Err(FilesError::Folder { path: desk.files.folder.clone(), source });
            }
            Err(error) => {
                tracing::error!(adapter = %desk.config.name, %error, "the folder or a file in it cannot be used");
                true
            }
        };
        if until == Until::Empty && !is_left {
            break;
        }
        tokio::select! {
            () = desk.stop.cancelled() => {}
            () = tokio::time::sleep(desk.files.poll) => {}
        }
    }
    Ok(tally)
}

/// Looks into the folder once and deals with what is complete; tells whether more may come of
/// what is there.
async fn look_and_work(desk: &Desk<'_>, seen: &mut Watch, tally: &mut Tally) -> io::Result<bool> {
    let files = desk.files.clone();
    let mut watch = std::mem::take(seen);
    // It holds the journal's lock, as all work does that renames files.
    let lock = desk.journal.clone();
    let looked = desk.tasks.spawn_blocking(move || {
        let extension = files.format.extension();
        let look = away::recover(&files.folder, extension)
            .and_then(|()| watch.look(&files.folder, extension, files.settle));
        drop(lock);
        (watch, look)
    });
    let (watch, look) = looked.await.map_err(io::Error::other)?;
    *seen = watch;
    let Look { ready, mut is_waiting } = look?;
    for candidate in ready {
        match desk.process(&candidate).await? {
            Fate::Stopped => return Ok(true),
            Fate::Changed => is_waiting = true,
            Fate::Withheld => {
                seen.rest(&candidate);
                tally.withheld += 1;
            }
            Fate::PutAway { recorded, refused, broken } => {
                tally.files += 1;
                tally.broken_files += u64::from(broken);
                tally.recorded += recorded;
                tally.refused += refused;
                tracing::info!(adapter = %desk.config.name, recorded, refused, broken, "file put away");
            }
        }
    }
    Ok(is_waiting)
}
