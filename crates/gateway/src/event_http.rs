//! Events in over HTTP: CloudEvents 1.0, in binary and structured mode and in batches.

use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, header, request};
use http_body::Body as _;
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_identity::Principal;
use lgsp_ingest::Submission;
use lgsp_ingest::corridor::MAX_EVENT_BYTES;
use serde::Deserialize;

use crate::door::{REQUEST_PATIENCE, RequestId};
use crate::event_grpc::{wire_receipt, wire_verdict};
use crate::problem::Problem;
use crate::routes::{Gateway, caller};
use crate::{deadline, json};

mod batch;
mod binary;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod outcome;
mod preference;
mod structured;

pub(crate) use batch::Room;
pub(crate) use outcome::Report;

/// What an event's attributes, or a base64 form of its data, may add to its size.
const ENVELOPE_BYTES: usize = MAX_EVENT_BYTES / 2;

/// How long before the door gives a request up its answer is on the way.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

const RECEIPT: &str = "lgsp.event.v1.Receipt";
const VERDICT: &str = "lgsp.event.v1.Verdict";

/// `POST /v1/events`.
pub(crate) async fn publish(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(room): Extension<Room>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let problem = |fault: Fault| Problem::new(fault, &request_id);
    let Arrival { caller, head, form, body, deadline, _room } =
        Arrival::of(request, &room).await.map_err(problem)?;
    let event = match form.event(&head.headers, &body) {
        None => {
            let (ingest, headers) = (&gateway.ingest, &head.headers);
            return batch::publish(ingest, &caller, headers, body, deadline, &request_id).await;
        }
        Some(event) => event,
    };
    let work = async {
        let receipt = gateway.ingest.accept(&caller, event?, deadline).await?;
        json::write(RECEIPT, &wire_receipt(receipt))
    };
    work.await.map_err(problem)
}

/// `POST /v1/events/validate`: judges as `POST /v1/events` does, and appends nothing.
pub(crate) async fn validate(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(room): Extension<Room>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let problem = |fault: Fault| Problem::new(fault, &request_id);
    let Arrival { caller, head, form, body, deadline: _, _room } =
        Arrival::of(request, &room).await.map_err(problem)?;
    let event = match form.event(&head.headers, &body) {
        None => return batch::validate(&gateway.ingest, &caller, &body, &request_id).await,
        Some(event) => event,
    };
    let work = async {
        let verdict = gateway.ingest.consider(&caller, &event?).await?;
        json::write(VERDICT, &wire_verdict(verdict))
    };
    work.await.map_err(problem)
}

/// Names an event of the caller's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    source: String,
    id: String,
}

/// `GET /v1/receipts?source=…&id=…`.
pub(crate) async fn receipt(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(caller): Extension<Principal>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let work = async {
        let Query(which) = which
            .map_err(|_| Fault::at(ErrorCode::InvalidRequest, "source, id", &rule::REQUEST))?;
        let receipt = gateway.ingest.receipt(&caller, &which.source, &which.id).await?;
        json::write(RECEIPT, &wire_receipt(receipt))
    };
    work.await.map_err(|fault| Problem::new(fault, &request_id))
}

/// A request that has arrived whole.
struct Arrival {
    caller: Principal,
    head: request::Parts,
    form: Form,
    body: Bytes,
    deadline: Instant,
    /// Held as long as the body is in memory.
    _room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Arrival {
    async fn of(request: Request<Body>, room: &Room) -> Result<Self, Fault> {
        let caller = caller(request.extensions())?;
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let form = Form::of(&head.headers)?;
        let mut deadline = deadline::of(&head.headers);
        let (_room, body) = match form {
            Form::Binary | Form::Structured => {
                (None, json::body(body, MAX_EVENT_BYTES + ENVELOPE_BYTES).await?)
            }
            Form::Batch => {
                let room = room.take(body.size_hint().exact(), deadline).await?;
                let body = json::body(body, batch::MAX_BYTES).await?;
                // A long body took its time: what it holds gets its own, if the door allows.
                let latest = started + REQUEST_PATIENCE.saturating_sub(ANSWER_MARGIN);
                deadline = deadline::of(&head.headers).min(latest);
                (Some(room), body)
            }
        };
        Ok(Self { caller, head, form, body, deadline, _room })
    }
}

/// In which of the forms of CloudEvents over HTTP events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    Structured,
    Batch,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => Ok(Self::Structured),
            "application/cloudevents-batch+json" => Ok(Self::Batch),
            json if json == "application/json" || json.ends_with("+json") => Ok(Self::Binary),
            _ => Err(ErrorCode::UnsupportedMediaType.into()),
        }
    }

    /// Reads the one event; `None` for a batch.
    fn event(self, headers: &HeaderMap, body: &Bytes) -> Option<Result<Submission, Fault>> {
        match self {
            Self::Binary => Some(binary::read(headers, body.clone())),
            Self::Structured => Some(structured::read(body)),
            Self::Batch => None,
        }
    }
}
