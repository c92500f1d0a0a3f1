//! Publishing many at once over HTTP: batches of CloudEvents, and packets as one-stop software
//! sends them to the national portal.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bus::{self, Bus};
use crate::events::{self, Events};
use crate::gauge::CpuClock;
use crate::report::{self, Report};
use crate::stream::Cost;

/// Events in a batch, and records in a packet.
const BATCH: usize = 200;
const PACKET: usize = 100;
/// How many callers there are at once.
const CALLERS: usize = 4;
/// Events of each round; two rounds of each way, after a warm-up.
const EVENTS: usize = 40_000;
const WARM_UP_EVENTS: usize = 4_000;

const DOSSIER: &str = "lgsp.dossier.recorded.v1";

/// What is sent, made before the clock runs: bodies, and how many events they hold.
type Bodies = Vec<(Bytes, usize)>;

/// Measures both ways; `floor` is the floor's processor time per event, in microseconds.
pub(crate) async fn measure(
    report: &mut Report,
    bus: &Bus,
    events: &Events,
    floor: f64,
) -> Result<()> {
    let token = bus.token(events::CLIENT).await?;
    let mut number = 0;
    let mut costs: [Vec<Cost>; 2] = [Vec::new(), Vec::new()];
    for (round, count) in [WARM_UP_EVENTS, EVENTS, EVENTS].into_iter().enumerate() {
        let ways = [
            ("batches of CloudEvents", batches(events, &mut number, count)?),
            ("packets", packets(events, &token, &mut number, count)?),
        ];
        for (costs, (way, bodies)) in costs.iter_mut().zip(ways) {
            report.step(&format!("{way}, round {round}"));
            let cost = match way {
                "packets" => send(bus, bodies, "/dvcqg/service", "application/json", None).await?,
                _ => {
                    let form = "application/cloudevents-batch+json";
                    send(bus, bodies, "/v1/events", form, Some(&token)).await?
                }
            };
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let [batches, packets] = &costs;
    for (name, costs, bar, what) in [
        ("http_batch", batches, 4.0, "HTTP batch, CPU per event"),
        ("packets", packets, 6.0, "packets, CPU per record"),
    ] {
        let micros: u64 = costs.iter().map(|cost| cost.cpu_micros).sum();
        let cpu = micros as f64 / costs.iter().map(|cost| cost.events).sum::<usize>() as f64;
        let figures = json!({
            "cpu_us_per_event": cpu, "ratio_to_floor": cpu / floor, "rounds": report::all(costs),
        });
        report.set(name, figures);
        report.bar(what, cpu / floor, bar, "x floor");
    }
    Ok(())
}

fn batches(events: &Events, number: &mut usize, count: usize) -> Result<Bodies> {
    let mut bodies = Vec::new();
    for start in (0..count).step_by(BATCH) {
        let size = BATCH.min(count - start);
        let mut body = vec![b'['];
        for place in 0..size {
            *number += 1;
            let event = events.get(*number)?;
            let (id, source, event_type) =
                (events::id("batch", *number), &event.source, event.event_type);
            let head = format!(
                r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"{event_type}","data":"#
            );
            body.extend_from_slice(if place > 0 { b"," } else { b"" });
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(&event.data);
            body.push(b'}');
        }
        body.push(b']');
        bodies.push((body.into(), size));
    }
    Ok(bodies)
}

/// Packets of dossiers, each told anew by its note: one that equals the last is not recorded.
fn packets(events: &Events, session: &str, number: &mut usize, count: usize) -> Result<Bodies> {
    let mut bodies = Vec::new();
    for start in (0..count).step_by(PACKET) {
        let mut records = Vec::new();
        while records.len() < PACKET.min(count - start) {
            *number += 1;
            let event = events.get(*number)?;
            if event.event_type == DOSSIER {
                let mut record: Value = serde_json::from_slice(&event.data)?;
                let members = record.as_object_mut().context("a dossier is an object")?;
                members.insert("GhiChu".to_owned(), format!("{number}").into());
                records.push(record);
            }
        }
        let size = records.len();
        let body = json!({
            "session": session, "madonvi": "H61.14", "service": "DongBoHoSoMC",
            "isUpdating": "True", "data": records,
        });
        bodies.push((body.to_string().into(), size));
    }
    Ok(bodies)
}

async fn send(
    bus: &Bus,
    bodies: Bodies,
    path: &str,
    form: &'static str,
    token: Option<&str>,
) -> Result<Cost> {
    let events = bodies.iter().map(|(_, size)| size).sum();
    let url: Arc<str> = format!("{}{path}", bus.url()).into();
    let token: Option<Arc<str>> = token.map(|token| format!("Bearer {token}").into());
    let mut shares: Vec<Bodies> = vec![Vec::new(); CALLERS];
    for (index, body) in bodies.into_iter().enumerate() {
        let share = shares.get_mut(index % CALLERS).context("a caller")?;
        share.push(body);
    }
    let (cpu, started) = (CpuClock::start(&bus.gauge)?, Instant::now());
    let mut callers = JoinSet::new();
    for share in shares {
        let (url, token, http) = (Arc::clone(&url), token.clone(), bus::http()?);
        callers.spawn(async move {
            for (body, size) in share {
                post(&http, &url, form, token.as_deref(), body, size).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done.context("a caller panicked")??;
    }
    let time = started.elapsed();
    Ok(Cost { events, cpu_micros: cpu.micros()?, time, sleeps: cpu.sleeps()? })
}

/// Sends a body; each of its events must be recorded, as new.
async fn post(
    http: &Client,
    url: &str,
    form: &str,
    token: Option<&str>,
    body: Bytes,
    size: usize,
) -> Result<()> {
    let mut request = http.post(url).header("content-type", form).body(body);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status == StatusCode::OK, "refused: HTTP status {status}: {text:.300}");
    let answer: Value = serde_json::from_str(&text)?;
    ensure!(
        matches!(answer.get("error_code").and_then(Value::as_str), None | Some("0")),
        "refused: {text:.300}"
    );
    let told = ["receipts", "result", "results", "outcomes"];
    let told = told.iter().find_map(|name| answer.get(name)).or(Some(&answer));
    let told = told.and_then(Value::as_array).context("the answer has no list")?;
    ensure!(told.len() == size, "{} of {size} events were answered", told.len());
    ensure!(!text.contains("\"duplicate\":true"), "an event was not new");
    Ok(())
}
