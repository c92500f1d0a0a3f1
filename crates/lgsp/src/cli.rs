//! The command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lgsp_sim::platform::FaultRule;
use lgsp_store::PostgresConfig;
use lgsp_telemetry::logs::LogFormat;
use tokio::io::AsyncReadExt;

use crate::commands::adapter::Adapter;
use crate::commands::audit::Audit;
use crate::commands::schema::Schema;

/// The data bus (trục LGSP) of a province: events in, queries out, one identity, visible lag.
///
/// Start with `lgsp demo`, which does the whole main job on sample data, or `lgsp up`, which runs
/// everything on this machine. Data goes to standard output, all else to standard error. Exit
/// codes: 0 done, 1 failed or found faults, 64 not understood.
#[derive(Debug, Parser)]
#[command(name = "lgsp", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How log lines are written to standard error.
    #[arg(long, global = true, value_enum, default_value = "text", env = "LGSP_LOG_FORMAT")]
    pub(crate) log_format: Format,
    /// Which log lines are written, e.g. `info`, or `warn,lgsp_gateway=debug`; without it
    /// `warn,lgsp=info`, and for the demo, which tells its own progress, `error`.
    #[arg(long, global = true, env = "LGSP_LOG")]
    pub(crate) log: Option<String>,
}

impl Cli {
    /// Returns which log lines are written.
    pub(crate) fn log(&self) -> &str {
        let usual =
            if matches!(self.command, Command::Demo(_)) { "error" } else { "warn,lgsp=info" };
        self.log.as_deref().unwrap_or(usual)
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: a Kafka of its own, a simulated national platform, the bus.
    ///
    /// The first start makes keys, three sample agencies and four clients: motcua (publishes),
    /// tracuu (asks), vanhanh (operates), kiemtoan (audits). Prints one line beginning with
    /// `ready` when it can do its job. Ctrl-C stops everything.
    Up(Up),
    /// Do the whole main job on sample data, and tell how it went.
    ///
    /// Runs on free ports in a temporary folder. Exit code 0 only if every acknowledged event was
    /// read back from Kafka and everything else went as it should.
    Demo(Demo),
    /// Print an access token for a client, and only that.
    ///
    /// For whoever may read the data folder; other systems get theirs at `/oauth2/token`.
    Token(Token),
    /// Show how far consumer groups are behind, in records and in seconds.
    Lag(Read),
    /// Show the topics, as declared and as found.
    Topics(Read),
    /// Judge keys, registry, schemas and topics; and the running bus, if one runs.
    Check(Read),
    /// Make what stands in the registry's files.
    Registry(Registry),
    /// Explain the schemas, validate records by them, compare their versions; all offline.
    #[command(subcommand)]
    Schema(Schema),
    /// Files and databases of agencies to events: try a mapping, run an adapter, judge its file.
    #[command(subcommand)]
    Adapter(Adapter),
    /// The evidence of queries: search it, export it, check its chains.
    #[command(subcommand)]
    Audit(Audit),
    /// Run the simulated national platform alone, as a test partner; or `lgsp sim traffic`.
    Sim(Sim),
}

/// Where a sandbox keeps its keys, registry and data.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataDirOption {
    /// The folder of keys, registry and data.
    #[arg(long, default_value = ".lgsp", env = "LGSP_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
}

/// How to run the supervised broker.
#[derive(Debug, Clone, Args)]
pub(crate) struct BrokerOptions {
    /// The folder with Kafka's jars; by default beside the program, where `make kafka` puts them.
    #[arg(long, env = "LGSP_KAFKA_LIBS")]
    pub(crate) kafka_libs: Option<PathBuf>,
    /// The Java runtime, 17 or newer.
    #[arg(long, default_value = "java", env = "LGSP_JAVA")]
    pub(crate) java: PathBuf,
    /// The broker's heap, in MiB.
    #[arg(long, default_value_t = 384)]
    pub(crate) kafka_heap_mib: u32,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) data: DataDirOption,
    /// The port for gRPC and HTTP, on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// The port of the supervised Kafka, on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 9092)]
    pub(crate) kafka_port: u16,
    /// Use this existing cluster and start no Kafka.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) kafka: Option<String>,
    /// Declare topics by this file instead of the bundled one, e.g. with replication 3.
    #[arg(long, value_name = "FILE")]
    pub(crate) topics: Option<PathBuf>,
    /// Run the adapters that are declared in this folder, one TOML file each: watched folders and
    /// databases of agencies, see `deploy/adapters`.
    #[arg(long, value_name = "DIR")]
    pub(crate) adapters: Option<PathBuf>,
    /// Ask the national databases that are declared in this folder instead of the bundled ones, one
    /// folder each, see `deploy/services`.
    #[arg(long, value_name = "DIR")]
    pub(crate) services: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) receipts: ReceiptsOptions,
    #[command(flatten)]
    pub(crate) broker: BrokerOptions,
    /// Stop when standard input ends: with the program that started this one, in any case.
    #[arg(long)]
    pub(crate) until_stdin_ends: bool,
}

/// Where several processes on one cluster share their receipts.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReceiptsOptions {
    /// Share receipts with other processes on the same cluster in this PostgreSQL, so that all of
    /// them together record an event once. Every process on the cluster must name the same.
    #[arg(long, value_name = "postgres://USER@HOST:PORT/DATABASE", requires = "kafka")]
    pub(crate) receipts: Option<String>,
    /// The file that holds the password for it.
    #[arg(long, value_name = "FILE", requires = "receipts")]
    pub(crate) receipts_password_file: Option<PathBuf>,
    /// The certificate, in PEM form, that signed its own; needed unless it is on this machine.
    #[arg(long, value_name = "FILE", requires = "receipts")]
    pub(crate) receipts_ca_file: Option<PathBuf>,
}

impl ReceiptsOptions {
    /// Returns where receipts are shared, if they are.
    pub(crate) fn config(self) -> Option<PostgresConfig> {
        let Self { receipts, receipts_password_file, receipts_ca_file } = self;
        let (password_file, ca_file) = (receipts_password_file, receipts_ca_file);
        receipts.map(|url| PostgresConfig { url, password_file, ca_file })
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// How many events to send.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(crate) events: u32,
    /// How many queries to ask.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    pub(crate) queries: u32,
    /// Names the sample data: the same seed makes the same day.
    #[arg(long, default_value_t = 2026)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) broker: BrokerOptions,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Token {
    /// The client, as the registry names it.
    #[arg(long)]
    pub(crate) client: String,
    #[command(flatten)]
    pub(crate) data: DataDirOption,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Registry {
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Read a password from standard input and print its line for client-secrets.toml.
    ///
    /// Only for software that cannot take a generated secret, and only for its login at
    /// `/dvcqg/login`. The password has 12 characters at least.
    HashPassword,
}

/// How a command shows what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For a person.
    Table,
    /// For a machine.
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Read {
    #[command(flatten)]
    pub(crate) data: DataDirOption,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Sim {
    #[command(subcommand)]
    pub(crate) other: Option<OtherSim>,
    #[command(flatten)]
    pub(crate) data: DataDirOption,
    /// The port, on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 8090)]
    pub(crate) port: u16,
    /// Names the synthetic population.
    #[arg(long, default_value_t = 2026)]
    pub(crate) seed: u64,
    /// How long each answer takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub(crate) latency_ms: u64,
    /// A fault from the start on, as JSON; may be given several times, e.g.
    /// `--fault '{"path": "/apiCSDLDKDN/", "kind": "http_500", "share": 0.1}'`.
    ///
    /// Kinds: latency (with delay_ms, spread_ms), http_500, error_200, truncated, truncated_xml,
    /// malformed, reset, slow_bytes, wrong_content_type, expired_token, changed_field, maintenance.
    /// While it runs: PUT, GET, DELETE /sim/faults.
    #[arg(long = "fault", value_name = "JSON", value_parser = fault)]
    pub(crate) faults: Vec<FaultRule>,
    /// Stop when standard input ends: with the program that started this one, in any case.
    #[arg(long)]
    pub(crate) until_stdin_ends: bool,
}

fn fault(text: &str) -> Result<FaultRule, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What else is simulated.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OtherSim {
    /// Push a province's working day into a bus, by every way that is reachable at once.
    ///
    /// Each record is planned with what should become of it: 2 % break rules, 1 % come twice, some
    /// late, some with old codes. What is not answered is sent again under the same id until it is.
    /// Prints a table; exit code 0 only if every record was settled as planned.
    Traffic(Traffic),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Traffic {
    /// A working day.
    #[arg(long)]
    pub(crate) day: bool,
    /// How many dossiers move in the day; about three records each.
    #[arg(long, default_value_t = 15_000)]
    pub(crate) dossiers: u32,
    /// Names the day: the same seed makes the same day.
    #[arg(long, default_value_t = 2026)]
    pub(crate) seed: u64,
    /// The date of the day.
    #[arg(long, default_value = "2026-07-03", value_name = "YYYY-MM-DD")]
    pub(crate) date: jiff::civil::Date,
    /// How many times faster than the clock; as fast as possible without it.
    #[arg(long, value_parser = speed)]
    pub(crate) speed: Option<f64>,
    /// The bus, e.g. `http://127.0.0.1:8080`; without it the one that runs on the data folder.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// The client that sends; the registry must let it publish all four types of events.
    #[arg(long, default_value = "motcua")]
    pub(crate) client: String,
    /// The file with the client's secret; without it the data folder's.
    #[arg(long, value_name = "FILE", requires_all = ["to", "agencies"])]
    pub(crate) secret_file: Option<PathBuf>,
    /// An agency in whose name the client sends; may be given many times. Without it all that the
    /// data folder's registry lets it send for.
    #[arg(long = "agency", value_name = "CODE")]
    pub(crate) agencies: Vec<String>,
    /// Write files for a files adapter too: `DIR/<agency>-<kind>/*.csv` and `*.jsonl`.
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,
    /// Fill an outbox table for a database adapter too: a PostgreSQL's URL.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Write a line for each record: what was planned and what became of it (JSON Lines).
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// For how many seconds an outcome may stay unknown.
    #[arg(long, default_value_t = 600)]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) data: DataDirOption,
    /// How to show the sums.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

/// Reads how many times faster than the clock.
fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "a number is wanted".to_owned())?;
    match (0.001..=1e6).contains(&speed) {
        true => Ok(speed),
        false => Err("from 0.001 to 1000000".to_owned()),
    }
}

/// Waits until standard input ends, if that is asked for; else for ever.
pub(crate) async fn stdin_ended(asked: bool) {
    if !asked {
        return std::future::pending().await;
    }
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut [0; 64]).await, Ok(1..)) {}
}

/// Prints a line of data to standard output; a reader that went away is no fault.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

/// Prints a line for a person to standard error.
pub(crate) fn tell(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// What was typed, or a file that it names, is not understood.
#[derive(Debug)]
pub(crate) struct Misunderstood(pub(crate) String);

impl std::fmt::Display for Misunderstood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misunderstood {}

/// Prints an error with its causes to standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    tell(&format!("error: {error:#}"));
}
