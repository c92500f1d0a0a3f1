//! A bus as a child process: what `lgsp up` makes of a folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::curl::{Answer, Curl};
use crate::{place, process};

/// How long a start may take on a machine that is busy with other tests.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// How long a stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// Everything that there is to say: even then nothing of people or tokens may show.
const LOG: &str = "trace";

/// A running bus. It ends when this does, and also when the test's process dies: it watches its
/// standard input.
#[derive(Debug)]
pub struct Bus {
    child: Child,
    stdin: Option<ChildStdin>,
    folder: PathBuf,
    base_url: String,
    kafka: String,
    keep: bool,
}

/// Prepares a command of `lgsp` that knows nothing of this machine's settings.
///
/// # Errors
/// When the program is missing or stale.
pub fn lgsp() -> Result<Command> {
    let mut command = Command::new(place::lgsp()?);
    for name in ["LGSP_DATA_DIR", "LGSP_KAFKA_LIBS", "LGSP_JAVA", "LGSP_LOG_FORMAT", "LGSP_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    Ok(command)
}

/// Runs a command of `lgsp` to its end.
///
/// # Errors
/// When it cannot be run, or does not end within two minutes.
pub fn run(arguments: &[&str]) -> Result<Output> {
    let mut command = lgsp()?;
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Held until the end: `--until-stdin-ends` must not be what ends it.
    let _stdin = child.stdin.take();
    let pid = child.id();
    let (tell, told) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output();
        tell.send(()).ok();
        output
    });
    if told.recv_timeout(START_PATIENCE).is_err() {
        process::send(pid, rustix::process::Signal::KILL).ok();
        waiting.join().ok();
        bail!("`lgsp {}` did not end within {START_PATIENCE:?}", arguments.join(" "));
    }
    waiting.join().map_err(|_| anyhow::anyhow!("waiting failed"))?.context("lgsp cannot be run")
}

impl Bus {
    /// Starts a bus in a new folder, on free ports.
    ///
    /// # Errors
    /// When it does not become ready; carries the end of its log.
    pub fn start() -> Result<Self> {
        Self::start_in(&place::scratch()?, &[])
    }

    /// Starts a bus in a folder that may have been one's before, with more options for `lgsp up`.
    ///
    /// # Errors
    /// As [`Bus::start`].
    pub fn start_in(folder: &Path, options: &[&str]) -> Result<Self> {
        Self::start_at(folder, (0, 0), LOG, options)
    }

    /// Starts a bus on ports that it had before, its own and its Kafka's (0 takes a free one), and
    /// lets it log what `log` lets pass.
    ///
    /// # Errors
    /// As [`Bus::start`].
    pub fn start_at(
        folder: &Path,
        (port, kafka_port): (u16, u16),
        log: &str,
        options: &[&str],
    ) -> Result<Self> {
        let file = File::options().create(true).append(true).open(folder.join("log"))?;
        let mut child = lgsp()?
            // The simulated platform inherits the filter and the log.
            .env("LGSP_LOG", log)
            .args(["up", "--port", &port.to_string(), "--kafka-port", &kafka_port.to_string()])
            .args(["--until-stdin-ends", "--data-dir"])
            .arg(folder.join("data"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .context("lgsp cannot be started")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut bus = Self {
            child,
            stdin,
            folder: folder.to_owned(),
            base_url: String::new(),
            kafka: String::new(),
            keep: false,
        };
        bus.base_url = first_line(stdout.context("lgsp has no output")?)
            .and_then(|line| Some(line.trim_end().strip_prefix("ready ")?.to_owned()))
            .with_context(|| format!("the bus did not become ready: {}", bus.end_of_log()))?;
        let run: Value = serde_json::from_slice(&fs::read(bus.data_dir().join("run.json"))?)?;
        bus.kafka = run.get("kafka").and_then(Value::as_str).context("no kafka")?.to_owned();
        Ok(bus)
    }

    /// Returns where it listens, e.g. `http://127.0.0.1:8080`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns where it listens, without the scheme.
    pub fn target(&self) -> &str {
        self.base_url.trim_start_matches("http://")
    }

    /// Returns where its Kafka listens.
    pub fn kafka(&self) -> &str {
        &self.kafka
    }

    /// Returns its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the process of its Kafka, while one runs.
    pub fn broker_pid(&self) -> Option<u32> {
        let noted = fs::read_to_string(self.data_dir().join("kafka/broker.pid")).ok()?;
        noted.trim().parse().ok()
    }

    /// Returns the folder that holds its data folder and its log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns its data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Returns all that it and its simulated platform have logged.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.join("log"))?).into_owned())
    }

    fn end_of_log(&self) -> String {
        let log = self.log().unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Returns the file of a client's secret.
    pub fn secret_file(&self, client: &str) -> PathBuf {
        self.data_dir().join("secrets").join(client)
    }

    /// Reads a client's secret.
    ///
    /// # Errors
    /// When there is no such client.
    pub fn secret(&self, client: &str) -> Result<String> {
        Ok(fs::read_to_string(self.secret_file(client))?.trim().to_owned())
    }

    /// Gets a token at the token endpoint, as any client would.
    ///
    /// # Errors
    /// When it is refused.
    pub fn token(&self, client: &str) -> Result<String> {
        let answer = self
            .post("/oauth2/token")
            .user(client, &self.secret(client)?)
            .form("grant_type=client_credentials")
            .send()?;
        let token = answer.json()?;
        let token = token.get("access_token").and_then(Value::as_str);
        Ok(token.with_context(|| format!("no token: {}", answer.status))?.to_owned())
    }

    /// Prepares a GET.
    pub fn get(&self, path: &str) -> Curl {
        Curl::new("GET", &format!("{}{path}", self.base_url))
    }

    /// Prepares a POST.
    pub fn post(&self, path: &str) -> Curl {
        Curl::new("POST", &format!("{}{path}", self.base_url))
    }

    /// Publishes an event's data in binary mode.
    ///
    /// # Errors
    /// When the bus cannot be asked; a refusal is an answer.
    pub fn publish(&self, token: &str, id: &str, event_type: &str, data: &[u8]) -> Result<Answer> {
        self.post("/v1/events")
            .bearer(token)
            .header("content-type", "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", id)
            .header("ce-source", crate::sample::SOURCE)
            .header("ce-type", event_type)
            .body(data)
            .send()
    }

    /// Runs a command of `lgsp` on its data folder.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        Ok(lgsp()?.args(arguments).arg("--data-dir").arg(self.data_dir()).output()?)
    }

    /// Stops it in order; the folder stays.
    ///
    /// # Errors
    /// When it does not stop in time.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.keep = true;
        self.end()
    }

    /// Kills it without a warning; the folder stays.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.keep = true;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn end(&mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        let ended = process::wait_for("the bus stops", STOP_PATIENCE, || {
            self.child.try_wait().ok().flatten()
        });
        if ended.is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        ended
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let ended = self.end().is_ok();
        // What a failed test leaves behind is for whoever looks for the reason.
        if ended && !self.keep && !std::thread::panicking() {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// Reads the first line; `None` when there is none in time.
fn first_line(output: impl std::io::Read + Send + 'static) -> Option<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        if lines.read_line(&mut line).is_ok() {
            tell.send(line).ok();
        }
        // Read on, so that the writer never meets a closed pipe.
        std::io::copy(&mut lines, &mut std::io::sink()).ok();
    });
    told.recv_timeout(START_PATIENCE).ok()
}
