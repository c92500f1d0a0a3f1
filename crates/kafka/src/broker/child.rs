//! Java as a child that cannot outlive us.
//!
//! `setpriv --pdeathsig KILL` has the kernel kill the child when the thread that forked it ends,
//! so one thread forks, waits, and lives as long as the child ([`super::supervisor`]). Should we
//! die between the fork and setpriv's request, the request comes too late: the shell after it
//! sees that its parent is another process, and does not become Java.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{BrokerError, folder::Folder};

/// Becomes the program in the arguments, if the parent is still who it should be.
const UNLESS_ORPHANED: &str = r#"parent=$1; shift; [ "$PPID" = "$parent" ] && exec "$@""#;

/// Checks that there is a Java runtime, of version 17 or newer.
pub(super) fn check_java(java: &Path) -> Result<(), BrokerError> {
    let missing = || BrokerError::NoJava { java: java.to_owned() };
    let output =
        Command::new(java).arg("-version").stdin(Stdio::null()).output().map_err(|_| missing())?;
    if !output.status.success() {
        return Err(missing());
    }
    match major_version(&String::from_utf8_lossy(&output.stderr)) {
        Some(found) if found < 17 => Err(BrokerError::OldJava { java: java.to_owned(), found }),
        // A runtime that does not tell its version may do; the broker will say if not.
        Some(_) | None => Ok(()),
    }
}

/// Finds the major version in the words of `java -version`: `openjdk version "17.0.15" …`.
fn major_version(words: &str) -> Option<u32> {
    let quoted = words.split('"').nth(1)?;
    let mut numbers = quoted.split(['.', '-', '_', '+']);
    match numbers.next()?.parse().ok()? {
        // Up to version 8: "1.8.0_292".
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

/// Starts a class of the broker's jars in the broker's folder. The caller's thread must outlive
/// the child.
pub(super) fn spawn(folder: &Folder, arguments: &[&str], log: File) -> io::Result<Child> {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "/bin/sh", "-c", UNLESS_ORPHANED, "lgsp-kafka"])
        .arg(std::process::id().to_string())
        .arg(&folder.java)
        .arg(format!("-Xmx{}m", folder.heap_mib))
        // A broker without memory must die and be restarted, not linger.
        .args([
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Dlog4j2.configurationFile=log4j2.properties",
        ])
        // What a killed broker leaves behind lies in its folder, not in everybody's.
        .args(["-Djava.io.tmpdir=tmp", "-XX:+PerfDisableSharedMem"])
        .arg("-cp")
        .arg(folder.libs.join("*"))
        .args(arguments)
        .current_dir(&folder.root)
        // A group of its own: Ctrl-C on the terminal is for us, who stop the broker last.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version_of_old_and_new_runtimes() {
        assert_eq!(major_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(major_version("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(major_version("openjdk version \"25-ea\" 2025-09-16"), Some(25));
        assert_eq!(major_version("java version \"1.8.0_292\""), Some(8));
        assert_eq!(major_version("something else"), None);
    }

    #[test]
    fn says_how_to_install_java_when_there_is_none() {
        let error = check_java(Path::new("/nowhere/java")).unwrap_err().to_string();
        assert!(error.contains("apt-get install"), "{error}");
    }

    #[test]
    fn becomes_no_program_for_another_parent() {
        let run = |parent: u32| {
            let mut command = Command::new("/bin/sh");
            command.args([
                "-c",
                UNLESS_ORPHANED,
                "lgsp-kafka",
                &parent.to_string(),
                "echo",
                "hello",
            ]);
            command.output().unwrap()
        };
        assert_eq!(run(std::process::id()).stdout, b"hello\n");
        let orphan = run(std::process::id() + 1);
        assert!(!orphan.status.success() && orphan.stdout.is_empty());
    }
}
