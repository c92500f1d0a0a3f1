//! A fault as callers are told it: over HTTP as RFC 9457 `application/problem+json`, with both
//! languages; over gRPC as a status. The one place where faults leave, and so where they are
//! logged.

use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use lgsp_core::{ErrorCode, Fault, Violation};
use lgsp_proto::status::{Loudness, row, status};
use serde_json::{Value, json};

use crate::door::RequestId;

/// A fault on its way to an HTTP client.
#[derive(Debug)]
pub(crate) struct Problem {
    fault: Fault,
    request_id: String,
}

impl Problem {
    pub(crate) fn new(fault: Fault, request_id: &str) -> Self {
        Self { fault, request_id: request_id.to_owned() }
    }
}

/// Notes a fault in the log, as loud as the table says. A fault holds no values.
fn note(fault: &Fault, request_id: &str) {
    let code = fault.code.as_str();
    match row(fault.code).loudness {
        Loudness::Error => tracing::error!(code, request_id, "a request failed"),
        Loudness::Warn => tracing::warn!(code, request_id, "a request failed"),
        Loudness::Debug => tracing::debug!(code, request_id, "a request was refused"),
    }
}

/// Tells a gRPC caller.
pub(crate) fn told(fault: &Fault, extensions: &Extensions) -> tonic::Status {
    note(fault, extensions.get::<RequestId>().map_or("", |id| &id.0));
    status(fault)
}

/// Tells a caller, in the form of the request, before any handler has it.
pub(crate) fn refuse(fault: Fault, grpc: bool, request_id: &str) -> Response {
    match grpc {
        true => {
            note(&fault, request_id);
            status(&fault).into_http()
        }
        false => Problem::new(fault, request_id).into_response(),
    }
}

/// Tells whether a request is gRPC's.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn sentence(violation: &Violation) -> Value {
    json!({
        "pointer": violation.pointer,
        "rule": violation.rule.code,
        "message": { "vi": violation.rule.vi, "en": violation.rule.en },
    })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { fault, request_id } = self;
        note(&fault, &request_id);
        let status = row(fault.code).http;
        let (vi, en) = fault.code.sentences();
        let mut body = json!({
            "type": format!("urn:lgsp:error:{}", fault.code.as_str()),
            "title": en,
            "status": status.as_u16(),
            "code": fault.code.as_str(),
            "message": { "vi": vi, "en": en },
            "retryable": fault.code.is_retryable(),
            "requestId": request_id,
            "violations": fault.violations.iter().map(sentence).collect::<Vec<_>>(),
            "totalViolations": fault.total_violations,
        });
        if let (Some(after), Some(members)) = (fault.retry_after, body.as_object_mut()) {
            members.insert("retryAfterMs".to_owned(), json!(after.as_millis()));
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = fault.retry_after {
            // Whole seconds, never less than the hint.
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(after.as_millis().div_ceil(1000) as u64),
            );
        }
        if fault.code == ErrorCode::Unauthenticated {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"lgsp\""),
            );
        }
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
