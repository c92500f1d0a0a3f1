//! `lgsp demo`: the whole main job on the sample data of a working day.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lgsp_kafka::GroupReader;

use crate::bus::{Bus, Options};
use crate::cli::{self, Demo};

mod ask;
mod publish;
mod read_back;
mod summary;

/// The consumer group that falls behind and catches up.
const GROUP: &str = "thong-ke";

/// How long the figures may take to show what has happened.
const FIGURES_TIMEOUT: Duration = Duration::from_secs(20);

/// What the group's lag was at one moment.
#[derive(Debug, Clone, Copy)]
struct Lag {
    records: u64,
    seconds: f64,
}

pub(crate) async fn run(options: Demo) -> Result<bool> {
    let started = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("lgsp-demo-")
        .tempdir()
        .context("no temporary folder can be made")?;
    let step =
        |text: &str| cli::tell(&format!("[{:5.1} s] {text}", started.elapsed().as_secs_f64()));
    let bus = Bus::start(
        Options {
            data_dir: folder.path().join("data"),
            port: 0,
            kafka_port: 0,
            kafka: None,
            topics: None,
            receipts: None,
            adapters: None,
            services: None,
            broker: options.broker.clone(),
            seed: options.seed,
        },
        step,
    );
    let bus = tokio::select! {
        bus = bus => bus?,
        _ = tokio::signal::ctrl_c() => return Ok(false),
    };
    step(&format!("the bus is ready at {}, its Kafka at {}", bus.base_url, bus.kafka.bootstrap));
    let done = tokio::select! {
        done = work(&options, &bus, &step) => done,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    step("stopping everything");
    bus.stop().await;
    let summary = done?;
    cli::say(&summary.to_string());
    Ok(summary.is_right())
}

async fn work(options: &Demo, bus: &Bus, step: &impl Fn(&str)) -> Result<summary::Summary> {
    let topics = ["lgsp.dossier.v1", "lgsp.citizen.v1", "lgsp.enterprise.v1"];
    let events = publish::plan(options.seed, options.events as usize);
    let (morning, afternoon) = events.split_at(events.len() / 2);

    step(&format!("a one-stop-shop system publishes the morning: {} events", morning.len()));
    let mut published = publish::Published::default();
    publish::send(bus, morning, &mut published).await?;

    step("a consumer group reads along");
    let reader = Arc::new(GroupReader::join(&bus.kafka, GROUP, &topics)?);
    read(&reader, published.acknowledged.len()).await?;
    wait_for_lag(bus, |lag| lag.records == 0)
        .await
        .context("the group that read all should show no lag")?;

    step(&format!("the group stops; the afternoon comes: {} events", afternoon.len()));
    let before = published.acknowledged.len();
    publish::send(bus, afternoon, &mut published).await?;
    let missed = published.acknowledged.len() - before;
    let expected = u64::try_from(missed)?;
    let behind = wait_for_lag(bus, |lag| lag.records == expected)
        .await
        .context("the group that stopped should show its lag")?;
    step(&format!(
        "the operator sees {GROUP} behind by {} records, {:.1} s",
        behind.records, behind.seconds
    ));

    step(&format!("an officer's system asks the population database {} times", options.queries));
    let asked = ask::run(bus, options.seed, options.queries as usize).await?;

    step("the group catches up");
    read(&reader, missed).await?;
    let caught_up = wait_for_lag(bus, |lag| lag.records == 0)
        .await
        .context("the group that caught up should show no lag")?;

    step("a separate consumer reads everything back");
    let read_back = read_back::events(bus, &topics).await?;
    let evidence = read_back::evidence(bus).await?;
    Ok(summary::Summary { published, asked, behind, caught_up, read_back, evidence })
}

/// Lets the group read and commit so many records.
async fn read(reader: &Arc<GroupReader>, count: usize) -> Result<()> {
    let reader = Arc::clone(reader);
    let read = tokio::task::spawn_blocking(move || {
        let (mut read, deadline) = (0, Instant::now() + Duration::from_secs(20));
        while read < count && Instant::now() < deadline {
            read += reader.read(count - read, Duration::from_secs(1))?;
        }
        anyhow::Ok(read)
    });
    let read = read.await??;
    anyhow::ensure!(read == count, "the group read {read} of {count} records");
    Ok(())
}

/// Waits until the group's total is known and as expected.
async fn wait_for_lag(bus: &Bus, expected: impl Fn(Lag) -> bool) -> Result<Lag> {
    let mut reader = bus.lag.clone();
    let deadline = Instant::now() + FIGURES_TIMEOUT;
    let mut last = None;
    while Instant::now() < deadline {
        tokio::time::timeout(Duration::from_secs(5), reader.changed()).await.ok();
        let snapshot = reader.snapshot();
        let group = snapshot.groups.iter().find(|group| *group.group == *GROUP);
        last = group.map(|group| (group.lag_records, group.lag_seconds));
        if let Some((Some(records), Some(seconds))) = last {
            let lag = Lag { records, seconds };
            if expected(lag) {
                return Ok(lag);
            }
        }
    }
    anyhow::bail!("the last figures were {last:?}")
}
