//! The whole bus in one process: what is started, in which order, and how it stops.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lgsp_core::{Clock, SystemClock};
use lgsp_gateway::{Gateway, LagMetrics, Operations as _};
use lgsp_ingest::{Ingest, Logs};
use lgsp_kafka::{
    Broker, BrokerConfig, KafkaConfig, KafkaEventLog, KafkaEventReader, KafkaEvidenceLog,
    KafkaEvidenceReader, LagPoller, LagReader, Topics, TopicsError,
};
use lgsp_query::{Auditing, Query, Sides};
use lgsp_schema::Schemas;
use lgsp_store::{PostgresConfig, PostgresReceipts, SqliteReceipts};
use lgsp_telemetry::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::BrokerOptions;
use crate::data_dir::{DataDir, Held, Running};
use crate::dossiers::PublishedDossiers;
use crate::operations::State;
use crate::receipts::Sources;
use crate::services::Declared;
use crate::shared::Lifetimes;
use crate::{adapters, operations, receipts, services, shared, simulator};

/// How often lag is polled: an operator's figure is never older than this and a poll.
const LAG_EVERY: Duration = Duration::from_secs(2);

/// How long requests under way may take once the bus stops.
const GRACE: Duration = Duration::from_secs(10);

/// How long appended events are waited for once the bus stops.
const FLUSH_GRACE: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) data_dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) kafka_port: u16,
    /// An existing cluster to use instead of a supervised broker.
    pub(crate) kafka: Option<String>,
    /// Declared topics other than the bundled ones.
    pub(crate) topics: Option<PathBuf>,
    /// The folder of adapters that the bus runs itself.
    pub(crate) adapters: Option<PathBuf>,
    /// Declared services other than the bundled ones.
    pub(crate) services: Option<PathBuf>,
    /// Where receipts are shared with other processes; without it they are this one's own.
    pub(crate) receipts: Option<PostgresConfig>,
    pub(crate) broker: BrokerOptions,
    /// Names the simulated population.
    pub(crate) seed: u64,
}

/// Where receipts are kept.
enum Kept {
    Own(Arc<SqliteReceipts>),
    Shared(PostgresReceipts),
}

/// A running bus.
pub(crate) struct Bus {
    pub(crate) base_url: String,
    pub(crate) kafka: KafkaConfig,
    pub(crate) data: DataDir,
    pub(crate) lag: LagReader,
    broker: Option<Broker>,
    events: Arc<KafkaEventLog>,
    evidence: Arc<KafkaEvidenceLog>,
    /// Told when the other processes took this one for dead.
    lost: Option<CancellationToken>,
    /// Told first: no new requests.
    stopping: CancellationToken,
    /// Told when requests have ended: pollers and writers stop.
    quiet: CancellationToken,
    /// Told last: the broker and the simulator stop.
    down: CancellationToken,
    door: tokio::task::JoinHandle<()>,
    requests: TaskTracker,
    background: TaskTracker,
    children: TaskTracker,
    _held: Held,
}

impl Bus {
    /// Starts everything; returns when it can do its job.
    pub(crate) async fn start(options: Options, progress: impl Fn(&str)) -> Result<Self> {
        // All that can be wrong without starting anything comes first.
        let (data, held) = DataDir::prepare(&options.data_dir)?;
        let schemas = Arc::new(Schemas::bundled()?);
        let topics = Arc::new(declared_topics(options.topics.as_deref())?);
        let province = data.province_key()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "port {} is taken: choose another with --port (0 takes a free one)",
                options.port
            )
        })?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let identity = Arc::new(data.identity(base_url.clone())?);
        let declared_adapters = match &options.adapters {
            Some(folder) => adapters::load(folder, &identity)?,
            None => Vec::new(),
        };

        let (stopping, quiet, down) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let (requests, background, children) =
            (TaskTracker::new(), TaskTracker::new(), TaskTracker::new());
        // Whatever was started by then ends with an error below.
        let abort = down.clone().drop_guard();

        let broker = match &options.kafka {
            Some(_) => None,
            None => {
                progress("starting Kafka");
                let config = BrokerConfig {
                    data_dir: data.path().to_owned(),
                    port: options.kafka_port,
                    libs: kafka_libs(&options.broker)?,
                    java: options.broker.java.clone(),
                    heap_mib: options.broker.kafka_heap_mib,
                };
                Some(Broker::start(config, down.clone(), &children).await?)
            }
        };
        let bootstrap = match (&options.kafka, &broker) {
            (Some(bootstrap), _) => bootstrap.clone(),
            (None, Some(broker)) => broker.bootstrap().to_owned(),
            (None, None) => anyhow::bail!("no Kafka"),
        };
        let kafka = KafkaConfig::new(bootstrap.clone());

        progress("making topics");
        let drift =
            topics.ensure(&kafka).await.with_context(|| format!("the topics at {bootstrap}"))?;
        for drift in drift {
            tracing::warn!(
                topic = drift.topic,
                setting = drift.setting,
                declared = drift.declared,
                found = drift.actual,
                "a topic is not as declared"
            );
        }

        progress("reading receipts");
        let cluster = lgsp_kafka::cluster_id(&kafka).await?;
        let sources = Sources {
            kafka: kafka.clone(),
            schemas: Arc::clone(&schemas),
            clock: Arc::clone(&clock),
        };
        let (book, kept) = match &options.receipts {
            None => {
                let file = data.receipts_file();
                let opened = receipts::open(&file, &cluster, &sources, &quiet, &background).await?;
                (opened.0, Kept::Own(opened.1))
            }
            Some(config) => {
                let lifetimes = Lifetimes {
                    quiet: &quiet,
                    down: &down,
                    background: &background,
                    children: &children,
                };
                let bound = (cluster.as_str(), &province);
                let joined = shared::join(config, &data, bound, &sources, lifetimes).await?;
                (joined.0, Kept::Shared(joined.1))
            }
        };

        progress("starting the simulated national platform");
        let platform = simulator::start(&data, options.seed, down.clone(), &children).await?;
        let declared = Declared::sandbox(options.services, &data, platform.clone())?;
        let services = declared.load()?;
        for fault in services::faults_of_grants(identity.registry(), &services) {
            tracing::warn!(fault, "the registry does not fit the declared services");
        }

        let metrics = Arc::new(Metrics::new());
        let events = Arc::new(KafkaEventLog::connect(&kafka)?);
        let evidence = Arc::new(KafkaEvidenceLog::connect(&kafka, Arc::clone(&clock))?);
        let lost = match kept {
            Kept::Own(store) => {
                let (book, events, evidence) =
                    (Arc::clone(&book), Arc::clone(&events), Arc::clone(&evidence));
                let settler = receipts::Settler { book, store, events, evidence, sources };
                settler.run(quiet.clone(), &background);
                None
            }
            Kept::Shared(receipts) => {
                let lost = receipts.lost().clone();
                let (book, events, evidence) =
                    (Arc::clone(&book), Arc::clone(&events), Arc::clone(&evidence));
                shared::Watch { book, receipts, events, evidence, sources }
                    .run(&quiet, &background);
                Some(lost)
            }
        };
        let mut lag = LagPoller::connect(&kafka, Arc::clone(&clock))?.run(
            LAG_EVERY,
            quiet.clone(),
            &background,
        );
        let state = Arc::new(State {
            lag: lag.clone(),
            topics: arc_swap::ArcSwap::from_pointee(operations::states(
                &topics.describe(&kafka).await?,
            )),
            book: Arc::clone(&book),
            events: Arc::clone(&events),
            evidence: Arc::clone(&evidence),
            clock: Arc::clone(&clock),
            stopping: stopping.clone(),
        });
        state.watch_topics(topics, kafka.clone(), quiet.clone(), &background);
        metrics.add_collector(Box::new(LagMetrics::new(
            Arc::clone(&state) as Arc<_>,
            Arc::clone(&clock),
        )));

        let ingest = Ingest::new(
            Arc::clone(&identity),
            schemas,
            Logs {
                events: Arc::clone(&events) as Arc<_>,
                dead_letters: Arc::clone(&events) as Arc<_>,
                reader: Arc::new(KafkaEventReader::new(&kafka, background.clone())),
            },
            book,
            province.clone(),
            Arc::clone(&clock),
            Arc::clone(&metrics),
        );
        let auditing = Auditing::new(
            Arc::clone(&identity),
            Arc::clone(&evidence) as Arc<_>,
            Arc::new(KafkaEvidenceReader::new(&kafka, background.clone())),
            province.clone(),
            Arc::clone(&clock),
            requests.clone(),
            stopping.clone(),
        );
        let gateway = Gateway {
            identity: Arc::clone(&identity),
            ingest: ingest.clone(),
            query: Query::new(
                Arc::clone(&identity),
                Sides {
                    evidence: Arc::clone(&evidence) as Arc<_>,
                    dossiers: Arc::new(PublishedDossiers(ingest)),
                },
                services,
                province,
                Arc::clone(&clock),
                Arc::clone(&metrics),
                requests.clone(),
            ),
            auditing,
            operations: Arc::clone(&state) as Arc<_>,
            metrics: Arc::clone(&metrics),
            clock,
            tasks: requests.clone(),
            stopping: stopping.clone(),
            loopback: true,
        };
        declared.clone().watch(gateway.query.clone(), stopping.clone(), &background);
        adapters::run(
            declared_adapters,
            &gateway.ingest,
            &identity,
            &data.path().join("adapters"),
            &stopping,
            &requests,
        );
        let routes = gateway.router(stopping.clone());
        let door = {
            let (stopping, requests) = (stopping.clone(), requests.clone());
            background.spawn(async move {
                lgsp_gateway::door::serve(listener, routes, metrics, stopping, &requests, GRACE)
                    .await;
            })
        };
        progress("waiting for the first lag figures");
        let deadline = Instant::now() + Duration::from_secs(30);
        while lag.snapshot().taken_unix_millis.is_none() && Instant::now() < deadline {
            tokio::time::timeout(Duration::from_secs(5), lag.changed()).await.ok();
        }
        let not_ready: Vec<_> = state
            .checks()
            .into_iter()
            .filter_map(|check| Some((check.name, check.fault?)))
            .collect();
        anyhow::ensure!(not_ready.is_empty(), "the bus is not ready: {not_ready:?}");
        data.set_running(&Running {
            base_url: base_url.clone(),
            kafka: bootstrap,
            platform,
            services: declared.folder.as_deref().map(std::path::absolute).transpose()?,
            topics: options.topics.as_deref().map(std::path::absolute).transpose()?,
            pid: std::process::id(),
        })?;
        abort.disarm();
        Ok(Self {
            base_url,
            kafka,
            data,
            lag,
            broker,
            events,
            evidence,
            lost,
            stopping,
            quiet,
            down,
            door,
            requests,
            background,
            children,
            _held: held,
        })
    }

    /// Waits until the bus cannot go on.
    pub(crate) async fn failed(&self) -> anyhow::Error {
        match &self.lost {
            Some(lost) => lost.cancelled().await,
            None => std::future::pending().await,
        }
        anyhow::anyhow!(
            "the other processes took this one for dead: it was paused, or did not reach the \
             receipts' PostgreSQL, for too long. Start it again"
        )
    }

    /// Stops in order: no new requests, what is under way ends, the log is flushed, pollers stop,
    /// children stop. Tells what remained.
    pub(crate) async fn stop(self) {
        self.data.set_stopped();
        self.stopping.cancel();
        self.requests.close();
        if tokio::time::timeout(GRACE, self.requests.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.requests.len(),
                "requests were still under way at the end of the grace period"
            );
        }
        tokio::time::timeout(GRACE + GRACE, self.door).await.ok();
        let (events, evidence) = (Arc::clone(&self.events), Arc::clone(&self.evidence));
        let flushed = self
            .background
            .spawn_blocking(move || (events.flush(FLUSH_GRACE), evidence.flush(FLUSH_GRACE)));
        if let Ok((events @ 1.., _) | (events, 1..)) = flushed.await {
            tracing::warn!(events, "some appends had no answer: their senders will ask again");
        }
        self.quiet.cancel();
        self.background.close();
        if tokio::time::timeout(GRACE, self.background.wait()).await.is_err() {
            tracing::warn!(tasks = self.background.len(), "background tasks did not end in time");
        }
        // The clients go before their broker, so that they do not complain of its absence.
        drop((self.events, self.evidence));
        self.down.cancel();
        if let Some(broker) = &self.broker {
            broker.stopped().await;
        }
        self.children.close();
        if tokio::time::timeout(GRACE, self.children.wait()).await.is_err() {
            tracing::warn!("children did not end in time");
        }
    }
}

/// Reads the declared topics: from a file, or the bundled ones.
pub(crate) fn declared_topics(file: Option<&Path>) -> Result<Topics, TopicsError> {
    file.map_or_else(Topics::bundled, Topics::load)
}

/// Finds the broker's jars: where the options say, else beside the folder of this program.
fn kafka_libs(options: &BrokerOptions) -> Result<PathBuf> {
    if let Some(libs) = &options.kafka_libs {
        return Ok(libs.clone());
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let beside =
        program.parent().and_then(|folder| folder.parent()).context("this program lies nowhere")?;
    Ok(beside.join("kafka/libs"))
}
