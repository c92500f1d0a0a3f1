//! The portal's form of an answer: always HTTP 200, since its clients read nothing of any other
//! answer, with an `error_code` and a `message` within, and a `result` that is always a list.
//!
//! The clients compare an `error_code` as text or turn it into a number; a text of digits suits
//! both, while one that is no number counts as 0, a success, for some. Some look at the message
//! alone: "thành công" is a success, "đã tồn tại" asks for an update. Therefore neither occurs in
//! any other message. Some look at `result` alone: a refused look-up has none.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use lgsp_core::{ErrorCode, Fault, Violation};
use lgsp_identity::TokenResponse;
use lgsp_proto::status::row;
use serde::Serialize;
use serde_json::value::RawValue;

use super::delivery::{Fate, Kind, Outcome};
use crate::json;
use crate::problem::note;

/// The code of a success.
const DONE: u16 = 0;

/// The code of a record that should be new and is known: clients then send it as an update.
const EXISTS: u16 = 3;

const EXISTS_MESSAGE: &str = "Hồ sơ đã tồn tại trên trục; hãy gửi lại với isUpdating là \"True\".";

/// How many violations the message of a record tells; `violations` has all of them.
const SPOKEN_VIOLATIONS: usize = 3;

/// An answer in the portal's form.
pub(super) struct Reply {
    body: Vec<u8>,
    /// What to note in the log.
    fault: Option<Fault>,
}

/// The form of an answer.
#[derive(Serialize)]
struct Form<'a, T> {
    error_code: String,
    message: &'a str,
    result: &'a [T],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Broken<'a>>,
}

/// The outcome of one record.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "MaHoSo")]
    dossier: &'a str,
    error_code: String,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Broken<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Broken<'a>>,
}

/// One broken rule at one place; the value is never told.
#[derive(Serialize)]
struct Broken<'a> {
    pointer: &'a str,
    rule: &'a str,
    vi: &'a str,
    en: &'a str,
}

impl<'a> From<&'a Violation> for Broken<'a> {
    fn from(Violation { pointer, rule }: &'a Violation) -> Self {
        Self { pointer, rule: rule.code, vi: rule.vi, en: rule.en }
    }
}

fn broken(violations: &[Violation]) -> Vec<Broken<'_>> {
    violations.iter().map(Broken::from).collect()
}

/// Returns the code of a fault: the number of its HTTP status, from the one table.
fn code_of(fault: &Fault) -> u16 {
    row(fault.code).http.as_u16()
}

/// Says a fault in words that fit a packet.
fn message_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Unauthenticated => {
            "Phiên làm việc (session) thiếu, không đúng hoặc đã hết hạn; hãy đăng nhập lại."
        }
        ErrorCode::PermissionDenied => {
            "Hệ thống chưa được cấp quyền làm việc này cho đơn vị (madonvi) đã nêu; liên hệ đơn vị vận hành trục."
        }
        ErrorCode::PayloadTooLarge => {
            "Vượt mức cho phép (gói tin 16 MiB và 1.000 bản ghi, mỗi bản ghi 1 MiB); hãy chia nhỏ rồi gửi lại."
        }
        ErrorCode::Overloaded => {
            "Trục đang quá tải; hãy gửi lại nguyên gói tin này sau ít phút, bản ghi đã lưu không bị ghi hai lần."
        }
        ErrorCode::LogUnavailable | ErrorCode::DeadlineExceeded => {
            "Chưa rõ bản ghi đã được lưu hay chưa; hãy gửi lại nguyên gói tin này, bản ghi đã lưu không bị ghi hai lần."
        }
        ErrorCode::Unimplemented => {
            "Trục không có dịch vụ (service) này; có DongBoHoSoMC, CapNhatTienDoHoSoMC, TraCuuHoSo, LayThuTuc, LayDanhSachTTHC."
        }
        other => other.sentences().0,
    }
}

/// Says a fault with the first of its violations: many clients show their users nothing else.
fn spoken(fault: &Fault) -> String {
    let message = message_of(fault.code);
    let places: Vec<_> = fault
        .violations
        .iter()
        .take(SPOKEN_VIOLATIONS)
        .map(|violation| match violation.pointer.as_str() {
            "" => violation.rule.vi.to_owned(),
            pointer => format!("{pointer}: {}", violation.rule.vi),
        })
        .collect();
    [&[message.to_owned()], places.as_slice()].concat().join(" ")
}

impl Reply {
    /// Refuses a packet as a whole.
    pub(super) fn refusal(fault: &Fault) -> Self {
        let form = Form::<()> {
            error_code: code_of(fault).to_string(),
            message: &spoken(fault),
            result: &[],
            violations: broken(&fault.violations),
        };
        Self { body: written(&form), fault: Some(fault.clone()) }
    }

    /// Answers a look-up. One that finds nothing is a success without a result: clients that look
    /// at the code and such that look at the result both understand that.
    pub(super) fn found<T: Serialize>(result: &[T], nothing: &str) -> Self {
        let message = if result.is_empty() { nothing } else { "Tra cứu thành công." };
        let form = Form { error_code: DONE.to_string(), message, result, violations: Vec::new() };
        Self { body: written(&form), fault: None }
    }

    /// Answers the look-up of a dossier with its last record, byte for byte.
    pub(super) fn dossier(record: Option<&Bytes>) -> Self {
        // What is recorded was judged: it is JSON.
        let record = record.and_then(|record| serde_json::from_slice::<&RawValue>(record).ok());
        Self::found(record.as_slice(), "Không tìm thấy hồ sơ.")
    }

    /// Tells the outcome of each record, and of the packet: the code is that of the record which its
    /// sender can act upon first. To send everything again settles what may pass; then what exists
    /// is sent as an update; what is refused needs a person.
    pub(super) fn outcomes(kind: Kind, outcomes: &[Outcome]) -> Self {
        let result: Vec<_> = outcomes.iter().map(told).collect();
        let urgency = |outcome: &Outcome| match &outcome.fate {
            Fate::Recorded(_) => 0,
            Fate::Refused(fault) if fault.code.is_retryable() => 3,
            Fate::Exists => 2,
            Fate::Refused(_) => 1,
        };
        let failed = outcomes.iter().filter(|outcome| urgency(outcome) > 0).count();
        // Of equals the first.
        let first = outcomes
            .iter()
            .zip(&result)
            .rev()
            .max_by_key(|(outcome, _)| urgency(outcome))
            .filter(|_| failed > 0);
        let total = outcomes.len();
        let (error_code, message) = match (first, kind) {
            (Some((_, told)), _) if total == 1 => (told.error_code.clone(), told.message.clone()),
            (Some((_, told)), _) => {
                let message = format!(
                    "{failed}/{total} bản ghi chưa được nhận, xem từng bản ghi trong result. {}",
                    told.message
                );
                (told.error_code.clone(), message)
            }
            (None, Kind::Dossier) => {
                (DONE.to_string(), format!("Đồng bộ hồ sơ thành công: {total} bản ghi."))
            }
            (None, Kind::Progress) => {
                (DONE.to_string(), format!("Cập nhật tiến độ hồ sơ thành công: {total} bản ghi."))
            }
        };
        let fault = first.and_then(|(outcome, _)| match &outcome.fate {
            Fate::Refused(fault) => Some(fault.clone()),
            Fate::Recorded(_) | Fate::Exists => None,
        });
        let form = Form { error_code, message: &message, result: &result, violations: Vec::new() };
        Self { body: written(&form), fault }
    }

    /// Makes the HTTP answer, and notes a fault in the log.
    pub(super) fn into_response(self, request_id: &str) -> Response {
        if let Some(fault) = &self.fault {
            note(fault, request_id);
        }
        respond(self.body)
    }
}

fn told(outcome: &Outcome) -> Told<'_> {
    let dossier = outcome.dossier.as_ref().map_or("", |dossier| dossier.as_str());
    let (code, message, violations, warnings): (_, _, &[Violation], &[Violation]) =
        match &outcome.fate {
            Fate::Recorded(receipt) => {
                let message = match receipt.duplicate {
                    false => "Tiếp nhận thành công.",
                    true => "Tiếp nhận thành công; trùng bản ghi gần nhất nên không ghi thêm.",
                };
                (DONE, message.to_owned(), &[], &receipt.warnings)
            }
            Fate::Exists => (EXISTS, EXISTS_MESSAGE.to_owned(), &[], &[]),
            Fate::Refused(fault) => (code_of(fault), spoken(fault), &fault.violations, &[]),
        };
    Told {
        dossier,
        error_code: code.to_string(),
        message,
        violations: broken(violations),
        warnings: broken(warnings),
    }
}

/// The answer to a login; here the portal writes its code as a number.
#[derive(Serialize)]
struct Session<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    error_code: u16,
    message: &'a str,
}

/// Answers a login.
pub(super) fn login(answer: &Result<TokenResponse, Fault>, request_id: &str) -> Response {
    let form = match answer {
        Ok(token) => Session {
            session: Some(&token.access_token),
            error_code: DONE,
            message: "Đăng nhập thành công.",
        },
        Err(fault) => {
            note(fault, request_id);
            Session {
                session: None,
                error_code: code_of(fault),
                message: login_message(fault.code),
            }
        }
    };
    respond(written(&form))
}

fn login_message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Unauthenticated => "Tên đăng nhập hoặc mật khẩu không đúng.",
        ErrorCode::Overloaded => {
            "Đăng nhập sai quá nhiều lần hoặc trục đang bận; hãy thử lại sau ít phút."
        }
        ErrorCode::InvalidRequest => "Nội dung đăng nhập phải là JSON gồm username và password.",
        other => other.sentences().0,
    }
}

fn written(form: &impl Serialize) -> Vec<u8> {
    // Texts and lists of them always are JSON.
    serde_json::to_vec(form).unwrap_or_default()
}

fn respond(body: Vec<u8>) -> Response {
    let mut response = json::respond(StatusCode::OK, body);
    // Sessions and people's records stay out of every cache.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
