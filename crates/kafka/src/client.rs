//! What every client shares: where the cluster is, and how librdkafka's log lines are told.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError as LibraryError;
use rdkafka::types::RDKafkaErrorCode;
use tracing::{debug, error, warn};

/// Of librdkafka's warnings, one is told in this time; the number of those held back goes with
/// the next. While a broker is down each client has several in a second.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Where the cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Brokers to ask first: `host:port`, comma-separated.
    pub bootstrap: String,
}

impl KafkaConfig {
    /// Names a cluster by its bootstrap servers: `host:port`, comma-separated.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into() }
    }

    /// Starts a client's settings with what all clients share.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "lgsp")
            // A broker that was away for a moment is found again within a second, not within the
            // default of ten.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            // A loopback broker closes idle connections after 10 minutes: not worth a warning.
            .set("log.connection.close", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }

    /// Starts the settings of a reader that is assigned its partitions and belongs to no group.
    pub(crate) fn reader(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // librdkafka demands a name even of a reader that never joins or commits.
            .set("group.id", "lgsp-reader-without-group")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_uncommitted")
            .set("enable.partition.eof", "true");
        config
    }
}

/// Tells librdkafka's log lines, few of them, and remembers a fatal error.
pub(crate) struct Voice {
    client: &'static str,
    told: Mutex<(Option<Instant>, u64)>,
    fatal: AtomicBool,
}

impl Voice {
    pub(crate) fn new(client: &'static str) -> Self {
        Self { client, told: Mutex::new((None, 0)), fatal: AtomicBool::new(false) }
    }

    /// Tells whether the client is beyond repair and must be made anew.
    pub(crate) fn is_fatal(&self) -> bool {
        self.fatal.load(Ordering::Acquire)
    }

    /// Returns how many were held back, when it is time to tell one.
    fn turn(&self) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0.is_some_and(|last| last.elapsed() < WARN_EVERY) {
            told.1 += 1;
            return None;
        }
        told.0 = Some(Instant::now());
        Some(std::mem::take(&mut told.1))
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").field("client", &self.client).finish_non_exhaustive()
    }
}

impl ClientContext for Voice {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let client = self.client;
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                if let Some(held_back) = self.turn() {
                    warn!(target: "librdkafka", client, facility, held_back, "{line}");
                }
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                debug!(target: "librdkafka", client, facility, "{line}");
            }
        }
    }

    fn error(&self, failure: LibraryError, reason: &str) {
        let client = self.client;
        if failure.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            if !self.fatal.swap(true, Ordering::AcqRel) {
                error!(target: "librdkafka", client, reason, "the client is beyond repair: restart the program");
            }
        } else if let Some(held_back) = self.turn() {
            warn!(target: "librdkafka", client, error = %failure, held_back, "{reason}");
        }
    }
}

impl ConsumerContext for Voice {}
