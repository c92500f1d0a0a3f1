//! A fault as callers are told it: over HTTP as RFC 9457 `application/problem+json`, with both
//! languages; over gRPC as a status. The one place where faults leave, and so where they are
//! logged.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use lgsp_core::{ErrorCode, Fault, Violation};
use lgsp_proto::status::{Loudness, row, status};
use serde::Serialize;

use crate::door::RequestId;
use crate::event_http::Report;

/// A fault on its way to an HTTP client.
#[derive(Debug)]
pub(crate) struct Problem {
    fault: Fault,
    request_id: String,
    report: Option<Box<Report>>,
}

impl Problem {
    pub(crate) fn new(fault: Fault, request_id: &str) -> Self {
        Self { fault, request_id: request_id.to_owned(), report: None }
    }

    /// Adds what became of each event of a batch.
    pub(crate) fn with(self, report: Report) -> Self {
        Self { report: Some(Box::new(report)), ..self }
    }
}

/// Notes a fault in the log, as loud as the table says. A fault holds no values.
pub(crate) fn note(fault: &Fault, request_id: &str) {
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

/// A sentence in both languages.
#[derive(Serialize)]
struct Sentences {
    vi: &'static str,
    en: &'static str,
}

#[derive(Serialize)]
struct ToldViolation<'a> {
    pointer: &'a str,
    rule: &'static str,
    message: Sentences,
}

/// What a fault says of itself, as a problem's members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told<'a> {
    code: &'static str,
    message: Sentences,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    violations: Vec<ToldViolation<'a>>,
    total_violations: usize,
}

impl<'a> Told<'a> {
    pub(crate) fn of(fault: &'a Fault) -> Self {
        let (vi, en) = fault.code.sentences();
        let told = |violation: &'a Violation| ToldViolation {
            pointer: &violation.pointer,
            rule: violation.rule.code,
            message: Sentences { vi: violation.rule.vi, en: violation.rule.en },
        };
        Self {
            code: fault.code.as_str(),
            message: Sentences { vi, en },
            retryable: fault.code.is_retryable(),
            retry_after_ms: fault
                .retry_after
                .map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            violations: fault.violations.iter().map(told).collect(),
            total_violations: fault.total_violations,
        }
    }
}

/// The members of `application/problem+json`: those of RFC 9457, and ours.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    request_id: &'a str,
    #[serde(flatten)]
    told: Told<'a>,
    #[serde(flatten)]
    report: Option<&'a Report>,
}

/// Writes after which time to try again: whole seconds, never less than the hint.
pub(crate) fn retry_after(after: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { fault, request_id, report } = self;
        note(&fault, &request_id);
        let status = row(fault.code).http;
        let members = Members {
            r#type: format!("urn:lgsp:error:{}", fault.code.as_str()),
            title: fault.code.sentences().1,
            status: status.as_u16(),
            request_id: &request_id,
            told: Told::of(&fault),
            report: report.as_deref(),
        };
        // Nothing in it can fail to be written but a receipt, and problems have none.
        let body = serde_json::to_vec(&members).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = fault.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(after));
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
