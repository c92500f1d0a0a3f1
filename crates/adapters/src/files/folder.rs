//! The watched folder: which files are there, and which of them are complete.

use std::collections::{BinaryHeap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How the result beside a file ends.
const RESULT: &str = ".ket-qua.csv";

/// How long a file that could not be read is left alone.
const REST: Duration = Duration::from_secs(60);

/// How many files one look takes in, the oldest first.
const MAX_FILES: usize = 10_000;
/// Names of files that another program is still writing, by their ends.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// What tells that a file is still the same: device, inode, length, time of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// Returns the number that stays the file's own under every name.
    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// Reads the stamp of an open or a named file.
    pub(super) fn of(about: &fs::Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            bytes: about.len(),
            changed: (about.mtime(), about.mtime_nsec()),
        }
    }
}

/// A file that may be read now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

impl Candidate {
    /// Opens the file that was looked at; never another that took its name, never through a link.
    pub(super) fn open(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        if Stamp::of(&file.metadata()?) == self.stamp && !is_link(&self.path)? {
            Ok(file)
        } else {
            Err(io::Error::other("the file has changed"))
        }
    }

    /// Tells whether it is still the same.
    pub(super) fn is_same(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|about| Stamp::of(&about) == self.stamp)
    }

    /// Returns the file's name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn is_link(path: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path)?.file_type().is_symlink())
}

/// Remembers since when each file has stayed the same.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    since: Instant,
    /// It could not be read; until then it is left alone, unless it changes.
    rests_until: Option<Instant>,
}

/// What a look into the folder found.
#[derive(Debug)]
pub(super) struct Look {
    /// Complete files, the oldest first: so each entity's records keep their order.
    pub(super) ready: Vec<Candidate>,
    /// Whether there are files that may be complete later.
    pub(super) is_waiting: bool,
}

impl Watch {
    /// Looks into the folder for files with an extension. Blocks.
    pub(super) fn look(
        &mut self,
        folder: &Path,
        extension: &str,
        settle: Duration,
    ) -> io::Result<Look> {
        let (found, is_more) = oldest(folder, extension, MAX_FILES)?;
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.seen);
        let mut look = Look { ready: Vec::new(), is_waiting: is_more };
        for candidate in found {
            let same = before.remove(&candidate.path).filter(|seen| seen.stamp == candidate.stamp);
            let new = Seen { stamp: candidate.stamp, since: now, rests_until: None };
            let seen = same.unwrap_or(new);
            let settled = now.duration_since(seen.since) >= settle;
            let rests = seen.rests_until.is_some_and(|until| now < until);
            self.seen.insert(candidate.path.clone(), seen);
            match (rests, settled) {
                (true, _) => {}
                (false, true) => look.ready.push(candidate),
                (false, false) => look.is_waiting = true,
            }
        }
        Ok(look)
    }

    /// Leaves a file that could not be read alone for a minute, or until it changes.
    pub(super) fn rest(&mut self, candidate: &Candidate) {
        if let Some(seen) = self.seen.get_mut(&candidate.path) {
            seen.rests_until = Some(Instant::now() + REST);
        }
    }
}

/// Finds at most so many files with an extension, the oldest first; tells whether there are more.
fn oldest(folder: &Path, extension: &str, most: usize) -> io::Result<(Vec<Candidate>, bool)> {
    let mut found: BinaryHeap<(SystemTime, Candidate)> = BinaryHeap::new();
    let mut is_more = false;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !is_input(&path, extension) {
            continue;
        }
        // A file may go away between the two calls.
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        if about.is_file() {
            let stamp = Stamp::of(&about);
            found.push((about.modified()?, Candidate { path, stamp }));
        }
        if found.len() > most {
            found.pop();
            is_more = true;
        }
    }
    let found = found.into_sorted_vec().into_iter().map(|(_, candidate)| candidate);
    Ok((found.collect(), is_more))
}

/// Tells by its name whether a file is one to read.
pub(super) fn is_input(path: &Path, extension: &str) -> bool {
    // A name that is no text could not be written down in journal and result.
    let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_lowercase) else {
        return false;
    };
    name.strip_suffix(extension).is_some_and(|stem| stem.ends_with('.'))
        && !name.starts_with("~$")
        && !name.starts_with('.')
        && !name.ends_with(RESULT)
        && !UNFINISHED.iter().any(|end| name.ends_with(end))
}

/// Returns where the result of a file is written.
pub(super) fn result_path(file: &Path) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(RESULT);
    path.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(look: &Look) -> Vec<String> {
        look.ready.iter().map(Candidate::name).collect()
    }

    #[test]
    fn leaves_alone_what_is_no_complete_file_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for name in ["b.csv", "A.CSV", "~$a.csv", ".a.csv", "c.csv.part", "d.tmp", "a.xlsx"] {
            fs::write(at(name), "x").unwrap();
        }
        fs::write(at("b.csv.ket-qua.csv"), "x").unwrap();
        fs::create_dir(at("folder.csv")).unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        symlink(elsewhere.path(), at("link.csv")).unwrap();
        let mut watch = Watch::default();
        let look = watch.look(home.path(), "csv", Duration::ZERO).unwrap();
        let mut found = names(&look);
        found.sort();
        assert_eq!(found, ["A.CSV", "b.csv"]);
        assert!(!look.is_waiting);
    }

    #[test]
    fn a_full_folder_gives_its_oldest_files_whatever_else_lies_there() {
        let home = tempfile::tempdir().unwrap();
        for age in 0..9_u64 {
            for end in ["csv", "csv.ket-qua.csv", "txt"] {
                let file = File::create(home.path().join(format!("{}.{end}", 9 - age))).unwrap();
                file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age)).unwrap();
            }
        }
        let (found, is_more) = oldest(home.path(), "csv", 3).unwrap();
        let found: Vec<_> = found.iter().map(Candidate::name).collect();
        assert_eq!((found, is_more), (["9.csv", "8.csv", "7.csv"].map(str::to_owned).into(), true));
        assert!(!oldest(home.path(), "csv", 9).unwrap().1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_ready_when_it_has_stayed_the_same() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.csv");
        fs::write(&path, "x").unwrap();
        let mut watch = Watch::default();
        let settle = Duration::from_secs(5);
        let mut look = || watch.look(home.path(), "csv", settle).unwrap();
        assert!(look().is_waiting);
        tokio::time::advance(Duration::from_secs(4)).await;
        fs::write(&path, "xy").unwrap();
        assert!(look().ready.is_empty());
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(look().ready.is_empty() && look().is_waiting);
        tokio::time::advance(Duration::from_secs(1)).await;
        let found = look();
        assert_eq!((names(&found), found.is_waiting), (vec!["a.csv".to_owned()], false));
        let candidate = found.ready[0].clone();
        watch.rest(&candidate);
        assert!(watch.look(home.path(), "csv", settle).unwrap().ready.is_empty());
        tokio::time::advance(REST).await;
        assert_eq!(watch.look(home.path(), "csv", settle).unwrap().ready.len(), 1);
        fs::write(&path, "xyz").unwrap();
        assert!(candidate.open().is_err(), "it is another file now");
        assert!(watch.look(home.path(), "csv", settle).unwrap().is_waiting, "a new beginning");
    }

    #[test]
    fn a_file_that_became_a_link_is_not_opened() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.csv");
        fs::write(&path, "x").unwrap();
        let candidate =
            Watch::default().look(home.path(), "csv", Duration::ZERO).unwrap().ready.remove(0);
        assert!(candidate.open().is_ok());
        fs::rename(&path, home.path().join("b")).unwrap();
        symlink(home.path().join("b"), &path).unwrap();
        assert!(candidate.open().is_err() && !candidate.is_same());
    }
}
