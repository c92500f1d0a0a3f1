//! The watched folder: which files are there, which of them are complete, and where they go.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Where finished files go, within the watched folder.
pub(super) const DONE: &str = "da-xu-ly";
/// Where files go that cannot be read.
pub(super) const BROKEN: &str = "loi";
/// How the result beside a file ends.
const RESULT: &str = ".ket-qua.csv";

/// How long a file that could not be read is left alone.
const REST: Duration = Duration::from_secs(60);

/// How many entries of the folder one look takes in.
const MAX_ENTRIES: usize = 10_000;
/// Names of files that another program is still writing, by their ends.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// What tells that a file is still the same: device, inode, length, time of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let mut found: Vec<(SystemTime, Candidate)> = Vec::new();
        for entry in fs::read_dir(folder)?.take(MAX_ENTRIES) {
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
        }
        found.sort_by(|one, other| (one.0, &one.1.path).cmp(&(other.0, &other.1.path)));
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.seen);
        let mut look = Look { ready: Vec::new(), is_waiting: false };
        for (_, candidate) in found {
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

fn is_input(path: &Path, extension: &str) -> bool {
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

/// Moves a file and its result to a folder beside it, durably; what is gone already counts as
/// moved. A file of the same name there is kept, unless it is the very same (`digest`). Blocks.
pub(super) fn put_away(file: &Path, into: &str, digest: &str) -> io::Result<()> {
    let home = file.parent().unwrap_or(Path::new("."));
    let folder = home.join(into);
    fs::create_dir_all(&folder)?;
    let name = file.file_name().unwrap_or_default();
    let mut target = folder.join(name);
    if target.exists() {
        let short = digest.get(..12).unwrap_or(digest);
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let end = file.extension().unwrap_or_default().to_string_lossy();
        target = folder.join(format!("{stem}.{short}.{end}"));
    }
    // The result first: a file without one is dealt with again.
    for (from, to) in [(result_path(file), result_path(&target)), (file.to_owned(), target)] {
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    for folder in [&folder, home] {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
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

    #[test]
    fn puts_a_file_and_its_result_away_and_keeps_its_namesake() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.csv");
        for digest in ["0123456789abcdef", "fedcba9876543210"] {
            fs::write(&path, digest).unwrap();
            fs::write(result_path(&path), digest).unwrap();
            put_away(&path, DONE, digest).unwrap();
            put_away(&path, DONE, digest).unwrap();
        }
        let done = home.path().join(DONE);
        for (name, holds) in [("a", "0123456789abcdef"), ("a.fedcba987654", "fedcba9876543210")] {
            let kept = done.join(format!("{name}.csv"));
            assert_eq!(fs::read_to_string(&kept).unwrap(), holds);
            assert_eq!(fs::read_to_string(result_path(&kept)).unwrap(), holds);
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
