//! Over HTTP in batches, strict and lenient by turns.
//!
//! A strict batch with a broken record is refused as a whole: the sender takes the broken ones out
//! and sends the rest again, as the answer advises.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::{Value, json, value::RawValue};

use super::fate::Fate;
use super::http::of_receipt;
use super::lane::{Deliver, Errand};
use super::sender::Sender;

/// Batches of events.
pub(super) struct Batches {
    sender: Arc<Sender>,
    sent: u64,
}

impl Batches {
    pub(super) fn new(sender: Arc<Sender>) -> Self {
        Self { sender, sent: 0 }
    }

    async fn send(&mut self, records: &[Errand]) -> Option<Vec<Fate>> {
        let token = self.sender.token().await?;
        let lenient = self.sent % 2 == 1;
        self.sent += 1;
        let asked = self
            .sender
            .http
            .post(format!("{}/v1/events", self.sender.base_url))
            .bearer_auth(&token)
            .header("content-type", "application/cloudevents-batch+json")
            .header("prefer", if lenient { "handling=lenient" } else { "handling=strict" })
            .body(body(records)?);
        let answer = asked.send().await.ok()?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            self.sender.forget(&token).await;
        }
        let answer: Value = answer.json().await.ok()?;
        Some(fates(status, &answer, records.len()))
    }
}

/// Writes the batch; each record stands in it byte for byte.
fn body(records: &[Errand]) -> Option<String> {
    let mut events = Vec::with_capacity(records.len());
    for Errand { planned, .. } in records {
        let data = std::str::from_utf8(&planned.data).ok()?;
        let data = RawValue::from_string(data.to_owned()).ok()?;
        let head = json!({
            "specversion": "1.0",
            "id": planned.id,
            "source": planned.source,
            "type": planned.event_type(),
            "datacontenttype": "application/json",
        });
        let head = head.to_string();
        events.push(format!("{},\"data\":{}}}", head.trim_end_matches('}'), data.get()));
    }
    Some(format!("[{}]", events.join(",")))
}

/// Reads what became of each: the receipts in order, or outcomes by their places.
fn fates(status: StatusCode, answer: &Value, count: usize) -> Vec<Fate> {
    if status == StatusCode::OK
        && let Some(receipts) = answer.get("receipts").and_then(Value::as_array)
    {
        return receipts.iter().map(of_receipt).collect();
    }
    let mut fates = Fate::all_unknown(count);
    let outcomes = answer.get("outcomes").and_then(Value::as_array);
    for outcome in outcomes.into_iter().flatten() {
        let at = outcome.get("index").and_then(Value::as_u64);
        let at = at.and_then(|at| usize::try_from(at).ok());
        let Some(fate) = at.and_then(|at| fates.get_mut(at)) else { continue };
        *fate = match (outcome.get("receipt"), outcome.get("fault")) {
            (Some(receipt), _) => of_receipt(receipt),
            (None, Some(fault)) => Fate::of_fault(fault),
            (None, None) => Fate::Unknown,
        };
    }
    fates
}

impl Deliver for Batches {
    const MOST: usize = 50;

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        self.send(records).await.unwrap_or_default()
    }
}
