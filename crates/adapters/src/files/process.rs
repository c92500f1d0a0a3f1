//! One file, from its beginning, or from where it was left, to the folder of finished files.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use lgsp_core::digest::hex;
use lgsp_core::rule;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::away;
use super::batch::{Batches, Key};
use super::config::{FilesConfig, Format};
use super::folder::Candidate;
use super::journal::{Journal, Progress, PutAway};
use super::result::{self, Lines};
use super::rows::{self, FileBreach, FileFault, Row};
use crate::config::AdapterConfig;
use crate::delivery::{self, Item, Settled};
use crate::mapping::Trace;
use crate::publisher::Publisher;

/// How many rows are read ahead.
const READ_AHEAD: usize = 16;

/// The first and the longest wait of our own when a batch makes no way.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is put away, with so many rows recorded and refused.
    PutAway { recorded: u64, refused: u64, broken: bool },
    /// The system does not give it, or does not take its result, now.
    Withheld,
    /// It has changed while it was read: it is looked at again.
    Changed,
    /// The adapter shall stop; what is settled is noted.
    Stopped,
}

/// What the work on one file needs.
pub(super) struct Desk<'a> {
    pub(super) config: &'a AdapterConfig,
    pub(super) files: &'a FilesConfig,
    pub(super) publisher: &'a dyn Publisher,
    pub(super) journal: &'a Arc<Journal>,
    pub(super) tasks: &'a TaskTracker,
    pub(super) stop: &'a CancellationToken,
}

/// Why reading ended.
type ReadEnd = Result<(), FileFault>;

/// Why the work on a file ends before its end.
enum Halt {
    /// For what became of the file.
    Fate(Fate),
    /// For what all files need.
    Failed(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Desk<'_> {
    /// Publishes what a file holds and puts it away.
    ///
    /// # Errors
    /// When the journal cannot be read or written, or the file not be moved; the same call goes on
    /// where this one ended.
    pub(super) async fn process(&self, candidate: &Candidate) -> io::Result<Fate> {
        match self.work(candidate).await {
            Ok(fate) | Err(Halt::Fate(fate)) => Ok(fate),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    async fn work(&self, candidate: &Candidate) -> Result<Fate, Halt> {
        let opened = candidate.clone();
        let opened = self.blocking(move || opened.open().and_then(digested)).await;
        self.demand_same(candidate).await?;
        let (file, sha256) = opened.map_err(|error| self.withheld(&error))?;
        let mut progress = self.progress(candidate, &sha256).await?;
        if progress.put_away.is_none() {
            self.begin(candidate, &mut progress).await?;
            let end = match self.publish(file, candidate, &sha256, &mut progress).await? {
                Err(FileFault::Io(error)) => return Err(self.withheld(&error)),
                Err(FileFault::Content(breaches)) => Err(breaches),
                Ok(()) => Ok(()),
            };
            // Whatever came into the file, or to its name, while the last batch waited is unread.
            self.demand_same(candidate).await?;
            self.conclude(candidate, end, &mut progress).await?;
        }
        self.put_away(candidate, &progress).await
    }

    /// Finds out how far the file has come.
    async fn progress(&self, candidate: &Candidate, sha256: &[u8; 32]) -> io::Result<Progress> {
        let journal = self.journal.clone();
        let before = self.blocking(move || journal.read()).await?;
        let new = Progress { name: candidate.name(), sha256: hex(sha256), ..Progress::default() };
        let same = |it: &Progress| (&it.name, &it.sha256) == (&new.name, &new.sha256);
        Ok(before.filter(same).unwrap_or(new))
    }

    /// Makes sure of the file's result before anything of the file is published: one that cannot be
    /// written must not have the file published at each look, nor hold up others.
    async fn begin(&self, candidate: &Candidate, progress: &mut Progress) -> Result<(), Halt> {
        let (path, separator, at) =
            (candidate.path.clone(), self.separator(), progress.result_bytes);
        let begun = self.blocking(move || result::begin(&path, separator, at)).await;
        progress.result_bytes = begun.map_err(|error| self.withheld(&error))?;
        Ok(())
    }

    /// Publishes batch by batch; returns how the reading ended.
    async fn publish(
        &self,
        file: File,
        candidate: &Candidate,
        sha256: &[u8; 32],
        progress: &mut Progress,
    ) -> Result<ReadEnd, Halt> {
        let (give, rows) = mpsc::channel(READ_AHEAD);
        let format = self.files.format.clone();
        let columns: Vec<_> =
            self.config.mapping.columns().into_iter().map(str::to_owned).collect();
        let from = progress.row;
        let reading =
            self.tasks.spawn_blocking(move || read_after(from, file, &format, &columns, &give));
        let mut batches = Batches::new(self.config, sha256, rows);
        loop {
            let batch = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Halt::Fate(Fate::Stopped)),
                batch = batches.next() => batch,
            };
            if batch.is_empty() {
                break;
            }
            self.demand_same(candidate).await?;
            let Some(settled) = self.settle(batch).await else {
                return Err(Halt::Fate(Fate::Stopped));
            };
            self.note(candidate, &settled, progress).await?;
        }
        // A file that brings its reader down is one that cannot be read.
        Ok(reading.await.unwrap_or_else(|_| Err(FileFault::panicked(progress.row))))
    }

    /// Publishes a batch until each of its rows is settled; `None` when the adapter shall stop
    /// while the bus cannot take it.
    async fn settle(&self, batch: Vec<Item<Key>>) -> Option<Vec<(Key, Settled)>> {
        let mut done: Vec<(Key, Settled)> = Vec::with_capacity(batch.len());
        let mut open = batch;
        let mut backoff = BACKOFF.0;
        for number in 1.. {
            let attempt = delivery::attempt(&mut open, number, self.config, self.publisher).await;
            let count = open.len();
            let mut left = Vec::new();
            for (item, settled) in open.into_iter().zip(attempt.settled) {
                match settled {
                    Some(settled) => done.push((item.key, settled)),
                    None => left.push(item),
                }
            }
            open = left;
            let Some(wait) = attempt.retry_after.filter(|_| !open.is_empty()) else { break };
            backoff = if open.len() < count { BACKOFF.0 } else { (backoff * 2).min(BACKOFF.1) };
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(wait.max(backoff)) => {}
            }
        }
        done.sort_by_key(|(key, _)| key.row);
        Some(done)
    }

    /// Writes down what became of a batch: first the result, then the journal.
    async fn note(
        &self,
        candidate: &Candidate,
        settled: &[(Key, Settled)],
        progress: &mut Progress,
    ) -> Result<(), Halt> {
        let mut lines = Lines::new(self.separator(), &progress.sha256);
        for (key, settled) in settled {
            match settled {
                Settled::Recorded { .. } => progress.recorded += 1,
                Settled::SetAside(_) => progress.refused += 1,
            }
            let columns = key.columns.as_ref().filter(|_| settled.report().is_some());
            let trace = columns.map_or_else(Trace::default, |it| self.config.mapping.trace(it));
            lines.row(key.row, settled, &trace)?;
            progress.row = key.row;
        }
        self.write(candidate, lines, progress).await
    }

    /// Writes the end of the result, and that the file can go.
    async fn conclude(
        &self,
        candidate: &Candidate,
        end: Result<(), Vec<FileBreach>>,
        progress: &mut Progress,
    ) -> Result<(), Halt> {
        let mut lines = Lines::new(self.separator(), &progress.sha256);
        progress.put_away = Some(match end {
            Ok(()) => PutAway::Done,
            Err(breaches) => {
                breaches.iter().try_for_each(|breach| lines.file(breach))?;
                PutAway::Broken
            }
        });
        lines.sum(progress)?;
        self.write(candidate, lines, progress).await
    }

    async fn write(
        &self,
        candidate: &Candidate,
        lines: Lines,
        progress: &mut Progress,
    ) -> Result<(), Halt> {
        let (journal, path) = (self.journal.clone(), candidate.path.clone());
        let (separator, mut noted) = (self.separator(), progress.clone());
        let lines = lines.into_bytes()?;
        // The inner error is that of this one result, the outer one that of the journal.
        let written = self.blocking(move || {
            match result::append(&path, separator, noted.result_bytes, &lines) {
                Ok(bytes) => noted.result_bytes = bytes,
                Err(error) => return Ok(Err(error)),
            }
            journal.write(Some(&noted))?;
            Ok(Ok(noted))
        });
        *progress = written.await?.map_err(|error| self.withheld(&error))?;
        Ok(())
    }

    async fn put_away(&self, candidate: &Candidate, progress: &Progress) -> Result<Fate, Halt> {
        let Progress { sha256, recorded, refused, put_away, .. } = progress.clone();
        let broken = put_away == Some(PutAway::Broken);
        let into = if broken { away::BROKEN } else { away::DONE };
        let (journal, candidate) = (self.journal.clone(), candidate.clone());
        let moved = self.blocking(move || {
            let moved = away::put_away(&candidate, into, &sha256)?;
            if moved {
                journal.write(None)?;
            }
            Ok(moved)
        });
        let fate = Fate::PutAway { recorded, refused, broken };
        Ok(if moved.await? { fate } else { Fate::Changed })
    }

    fn withheld(&self, error: &io::Error) -> Halt {
        tracing::error!(
            adapter = %self.config.name, %error,
            "a file of the folder cannot be read, or its result not be written"
        );
        Halt::Fate(Fate::Withheld)
    }

    async fn demand_same(&self, candidate: &Candidate) -> Result<(), Halt> {
        let candidate = candidate.clone();
        match self.blocking(move || Ok(candidate.is_same())).await? {
            true => Ok(()),
            false => Err(Halt::Fate(Fate::Changed)),
        }
    }

    /// Returns what stands between the columns of the result: what the agency's spreadsheet
    /// program uses too.
    fn separator(&self) -> u8 {
        match self.files.format {
            Format::Csv { separator, .. } => separator,
            Format::Xlsx { .. } | Format::JsonLines => b',',
        }
    }

    /// Runs work on a thread that may wait for the disk. It holds the journal's lock, so that no
    /// second adapter begins while the work of one that was dropped still goes on.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let lock = self.journal.clone();
        let done = self.tasks.spawn_blocking(move || {
            let done = work();
            drop(lock);
            done
        });
        done.await.map_err(io::Error::other)?
    }
}

/// Reads the rows after one that is settled already.
fn read_after(
    from: u64,
    file: File,
    format: &Format,
    columns: &[String],
    give: &mpsc::Sender<Row>,
) -> ReadEnd {
    rows::read(file, format, columns, &mut |row| {
        if row.number <= from || give.blocking_send(row).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
}

impl FileFault {
    fn panicked(row: u64) -> Self {
        Self::Content(vec![FileBreach {
            row: Some(row),
            column: String::new(),
            rule: &rule::FILE_UNREADABLE,
        }])
    }
}

/// Returns an open file, at its beginning again, and the SHA-256 of what it holds.
fn digested(mut file: File) -> io::Result<(File, [u8; 32])> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(buffer.get(..read).unwrap_or_default());
    }
    file.rewind()?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok((file, sha256))
}
