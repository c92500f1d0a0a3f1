//! Lets requests and answers suffer what the rules of faults decide.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use futures_util::stream;
use serde_json::Value;

use super::faults::{FaultKind, FaultRule};
use super::trouble::{self, Trouble};
use super::{Platform, admission};

/// How many bytes come at a time of an answer that comes slowly.
const PIECE: usize = 64;
/// What stands behind the name of a field that was renamed.
const RENAMED: &str = "Moi";

/// Lets a request suffer what the rules decide.
pub(super) async fn strike(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let blow = platform.faults.next(&path);
    if !blow.wait.is_zero() {
        tokio::time::sleep(blow.wait).await;
    }
    let Some(rule) = blow.rule else { return next.run(request).await };
    tracing::debug!(kind = ?rule.kind, "a rule of faults struck");
    match rule.kind {
        FaultKind::Http500 => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
        }
        FaultKind::Error200 => Json(trouble::in_own_form(&path, Trouble::Failed)).into_response(),
        FaultKind::ExpiredToken => admission::refuse_token(),
        FaultKind::Maintenance => {
            let seconds = if rule.delay_ms == 0 { 60 } else { rule.delay_ms.div_ceil(1_000) };
            let headers = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::SERVICE_UNAVAILABLE, headers, "Bảo trì hệ thống").into_response()
        }
        _ => spoil(next.run(request).await, &rule).await,
    }
}

/// Spoils an answer.
async fn spoil(answer: Response, rule: &FaultRule) -> Response {
    let (mut head, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let body = match rule.kind {
        FaultKind::Truncated => Body::from(half(&body)),
        FaultKind::TruncatedXml => Body::from(cut_xml(&body).unwrap_or_else(|| half(&body))),
        FaultKind::Malformed => Body::from("{error_code: 0, message: 'OK',}"),
        FaultKind::Reset => Body::from_stream(stream::once(async {
            // Before the first byte, so that not even the head of the answer goes out.
            Err::<Bytes, io::Error>(io::ErrorKind::ConnectionReset.into())
        })),
        FaultKind::SlowBytes => drip(body, Duration::from_millis(rule.delay_ms)),
        FaultKind::WrongContentType => {
            head.headers
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            Body::from(body)
        }
        FaultKind::ChangedField => Body::from(rename(body, rule.field.as_deref())),
        _ => Body::from(body),
    };
    Response::from_parts(head, body)
}

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Sends an answer piece by piece.
fn drip(body: Bytes, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(PIECE.min(rest.len()));
        Some((Ok::<Bytes, Infallible>(piece), rest))
    }))
}

/// Cuts the XML within a JSON object in the middle; `None` where there is none.
fn cut_xml(body: &[u8]) -> Option<Bytes> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    let text = answer.as_object_mut()?.values_mut().find_map(|field| match field {
        Value::String(text) if text.starts_with('<') => Some(text),
        _ => None,
    })?;
    let middle = text.chars().count() / 2;
    *text = text.chars().take(middle).collect();
    Some(answer.to_string().into())
}

/// Renames a field of a JSON answer; what is no JSON stays as it is.
fn rename(body: Bytes, field: Option<&str>) -> Bytes {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
    match field.map(str::to_owned).or_else(|| first_field(&answer)) {
        Some(field) => rename_within(&mut answer, &field),
        None => return body,
    }
    answer.to_string().into()
}

fn first_field(answer: &Value) -> Option<String> {
    let record = match answer {
        Value::Array(records) => records.first()?,
        other => other,
    };
    record.as_object()?.keys().next().cloned()
}

fn rename_within(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => {
            if let Some(inner) = fields.remove(field) {
                fields.insert(format!("{field}{RENAMED}"), inner);
            }
            fields.values_mut().for_each(|inner| rename_within(inner, field));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_within(item, field)),
        Value::String(text) if text.starts_with('<') => {
            *text = text.replace(&format!(":{field}>"), &format!(":{field}{RENAMED}>"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn renamed(answer: &Value, field: Option<&str>) -> Value {
        serde_json::from_slice(&rename(answer.to_string().into(), field)).unwrap()
    }

    #[test]
    fn renames_a_field_wherever_it_is() {
        assert_eq!(renamed(&json!([{"Ma": "01"}, {"Ma": "02"}]), None)[1]["MaMoi"], "02");
        let answer = json!({"a": {"Ten": 1}, "message": "<n:a><n:Ten>x</n:Ten></n:a>"});
        let changed = renamed(&answer, Some("Ten"));
        assert_eq!(changed["a"], json!({"TenMoi": 1}));
        assert_eq!(changed["message"], "<n:a><n:TenMoi>x</n:TenMoi></n:a>");
        assert_eq!(rename("no JSON".into(), None), "no JSON");
    }

    #[test]
    fn cuts_xml_and_keeps_the_json_around_it() {
        let body = json!({"error_code": 0, "message": "<a>đđ</a>"}).to_string();
        let cut: Value = serde_json::from_slice(&cut_xml(body.as_bytes()).unwrap()).unwrap();
        assert_eq!(cut["message"], "<a>đ");
        assert_eq!(cut_xml(b"{\"message\": \"text\"}"), None);
    }
}
