//! A PostgreSQL of a test's own, started by the project's script and ended by its process id.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::place::{self, tool, tool_failed};
use crate::process;

/// How long a start or a stop may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many seconds one command of `psql` may take.
const SECONDS: u32 = 60;

/// The password of every role that [`Postgres::create_role`] makes.
pub const PASSWORD: &str = "canary-database-password";

/// A running PostgreSQL, on a loopback port and on a socket in its folder. Start it from the thread
/// that uses it: it ends with that thread.
#[derive(Debug)]
pub struct Postgres {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Makes a new cluster and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is missing, or does not start; carries the end of its log.
    pub fn start() -> Result<Self> {
        // Not under target: the socket's path must be short, and PostgreSQL's user must reach it.
        let folder = TempDir::with_prefix("lgsp-postgres-")?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut postgres = Self { child: None, port, folder };
        postgres.start_again()?;
        // A killed server loses nothing that it gave to the system; only a machine would.
        postgres.sql("postgres", "alter system set fsync = off")?;
        postgres.sql("postgres", "select pg_reload_conf()")?;
        Ok(postgres)
    }

    /// Starts it on what it left, after [`Postgres::kill`] or [`Postgres::stop`].
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "it runs");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))?;
        let mut child = Command::new(place::root().join("deploy/setup/postgres.sh"))
            .arg(self.folder.path())
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let answers = process::wait_for("PostgreSQL answers", PATIENCE, || {
            let ended = child.try_wait().is_ok_and(|status| status.is_some());
            (ended || self.sql("postgres", "select 1").is_ok()).then_some(!ended)
        });
        self.child = Some(child);
        ensure!(answers?, "PostgreSQL did not start: {}", self.log());
        Ok(())
    }

    /// Returns the port on 127.0.0.1, where a role needs its password.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of its socket, where the superuser `postgres` needs no password.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the address for a role and a database, as adapters are told it.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgresql://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the superuser; returns the rows, fields joined by `|`.
    ///
    /// # Errors
    /// When PostgreSQL refuses it.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        self.psql(database, &["-c", sql])
    }

    /// Runs a file of SQL as the superuser, in one transaction.
    ///
    /// # Errors
    /// When PostgreSQL refuses it.
    pub fn run_file(&self, database: &str, file: &Path) -> Result<String> {
        let file = file.to_str().context("the path is not Unicode")?;
        self.psql(database, &["--single-transaction", "-f", file])
    }

    /// Makes a role that logs in with [`PASSWORD`].
    ///
    /// # Errors
    /// When it exists.
    pub fn create_role(&self, role: &str) -> Result<()> {
        self.sql("postgres", &format!("create role {role} login password '{PASSWORD}'")).map(drop)
    }

    /// Writes [`PASSWORD`] to a file, as an adapter's settings name one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn password_file(&self) -> Result<PathBuf> {
        let file = self.folder.path().join("client-password");
        std::fs::write(&file, format!("{PASSWORD}\n"))?;
        Ok(file)
    }

    /// Kills the server without a warning, and waits until its processes are gone.
    ///
    /// # Errors
    /// When they stay.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::KILL)
    }

    /// Stops the server in order, whoever is connected.
    ///
    /// # Errors
    /// When it does not stop in time.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::INT)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        process::send(child.id(), signal).ok();
        let ended = process::wait_until("PostgreSQL ends", PATIENCE, || {
            matches!(child.try_wait(), Ok(Some(_)))
        });
        if ended.is_err() {
            child.kill()?;
            child.wait()?;
        }
        // The others of the cluster notice that the first is gone; then another may begin.
        let data = self.folder.path().join("data");
        process::wait_until("PostgreSQL's processes end", PATIENCE, || {
            process::working_in(&data).is_empty()
        })?;
        ended
    }

    fn psql(&self, database: &str, arguments: &[&str]) -> Result<String> {
        let output = tool("psql", SECONDS)
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"])
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string(), "-d", database])
            .args(arguments)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            return Err(tool_failed("psql", output.status.code(), &output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop().ok();
    }
}
