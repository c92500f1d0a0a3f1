//! A fault as HTTP tells it: RFC 9457 `application/problem+json`, with both languages.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use lgsp_core::{ErrorCode, Fault, Violation};
use lgsp_proto::status::row;
use serde_json::{Value, json};

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
