//! How far a file has come: a small file that is written after each batch's outcomes.
//!
//! Whatever was published after the last writing is published again under the same ids.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The largest journal that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// How far the file at hand has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The file's name.
    pub(super) name: String,
    /// SHA-256 of its content, hexadecimal.
    pub(super) sha256: String,
    /// The last row whose outcome is settled; 0 before the first.
    pub(super) row: u64,
    /// How long its result was then, in bytes; what follows is written again.
    pub(super) result_bytes: u64,
    /// How many rows were recorded.
    pub(super) recorded: u64,
    /// How many rows were set aside.
    pub(super) refused: u64,
    /// Where the file goes; its result is complete.
    pub(super) put_away: Option<PutAway>,
}

/// Where a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PutAway {
    /// Every row has its outcome.
    Done,
    /// It, or its rest, cannot be read.
    Broken,
}

/// The journal of one adapter; nobody else may have it open.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    _lock: File,
}

impl Journal {
    /// Opens the journal of an adapter in the state folder. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be used, or an adapter of the same name runs on it:
    /// [`io::ErrorKind::ResourceBusy`].
    pub(super) fn open(state_dir: &Path, adapter: &str) -> io::Result<Self> {
        fs::create_dir_all(state_dir)?;
        let lock = File::create(state_dir.join(format!("{adapter}.files.lock")))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
            TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: state_dir.join(format!("{adapter}.files.json")), _lock: lock })
    }

    /// Reads what was last written; `None` before that. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub(super) fn read(&self) -> io::Result<Option<Progress>> {
        match crate::config::read_text(&self.path, MAX_BYTES) {
            Ok(text) => Ok(serde_json::from_str(&text)?),
            Err(_) if !self.path.exists() => Ok(None),
            Err(problem) => Err(io::Error::other(problem)),
        }
    }

    /// Writes, durably and whole or not at all. Blocks.
    ///
    /// # Errors
    /// When that is not certain.
    pub(super) fn write(&self, progress: Option<&Progress>) -> io::Result<()> {
        let new = self.path.with_extension("json.tmp");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&progress)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_written_last_for_one_adapter_alone() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(home.path(), "so").unwrap();
        assert_eq!(journal.read().unwrap(), None);
        let progress = Progress { row: 7, put_away: Some(PutAway::Done), ..Progress::default() };
        journal.write(Some(&progress)).unwrap();
        let busy = Journal::open(home.path(), "so").unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        drop(journal);
        let journal = Journal::open(home.path(), "so").unwrap();
        assert_eq!(journal.read().unwrap(), Some(progress));
        journal.write(None).unwrap();
        assert_eq!(journal.read().unwrap(), None);
        fs::write(home.path().join("so.files.json"), "{").unwrap();
        assert!(journal.read().is_err(), "what cannot be read is not taken for a new beginning");
    }
}
