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
/// A cluster that starts with us makes a new client wait; longer than this it is a trouble.
const SETTLING: Duration = Duration::from_secs(30);

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

/// Tells librdkafka's log lines, few of them.
pub(crate) struct Voice {
    client: &'static str,
    begun: Instant,
    told: Mutex<(Option<Instant>, u64)>,
    fatal_told: AtomicBool,
}

impl Voice {
    pub(crate) fn new(client: &'static str) -> Self {
        Self {
            client,
            begun: Instant::now(),
            told: Mutex::new((None, 0)),
            fatal_told: AtomicBool::new(false),
        }
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

/// How much a line is worth.
#[derive(Debug, PartialEq, Eq)]
enum Worth {
    /// Somebody may have to act.
    Warning,
    /// It passes by itself, or is no trouble at all.
    Detail,
}

/// Judges a log line of a client of this age.
fn line_worth(level: RDKafkaLogLevel, facility: &str, line: &str, age: Duration) -> Worth {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => {
            // The coordinators of a cluster that starts read their topics first; each request
            // meanwhile, a producer's first one (GETPID) among them, is refused and repeated.
            let settling = (facility == "GETPID" && line.ends_with("retrying"))
                || line.contains("Coordinator load in progress");
            if settling && age < SETTLING { Worth::Detail } else { Worth::Warning }
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => Worth::Detail,
    }
}

/// Judges an error that the library reports of a client of this age.
fn error_worth(code: Option<RDKafkaErrorCode>, age: Duration) -> Worth {
    match code {
        // Comes with each partition that is read to its end.
        Some(RDKafkaErrorCode::PartitionEOF) => Worth::Detail,
        Some(RDKafkaErrorCode::CoordinatorLoadInProgress) if age < SETTLING => Worth::Detail,
        _ => Worth::Warning,
    }
}

impl ClientContext for Voice {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let client = self.client;
        match line_worth(level, facility, line, self.begun.elapsed()) {
            Worth::Warning => {
                if let Some(held_back) = self.turn() {
                    warn!(target: "librdkafka", client, facility, held_back, "{line}");
                }
            }
            Worth::Detail => debug!(target: "librdkafka", client, facility, "{line}"),
        }
    }

    fn error(&self, failure: LibraryError, reason: &str) {
        let client = self.client;
        let code = failure.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::Fatal) {
            // Never held back, and told once: a producer's errors come here twice.
            if self.fatal_told.swap(true, Ordering::Relaxed) {
                return;
            }
            error!(target: "librdkafka", client, reason, "the client is beyond repair until it is replaced");
            return;
        }
        match error_worth(code, self.begun.elapsed()) {
            Worth::Warning => {
                if let Some(held_back) = self.turn() {
                    warn!(target: "librdkafka", client, error = %failure, held_back, "{reason}");
                }
            }
            Worth::Detail => debug!(target: "librdkafka", client, error = %failure, "{reason}"),
        }
    }
}

impl ConsumerContext for Voice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_starts_is_no_trouble_until_it_takes_too_long() {
        use RDKafkaLogLevel::Warning;
        let getpid = "Failed to acquire idempotence PID from broker 127.0.0.1:9092/1: Broker: Coordinator load in progress: retrying";
        let (young, old) = (Duration::from_secs(1), SETTLING);
        assert_eq!(line_worth(Warning, "GETPID", getpid, young), Worth::Detail);
        assert_eq!(line_worth(Warning, "GETPID", getpid, old), Worth::Warning);
        assert_eq!(line_worth(Warning, "FAIL", "Connection refused", young), Worth::Warning);
        let loading = Some(RDKafkaErrorCode::CoordinatorLoadInProgress);
        assert_eq!(error_worth(loading, young), Worth::Detail);
        assert_eq!(error_worth(loading, old), Worth::Warning);
    }

    #[test]
    fn the_end_of_a_partition_is_never_a_trouble_and_a_dead_cluster_always_is() {
        let old = SETTLING * 10;
        assert_eq!(error_worth(Some(RDKafkaErrorCode::PartitionEOF), old), Worth::Detail);
        let down = Some(RDKafkaErrorCode::AllBrokersDown);
        assert_eq!(error_worth(down, Duration::ZERO), Worth::Warning);
        assert_eq!(error_worth(None, old), Worth::Warning);
    }
}
