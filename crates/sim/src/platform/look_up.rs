//! Looks a citizen up: number, name and date of birth must all be theirs.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::trouble::Trouble;
use super::{INTEGRATION_CODE, Platform, error_code, record};
use crate::folding;
use crate::people::{Birth, Person};

/// The body of a look-up; the field names are official. Absent and empty are alike.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(super) struct LookUp {
    ho_va_ten: String,
    so_dinh_danh: String,
    #[serde(rename = "SoCMND")]
    so_cmnd: String,
    ngay_thang_nam: String,
    nam: String,
    ma_tich_hop: String,
    #[serde(rename = "MaDVC")]
    ma_dvc: String,
    ma_can_bo: String,
    ma_yeu_cau: String,
}

/// Answers a look-up.
pub(super) async fn answer(
    State(platform): State<Arc<Platform>>,
    Json(question): Json<LookUp>,
) -> Response {
    let (code, message) = match find(&platform, &question) {
        Ok(person) => (success_code(&person), record::write(&platform.people, &person)),
        Err((code, message)) => (json!(code), message.to_owned()),
    };
    tracing::debug!(%code, "answered a look-up");
    Json(json!({"error_code": code, "message": message})).into_response()
}

/// What a look-up says of a trouble that is not the question's.
pub(super) fn trouble(trouble: Trouble) -> Value {
    let code = match trouble {
        Trouble::UnknownSystem => error_code::UNKNOWN_SYSTEM,
        Trouble::Failed => error_code::FAILED,
    };
    json!({"error_code": code, "message": trouble.message()})
}

fn find(platform: &Platform, question: &LookUp) -> Result<Person, (&'static str, &'static str)> {
    if !question.is_well_formed() {
        return Err((error_code::BAD_FIELD, "Thiếu trường bắt buộc hoặc giá trị quá dài"));
    }
    if question.ma_tich_hop != INTEGRATION_CODE {
        return Err((error_code::UNKNOWN_INTEGRATION, "Mã tích hợp không đúng"));
    }
    platform
        .people
        .find(&question.so_dinh_danh)
        .filter(|person| question.is_about(person))
        .ok_or((error_code::NOT_FOUND, "Không tìm thấy công dân"))
}

impl LookUp {
    /// Checks presence and the official lengths.
    fn is_well_formed(&self) -> bool {
        let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
        fits(&self.ma_yeu_cau, 40)
            && fits(&self.ma_dvc, 20)
            && fits(&self.ma_tich_hop, 20)
            && fits(&self.ma_can_bo, 20)
            && fits(&self.so_dinh_danh, 12)
            && fits(&self.ho_va_ten, 100)
            && self.so_cmnd.len() <= 9
            && (fits(&self.ngay_thang_nam, 8) || fits(&self.nam, 4))
    }

    /// Compares name and date of birth; the name comes in capitals without diacritics.
    fn is_about(&self, person: &Person) -> bool {
        let name: String = self.ho_va_ten.split_whitespace().collect();
        let born = match person.birth {
            Birth::Day(day) if !self.ngay_thang_nam.is_empty() => {
                day.strftime("%Y%m%d").to_string() == self.ngay_thang_nam
            }
            Birth::Year(_) if !self.ngay_thang_nam.is_empty() => false,
            birth => format!("{:04}", birth.year()) == self.nam,
        };
        born && name == folding::letters(&person.name.to_string())
    }
}

/// The platform says "success" in three ways; callers must take each.
fn success_code(person: &Person) -> Value {
    match person.index % 3 {
        0 => json!(0),
        1 => json!("0"),
        _ => json!("00"),
    }
}
