//! The private parsers of outside bytes, for the fuzzer's hands. Only `--cfg fuzzing` compiles this.

use axum::Form;
use axum::body::Body;
use axum::extract::FromRequest;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request};
use lgsp_core::Fault;
use lgsp_ingest::{Letter, Submission};
use lgsp_proto::event::v1::{PublishEventRequest, SetAsideRequest};
use lgsp_query::{Purpose, Question};
use prost::Message;
use serde_json::{Map, Value};

pub use crate::event_http::fuzzing::events;
pub use crate::packets::fuzzing::{list, login, packet};

/// Reads an event as `EventService` does; `None` for what is no message.
pub fn grpc_event(message: Bytes) -> Option<Result<Submission, Fault>> {
    let request = PublishEventRequest::decode(message).ok()?;
    Some(crate::event_grpc::submission(request.event))
}

/// Reads a dead letter as `EventService` does; `None` for what is no message.
pub fn grpc_letter(message: Bytes) -> Option<Result<Letter, Fault>> {
    Some(crate::event_grpc::letter(SetAsideRequest::decode(message).ok()?))
}

/// Reads what the token endpoint reads: the `Authorization` header, and the pairs of the form.
pub fn token_request(
    headers: &HeaderMap,
    body: Bytes,
) -> Option<(Option<&str>, Vec<(String, String)>)> {
    let mut request = Request::post("/oauth2/token").body(Body::from(body)).ok()?;
    request.headers_mut().clone_from(headers);
    let Form(form) = Form::from_request(request, &()).now_or_never()?.ok()?;
    Some((crate::oauth_http::authorization(headers), form))
}

/// Reads a question about a citizen as `POST /v1/population/citizens:lookUp` does.
///
/// # Errors
/// As the route answers.
pub fn look_up(body: &[u8]) -> Result<Question, Fault> {
    crate::json::read("lgsp.query.v1.LookUpCitizenRequest", body).map(crate::population::question)
}

/// Reads a purpose and a question as `POST /v1/queries/{service}` does.
///
/// # Errors
/// As the route answers.
pub fn query(body: &[u8]) -> Result<(Purpose, Map<String, Value>), Fault> {
    crate::query::asked(body)
}
