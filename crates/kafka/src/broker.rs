//! The sandbox's Kafka: one real broker, supervised as a child.
//!
//! The child is formatted once, started, waited for, restarted with back-off when it dies, and
//! stopped with the program. It never outlives the program, also when that is killed with
//! SIGKILL.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::client::{KafkaConfig, Voice};
use supervisor::Supervisor;

mod child;
mod folder;
mod supervisor;

/// A broker answers within this time of its first start, or that start has failed.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The settings of the supervised broker.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// The program's data folder; the broker lives in its subfolder `kafka`.
    pub data_dir: PathBuf,
    /// The loopback port to listen on; 0 takes a free one.
    pub port: u16,
    /// The folder with the broker's jars.
    pub libs: PathBuf,
    /// The Java runtime: a path, or a name to look for in `PATH`.
    pub java: PathBuf,
    /// The broker's heap, in MiB.
    pub heap_mib: u32,
}

/// The broker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// There is no Java runtime.
    #[error(
        "no java runtime at {java}; install one with `apt-get install -y openjdk-17-jre-headless`"
    )]
    NoJava {
        /// What was looked for.
        java: PathBuf,
    },
    /// The Java runtime is too old for the broker.
    #[error(
        "the java runtime at {java} is version {found}, kafka needs 17 or newer; install one with `apt-get install -y openjdk-17-jre-headless`"
    )]
    OldJava {
        /// What was found.
        java: PathBuf,
        /// Its major version.
        found: u32,
    },
    /// The broker's jars are missing.
    #[error("no kafka jars in {libs}; fetch them with `make kafka`")]
    NoLibs {
        /// Where they were looked for.
        libs: PathBuf,
    },
    /// The program that ties the broker's life to ours is missing.
    #[error("the program `setpriv` is missing; install it with `apt-get install -y util-linux`")]
    NoSetpriv,
    /// Another program has the port.
    #[error("port {port} on 127.0.0.1 is taken; choose another with --kafka-port")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The data folder cannot be used.
    #[error("cannot {what} {path}")]
    Folder {
        /// What was tried, e.g. `create`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The data folder could not be formatted.
    #[error("kafka could not format its folder; see {log}")]
    Format {
        /// The broker's log.
        log: PathBuf,
    },
    /// The broker ended before it answered.
    #[error("kafka ended while it was starting ({status}); see {log}")]
    Died {
        /// How it ended.
        status: String,
        /// The broker's log.
        log: PathBuf,
    },
    /// The broker did not answer in time.
    #[error("kafka did not answer within {} seconds; see {log}", START_TIMEOUT.as_secs())]
    NoAnswer {
        /// The broker's log.
        log: PathBuf,
    },
    /// The program was told to stop while the broker was starting.
    #[error("stopped while kafka was starting")]
    Stopped,
}

impl BrokerError {
    /// Returns a stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoJava { .. } => "broker_no_java",
            Self::OldJava { .. } => "broker_old_java",
            Self::NoLibs { .. } => "broker_no_libs",
            Self::NoSetpriv => "broker_no_setpriv",
            Self::PortTaken { .. } => "broker_port_taken",
            Self::Folder { .. } => "broker_folder",
            Self::Format { .. } => "broker_format",
            Self::Died { .. } => "broker_died",
            Self::NoAnswer { .. } => "broker_no_answer",
            Self::Stopped => "broker_stopped",
        }
    }

    /// Tells whether the same start may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Died { .. })
    }
}

/// A running broker. It stops when its shutdown token is cancelled, or with the program.
#[derive(Debug)]
pub struct Broker {
    bootstrap: String,
    supervisor: Arc<Supervisor>,
}

impl Broker {
    /// Starts the broker and waits until it answers.
    ///
    /// # Errors
    /// When something it needs is missing, or it does not answer within 60 s. Nothing is left
    /// running then.
    pub async fn start(
        config: BrokerConfig,
        shutdown: CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<Self, BrokerError> {
        let started = Instant::now();
        let checked = tracker.spawn_blocking(move || {
            child::check_java(&config.java)?;
            folder::check_libs(&config.libs)?;
            let port = choose_port(config.port)?;
            Ok(BrokerConfig { port, ..config })
        });
        let config = checked.await.unwrap_or(Err(BrokerError::Stopped))?;
        let bootstrap = format!("127.0.0.1:{}", config.port);
        let folder = folder::Folder::prepare(&config)?;
        let log = folder.log();

        let (supervisor, died) = Supervisor::start(folder, shutdown.clone())?;
        let broker = Self { bootstrap, supervisor: Arc::new(supervisor) };
        // Keeps the supervisor's thread in the books of the program's tasks.
        let supervised = Arc::clone(&broker.supervisor);
        tracker.spawn(async move { supervised.ended().await });

        let outcome = tokio::select! {
            answered = broker.answers() => if answered { Ok(()) } else { Err(BrokerError::NoAnswer { log }) },
            // A thread that ended without a word was told to stop.
            failure = died => Err(failure.unwrap_or(BrokerError::Stopped)),
            () = shutdown.cancelled() => Err(BrokerError::Stopped),
        };
        if let Err(error) = outcome {
            broker.supervisor.stop();
            broker.supervisor.ended().await;
            return Err(error);
        }
        broker.supervisor.has_answered();
        info!(
            bootstrap = broker.bootstrap,
            pid = broker.pid(),
            took_ms = started.elapsed().as_millis(),
            "kafka is running"
        );
        Ok(broker)
    }

    /// Returns the address for clients: `127.0.0.1:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Returns the process id of the broker; `None` between its death and its restart.
    pub fn pid(&self) -> Option<u32> {
        self.supervisor.pid()
    }

    /// Waits until the broker has stopped for good.
    pub async fn stopped(&self) {
        self.supervisor.ended().await;
    }

    /// Waits until the broker answers a client; `false` when it did not in time.
    async fn answers(&self) -> bool {
        let config = KafkaConfig::new(self.bootstrap.clone());
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            // Ask only where something listens: a client's failed attempts are slow and loud.
            let listening = tokio::net::TcpStream::connect(self.bootstrap.as_str()).await.is_ok();
            if listening {
                let config = config.clone();
                let asked = tokio::task::spawn_blocking(move || is_answered(&config));
                if asked.await.unwrap_or(false) {
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }
}

fn is_answered(config: &KafkaConfig) -> bool {
    let consumer: Result<BaseConsumer<Voice>, _> =
        config.client().create_with_context(Voice::new("start"));
    let metadata =
        consumer.and_then(|consumer| consumer.fetch_metadata(None, Duration::from_secs(5)));
    metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
}

/// Returns the port if it is free, or for 0 a free one.
fn choose_port(port: u16) -> Result<u16, BrokerError> {
    let taken = |_| BrokerError::PortTaken { port };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(taken)?;
    Ok(listener.local_addr().map_err(taken)?.port())
}
