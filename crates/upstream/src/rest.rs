//! A far side that speaks JSON over HTTP, asked and understood by declared mappings.

pub(crate) mod ask;
pub(crate) mod day;
pub(crate) mod form;
pub(crate) mod given;
pub(crate) mod pointer;
pub(crate) mod read;
pub(crate) mod shape;
pub(crate) mod verdict;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use lgsp_core::Violation;
use lgsp_query::{Fetched, Leave, Question, Upstream, UpstreamError};
use serde_json::Map;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::carriers::Connection;
use ask::Request;
use shape::Fields;
use verdict::Verdict;

/// What is declared of a far side: how it is asked, how it says yes and no, what its answer means.
pub(crate) struct Plan {
    pub(crate) request: Request,
    pub(crate) verdict: Verdict,
    pub(crate) answer: Fields,
}

/// Asks a far side as its declaration says.
pub(crate) struct RestDatabase {
    carrier: Arc<Connection>,
    plan: Plan,
}

impl RestDatabase {
    pub(crate) fn new(carrier: Arc<Connection>, plan: Plan) -> Self {
        Self { carrier, plan }
    }

    async fn look_up(&self, id: Uuid, question: &Question) -> Result<Fetched, UpstreamError> {
        let asked = self.plan.request.compose(id, self.carrier.unit(), question);
        // `can_ask` tells the corridor before; this is for a caller that did not ask it.
        let asked =
            asked.map_err(|_| UpstreamError::Refused { code: "incomplete_question".to_owned() })?;
        let url = asked.placed(self.carrier.place(&asked.path));
        let body = self.carrier.ask(|client| asked.request(client, url.clone())).await?;
        self.plan.read(&body, question)
    }
}

impl Plan {
    /// Reads an answer.
    pub(crate) fn read(&self, body: &[u8], question: &Question) -> Result<Fetched, UpstreamError> {
        let answer = lgsp_schema::parse_strict(body)
            .map_err(|_| UpstreamError::Contract { path: "answer".into() })?;
        self.verdict.judge(&answer)?;
        let mut reading = shape::Reading { question, unknown_fields: 0 };
        let record = self.answer.read(&answer, "", &mut reading)?;
        Ok(Fetched {
            record: record.unwrap_or_else(Map::new),
            unknown_fields: reading.unknown_fields,
        })
    }
}

impl Upstream for RestDatabase {
    fn can_ask(&self, question: &Question) -> Result<(), Vec<Violation>> {
        // Any id will do: nothing is sent.
        self.plan.request.compose(Uuid::nil(), self.carrier.unit(), question).map(drop)
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
