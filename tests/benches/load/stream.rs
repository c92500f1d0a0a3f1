//! Publishing by stream: one client, one `PublishEvents` call, a window of events on their way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lgsp_proto::event::v1::cloud_event::Data;
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use lgsp_proto::event::v1::publish_events_response::Result as Outcome;
use lgsp_proto::event::v1::{CloudEvent, PublishEventsRequest, PublishEventsResponse};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::bus::{self, Bus};
use crate::events::{self, Event, Events};
use crate::gauge::CpuClock;

/// How many events the client has unanswered at most.
pub(crate) const WINDOW: usize = 1024;
/// How long one answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);

/// What a number of events cost a process.
#[derive(Debug)]
pub(crate) struct Cost {
    pub(crate) events: usize,
    pub(crate) cpu_micros: u64,
    pub(crate) time: Duration,
    /// How often the process's threads went to sleep.
    pub(crate) sleeps: u64,
}

impl Cost {
    pub(crate) fn cpu_per_event(&self) -> f64 {
        self.cpu_micros as f64 / self.events as f64
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "events": self.events,
            "cpu_us_per_event": self.cpu_per_event(),
            "events_per_second": self.events as f64 / self.time.as_secs_f64(),
            "sleeps_per_event": self.sleeps as f64 / self.events as f64,
        })
    }
}

pub(crate) fn message(event: &Event, id: String) -> CloudEvent {
    CloudEvent {
        id,
        source: event.source.clone(),
        spec_version: "1.0".to_owned(),
        r#type: event.event_type.to_owned(),
        attributes: std::collections::HashMap::default(),
        data: Some(Data::BinaryData(event.data.clone())),
    }
}

/// Publishes events by their numbers; each must be accepted, as new, in order.
pub(crate) async fn publish(bus: &Bus, events: &Events, from: usize, count: usize) -> Result<Cost> {
    let mut client = EventServiceClient::new(bus.line(events::CLIENT).await?);
    // Events are cheap to copy: their bytes are shared.
    let outgoing: Vec<CloudEvent> = (from..from + count)
        .map(|number| Ok(message(events.get(number)?, events::id("stream", number))))
        .collect::<Result<_>>()?;
    let window = Arc::new(Semaphore::new(WINDOW));
    let room = Arc::clone(&window);
    let requests = futures_util::stream::unfold(outgoing.into_iter(), move |mut left| {
        let room = Arc::clone(&room);
        async move {
            // Given back by the answer.
            room.acquire().await.ok()?.forget();
            Some((PublishEventsRequest { event: Some(left.next()?), dry_run: false }, left))
        }
    });

    let (cpu, started) = (CpuClock::start(&bus.gauge)?, Instant::now());
    let answers = client.publish_events(requests).await;
    let mut answers = answers.map_err(|status| bus::refused(&status))?.into_inner();
    for number in from..from + count {
        let answer = tokio::time::timeout(ANSWER_PATIENCE, answers.message()).await;
        let answer =
            answer.context("no answer in time")?.map_err(|status| bus::refused(&status))?;
        accepted(&answer.context("the stream ended early")?, &events::id("stream", number))?;
        window.add_permits(1);
    }
    Ok(Cost {
        events: count,
        cpu_micros: cpu.micros()?,
        time: started.elapsed(),
        sleeps: cpu.sleeps()?,
    })
}

fn accepted(answer: &PublishEventsResponse, id: &str) -> Result<()> {
    ensure!(answer.id == id, "an answer came out of order");
    match &answer.result {
        Some(Outcome::Receipt(receipt)) => ensure!(!receipt.duplicate, "{id} was no new event"),
        Some(Outcome::Verdict(_)) => anyhow::bail!("{id} was only considered"),
        Some(Outcome::Fault(fault)) => anyhow::bail!("{id} was refused: {}", fault.code),
        None => anyhow::bail!("an answer says nothing"),
    }
    Ok(())
}
