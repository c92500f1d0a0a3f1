//! Social insurance (`apiBHXH`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use super::Platform;
use super::question::Question;
use super::trouble::Trouble;
use crate::folding;
use crate::insurance::{insurance_number, insured_index};
use crate::people::{Birth, Gender, Person};

/// Error codes of social insurance, carried in `errorCode` with HTTP 200; the values are ours.
pub mod insurance_error {
    /// None: the answer is whole.
    pub const NONE: &str = "0";
    /// Nobody is like that, or has that number.
    pub const NOT_FOUND: &str = "1";
    /// A mandatory field is missing or not of its form.
    pub const BAD_FIELD: &str = "2";
    /// Several people are like that.
    pub const AMBIGUOUS: &str = "3";
    /// The header `lgspaccesstoken` is missing or its keys are unknown.
    pub const UNKNOWN_SYSTEM: &str = "4";
    /// The service failed.
    pub const FAILED: &str = "5";
}

/// Tells of a number's bearer and household.
pub(super) async fn household(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let number = Question::read(&body).map(|question| question.text("maSoBhxh"));
    let answer = match number.filter(|number| is_number(number)) {
        None => refuse(insurance_error::BAD_FIELD, "Mã số BHXH phải gồm 10 chữ số"),
        Some(number) => {
            insured_index(&number).and_then(|index| platform.people.person(index)).map_or_else(
                || refuse(insurance_error::NOT_FOUND, "Không tìm thấy mã số BHXH"),
                |person| tell_household(&platform, &person),
            )
        }
    };
    Json(answer).into_response()
}

/// Tells the number of the one person who is like that.
pub(super) async fn number(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let Some(criteria) = Question::read(&body).and_then(|question| Criteria::read(&question))
    else {
        let answer = refuse(insurance_error::BAD_FIELD, "Thiếu trường bắt buộc hoặc sai định dạng");
        return Json(answer).into_response();
    };
    let (year, born) = (criteria.born.year(), criteria.born);
    let mut found = platform
        .people
        .born(year, |birth| born.holds(birth))
        .filter(|person| criteria.is_about(person));
    let answer = match (found.next(), found.next()) {
        (None, _) => refuse(insurance_error::NOT_FOUND, "Không tìm thấy mã số BHXH"),
        (Some(person), None) => json!({
            "maSoBhxh": insurance_number(person.index),
            "trangThai": "1",
            "errorCode": insurance_error::NONE,
        }),
        (Some(_), Some(_)) => refuse(insurance_error::AMBIGUOUS, "Có nhiều người trùng thông tin"),
    };
    Json(answer).into_response()
}

/// What social insurance says of a trouble that is not the question's.
pub(super) fn trouble(trouble: Trouble) -> Value {
    let code = match trouble {
        Trouble::UnknownSystem => insurance_error::UNKNOWN_SYSTEM,
        Trouble::Failed => insurance_error::FAILED,
    };
    refuse(code, trouble.message())
}

fn refuse(code: &str, message: &str) -> Value {
    json!({"maSoBhxh": "", "trangThai": "0", "errorCode": code, "moTa": message})
}

fn is_number(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Who is meant: `loaiNgaySinh` tells how much of the date is known.
#[derive(Clone, Copy)]
enum Born {
    /// 0: the day.
    Day(jiff::civil::Date),
    /// 1: the year; it means those of whom no more is known.
    Year(i16),
    /// 2: year and month.
    Month(i16, i8),
}

impl Born {
    fn read(kind: &str, text: &str) -> Option<Self> {
        if text.len() > 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let year: i16 = text.get(..4)?.parse().ok()?;
        match kind {
            "0" => jiff::civil::Date::strptime("%Y%m%d", text).ok().map(Self::Day),
            "1" => Some(Self::Year(year)),
            "2" => {
                let month = text.get(4..6)?.parse().ok()?;
                (1..=12).contains(&month).then_some(Self::Month(year, month))
            }
            _ => None,
        }
    }

    fn year(self) -> i16 {
        match self {
            Self::Day(day) => day.year(),
            Self::Year(year) | Self::Month(year, _) => year,
        }
    }

    fn holds(self, birth: Birth) -> bool {
        match (self, birth) {
            (Self::Day(wanted), Birth::Day(day)) => day == wanted,
            (Self::Year(wanted), Birth::Year(year)) => year == wanted,
            (Self::Month(_, month), Birth::Day(day)) => day.month() == month,
            _ => false,
        }
    }
}

/// Name, birth, gender and, where it is given, the province of birth registration.
struct Criteria {
    name: String,
    born: Born,
    gender: Option<Gender>,
    province: String,
}

impl Criteria {
    /// `None` where a mandatory field is missing or not of its form.
    fn read(question: &Question) -> Option<Self> {
        let name = folding::letters(&question.text("hoTen"));
        let gender = match question.text("gioiTinh").as_str() {
            "1" => Some(Gender::Male),
            "2" => Some(Gender::Female),
            "3" => None,
            _ => return None,
        };
        let born = Born::read(&question.text("loaiNgaySinh"), &question.text("ngaySinh"))?;
        let province = question.text("maTinhKs");
        (!name.is_empty()).then_some(Self { name, born, gender, province })
    }

    fn is_about(&self, person: &Person) -> bool {
        self.gender == Some(person.gender)
            && (self.province.is_empty() || self.province == person.birth_province_code)
            && self.name == folding::letters(&person.name.to_string())
    }
}

fn tell_household(platform: &Platform, person: &Person) -> Value {
    let spouse = person.spouse.and_then(|index| platform.people.person(index));
    let head = spouse.as_ref().map_or(person.index, |spouse| spouse.index.min(person.index));
    let mut members = vec![person];
    members.extend(&spouse);
    members.sort_by_key(|member| member.index);
    let members: Vec<Value> = members.into_iter().map(tell_member).collect();
    let mut answer = tell_member(person);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("maHo".to_owned(), format!("86{head:08}").into());
        answer.insert("maTinh".to_owned(), person.residence.province_code.into());
        answer.insert("diaChi".to_owned(), person.residence.detail.clone().into());
        answer.insert("thanhVien".to_owned(), members.into());
        answer.insert("errorCode".to_owned(), insurance_error::NONE.into());
    }
    answer
}

fn tell_member(person: &Person) -> Value {
    let (birth, kind) = match person.birth {
        Birth::Day(day) => (day.strftime("%Y%m%d").to_string(), "0"),
        Birth::Year(year) => (format!("{year:04}"), "1"),
    };
    json!({
        "maSo": insurance_number(person.index),
        "hoTen": person.name.to_string(),
        "ngaySinh": birth,
        "loaiNgaySinh": kind,
        "gioiTinh": if person.gender == Gender::Male { "1" } else { "2" },
        "trangThai": "1",
    })
}
