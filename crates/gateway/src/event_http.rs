//! Events in over HTTP: CloudEvents 1.0, structured and binary mode.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, header};
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_identity::Principal;
use lgsp_ingest::Submission;
use lgsp_ingest::corridor::MAX_EVENT_BYTES;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::door::RequestId;
use crate::event_grpc::{assign, wire_receipt};
use crate::problem::Problem;
use crate::routes::{Gateway, caller};
use crate::{deadline, json};

mod structured;

/// What an event's attributes, or a base64 form of its data, may add to its size.
const ENVELOPE_BYTES: usize = MAX_EVENT_BYTES / 2;

const RECEIPT: &str = "lgsp.event.v1.Receipt";

/// `POST /v1/events`.
pub(crate) async fn publish(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let work = async {
        let caller = caller(request.extensions())?;
        let deadline = deadline::of(request.headers());
        let (head, body) = request.into_parts();
        let body = json::body(body, MAX_EVENT_BYTES + ENVELOPE_BYTES).await?;
        let event = match media_type(&head.headers).as_str() {
            "application/cloudevents+json" => structured::read(&body)?,
            "application/cloudevents-batch+json" => {
                return Err(ErrorCode::UnsupportedMediaType.into());
            }
            media_type if media_type == "application/json" || media_type.ends_with("+json") => {
                binary(&head.headers, body)?
            }
            _ => return Err(ErrorCode::UnsupportedMediaType.into()),
        };
        let receipt = gateway.ingest.accept(&caller, event, deadline).await?;
        json::write(RECEIPT, &wire_receipt(receipt))
    };
    work.await.map_err(|fault: Fault| Problem::new(fault, &request_id))
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
    let work = || {
        let Query(which) = which
            .map_err(|_| Fault::at(ErrorCode::InvalidRequest, "source, id", &rule::REQUEST))?;
        let receipt = gateway.ingest.receipt(&caller, &which.source, &which.id)?;
        json::write(RECEIPT, &wire_receipt(receipt))
    };
    work().map_err(|fault| Problem::new(fault, &request_id))
}

fn media_type(headers: &HeaderMap) -> String {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads binary mode: attributes are `ce-` headers, percent-encoded; the body is the data.
fn binary(headers: &HeaderMap, body: Bytes) -> Result<Submission, Fault> {
    let mut event = Submission { data: body, adapter: "http", ..Submission::default() };
    event.content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let value = attribute_value(headers, name)?;
        match attribute {
            "specversion" => event.spec_version = value,
            "id" => event.id = value,
            "source" => event.source = value,
            "type" => event.event_type = value,
            // Told by Content-Type alone in this mode.
            "datacontenttype" => {}
            _ => assign(&mut event, attribute.to_owned(), value),
        }
    }
    Ok(event)
}

fn attribute_value(headers: &HeaderMap, name: &HeaderName) -> Result<String, Fault> {
    let wrong = || Fault::at(ErrorCode::InvalidRequest, name.as_str(), &rule::ATTRIBUTE);
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(wrong()) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| wrong())?;
    Ok(percent_decode_str(text).decode_utf8().map_err(|_| wrong())?.into_owned())
}
