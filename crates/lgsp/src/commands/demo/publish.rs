//! The one-stop-shop system: publishes a day's events over one gRPC stream.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use bytes::Bytes;
use lgsp_core::digest::Digest128;
use lgsp_proto::event::v1::cloud_event::Data;
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use lgsp_proto::event::v1::publish_events_response::Result as Outcome;
use lgsp_proto::event::v1::{CloudEvent, PublishEventsRequest};
use lgsp_proto::fault::v1::{Fault, Violation};
use lgsp_sim::traffic::{Expect, PlannedEvent, working_day};

use crate::bus::Bus;
use crate::{caller, commands::demo::ask};

const CLIENT: &str = "motcua";

/// The sample registry's agencies.
const AGENCIES: [&str; 3] = ["H61.14", "H61.25", "H61.36"];

/// What the system keeps of what it sent.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Source and id of every acknowledged event, with the digest of its bytes.
    pub(super) acknowledged: HashMap<(String, String), Digest128>,
    /// How many were refused, by rule.
    pub(super) refused: BTreeMap<String, usize>,
    /// One refusal, with its event's type.
    pub(super) example: Option<(String, Fault)>,
    /// Events whose outcome was not what was planned: id and what came.
    pub(super) unexpected: Vec<String>,
}

pub(super) fn plan(seed: u64, count: usize) -> Vec<PlannedEvent> {
    working_day(seed, jiff::civil::date(2026, 7, 3), count, &AGENCIES).collect()
}

fn source(event: &PlannedEvent) -> String {
    format!("/agencies/{}/systems/{CLIENT}", event.agency)
}

pub(super) async fn send(
    bus: &Bus,
    events: &[PlannedEvent],
    published: &mut Published,
) -> Result<()> {
    let token = ask::token(bus, CLIENT).await?;
    let mut client = EventServiceClient::new(caller::open(&bus.base_url, &token).await?);
    let outgoing: Vec<PublishEventsRequest> = events.iter().map(request).collect();
    let mut answers = client
        .publish_events(tokio_stream::iter(outgoing))
        .await
        .map_err(|status| caller::refused(&status))?
        .into_inner();
    for event in events {
        let answer = answers.message().await.map_err(|status| caller::refused(&status))?;
        let answer = answer.context("the stream ended before its last answer")?;
        anyhow::ensure!(answer.id == event.id, "an answer came out of order");
        note(event, answer.result.context("an answer says nothing")?, published);
    }
    Ok(())
}

fn request(event: &PlannedEvent) -> PublishEventsRequest {
    PublishEventsRequest {
        event: Some(CloudEvent {
            id: event.id.clone(),
            source: source(event),
            spec_version: "1.0".to_owned(),
            r#type: event.event_type.to_owned(),
            attributes: std::collections::HashMap::default(),
            data: Some(Data::BinaryData(Bytes::from(event.data.clone()))),
        }),
        dry_run: false,
    }
}

fn note(event: &PlannedEvent, outcome: Outcome, published: &mut Published) {
    match outcome {
        Outcome::Receipt(receipt) => {
            if event.expectation != Expect::Accepted || receipt.duplicate {
                published.unexpected.push(format!("{} was accepted", event.id));
            }
            published
                .acknowledged
                .insert((source(event), event.id.clone()), Digest128::of(&[&event.data]));
        }
        Outcome::Verdict(_) => {
            published.unexpected.push(format!("{} was only considered", event.id))
        }
        Outcome::Fault(fault) => {
            let rule = fault
                .violations
                .first()
                .map_or(fault.code.clone(), |Violation { rule, .. }| rule.clone());
            if event.expectation != Expect::Refused(rule_code(&rule)) {
                published.unexpected.push(format!("{} was refused: {rule}", event.id));
            }
            *published.refused.entry(rule).or_default() += 1;
            published.example.get_or_insert_with(|| (event.event_type.to_owned(), fault));
        }
    }
}

/// The rule's own code, as the plan names it.
fn rule_code(code: &str) -> &'static str {
    lgsp_core::rule::ALL.iter().find(|rule| rule.code == code).map_or("", |rule| rule.code)
}
