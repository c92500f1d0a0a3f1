//! Where the programs and files lie that the tests use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::process;

/// Returns the repository's folder.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Returns the folder of the profile that this test was built with, e.g. `target/debug`.
fn built() -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot find this test's program")?;
    let folder =
        test.parent().and_then(Path::parent).context("this test's program lies nowhere")?;
    Ok(folder.to_owned())
}

/// Returns the `lgsp` program of the same build, and refuses one that is older than its sources;
/// judged once, so that an edit during a run changes nothing.
///
/// # Errors
/// When it is missing or stale; says how to build it. Likewise when Kafka's jars are missing.
pub fn lgsp() -> Result<PathBuf> {
    static JUDGED: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| find_lgsp().map_err(|error| format!("{error:#}")));
    JUDGED.clone().map_err(|error| anyhow!(error))
}

fn find_lgsp() -> Result<PathBuf> {
    let program = built()?.join("lgsp");
    let built = fs::metadata(&program)
        .and_then(|metadata| metadata.modified())
        .with_context(|| format!("{} is missing: run `cargo build -p lgsp`", program.display()))?;
    if let Some(newer) = newer_source(&program, built) {
        bail!("{} is older than {newer}: run `cargo build -p lgsp`", program.display());
    }
    let libs = program.parent().and_then(Path::parent).unwrap_or(&program).join("kafka/libs");
    ensure!(libs.is_dir(), "{} is missing: run `make kafka`", libs.display());
    Ok(program)
}

/// Finds a source that changed after the build, by the list that cargo leaves beside the program.
fn newer_source(program: &Path, built: SystemTime) -> Option<String> {
    let listed = fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = listed.split_once(": ")?;
    let newer = |source: &&str| {
        fs::metadata(source).and_then(|metadata| metadata.modified()).is_ok_and(|at| at > built)
    };
    sources.split_whitespace().find(newer).map(str::to_owned)
}

/// Returns the Python that has gRPC.
///
/// # Errors
/// When it is missing; says how to make it.
pub fn python() -> Result<PathBuf> {
    let python = root().join("target/venv/bin/python");
    ensure!(python.exists(), "{} is missing: run `deploy/setup/venv.sh`", python.display());
    Ok(python)
}

/// Returns the class path of the clients in Java.
///
/// # Errors
/// When they are not built; says how to build them.
pub fn java_clients() -> Result<String> {
    let built = root().join("target/java-clients");
    let stamp = built.join("sources.sha256");
    ensure!(stamp.exists(), "{} is missing: run `deploy/setup/java-clients.sh`", stamp.display());
    Ok(format!("{0}/classes:{0}/libs/*", built.display()))
}

/// Prepares a command of a tool of the machine, to be ended after so many seconds.
pub fn tool(name: &str, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &seconds.to_string(), name]);
    command
}

/// Explains why a tool failed; 127 is how `timeout` says that there is none.
pub(crate) fn tool_failed(name: &str, code: Option<i32>, stderr: &[u8]) -> anyhow::Error {
    match code {
        Some(127) => anyhow!("{name} is missing: run `deploy/setup/require.sh test`"),
        Some(124) => anyhow!("{name} did not end in time"),
        code => anyhow!("{name} failed ({code:?}): {}", String::from_utf8_lossy(stderr)),
    }
}

/// Makes a new folder for a test, and removes those that tests of earlier runs left behind.
///
/// # Errors
/// When the disk refuses.
pub fn scratch() -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let all = built()?.parent().context("there is no target folder")?.join("tmp/lgsp-tests");
    let own = std::process::id();
    for left in fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = left.file_name();
        let maker = name.to_str().and_then(|name| name.split('-').next()?.parse().ok());
        let is_free = || {
            // A bus holds its folder until it has stopped.
            let lock = fs::File::open(left.path().join("data/lock"));
            lock.map_or(true, |lock| lock.try_lock().is_ok())
        };
        if maker.is_none_or(|maker| maker != own && !process::is_alive(maker)) && is_free() {
            fs::remove_dir_all(left.path()).ok();
        }
    }
    let folder = all.join(format!("{own}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    // A process of this number may have been here before.
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
