//! Where files go when they are done with: to a folder beside them, and never one that is unread.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::batch::short;
use super::folder::{Candidate, Stamp, is_input, result_path};

/// Where finished files go, within the watched folder.
pub(super) const DONE: &str = "da-xu-ly";
/// Where files go that cannot be read.
pub(super) const BROKEN: &str = "loi";
/// How the private name ends that a file has for the moment of its move.
const MOVING: &str = ".moving";
/// The longest name that file systems take, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Moves a file and its result to a folder beside it, durably; `false`, with nothing moved, when it
/// is another file than the one that was read. A file of the same name there is kept, unless it is
/// the very same (`digest`). Blocks.
///
/// # Errors
/// When a folder or a file cannot be changed; the file then has its name again, or gets it back by
/// [`recover`].
pub(super) fn put_away(file: &Candidate, into: &str, digest: &str) -> io::Result<bool> {
    let home = file.path.parent().unwrap_or(Path::new("."));
    let folder = home.join(into);
    fs::create_dir_all(&folder)?;
    // Under its own name it may be replaced at any moment; under this one nobody writes.
    let private = private_path(&file.path);
    match fs::rename(&file.path, &private) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        moved => moved?,
    }
    if Stamp::of(&fs::symlink_metadata(&private)?) != file.stamp {
        give_back(&private, &file.path)?;
        return Ok(false);
    }
    let target = target(&file.path, &folder, digest);
    // The result first: a file without one is dealt with again.
    let moved = match fs::rename(result_path(&file.path), result_path(&target)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::rename(&private, target),
    };
    if let Err(error) = moved {
        give_back(&private, &file.path)?;
        return Err(error);
    }
    for folder in [&folder, home] {
        File::open(folder)?.sync_all()?;
    }
    Ok(true)
}

/// Gives the files their names back that had a private one when the adapter died. Blocks.
///
/// # Errors
/// When the folder cannot be read or a file not be renamed.
pub(super) fn recover(folder: &Path, extension: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let private = entry?.path();
        let name = private.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.strip_prefix('.')?.strip_suffix(MOVING));
        let path = name.map(|name| folder.join(name)).filter(|path| is_input(path, extension));
        if let Some(path) = path {
            give_back(&private, &path)?;
        }
    }
    Ok(())
}

/// Gives a file its name back, or a similar one where a newer file has taken that.
fn give_back(private: &Path, path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return fs::rename(private, path);
    }
    let inode = Stamp::of(&fs::symlink_metadata(private)?).inode();
    fs::rename(private, path.with_file_name(similar(path, &format!("{inode:x}"))))
}

fn private_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(MOVING);
    path.with_file_name(name)
}

/// Finds the name of a finished file.
fn target(path: &Path, folder: &Path, digest: &str) -> PathBuf {
    let target = folder.join(path.file_name().unwrap_or_default());
    if target.exists() || result_path(&target).is_dir() {
        folder.join(similar(path, short(digest)))
    } else {
        target
    }
}

/// Makes a name of a file's own and a mark, so short that its result has a name too.
fn similar(path: &Path, mark: &str) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path.extension().unwrap_or_default().to_string_lossy();
    let room = result_path(Path::new(&format!(".{mark}.{end}"))).as_os_str().len();
    let most = stem.floor_char_boundary(MAX_NAME_BYTES.saturating_sub(room));
    let stem = stem.get(..most).unwrap_or_default();
    format!("{stem}.{mark}.{end}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::files::folder::Watch;

    fn candidate(home: &Path) -> Candidate {
        Watch::default().look(home, "csv", Duration::ZERO).unwrap().ready.remove(0)
    }

    #[test]
    fn puts_a_file_and_its_result_away_and_keeps_its_namesake() {
        for long in [1, 243 - ".csv".len()] {
            let home = tempfile::tempdir().unwrap();
            let stem = "a".repeat(long);
            let path = home.path().join(format!("{stem}.csv"));
            for digest in ["0123456789abcdef", "fedcba9876543210"] {
                fs::write(&path, digest).unwrap();
                fs::write(result_path(&path), digest).unwrap();
                let file = candidate(home.path());
                assert!(put_away(&file, DONE, digest).unwrap());
                assert!(!put_away(&file, DONE, digest).unwrap(), "it is gone");
            }
            let done = home.path().join(DONE);
            let namesake = similar(&path, "fedcba987654");
            for (name, holds) in
                [(format!("{stem}.csv"), "0123456789abcdef"), (namesake, "fedcba9876543210")]
            {
                let kept = done.join(name);
                assert_eq!(fs::read_to_string(&kept).unwrap(), holds);
                assert_eq!(fs::read_to_string(result_path(&kept)).unwrap(), holds);
            }
            assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn another_file_under_the_same_name_is_not_put_away() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.csv");
        fs::write(&path, "1").unwrap();
        fs::write(result_path(&path), "").unwrap();
        let read = candidate(home.path());
        fs::write(home.path().join("new"), "2").unwrap();
        fs::rename(home.path().join("new"), &path).unwrap();
        assert!(!put_away(&read, DONE, "0123456789abcdef").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "2");
        assert!(result_path(&path).exists());
        assert_eq!(fs::read_dir(home.path().join(DONE)).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_was_on_its_way_gets_its_name_back_and_a_newer_one_keeps_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.csv");
        for text in ["1", "2"] {
            fs::write(private_path(&path), text).unwrap();
            recover(home.path(), "csv").unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
        let look = Watch::default().look(home.path(), "csv", Duration::ZERO).unwrap();
        assert_eq!(look.ready.len(), 2);
        fs::write(home.path().join(".a.xlsx.moving"), "").unwrap();
        recover(home.path(), "csv").unwrap();
        assert!(home.path().join(".a.xlsx.moving").exists(), "another adapter's");
    }
}
