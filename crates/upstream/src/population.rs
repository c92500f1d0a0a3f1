//! The national population database: XML within the JSON of an envelope, so that its connector is
//! code, not a declared mapping.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use lgsp_core::Violation;
use lgsp_query::{Fetched, Leave, Question, Upstream, UpstreamError};
use reqwest::Url;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::answer;
use crate::carriers::Connection;
use crate::citizen::CitizenLookUp;
use crate::question;

/// Asks the national population database.
#[derive(Debug)]
pub(crate) struct NationalPopulation {
    carrier: Arc<Connection>,
    look_up_url: Url,
    integration_code: String,
    not_found_codes: Vec<String>,
}

impl NationalPopulation {
    /// Makes the connector. `path` is the carrier's for look-ups of citizens, `integration_code`
    /// its `MaTichHop`; `not_found_codes` are its error codes that mean "no such citizen".
    pub(crate) fn new(
        carrier: Arc<Connection>,
        path: &str,
        integration_code: String,
        not_found_codes: Vec<String>,
    ) -> Self {
        let look_up_url = carrier.place(path);
        Self { carrier, look_up_url, integration_code, not_found_codes }
    }

    async fn look_up(&self, id: Uuid, question: &Question) -> Result<Fetched, UpstreamError> {
        // `can_ask` tells the corridor before; this is for a caller that did not ask it.
        let look_up = CitizenLookUp::read(question)
            .map_err(|_| UpstreamError::Refused { code: "incomplete_question".to_owned() })?;
        let unit = self.carrier.unit();
        let body = question::Question::new(&look_up, id, &self.integration_code, unit);
        let request = |client: &reqwest::Client| client.post(self.look_up_url.clone()).json(&body);
        let json = self.carrier.ask(request).await?;
        let number = look_up.personal_number.as_str();
        let (citizen, unknown_fields) = answer::read(&json, number, &self.not_found_codes)?;
        Ok(Fetched { record: citizen.into_record(), unknown_fields })
    }
}

impl Upstream for NationalPopulation {
    fn can_ask(&self, question: &Question) -> Result<(), Vec<Violation>> {
        CitizenLookUp::read(question).map(drop)
    }

    fn fetch<'a>(
        &'a self,
        leave: Leave<'a>,
        question: &'a Question,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Fetched, UpstreamError>> {
        Box::pin(async move {
            let answer = timeout_at(deadline.into(), self.look_up(leave.id(), question)).await;
            answer.unwrap_or(Err(UpstreamError::Timeout))
        })
    }

    fn warm_up(&self, deadline: Instant) -> BoxFuture<'_, ()> {
        Box::pin(self.carrier.warm_up(deadline))
    }

    fn carrier(&self) -> &str {
        self.carrier.name()
    }
}
