//! Over HTTP, one CloudEvent a request, in binary mode.

use std::sync::Arc;

use lgsp_sim::day::Planned;
use reqwest::StatusCode;
use serde_json::Value;

use super::fate::Fate;
use super::lane::{Deliver, Errand};
use super::sender::Sender;

/// One event a request.
pub(super) struct Requests(Arc<Sender>);

impl Requests {
    pub(super) fn new(sender: Arc<Sender>) -> Self {
        Self(sender)
    }

    async fn request(&self, planned: &Planned) -> Option<Fate> {
        let token = self.0.token().await?;
        let asked = self
            .0
            .http
            .post(format!("{}/v1/events", self.0.base_url))
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", &planned.id)
            .header("ce-source", &planned.source)
            .header("ce-type", planned.event_type())
            .body(planned.data.clone());
        let answer = asked.send().await.ok()?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            self.0.forget(&token).await;
        }
        let answer: Value = answer.json().await.ok()?;
        Some(if status.is_success() { of_receipt(&answer) } else { Fate::of_fault(&answer) })
    }
}

/// Reads a receipt.
pub(super) fn of_receipt(receipt: &Value) -> Fate {
    let duplicate = receipt.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
    match receipt.get("id").and_then(Value::as_str) {
        Some(_) => Fate::Recorded { duplicate },
        None => Fate::Unknown,
    }
}

impl Deliver for Requests {
    const MOST: usize = 1;

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        let mut fates = Vec::new();
        for errand in records {
            fates.push(self.request(&errand.planned).await.unwrap_or(Fate::Unknown));
        }
        fates
    }
}
