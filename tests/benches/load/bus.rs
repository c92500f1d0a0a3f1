//! A bus of its own for the run: the release `lgsp` on a temporary folder, on loopback.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::gauge::Gauge;

/// How long a program may take to get ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names the people whom the simulated platform knows.
pub(crate) const SEED: u64 = 2026;

/// A running `lgsp`; it ends when its standard input does, and so with this process in any case.
pub(crate) struct Program {
    child: Child,
    pipe: ChildStdin,
    /// What it said with `ready`.
    pub(crate) url: String,
}

impl Program {
    async fn start(arguments: &[&str], data: &Path) -> Result<Self> {
        let mut child = Command::new(program()?)
            .args(["--log", "warn"])
            .args(arguments)
            .args(["--port", "0", "--until-stdin-ends", "--data-dir"])
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            // Ctrl-C at a terminal ends this process, and by its pipe the child in good order.
            .process_group(0)
            .spawn()
            .context("lgsp did not start")?;
        let (Some(pipe), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("lgsp has no pipes")
        };
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.context("lgsp is not ready in time")??.context("lgsp ended at once")?;
        let url = line.strip_prefix("ready ").context("lgsp did not say that it is ready")?;
        Ok(Self { child, pipe, url: url.to_owned() })
    }

    pub(crate) async fn stop(self) -> Result<()> {
        let Self { mut child, pipe, .. } = self;
        drop(pipe);
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
        let status = ended.context("lgsp does not end")??;
        anyhow::ensure!(status.success(), "lgsp ended with {status}");
        Ok(())
    }
}

/// The folder that the build writes to.
pub(crate) fn target() -> Result<PathBuf> {
    // target/release/deps/load-…
    let own = std::env::current_exe().context("cannot find this program")?;
    let target = own.ancestors().nth(3).context("this program lies nowhere")?;
    Ok(target.to_owned())
}

fn program() -> Result<PathBuf> {
    let program = target()?.join("release/lgsp");
    anyhow::ensure!(
        program.is_file(),
        "{} is missing: `make bench` builds it first",
        program.display()
    );
    Ok(program)
}

/// The bus.
pub(crate) struct Bus {
    program: Program,
    data: PathBuf,
    pub(crate) kafka: String,
    pub(crate) gauge: Gauge,
}

impl Bus {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        let program = Program::start(&["up", "--kafka-port=0"], &data).await?;
        let run: Value = serde_json::from_slice(&std::fs::read(data.join("run.json"))?)?;
        let kafka = run.get("kafka").and_then(Value::as_str).context("no kafka in run.json")?;
        let pid = program.child.id().context("lgsp ended at once")?;
        Ok(Self { program, data, kafka: kafka.to_owned(), gauge: Gauge::of(pid) })
    }

    /// Starts another simulated platform, with the keys that the bus's has.
    pub(crate) async fn platform(&self) -> Result<Program> {
        Program::start(&["sim", &format!("--seed={SEED}")], &self.data).await
    }

    pub(crate) fn url(&self) -> &str {
        &self.program.url
    }

    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        let text = std::fs::read_to_string(self.data.join("secrets").join(name))?;
        Ok(text.trim_end().to_owned())
    }

    /// Gets a client's token as a client does.
    pub(crate) async fn token(&self, client: &str) -> Result<String> {
        let request = http()?
            .post(format!("{}/oauth2/token", self.url()))
            .basic_auth(client, Some(self.secret(client)?))
            .form(&[("grant_type", "client_credentials")]);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        let token = answer.get("access_token").and_then(Value::as_str);
        Ok(token.context("the answer has no token")?.to_owned())
    }

    /// Opens a connection for a client's gRPC calls.
    pub(crate) async fn line(&self, client: &str) -> Result<Line> {
        let channel = Channel::from_shared(self.url().to_owned())?
            .connect_timeout(Duration::from_secs(3))
            .tcp_nodelay(true)
            .connect()
            .await?;
        let token = format!("Bearer {}", self.token(client).await?).parse()?;
        Ok(InterceptedService::new(channel, Bearer(token)))
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.program.stop().await
    }
}

/// A client's connection.
pub(crate) type Line = InterceptedService<Channel, Bearer>;

/// Puts the token into each call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, tonic::Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Makes an HTTP client that keeps its connections.
pub(crate) fn http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .tcp_nodelay(true)
        .timeout(Duration::from_secs(10))
        .build()?)
}

/// Names a refused call by its code and sentence.
pub(crate) fn refused(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("refused: {} ({:?})", status.message(), status.code())
}
