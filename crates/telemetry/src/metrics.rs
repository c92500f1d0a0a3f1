//! The one list of metrics, in OpenMetrics form, every label from a closed set.
//!
//! | metric | labels | meaning |
//! |---|---|---|
//! | `lgsp_ingest_events_total` | `type`, `outcome` | events judged; `outcome` is `recorded`, `duplicate` or a fault's code |
//! | `lgsp_ingest_acknowledge_seconds` | | time from the corridor's start to the log's acknowledgement |
//! | `lgsp_query_answers_total` | `service`, `outcome` | queries answered; `outcome` is `answered` or a fault's code |
//! | `lgsp_query_answer_seconds` | `service` | time from the corridor's start to its end |
//! | `lgsp_query_unknown_fields_total` | `service` | fields that far sides sent and their services do not know |
//! | `lgsp_gateway_requests_total` | `protocol`, `status` | requests at the door; `status` is HTTP's or gRPC's number |
//! | `lgsp_gateway_connections` | | open connections |
//! | `lgsp_lag_records`, `lgsp_lag_seconds` | `group`, `topic`, `partition` | lag; `NaN` while unknown |
//! | `lgsp_lag_unknown` | `group`, `topic`, `partition` | 1 while the lag is unknown, else 0 |
//! | `lgsp_lag_age_seconds` | | age of the lag figures |

use std::sync::{Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use prometheus_client;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    /// The event's type, or `unknown` for one that no schema names.
    pub r#type: String,
    /// `recorded`, `duplicate` or a fault's code.
    pub outcome: &'static str,
}

/// What became of a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabels {
    /// The service asked: a declared one, or `unknown`.
    pub service: String,
    /// `answered` or a fault's code.
    pub outcome: &'static str,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ServiceLabel {
    /// The service asked: a declared one, or `unknown`.
    pub service: String,
}

/// How a request ended at the door.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// `grpc` or `http`.
    pub protocol: &'static str,
    /// HTTP's status, or gRPC's code where the answer's headers tell it.
    pub status: u16,
}

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// `lgsp_ingest_events_total`.
    pub events: Family<EventLabels, Counter>,
    /// `lgsp_ingest_acknowledge_seconds`.
    pub acknowledge_seconds: Histogram,
    /// `lgsp_query_answers_total`.
    pub queries: Family<QueryLabels, Counter>,
    /// `lgsp_query_answer_seconds`.
    pub query_seconds: Family<ServiceLabel, Histogram, fn() -> Histogram>,
    /// `lgsp_query_unknown_fields_total`.
    pub query_unknown_fields: Family<ServiceLabel, Counter>,
    /// `lgsp_gateway_requests_total`.
    pub requests: Family<RequestLabels, Counter>,
    /// `lgsp_gateway_connections`.
    pub connections: Gauge,
}

/// Bounds of latency histograms, in seconds: half a millisecond to ten seconds.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

fn latency() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// Makes every metric, at zero.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            events: Family::default(),
            acknowledge_seconds: latency(),
            queries: Family::default(),
            query_seconds: Family::new_with_constructor(latency),
            query_unknown_fields: Family::default(),
            requests: Family::default(),
            connections: Gauge::default(),
        };
        {
            let mut registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.register(
                "lgsp_ingest_events",
                "Events judged, by what became of them",
                metrics.events.clone(),
            );
            registry.register(
                "lgsp_ingest_acknowledge_seconds",
                "Time from the corridor's start to the log's acknowledgement",
                metrics.acknowledge_seconds.clone(),
            );
            registry.register(
                "lgsp_query_answers",
                "Queries, by what became of them",
                metrics.queries.clone(),
            );
            registry.register(
                "lgsp_query_answer_seconds",
                "Time from the corridor's start to its end",
                metrics.query_seconds.clone(),
            );
            registry.register(
                "lgsp_query_unknown_fields",
                "Fields that far sides sent and their services do not know",
                metrics.query_unknown_fields.clone(),
            );
            registry.register(
                "lgsp_gateway_requests",
                "Requests at the door, by how they ended",
                metrics.requests.clone(),
            );
            registry.register(
                "lgsp_gateway_connections",
                "Open connections",
                metrics.connections.clone(),
            );
        }
        metrics
    }

    /// Adds figures that are gathered when they are read.
    pub fn add_collector(&self, collector: Box<dyn Collector>) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register_collector(collector);
    }

    /// Writes all figures as OpenMetrics text; `None` when a collector fails.
    pub fn render(&self) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner)).ok()?;
        Some(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_in_open_metrics_form() {
        let metrics = Metrics::new();
        let labels =
            EventLabels { r#type: "lgsp.dossier.recorded.v1".to_owned(), outcome: "recorded" };
        metrics.events.get_or_create(&labels).inc();
        let text = metrics.render().unwrap();
        assert!(
            text.contains(
                "lgsp_ingest_events_total{type=\"lgsp.dossier.recorded.v1\",outcome=\"recorded\"} 1"
            ),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }
}
