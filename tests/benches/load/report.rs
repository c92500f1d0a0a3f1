//! The report: everything as JSON, the essence as a table.

use std::fs;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use lgsp_core::{Clock, SystemClock};
use serde_json::{Map, Value, json};

use crate::stream::Cost;
use crate::{bus, say};

/// What was measured so far.
pub(crate) struct Report {
    started: Instant,
    parts: Map<String, Value>,
    bars: Vec<Value>,
}

pub(crate) fn all(costs: &[Cost]) -> Vec<Value> {
    costs.iter().map(Cost::json).collect()
}

impl Report {
    pub(crate) fn new() -> Result<Self> {
        let mut parts = Map::new();
        parts.insert("taken_unix_millis".to_owned(), SystemClock.unix_millis().into());
        parts.insert("machine".to_owned(), machine());
        parts.insert("load_average_before".to_owned(), load_average());
        Ok(Self { started: Instant::now(), parts, bars: Vec::new() })
    }

    /// Tells on standard error what comes next.
    pub(crate) fn step(&self, what: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        writeln!(std::io::stderr(), "[{seconds:5.1} s] {what}").ok();
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.parts.insert(name.to_owned(), value);
    }

    /// Notes a bar: met when the figure is at most the limit.
    pub(crate) fn bar(&mut self, name: &str, figure: f64, limit: f64, unit: &str) {
        let met = figure <= limit;
        self.bars.push(
            json!({ "bar": name, "figure": figure, "at_most": limit, "unit": unit, "met": met }),
        );
    }

    /// Writes the file and the table.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.set("load_average_after", load_average());
        self.set("took_seconds", self.started.elapsed().as_secs_f64().into());
        self.set("bars", Value::from(self.bars.clone()));
        let folder = bus::target()?.join("bench");
        fs::create_dir_all(&folder)?;
        let path = folder.join("report.json");
        let parts = rounded(Value::Object(self.parts.clone()));
        fs::write(&path, serde_json::to_string_pretty(&parts)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        say(&self.table())?;
        say(&format!("all figures: {}", path.display()))
    }

    fn number(&self, pointer: &str) -> f64 {
        let mut names = pointer.split('/');
        let part = names.next().and_then(|name| self.parts.get(name));
        let value = names.fold(part, |part, name| part?.get(name));
        value.and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    fn table(&self) -> String {
        let number = |pointer: &str| self.number(pointer);
        let rate = |part: &str| {
            let rounds =
                self.parts.get(part).and_then(|part| part.get("rounds")).and_then(Value::as_array);
            let rates: Vec<f64> = rounds
                .into_iter()
                .flatten()
                .filter_map(|round| round.get("events_per_second")?.as_f64())
                .collect();
            rates.iter().sum::<f64>() / rates.len() as f64
        };
        let mut lines = vec![
            String::new(),
            format!(
                "{:<34}{:>10}{:>12}{:>10}",
                "publishing by stream", "us CPU", "events/s", "x floor"
            ),
        ];
        for (name, part) in
            [("floor: judge and append", "floor"), ("bus: PublishEvents", "stream_publish")]
        {
            let cpu = number(&format!("{part}/cpu_us_per_event"));
            let times = cpu / number("floor/cpu_us_per_event");
            lines.push(format!("  {name:<32}{cpu:>10.1}{:>12.0}{times:>10.2}", rate(part)));
        }
        for (name, part) in
            [("bus: HTTP batches of 200", "http_batch"), ("bus: packets of 100", "packets")]
        {
            let cpu = number(&format!("{part}/cpu_us_per_event"));
            let times = cpu / number("floor/cpu_us_per_event");
            lines.push(format!("  {name:<32}{cpu:>10.1}{:>12.0}{times:>10.2}", rate(part)));
        }
        lines.push(format!(
            "  {:<32}{:>10.1}{:>12.0}{:>10.2}",
            "floor with the stream's window",
            number("floor/with_the_streams_window/cpu_us_per_event"),
            number("floor/with_the_streams_window/events_per_second"),
            number("floor/with_the_streams_window/cpu_us_per_event")
                / number("floor/cpu_us_per_event"),
        ));
        lines.push(format!(
            "  memory (RSS) {:.1} MiB at the start, {:.1} MiB after, {:.1} MiB at most",
            number("stream_publish/memory_at_start/rss_mib"),
            number("stream_publish/memory_after/rss_mib"),
            number("stream_publish/memory_after/peak_rss_mib"),
        ));
        let head =
            |what: String| format!("\n{what:<34}{:>10}{:>12}{:>10}", "us CPU", "p50 ms", "p99 ms");
        let line = |name: &str, cpu: f64, part: &str| {
            let cpu = if cpu.is_nan() { "-".to_owned() } else { format!("{cpu:.1}") };
            let (p50, p99) = (number(&format!("{part}/p50_ms")), number(&format!("{part}/p99_ms")));
            format!("  {name:<32}{cpu:>10}{p50:>12.2}{p99:>10.2}")
        };
        lines.push(head(format!(
            "one by one, {}/s, open loop",
            number("settings/publish_per_second")
        )));
        lines.push(line("bare append", f64::NAN, "bare_append"));
        lines.push(line(
            "bus: gRPC PublishEvent",
            number("grpc_publish/cpu_us_per_event"),
            "grpc_publish/latency",
        ));
        lines.push(line(
            "bus: HTTP binary mode",
            number("http_publish/cpu_us_per_event"),
            "http_publish/latency",
        ));
        lines.push(head(format!(
            "one by one, {}/s (half of the most)",
            number("grpc_publish_half_busy/rate")
        )));
        lines.push(line("bare append", f64::NAN, "grpc_publish_half_busy/bare_append"));
        lines.push(line(
            "bus: gRPC PublishEvent",
            number("grpc_publish_half_busy/cpu_us_per_event"),
            "grpc_publish_half_busy/latency",
        ));
        lines
            .push(head(format!("queries, {}/s, open loop", number("settings/queries_per_second"))));
        lines.push(line("floor: append and direct call", f64::NAN, "query_floor/latency"));
        lines.push(line("bus: LookUpCitizen", number("query/cpu_us_per_query"), "query/latency"));
        lines.push(format!("\n{:<34}{:>10}{:>12}", "bars", "figure", "at most"));
        for bar in &self.bars {
            let text = |name| bar.get(name).and_then(Value::as_str).unwrap_or_default();
            let figure = |name| bar.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let met = if bar.get("met") == Some(&true.into()) { "met" } else { "MISSED" };
            lines.push(format!(
                "  {:<32}{:>10.2}{:>12.2} {:<8}{met}",
                text("bar"),
                figure("figure"),
                figure("at_most"),
                text("unit"),
            ));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// Three digits behind the point are more than the figures mean.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or(Value::Null, |number| json!((number * 1e3).round() / 1e3))
        }
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, rounded(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

fn machine() -> Value {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1.trim();
        Some(line.to_owned())
    };
    json!({
        "processor": field(&read("/proc/cpuinfo"), "model name"),
        "processors": std::thread::available_parallelism().ok().map(usize::from),
        "memory": field(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}

/// A machine that has other work tells it here.
fn load_average() -> Value {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).filter_map(|number| number.parse::<f64>().ok()).collect()
}
