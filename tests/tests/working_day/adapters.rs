//! Adapters at the agencies: one for each watched folder, one for the outbox. They push over gRPC
//! and live through the kills of the bus.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lgsp_adapters::{AdapterConfig, RemoteConfig, RemotePublisher};
use lgsp_core::identifier::ClientId;
use lgsp_sim::day::{Agency, Way};
use lgsp_tests::postgres::PASSWORD;
use lgsp_tests::process::wait_until;
use lgsp_tests::{Bus, Postgres, place, province};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long what was handed over may take to be published, the longest pause of a line included.
const PATIENCE: Duration = Duration::from_secs(240);
const DATABASE: &str = "motcua";

/// The adapters, and what they read.
pub(crate) struct Adapters {
    runtime: tokio::runtime::Runtime,
    tasks: TaskTracker,
    stop: CancellationToken,
    postgres: Postgres,
    files: PathBuf,
    state: PathBuf,
    remote: RemoteConfig,
}

impl Adapters {
    /// Starts a database with an outbox, and an adapter for it and for each folder of the day.
    pub(crate) fn start(bus: &Bus, systems: &[Agency]) -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let adapters = Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            postgres: postgres(),
            files: bus.folder().join("files"),
            state: bus.folder().join("adapters"),
            remote: RemoteConfig {
                url: bus.base_url().to_owned(),
                client: ClientId::parse(province::CLIENT).unwrap(),
                secret_file: bus.secret_file(province::CLIENT),
                certificates: None,
                insecure_plain_text: false,
            },
        };
        fs::create_dir_all(&adapters.state).unwrap();
        for system in systems.iter().filter(|system| system.way == Way::File) {
            for (kind, event_type, format) in [
                ("dossier", "lgsp.dossier.recorded.v1", "csv"),
                ("citizen", "lgsp.citizen.recorded.v1", "jsonl"),
                ("enterprise", "lgsp.enterprise.recorded.v1", "jsonl"),
            ] {
                adapters.watch(&system.code, kind, event_type, format);
            }
        }
        adapters.drain_outbox();
        adapters
    }

    /// Returns the folder below which files are written.
    pub(crate) fn files(&self) -> &Path {
        &self.files
    }

    /// Returns the database's address for the application that writes the outbox.
    pub(crate) fn database(&self) -> String {
        self.postgres.url(&format!("motcua:{PASSWORD}"), DATABASE)
    }

    fn watch(&self, agency: &str, kind: &str, event_type: &str, format: &str) {
        let folder = self.files.join(format!("{agency}-{kind}"));
        fs::create_dir_all(&folder).unwrap();
        let name = format!("{}-{kind}", agency.to_lowercase().replace('.', "-"));
        self.run(&format!(
            "[adapter]\nname = {name:?}\ntype = {event_type:?}\nagency = {agency:?}\n\
             client = {:?}\n[files]\nfolder = {:?}\nformat = {format:?}\n\
             settle_seconds = 0\npoll_seconds = 1\n",
            province::CLIENT,
            folder.display().to_string(),
        ));
    }

    fn drain_outbox(&self) {
        let example = place::root().join("deploy/adapters/database/outbox.toml");
        let text = fs::read_to_string(example).unwrap();
        let password = self.postgres.password_file().unwrap().display().to_string();
        let text = text.replace(":5432/", &format!(":{}/", self.postgres.port()));
        self.run(&text.replace("outbox.password", &password));
    }

    /// Runs an adapter until it is stopped.
    fn run(&self, config: &str) {
        let config = AdapterConfig::parse(config, "adapter.toml", Path::new("/")).unwrap();
        let kind = config.input.kind();
        let _entered = self.runtime.enter();
        let publisher = Arc::new(RemotePublisher::new(&self.remote, kind).unwrap());
        let (state, stop) = (self.state.clone(), self.stop.clone());
        let work = async move {
            lgsp_adapters::run(&config, publisher, &state, stop).await.unwrap();
        };
        self.tasks.spawn_on(work, self.runtime.handle());
    }

    /// Waits until all that was handed over is published or set aside, and stops the adapters.
    pub(crate) fn finish(self) {
        wait_until("the watched folders are empty", PATIENCE, || waiting_files(&self.files) == 0)
            .unwrap();
        wait_until("the outbox is empty", PATIENCE, || {
            let waiting = "select count(*) from lgsp_outbox where settled_at is null";
            self.postgres.sql(DATABASE, waiting).unwrap() == "0"
        })
        .unwrap();
        self.stop.cancel();
        self.tasks.close();
        let ended = async { tokio::time::timeout(PATIENCE, self.tasks.wait()).await };
        self.runtime.block_on(ended).expect("the adapters stop");
    }
}

/// Counts the files that wait in the folders below one.
fn waiting_files(folder: &Path) -> usize {
    let folders = fs::read_dir(folder).unwrap().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten());
    let is_input = |name: &str| {
        !name.ends_with(".ket-qua.csv") && (name.ends_with(".csv") || name.ends_with(".jsonl"))
    };
    files.filter(|file| is_input(&file.file_name().to_string_lossy())).count()
}

/// Starts a PostgreSQL with the outbox and the roles of the worked example; the application works
/// as `motcua`.
fn postgres() -> Postgres {
    let example = |name: &str| place::root().join("deploy/adapters/database").join(name);
    let postgres = Postgres::start().unwrap();
    postgres.create_role("motcua").unwrap();
    postgres.sql("postgres", &format!("create database {DATABASE}")).unwrap();
    postgres.run_file(DATABASE, &example("outbox.sql")).unwrap();
    let roles = fs::read_to_string(example("roles.sql")).unwrap();
    postgres.sql(DATABASE, &roles.replace(":\"application\"", "motcua")).unwrap();
    postgres.sql(DATABASE, &format!("alter role lgsp_adapter password '{PASSWORD}'")).unwrap();
    postgres
}
