//! The one table from a fault's code to its gRPC and HTTP status and its log level.

use bytes::Bytes;
use http::StatusCode;
use lgsp_core::{ErrorCode, Fault, Violation};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::fault::v1 as wire;

/// How loud a fault is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// An operator must act.
    Error,
    /// An oddity that passes.
    Warn,
    /// The caller's own matter.
    Debug,
}

/// What a code is called on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// In gRPC.
    pub grpc: Code,
    /// In HTTP.
    pub http: StatusCode,
    /// In the log.
    pub loudness: Loudness,
}

/// Looks a code up: the only place where a status is chosen.
pub const fn row(code: ErrorCode) -> Row {
    use Loudness::{Debug, Error, Warn};
    let (grpc, http, loudness) = match code {
        ErrorCode::InvalidJson => (Code::InvalidArgument, StatusCode::BAD_REQUEST, Debug),
        ErrorCode::InvalidRequest => (Code::InvalidArgument, StatusCode::BAD_REQUEST, Debug),
        ErrorCode::UnsupportedMediaType => {
            (Code::InvalidArgument, StatusCode::UNSUPPORTED_MEDIA_TYPE, Debug)
        }
        ErrorCode::UnknownEventType => {
            (Code::InvalidArgument, StatusCode::UNPROCESSABLE_ENTITY, Debug)
        }
        ErrorCode::SchemaViolation => {
            (Code::InvalidArgument, StatusCode::UNPROCESSABLE_ENTITY, Debug)
        }
        ErrorCode::Conflict => (Code::AlreadyExists, StatusCode::CONFLICT, Debug),
        ErrorCode::Unauthenticated => (Code::Unauthenticated, StatusCode::UNAUTHORIZED, Debug),
        ErrorCode::PermissionDenied => (Code::PermissionDenied, StatusCode::FORBIDDEN, Debug),
        ErrorCode::PurposeRequired => {
            (Code::InvalidArgument, StatusCode::UNPROCESSABLE_ENTITY, Debug)
        }
        ErrorCode::DossierNotOpen => (Code::FailedPrecondition, StatusCode::CONFLICT, Debug),
        ErrorCode::NotFound => (Code::NotFound, StatusCode::NOT_FOUND, Debug),
        ErrorCode::MethodNotAllowed => (Code::Unimplemented, StatusCode::METHOD_NOT_ALLOWED, Debug),
        ErrorCode::PayloadTooLarge => {
            (Code::ResourceExhausted, StatusCode::PAYLOAD_TOO_LARGE, Debug)
        }
        ErrorCode::Overloaded => (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS, Warn),
        ErrorCode::LogUnavailable => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Warn),
        ErrorCode::AuditUnavailable => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Warn),
        ErrorCode::UpstreamUnavailable => {
            (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Warn)
        }
        ErrorCode::UpstreamRefused => (Code::FailedPrecondition, StatusCode::BAD_GATEWAY, Warn),
        ErrorCode::UpstreamContract => (Code::Internal, StatusCode::BAD_GATEWAY, Error),
        ErrorCode::UpstreamTimeout => (Code::DeadlineExceeded, StatusCode::GATEWAY_TIMEOUT, Warn),
        ErrorCode::DeadlineExceeded => (Code::DeadlineExceeded, StatusCode::GATEWAY_TIMEOUT, Warn),
        ErrorCode::Unimplemented => (Code::Unimplemented, StatusCode::NOT_FOUND, Debug),
        ErrorCode::Internal => (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR, Error),
        ErrorCode::ShuttingDown => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Debug),
        ErrorCode::InvalidBatch => (Code::InvalidArgument, StatusCode::UNPROCESSABLE_ENTITY, Debug),
    };
    Row { grpc, http, loudness }
}

/// How many violations fit into gRPC status details: clients commonly take 8 KiB of trailers.
const DETAILED_VIOLATIONS: usize = 16;

/// How many bytes of status details, before their base64.
const DETAILS_BYTES: usize = 4096;

/// Writes a fault as a gRPC status with `google.rpc` details: `ErrorInfo`, `RetryInfo`,
/// `BadRequest` and a `LocalizedMessage` in Vietnamese and one in English.
pub fn status(fault: &Fault) -> Status {
    let row = row(fault.code);
    let (vi, en) = fault.code.sentences();
    let mut details = vec![any(
        "google.rpc.ErrorInfo",
        &pb::ErrorInfo {
            reason: fault.code.as_str().to_uppercase(),
            domain: "lgsp".to_owned(),
            metadata: [("total_violations".to_owned(), fault.total_violations.to_string())].into(),
        },
    )];
    if let Some(after) = fault.retry_after {
        let retry_delay = prost_types::Duration::try_from(after).ok();
        details.push(any("google.rpc.RetryInfo", &pb::RetryInfo { retry_delay }));
    }
    for (locale, message) in [("vi", vi), ("en", en)] {
        let message =
            pb::LocalizedMessage { locale: locale.to_owned(), message: message.to_owned() };
        details.push(any("google.rpc.LocalizedMessage", &message));
    }
    let mut field_violations: Vec<_> =
        fault.violations.iter().take(DETAILED_VIOLATIONS).map(field_violation).collect();
    let used: usize = details.iter().map(Message::encoded_len).sum();
    loop {
        let bad_request = pb::BadRequest { field_violations: field_violations.clone() };
        if bad_request.encoded_len() + used <= DETAILS_BYTES {
            if !field_violations.is_empty() {
                details.push(any("google.rpc.BadRequest", &bad_request));
            }
            break;
        }
        field_violations.pop();
    }
    let wire = pb::Status { code: row.grpc as i32, message: en.to_owned(), details };
    Status::with_details(row.grpc, en, Bytes::from(wire.encode_to_vec()))
}

fn field_violation(violation: &Violation) -> pb::bad_request::FieldViolation {
    pb::bad_request::FieldViolation {
        field: violation.pointer.clone(),
        description: format!("{} | {}", violation.rule.vi, violation.rule.en),
        reason: violation.rule.code.to_uppercase(),
        localized_message: None,
    }
}

fn any(name: &str, message: &impl Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: message.encode_to_vec(),
    }
}

impl From<&Violation> for wire::Violation {
    fn from(violation: &Violation) -> Self {
        Self {
            pointer: violation.pointer.clone(),
            rule: violation.rule.code.to_owned(),
            message_vi: violation.rule.vi.to_owned(),
            message_en: violation.rule.en.to_owned(),
        }
    }
}

impl From<&Fault> for wire::Fault {
    fn from(fault: &Fault) -> Self {
        let (vi, en) = fault.code.sentences();
        Self {
            code: fault.code.as_str().to_owned(),
            message_vi: vi.to_owned(),
            message_en: en.to_owned(),
            retryable: fault.code.is_retryable(),
            retry_after_ms: fault
                .retry_after
                .map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX)),
            violations: fault.violations.iter().map(Into::into).collect(),
            total_violations: u32::try_from(fault.total_violations).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use lgsp_core::rule;

    use super::*;

    #[test]
    fn details_stay_small_however_much_is_wrong() {
        let violations = vec![Violation::new("/a".repeat(90), &rule::SOURCE); 100];
        let status = status(&Fault::with(ErrorCode::SchemaViolation, violations));
        assert!(status.details().len() <= DETAILS_BYTES + 100, "{}", status.details().len());
        let wire = pb::Status::decode(status.details()).unwrap();
        assert!(wire.details.iter().any(|detail| detail.type_url.ends_with("BadRequest")));
    }

    #[test]
    fn a_far_sides_deadline_is_never_the_clients_fault() {
        assert_eq!(row(ErrorCode::UpstreamTimeout).http, StatusCode::GATEWAY_TIMEOUT);
        for code in ErrorCode::ALL {
            let row = row(*code);
            assert_eq!(
                code.is_retryable(),
                row.http.is_server_error() && row.http != StatusCode::BAD_GATEWAY
                    || row.http == StatusCode::TOO_MANY_REQUESTS
            );
        }
    }
}
