//! As one-stop software calls the national portal: login, then packets of records of one agency.

use std::sync::Arc;

use lgsp_sim::day::{Agency, Kind};
use serde_json::{Value, json, value::RawValue};

use super::fate::Fate;
use super::lane::{Deliver, Errand};
use super::sender::Sender;

/// Packets of dossiers or of progress.
pub(super) struct Packets {
    sender: Arc<Sender>,
    agencies: Vec<String>,
    session: Option<String>,
}

impl Packets {
    pub(super) fn new(sender: Arc<Sender>, agencies: &[Agency]) -> Self {
        let agencies = agencies.iter().map(|agency| agency.code.clone()).collect();
        Self { sender, agencies, session: None }
    }

    async fn send(&mut self, records: &[Errand]) -> Option<Vec<Fate>> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => self.session.insert(self.sender.log_in().await?).clone(),
        };
        let first = &records.first()?.planned;
        let service = match first.kind {
            Kind::Progress => "CapNhatTienDoHoSoMC",
            _ => "DongBoHoSoMC",
        };
        let data = records.iter().map(|errand| std::str::from_utf8(&errand.planned.data).ok());
        let data = format!("[{}]", data.collect::<Option<Vec<_>>>()?.join(","));
        let packet = json!({
            "session": session,
            "madonvi": self.agencies.get(first.agency)?,
            "service": service,
            // Who says that it is an update is never asked to make one of it.
            "isUpdating": "True",
        });
        let packet = packet.to_string();
        let data = RawValue::from_string(data).ok()?;
        let body = format!("{},\"data\":{}}}", packet.trim_end_matches('}'), data.get());
        let asked = self
            .sender
            .http
            .post(format!("{}/dvcqg/service", self.sender.base_url))
            .header("content-type", "application/json")
            .body(body);
        let answer: Value = asked.send().await.ok()?.json().await.ok()?;
        if code(&answer) == Some(401) {
            self.session = None;
        }
        let result = answer.get("result").and_then(Value::as_array)?;
        (result.len() == records.len()).then(|| result.iter().map(fate).collect())
    }
}

/// Reads an `error_code`, a text of digits or a number.
fn code(answer: &Value) -> Option<u16> {
    let code = answer.get("error_code")?;
    match code.as_str() {
        Some(text) => text.parse().ok(),
        None => u16::try_from(code.as_u64()?).ok(),
    }
}

fn fate(outcome: &Value) -> Fate {
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    match code(outcome) {
        Some(0) => Fate::Recorded { duplicate: text(outcome, "message").contains("trùng") },
        Some(code @ 400..=428) => {
            let broken = outcome.get("violations").and_then(Value::as_array);
            let broken = broken.into_iter().flatten();
            let breaches = broken.map(|one| (text(one, "pointer"), text(one, "rule"))).collect();
            Fate::Refused { code: code.to_string(), breaches }
        }
        _ => Fate::Unknown,
    }
}

impl Deliver for Packets {
    const MOST: usize = 10;

    /// A packet is of one agency and one service, and a repeat is known only directly after itself:
    /// so no dossier stands twice in a packet that may have to be sent again.
    fn fits(&self, together: &[Errand], next: &Errand) -> bool {
        let next = &next.planned;
        together.iter().all(|Errand { planned, .. }| {
            planned.kind == next.kind
                && planned.agency == next.agency
                && planned.entity != next.entity
        })
    }

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        self.send(records).await.unwrap_or_default()
    }
}
