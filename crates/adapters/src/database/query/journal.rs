//! How far a query has come, in two small files: where to go on, and what need not be sent again.
//!
//! Both may be lost: rows are then published again under the same ids. Neither holds a row's data
//! or key: watermarks, and digests.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lgsp_core::digest::Digest128;
use serde::{Deserialize, Serialize};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::database::DatabaseError;

/// How many rows within the overlap are remembered at most: some 4 MB.
pub(super) const MAX_SEEN: usize = 100_000;

/// The largest file that is read back, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The column that all of this is about.
    column: String,
    /// Up to which watermark the last whole pass went.
    pub(super) high: Option<String>,
    /// The pass that is not whole yet.
    pub(super) pass: Option<Pass>,
}

/// A pass over the rows, from behind the last one's end to the newest at its own beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    /// The newest watermark when the pass began: its end.
    pub(super) until: String,
    /// From which watermark on its rows will be met again by the next one.
    pub(super) near: String,
    /// Up to which watermark its rows are settled; one that is equal may not be.
    pub(super) after: Option<String>,
}

/// How long a predecessor may take to let go of the journal.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// What an adapter remembers of its query; nobody else may have it open.
pub(in crate::database) struct Journal {
    _lock: std::fs::File,
    position_file: PathBuf,
    seen_file: PathBuf,
    position: Position,
    seen: HashSet<Digest128>,
}

impl Journal {
    /// Reads what an adapter of this name left in a folder, or begins. Blocks for the lock file.
    ///
    /// # Errors
    /// When the folder cannot be used, an adapter of this name runs on it, or what lies there is
    /// about another watermark.
    pub(in crate::database) async fn open(
        folder: &Path,
        name: &str,
        column: &str,
    ) -> Result<Self, DatabaseError> {
        fs::create_dir_all(folder).await.map_err(|error| unusable(folder, error.kind()))?;
        let lock_file = folder.join(format!("{name}.database.lock"));
        let lock = std::fs::File::create(&lock_file)
            .map_err(|error| unusable(&lock_file, error.kind()))?;
        let asked = Instant::now();
        while lock.try_lock().is_err() {
            // One that ends this moment may still have it, or a process forked from it.
            if asked.elapsed() >= LOCK_PATIENCE {
                return Err(unusable(&lock_file, "an adapter of this name runs on it"));
            }
            tokio::time::sleep(LOCK_PATIENCE / 20).await;
        }
        let position_file = folder.join(format!("{name}.database.json"));
        let seen_file = folder.join(format!("{name}.database.seen.json"));
        let begin = || Position { column: column.to_owned(), high: None, pass: None };
        let position: Position = read(&position_file).await?.unwrap_or_else(begin);
        if position.column != column {
            let told = format!(
                "it is about the watermark {}; remove it to publish every row again",
                position.column
            );
            return Err(DatabaseError::State { file: position_file, reason: told });
        }
        let seen: Vec<u128> = read(&seen_file).await?.unwrap_or_default();
        let seen = seen.into_iter().map(|digest| Digest128(digest.to_be_bytes())).collect();
        Ok(Self { _lock: lock, position_file, seen_file, position, seen })
    }

    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// Tells whether a row was settled in the last whole pass.
    pub(super) fn has_seen(&self, id: &Digest128) -> bool {
        self.seen.contains(id)
    }

    /// Remembers where to go on; durable when it returns.
    pub(super) async fn go_on(
        &mut self,
        high: Option<String>,
        pass: Option<Pass>,
    ) -> Result<(), DatabaseError> {
        let column = self.position.column.clone();
        let position = Position { column, high, pass };
        if position != self.position {
            write(&self.position_file, &position).await?;
            self.position = position;
        }
        Ok(())
    }

    /// Remembers which rows the next pass meets again.
    pub(super) async fn remember(&mut self, seen: HashSet<Digest128>) -> Result<(), DatabaseError> {
        if seen != self.seen {
            let digests: Vec<u128> =
                seen.iter().map(|digest| u128::from_be_bytes(digest.0)).collect();
            write(&self.seen_file, &digests).await?;
            self.seen = seen;
        }
        Ok(())
    }
}

fn unusable(file: &Path, reason: impl ToString) -> DatabaseError {
    DatabaseError::State { file: file.to_owned(), reason: reason.to_string() }
}

/// Reads a file; `None` when there is none.
async fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<Option<T>, DatabaseError> {
    let opened = match File::open(file).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| unusable(file, error.kind()))?,
    };
    let mut text = Vec::new();
    let read = opened.take(MAX_BYTES).read_to_end(&mut text).await;
    read.map_err(|error| unusable(file, error.kind()))?;
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|_| {
        unusable(file, "it is not what the adapter wrote; remove it to publish every row again")
    })
}

/// Replaces a file: whole and durable, or as it was.
async fn write<T: Serialize>(file: &Path, content: &T) -> Result<(), DatabaseError> {
    let written = async {
        let fresh = file.with_extension("json.new");
        let mut opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .await?;
        opened.write_all(&serde_json::to_vec(content)?).await?;
        opened.sync_all().await?;
        fs::rename(&fresh, file).await?;
        match file.parent() {
            Some(folder) => File::open(folder).await?.sync_all().await,
            None => Ok(()),
        }
    };
    written.await.map_err(|error: std::io::Error| unusable(file, error.kind()))
}
