//! Publishing one by one, by gRPC and by HTTP, beside the bare append: at a moderate rate, and by
//! gRPC at half of the rate that is possible at most.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lgsp_proto::event::v1::PublishEventRequest;
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use lgsp_schema::Schemas;
use reqwest::{Client, StatusCode};
use serde_json::json;

use crate::append::Appender;
use crate::bus::{self, Bus, Line};
use crate::events::{self, Events};
use crate::floor::{self, Prepared};
use crate::gauge::CpuClock;
use crate::open_loop::{self, Timed};
use crate::report::Report;
use crate::{kafka, stream};

/// Events per second.
pub(crate) const RATE: u32 = 500;
/// How many callers find out the largest rate, and for how long.
const CALLERS: usize = 64;
const RUSH: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_millis(1500);
const ROUND: Duration = Duration::from_secs(6);
/// How many different events are published, by turns.
const RECORDS: usize = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Append,
    Grpc,
    Http,
}

/// Everything that a request needs, whichever way it goes.
#[derive(Clone)]
struct Ways {
    append: Arc<(Appender, Vec<Prepared>)>,
    events: Arc<Events>,
    grpc: EventServiceClient<Line>,
    http: Client,
    url: Arc<str>,
    token: Arc<str>,
}

impl Ways {
    async fn open(bus: &Bus, events: &Events) -> Result<Self> {
        let appender = Appender::connect(&bus.kafka, kafka::EVENT_LINGER_MS)?;
        let some = events.first(RECORDS);
        let prepared = floor::prepare(&Schemas::bundled()?, &some)?;
        Ok(Self {
            append: Arc::new((appender, prepared)),
            events: Arc::new(some),
            grpc: EventServiceClient::new(bus.line(events::CLIENT).await?),
            http: bus::http()?,
            url: format!("{}/v1/events", bus.url()).into(),
            token: format!("Bearer {}", bus.token(events::CLIENT).await?).into(),
        })
    }

    async fn send(mut self, way: Way, number: usize) -> Result<()> {
        let event = self.events.get(number)?;
        match way {
            Way::Append => {
                let (appender, prepared) = &*self.append;
                let record = prepared.get(number % RECORDS).context("no records")?;
                let key = record.key.as_bytes();
                appender.append(&record.topic, key, record.headers(), &record.data).await
            }
            Way::Grpc => {
                let event = stream::message(event, events::id("grpc", number));
                let answer = self
                    .grpc
                    .publish_event(PublishEventRequest { event: Some(event), dry_run: false });
                let answer = answer.await.map_err(|status| bus::refused(&status))?.into_inner();
                let receipt = answer.receipt.context("no receipt")?;
                anyhow::ensure!(!receipt.duplicate, "an event was not new");
                Ok(())
            }
            Way::Http => {
                let request = self
                    .http
                    .post(&*self.url)
                    .header("authorization", &*self.token)
                    .header("content-type", "application/json")
                    .header("ce-specversion", "1.0")
                    .header("ce-id", events::id("http", number))
                    .header("ce-source", &event.source)
                    .header("ce-type", event.event_type)
                    .body(event.data.clone());
                let answer = request.send().await?;
                let status = answer.status();
                answer.bytes().await?;
                anyhow::ensure!(status == StatusCode::OK, "refused: HTTP status {status}");
                Ok(())
            }
        }
    }
}

/// One way's figures over the rounds.
struct Measured {
    timed: Timed,
    cpu_micros: u64,
}

pub(crate) async fn measure(report: &mut Report, bus: &Bus, events: &Events) -> Result<()> {
    let ways = Ways::open(bus, events).await?;
    let run = async |way, first, time| {
        let ways = ways.clone();
        open_loop::run(RATE, time, first, move |number| ways.clone().send(way, number)).await
    };
    let mut append = Measured { timed: Timed::new()?, cpu_micros: 0 };
    let mut grpc = Measured { timed: Timed::new()?, cpu_micros: 0 };
    let mut http = Measured { timed: Timed::new()?, cpu_micros: 0 };
    // There and back, so that a drift of the machine meets each alike.
    let order = [Way::Append, Way::Grpc, Way::Http, Way::Http, Way::Grpc, Way::Append];
    for (round, way) in order.into_iter().enumerate() {
        report.step(&format!("{RATE} events a second, one by one: {way:?}"));
        let first = round * 100_000;
        run(way, first, WARM_UP).await?;
        let cpu = CpuClock::start(&bus.gauge)?;
        let timed = run(way, first + 50_000, ROUND).await?;
        let measured = match way {
            Way::Append => &mut append,
            Way::Grpc => &mut grpc,
            Way::Http => &mut http,
        };
        measured.cpu_micros += cpu.micros()?;
        measured.timed.add(&timed)?;
    }
    report.set("bare_append", append.timed.json());
    for (name, way) in [("grpc_publish", &grpc), ("http_publish", &http)] {
        let figures = json!({
            "latency": way.timed.json(),
            "cpu_us_per_event": way.cpu_micros as f64 / way.timed.requests as f64,
            "p50_to_bare_append": way.timed.at(0.5) / append.timed.at(0.5),
            "p99_to_bare_append": way.timed.at(0.99) / append.timed.at(0.99),
        });
        report.set(name, figures);
    }
    Ok(())
}

/// The tail beside the bare append's, where the bus is half busy.
pub(crate) async fn at_half_of_the_most(
    report: &mut Report,
    bus: &Bus,
    events: &Events,
) -> Result<()> {
    let ways = Ways::open(bus, events).await?;
    report.step("one by one, as fast as possible");
    // The broker's code is compiled on the way: the first round only warms it up.
    as_fast_as_possible(&ways, 10_000_000).await?;
    let most = as_fast_as_possible(&ways, 20_000_000).await?;
    let rate = (most / 2.0) as u32;
    let mut append = Timed::new()?;
    let mut grpc = Measured { timed: Timed::new()?, cpu_micros: 0 };
    for (round, way) in [Way::Append, Way::Grpc, Way::Grpc, Way::Append].into_iter().enumerate() {
        report.step(&format!("{rate} events a second, one by one: {way:?}"));
        let first = 2_000_000 + round * 200_000;
        let send = |ways: &Ways| {
            let ways = ways.clone();
            move |number| ways.clone().send(way, number)
        };
        open_loop::run(rate, WARM_UP, first, send(&ways)).await?;
        let cpu = CpuClock::start(&bus.gauge)?;
        let timed = open_loop::run(rate, ROUND, first + 100_000, send(&ways)).await?;
        match way {
            Way::Append => append.add(&timed)?,
            Way::Grpc | Way::Http => {
                grpc.cpu_micros += cpu.micros()?;
                grpc.timed.add(&timed)?;
            }
        }
    }
    let more = grpc.timed.at(0.99) - append.at(0.99);
    report.set(
        "grpc_publish_half_busy",
        json!({
            "most_per_second": most, "rate": rate,
            "bare_append": append.json(), "latency": grpc.timed.json(),
            "cpu_us_per_event": grpc.cpu_micros as f64 / grpc.timed.requests as f64,
            "p99_more_than_bare_append_ms": more,
        }),
    );
    report.bar("single publish half busy, p99", more, 2.0, "ms more");
    Ok(())
}

/// Publishes by gRPC from many callers at once, each waiting for its answer; returns the rate.
async fn as_fast_as_possible(ways: &Ways, first: usize) -> Result<f64> {
    let started = std::time::Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let ways = ways.clone();
        callers.spawn(async move {
            let mut done = 0_usize;
            while started.elapsed() < RUSH {
                ways.clone().send(Way::Grpc, first + caller * 100_000 + done).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(caller) = callers.join_next().await {
        done += caller.context("a caller panicked")??;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}
