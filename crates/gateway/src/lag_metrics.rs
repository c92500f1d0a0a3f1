//! Lag as metrics, gathered from the last poll when they are read.

use std::fmt;
use std::sync::Arc;

use lgsp_core::Clock;
use lgsp_telemetry::metrics::prometheus_client::collector::Collector;
use lgsp_telemetry::metrics::prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder,
};
use lgsp_telemetry::metrics::prometheus_client::metrics::MetricType;
use lgsp_telemetry::metrics::prometheus_client::metrics::gauge::ConstGauge;

use crate::operations::Operations;

/// Tells the lag of every group; an unknown lag is `NaN` and says so, never zero and never absent.
pub struct LagMetrics {
    operations: Arc<dyn Operations>,
    clock: Arc<dyn Clock>,
}

impl LagMetrics {
    /// Reads from the port that operators read from.
    pub fn new(operations: Arc<dyn Operations>, clock: Arc<dyn Clock>) -> Self {
        Self { operations, clock }
    }
}

impl fmt::Debug for LagMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LagMetrics")
    }
}

/// One row: its labels, and its three figures.
struct Row {
    labels: [(&'static str, String); 3],
    records: f64,
    seconds: f64,
    unknown: f64,
}

/// Which figure of a row a metric tells.
type Figure = fn(&Row) -> f64;

struct Rows<'a>(&'a [Row], Figure);

impl EncodeMetric for Rows<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for row in self.0 {
            let metric = ConstGauge::new((self.1)(row));
            metric.encode(encoder.encode_family(&row.labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl Collector for LagMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.operations.lag();
        let mut rows = Vec::new();
        for group in &snapshot.groups {
            let mut add =
                |topic: &str, partition: String, records: Option<u64>, seconds: Option<f64>| {
                    let labels = [
                        ("group", group.group.to_string()),
                        ("topic", topic.to_owned()),
                        ("partition", partition),
                    ];
                    rows.push(Row {
                        labels,
                        records: records.map_or(f64::NAN, |records| records as f64),
                        seconds: seconds.unwrap_or(f64::NAN),
                        unknown: if records.is_some() && seconds.is_some() { 0.0 } else { 1.0 },
                    });
                };
            if group.topics.is_empty() {
                add("", String::new(), None, None);
            }
            for topic in &group.topics {
                for partition in &topic.partitions {
                    add(
                        &topic.topic,
                        partition.partition.to_string(),
                        partition.lag_records,
                        partition.lag_seconds,
                    );
                }
            }
        }
        let figures: [(&str, &str, Figure); 3] = [
            ("lgsp_lag_records", "Records a group has not read; NaN while unknown", |row| {
                row.records
            }),
            (
                "lgsp_lag_seconds",
                "Age of the oldest record a group has not read; NaN while unknown",
                |row| row.seconds,
            ),
            ("lgsp_lag_unknown", "1 while the lag is unknown", |row| row.unknown),
        ];
        for (name, help, figure) in figures {
            Rows(&rows, figure).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                MetricType::Gauge,
            )?)?;
        }
        let age = snapshot
            .age_millis(self.clock.unix_millis())
            .map_or(f64::NAN, |millis| millis as f64 / 1000.0);
        let age_help = "Age of the lag figures; NaN before the first poll";
        ConstGauge::new(age).encode(encoder.encode_descriptor(
            "lgsp_lag_age_seconds",
            age_help,
            None,
            MetricType::Gauge,
        )?)
    }
}
