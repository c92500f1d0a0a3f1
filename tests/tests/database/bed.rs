//! What the tests stand on: a PostgreSQL with the outbox, and a bus that is often unsure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lgsp_adapters::publisher::{
    Breach, DeadLetter, Outcome, Publisher, Record, Refusal, Unavailable,
};
use lgsp_adapters::{AdapterConfig, Input, database};
use lgsp_tests::place;
use lgsp_tests::postgres::{PASSWORD, Postgres};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long something may take on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The database of the agency's application.
pub(crate) const DATABASE: &str = "motcua";

/// Data that holds this is refused by the bus.
pub(crate) const BAD: &str = "canary-bad-value";

/// Returns a file of the worked example.
pub(crate) fn example(name: &str) -> std::path::PathBuf {
    place::root().join("deploy/adapters/database").join(name)
}

/// Starts a PostgreSQL with the outbox and the roles of the worked example; the application works
/// as `motcua`.
pub(crate) fn postgres() -> Postgres {
    let postgres = Postgres::start().unwrap();
    postgres.create_role("motcua").unwrap();
    postgres.sql("postgres", &format!("create database {DATABASE}")).unwrap();
    postgres.run_file(DATABASE, &example("outbox.sql")).unwrap();
    let roles = std::fs::read_to_string(example("roles.sql")).unwrap();
    postgres.sql(DATABASE, &roles.replace(":\"application\"", "motcua")).unwrap();
    postgres.sql(DATABASE, &format!("alter role lgsp_adapter password '{PASSWORD}'")).unwrap();
    postgres
}

/// Reads one of the worked example's configurations, with this server's address, after replacing
/// some of its text.
pub(crate) fn config(postgres: &Postgres, file: &str, changes: &[(&str, &str)]) -> AdapterConfig {
    let mut text = std::fs::read_to_string(example(file)).unwrap();
    let port = format!(":{}/", postgres.port());
    let password = postgres.password_file().unwrap().display().to_string();
    let name = file.trim_end_matches(".toml");
    let own = [(":5432/", port.as_str()), (&format!("{name}.password"), &password)];
    for (old, new) in own.iter().chain(changes) {
        assert!(text.contains(old), "{file} has no {old}");
        text = text.replace(old, new);
    }
    AdapterConfig::parse(&text, file, Path::new("/")).unwrap()
}

/// An adapter that runs until it is stopped, or dropped at any point as a kill would.
pub(crate) struct Running {
    stop: CancellationToken,
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Starts an adapter.
    pub(crate) fn start(config: AdapterConfig, bus: &Arc<Bus>, state: &Path) -> Self {
        let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        let (bus, state, stopping, cutting) =
            (bus.clone(), state.to_owned(), stop.clone(), cut.clone());
        tasks.spawn(async move {
            let Input::Database(database) = &config.input else { panic!("not a database") };
            let run = database::run(&config, database, bus, &state, stopping);
            tokio::select! {
                () = cutting.cancelled() => {}
                ended = run => ended.unwrap(),
            }
        });
        tasks.close();
        Self { stop, cut, tasks }
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("the adapter stops");
    }

    /// Drops it wherever it is.
    pub(crate) async fn cut(self) {
        self.cut.cancel();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("the adapter is dropped");
    }
}

/// A bus in memory: keeps each id once, in the order of arrival.
pub(crate) struct Bus {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    unsure: f64,
    random: Option<fastrand::Rng>,
    recorded: Vec<Record>,
    ids: BTreeMap<String, Vec<u8>>,
    letters: Vec<DeadLetter>,
    calls: u64,
    sent: u64,
    unknown: u64,
}

impl Bus {
    /// Makes a bus that always answers.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default() })
    }

    /// Makes a bus that is unsure so often, by a seed.
    pub(crate) fn unsure(probability: f64, seed: u64) -> Arc<Self> {
        let random = Some(fastrand::Rng::with_seed(seed));
        Arc::new(Self {
            inner: Mutex::new(Inner { unsure: probability, random, ..Inner::default() }),
        })
    }

    /// Returns what was recorded, in order.
    pub(crate) fn recorded(&self) -> Vec<Record> {
        self.inner.lock().unwrap().recorded.clone()
    }

    /// Returns the data of what was recorded, in order.
    pub(crate) fn data(&self) -> Vec<String> {
        let text = |record: Record| String::from_utf8(record.data.to_vec()).unwrap();
        self.recorded().into_iter().map(text).collect()
    }

    /// Returns the dead letters, in order.
    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        self.inner.lock().unwrap().letters.clone()
    }

    /// Returns how many records were sent, also again.
    pub(crate) fn sent(&self) -> u64 {
        self.inner.lock().unwrap().sent
    }

    /// Returns how many batches ended in doubt.
    pub(crate) fn unknown(&self) -> u64 {
        self.inner.lock().unwrap().unknown
    }

    /// Waits until so much was recorded.
    pub(crate) async fn until_recorded(&self, count: usize) {
        until("records arrive", || self.recorded().len() >= count).await;
    }
}

impl Inner {
    fn chance(&mut self, probability: f64) -> bool {
        self.random.as_mut().is_some_and(|random| random.f64() < probability)
    }

    fn record(&mut self, record: &Record) -> Outcome {
        if record.event_type == "nonsense" {
            return Outcome::Refused(Refusal {
                code: "unknown_event_type".to_owned(),
                ..refusal()
            });
        }
        if String::from_utf8_lossy(&record.data).contains(BAD) {
            return Outcome::Refused(refusal());
        }
        if let Some(data) = self.ids.get(&record.id) {
            assert_eq!(data, &record.data, "an id was used for other content");
            return Outcome::Recorded { duplicate: true, warnings: Vec::new() };
        }
        self.ids.insert(record.id.clone(), record.data.to_vec());
        self.recorded.push(record.clone());
        Outcome::Recorded { duplicate: false, warnings: Vec::new() }
    }

    /// Records a prefix of the batch, and may be unsure from some place before its end.
    fn publish(&mut self, batch: &[Record]) -> Vec<Outcome> {
        self.calls += 1;
        self.sent += batch.len() as u64;
        let is_unsure = self.chance(self.unsure);
        let random = self.random.get_or_insert_with(|| fastrand::Rng::with_seed(0));
        let known = if is_unsure { random.usize(..batch.len()) } else { batch.len() };
        let recorded = if is_unsure { random.usize(known..=batch.len()) } else { batch.len() };
        self.unknown += u64::from(is_unsure);
        let outcomes = batch.iter().enumerate().map(|(index, record)| {
            let outcome = (index < recorded).then(|| self.record(record));
            outcome
                .filter(|_| index < known)
                .unwrap_or(Outcome::Unknown { retry_after: Duration::from_millis(1) })
        });
        outcomes.collect()
    }
}

/// Why [`BAD`] data is refused.
pub(crate) fn refusal() -> Refusal {
    let breach = Breach {
        pointer: "/MaHoSo".to_owned(),
        rule: "dossier_code".to_owned(),
        vi: "Sai mã hồ sơ.".to_owned(),
        en: "Not a dossier code.".to_owned(),
    };
    Refusal {
        code: "schema_violation".to_owned(),
        vi: "Bản ghi vi phạm lược đồ.".to_owned(),
        en: "The record breaks its schema.".to_owned(),
        breaches: vec![breach],
    }
}

impl Publisher for Bus {
    fn publish<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Vec<Outcome>> {
        async {
            assert!(!batch.is_empty());
            // A caller that is dropped here was cut off before, or after, the bus took the batch.
            tokio::task::yield_now().await;
            let outcomes = self.inner.lock().unwrap().publish(batch);
            tokio::time::sleep(Duration::from_millis(1)).await;
            outcomes
        }
        .boxed()
    }

    fn set_aside<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Unavailable>> {
        async {
            let mut inner = self.inner.lock().unwrap();
            let unsure = inner.unsure;
            if inner.chance(unsure) || letter.record.event_type == "nonsense" {
                return Err(Unavailable { retry_after: Duration::from_millis(1) });
            }
            inner.letters.push(letter.clone());
            Ok(())
        }
        .boxed()
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "waited in vain: {what}");
}

/// Connects as the superuser, on the server's socket.
pub(crate) async fn connect(
    postgres: &Postgres,
    tasks: &TaskTracker,
) -> Option<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::Config::new()
        .host_path(postgres.folder())
        .port(postgres.port())
        .user("postgres")
        .dbname(DATABASE)
        .connect(tokio_postgres::NoTls)
        .await
        .ok()?;
    tasks.spawn(async move {
        connection.await.ok();
    });
    Some(client)
}

/// Returns the distinct ids of dead letters.
pub(crate) fn letter_ids(bus: &Bus) -> BTreeSet<String> {
    bus.letters().into_iter().map(|letter| letter.record.id).collect()
}
