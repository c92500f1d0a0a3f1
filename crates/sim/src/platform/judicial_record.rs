//! Judicial records (`apiLyLichTuPhap`).
//!
//! A request goes one step on with every question about its state, so that a test need not wait:
//! 3 received, 4 in process, 5 issued.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::ledger::number_of;
use super::question::Question;
use super::trouble::Trouble;
use super::{Platform, purpose};
use crate::random::dice;

/// The mandatory fields of the declaration.
const DECLARED: [&str; 12] = [
    "fullName",
    "genderId",
    "birthDateStr",
    "nationalityId",
    "idTypeId",
    "identifyNo",
    "phone",
    "declareDate",
    "declareTypeId",
    "requestQty",
    "objectRequestId",
    "formType",
];

/// The codes that fields of the declaration may have.
const CODES: [(&str, RangeInclusive<u32>); 5] = [
    ("genderId", 0..=1),
    ("idTypeId", 0..=3),
    ("declareTypeId", 3844..=3847),
    ("objectRequestId", 71..=74),
    ("formType", 1..=2),
];

/// The states, each with its code.
const STATES: [(u32, &str); 3] =
    [(3, "Sở Tư pháp đã tiếp nhận"), (4, "Đang xử lý"), (5, "Đã có phiếu")];

/// A request that was submitted.
pub(super) struct JudicialRequest {
    received: Date,
    identity: String,
    asked: usize,
}

/// Takes a request. One that is known already is refused and told its number: whoever did not
/// hear the first answer learns so that it was taken.
pub(super) async fn submit(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let (key, request) = match judge(&body) {
        Ok(judged) => judged,
        Err(fields) => {
            let text = format!("Thiếu hoặc sai trường: {}", fields.join(", "));
            return Json(reply(0, &text, "")).into_response();
        }
    };
    let mut dice = dice(platform.config.seed, purpose::JUDICIAL_RECORD, number_of(&key));
    let number = dice.u32(100_000_000..1_000_000_000).to_string();
    let is_new = platform.judicial_requests.at(&key, |known| {
        let is_new = known.is_none();
        known.get_or_insert(request);
        is_new
    });
    Json(match is_new {
        true => reply(1, "Tiếp nhận hồ sơ thành công", &number),
        false => reply(0, "Hồ sơ đã tồn tại", &number),
    })
    .into_response()
}

/// Tells how far a request is.
pub(super) async fn state(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let Some(question) = Question::read(&body).filter(is_answerable) else {
        return Json(reply(0, "Tham số không hợp lệ", "")).into_response();
    };
    let told = platform.judicial_requests.at(&question.text("idReceivedDec"), |known| {
        let request = known.as_mut()?;
        if request.identity != question.text("identifyNo") {
            return None;
        }
        let asked = request.asked.min(STATES.len() - 1);
        request.asked = asked + 1;
        let state = STATES.get(asked)?;
        Some((*state, request.received))
    });
    let answer = told.map_or_else(|| reply(0, "Không tìm thấy hồ sơ", ""), tell);
    Json(answer).into_response()
}

/// What the service says of a trouble that is not the question's.
pub(super) fn trouble(trouble: Trouble) -> Value {
    reply(0, trouble.message(), "")
}

fn reply(status: u32, description: &str, id: &str) -> Value {
    json!({"STATUS": status, "DESCRIPTION": description, "ID": id})
}

fn tell(((code, name), received): ((u32, &str), Date)) -> Value {
    let after = |days: i32, from: u32| match received.checked_add(days.days()) {
        Ok(day) if code >= from => day.strftime("%d/%m/%Y").to_string(),
        _ => String::new(),
    };
    json!({
        "STATUS": 1,
        "DESCRIPTION": "",
        "DEC_STATUS_ID": code,
        "DEC_STATUS_NAME": name,
        "APPROVE_DATE": after(3, 4),
        "ISSUE_DATE": after(10, 5),
    })
}

fn is_answerable(question: &Question) -> bool {
    question.missing(&["idReceivedDec", "identifyNo"]).is_empty()
        && matches!(question.text("infoType").as_str(), "1" | "2")
}

/// Judges a request; names the fields that are missing or not of their form.
fn judge(body: &[u8]) -> Result<(String, JudicialRequest), Vec<&'static str>> {
    let question = Question::read(body).ok_or_else(|| vec!["body"])?;
    let declaration =
        question.group("declarationWSForm").ok_or_else(|| vec!["declarationWSForm"])?;
    let mut faults = question.missing(&["idReceivedDec"]);
    faults.extend(declaration.missing(&DECLARED));
    for (field, codes) in CODES {
        let fits = declaration.text(field).parse().is_ok_and(|code| codes.contains(&code));
        if !fits && !faults.contains(&field) {
            faults.push(field);
        }
    }
    let received = Date::strptime("%d/%m/%Y", question.text("dateReceivedDec"));
    match received {
        Ok(received) if faults.is_empty() => {
            let identity = declaration.text("identifyNo");
            let request = JudicialRequest { received, identity, asked: 0 };
            Ok((question.text("idReceivedDec"), request))
        }
        Ok(_) => Err(faults),
        Err(_) => {
            faults.push("dateReceivedDec");
            Err(faults)
        }
    }
}
