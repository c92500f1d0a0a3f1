//! Measures the bus beside its floor, in one run on one machine.
//!
//! **For:** what an event and a query cost through `lgsp up`, as a ratio to the least program that
//! does the same: [`floor`] for publishing, [`ask`] for queries. Processor time and memory are the
//! kernel's figures of the `lgsp` process alone, its children (Kafka, the simulator) not counted.
//! Latency is open loop ([`open_loop`]): requests start when they are due, whether or not the ones
//! before were answered, and are timed from when they were due.
//!
//! A bar that is missed is told in the report and does not fail the run; the exit code is not 0
//! only when something could not be measured. Nothing outlives the run, which is over in
//! [`PATIENCE`] in any case.
//!
//! **Start reading** at [`measure`].

mod append;
mod ask;
mod bulk;
mod bus;
mod events;
mod floor;
mod gauge;
mod kafka;
mod open_loop;
mod publish;
mod report;
mod stream;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::bus::Bus;
use crate::events::Events;
use crate::floor::Floor;
use crate::gauge::CpuClock;
use crate::report::Report;

/// How long the whole run may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Events of the stream scenario, without its warm-up; half of them in each of two rounds.
const STREAM_EVENTS: usize = 200_000;
/// Events that show whether memory grows, and the number of the first.
const ENDURANCE_EVENTS: usize = 1_000_000;
const ENDURANCE_FROM: usize = 1_000_000;
/// Events that warm up the stream, and the floor.
const WARM_UP_EVENTS: usize = 20_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some(floor::COMMAND) => floor::serve(arguments.get(1).map_or("", String::as_str)),
        // `cargo bench` says so; `cargo test --benches` does not.
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            Parts::named(&arguments).and_then(run)
        }
        _ => say("a measurement, not a test: cargo bench -p lgsp-tests"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "could not measure: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("standard output is closed")
}

/// Which parts are measured: those named on the command line, else all.
struct Parts(Vec<&'static str>);

impl Parts {
    const ALL: [&'static str; 6] = ["stream", "bulk", "single", "busy", "query", "endurance"];

    fn named(arguments: &[String]) -> Result<Self> {
        let named: Vec<_> = arguments.iter().filter(|it| !it.starts_with("--")).collect();
        if let Some(unknown) = named.iter().find(|name| !Self::ALL.contains(&name.as_str())) {
            anyhow::bail!("no part is named {unknown}, but {}", Self::ALL.join(", "));
        }
        let is_meant = |part: &&str| named.is_empty() || named.iter().any(|name| name == part);
        let mut parts: Vec<_> = Self::ALL.into_iter().filter(is_meant).collect();
        // Bulk is a ratio to the floor that the stream is measured against.
        if parts.contains(&"bulk") && !parts.contains(&"stream") {
            parts.push("stream");
        }
        Ok(Self(parts))
    }

    fn has(&self, part: &str) -> bool {
        self.0.contains(&part)
    }
}

fn run(parts: Parts) -> Result<()> {
    // Fails only when it is installed already.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, measure(&parts))
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("it took longer than {PATIENCE:?}")))
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    measured
}

async fn measure(parts: &Parts) -> Result<()> {
    let mut report = Report::new()?;
    report.step("making the events");
    let events = Events::plan();
    report.set("payload", events.sizes());

    report.step("starting the bus");
    let folder = tempfile::Builder::new().prefix("lgsp-bench-").tempdir()?;
    let bus = Bus::start(folder.path()).await?;
    report.set("settings", settings(&bus.kafka)?);

    if parts.has("stream") {
        let at_start = bus.gauge.memory()?;
        let mut floor = Floor::start(&bus.kafka).await?;
        let floor_cpu = publishing(&mut report, &bus, &events, &mut floor, &at_start).await?;
        floor.stop().await?;
        if parts.has("bulk") {
            bulk::measure(&mut report, &bus, &events, floor_cpu).await?;
        }
    }
    if parts.has("single") {
        publish::measure(&mut report, &bus, &events).await?;
    }
    if parts.has("busy") {
        publish::at_half_of_the_most(&mut report, &bus, &events).await?;
    }
    if parts.has("query") {
        ask::measure(&mut report, &bus).await?;
    }
    if parts.has("endurance") {
        endurance(&mut report, &bus, &events).await?;
    }

    report.step("measuring the bus at rest");
    let (cpu, rest) = (CpuClock::start(&bus.gauge)?, Duration::from_secs(4));
    tokio::time::sleep(rest).await;
    report.set(
        "at_rest",
        json!({
            "cpu_ms_per_second": cpu.micros()? as f64 / 1e3 / rest.as_secs_f64(),
            "sleeps_per_second": cpu.sleeps()? as f64 / rest.as_secs_f64(),
            "memory": bus.gauge.memory()?.json(),
        }),
    );

    report.step("stopping");
    bus.stop().await?;
    report.finish()
}

/// Floor and stream by turns, so that a machine that gets slower or faster on the way misleads
/// neither; warm first.
async fn publishing(
    report: &mut Report,
    bus: &Bus,
    events: &Events,
    floor: &mut Floor,
    at_start: &gauge::Memory,
) -> Result<f64> {
    report.step("warming up");
    floor.append(WARM_UP_EVENTS, floor::NO_WINDOW).await?;
    stream::publish(bus, events, 0, WARM_UP_EVENTS).await?;
    kafka::compare(&bus.kafka, &floor::header_names())?;

    let half = STREAM_EVENTS / 2;
    let (mut floors, mut streams) = (Vec::new(), Vec::new());
    for round in 0..2 {
        report.step(&format!("floor, round {}", round + 1));
        floors.push(floor.append(half, floor::NO_WINDOW).await?);
        report.step(&format!("stream, round {}", round + 1));
        let from = WARM_UP_EVENTS + round * half;
        streams.push(stream::publish(bus, events, from, half).await?);
    }
    let memory = bus.gauge.memory()?;
    report.step("floor, round 3");
    floors.push(floor.append(half, floor::NO_WINDOW).await?);
    report.step("the floor's parts");
    let same_window = floor.append(half, stream::WINDOW).await?;
    let judged = floor.judge(half).await?;

    let cpu = |rounds: &[stream::Cost]| {
        let micros: u64 = rounds.iter().map(|cost| cost.cpu_micros).sum();
        micros as f64 / rounds.iter().map(|cost| cost.events).sum::<usize>() as f64
    };
    let (floor_cpu, stream_cpu) = (cpu(&floors), cpu(&streams));
    report.set(
        "floor",
        json!({
            "what": "one process, one loop: lgsp_schema's judge (strict serde_json parse, the same \
                     jsonschema validator), headers, librdkafka; all delivery reports awaited",
            "cpu_us_per_event": floor_cpu,
            "rounds": report::all(&floors),
            "of_which_judging_us_per_event": judged.cpu_per_event(),
            "with_the_streams_window": same_window.json(),
        }),
    );
    report.set(
        "stream_publish",
        json!({
            "cpu_us_per_event": stream_cpu,
            "ratio_to_floor": stream_cpu / floor_cpu,
            "ratio_to_floor_with_the_streams_window": stream_cpu / same_window.cpu_per_event(),
            "rounds": report::all(&streams),
            "memory_at_start": at_start.json(),
            "memory_after": memory.json(),
        }),
    );
    report.bar("stream publish, CPU per event", stream_cpu / floor_cpu, 3.0, "x floor");
    report.bar("memory after the stream", memory.rss_mib(), 64.0, "MiB");
    Ok(floor_cpu)
}

/// A million events more, and what they leave behind in memory.
async fn endurance(report: &mut Report, bus: &Bus, events: &Events) -> Result<()> {
    let quarter = ENDURANCE_EVENTS / 4;
    let mut memories = Vec::new();
    for round in 0..4 {
        report.step(&format!("a million events, quarter {}", round + 1));
        let from = ENDURANCE_FROM + round * quarter;
        stream::publish(bus, events, from, quarter).await?;
        memories.push(bus.gauge.memory()?);
    }
    let [first, .., last] = memories.as_slice() else { anyhow::bail!("nothing was measured") };
    report.set(
        "endurance",
        json!({
            "events": ENDURANCE_EVENTS,
            "memory_after_each_quarter": memories.iter().map(gauge::Memory::json).collect::<Vec<_>>(),
        }),
    );
    let growth = last.rss_mib() - first.rss_mib();
    report.bar("memory, growth over 750,000 events", growth, 8.0, "MiB");
    Ok(())
}

fn settings(bootstrap: &str) -> Result<serde_json::Value> {
    Ok(json!({
        "producer": kafka::SETTINGS.iter().map(|(name, value)| (*name, *value)).collect::<std::collections::BTreeMap<_, _>>(),
        "linger_ms": { "events": kafka::EVENT_LINGER_MS, "evidence": kafka::EVIDENCE_LINGER_MS },
        "partitions": kafka::partitions(bootstrap)?,
        "stream_events": STREAM_EVENTS,
        "stream_window": stream::WINDOW,
        "publish_per_second": publish::RATE,
        "queries_per_second": ask::RATE,
        "arrivals": "open loop, Poisson, the same schedule for the bus and its floor",
    }))
}
