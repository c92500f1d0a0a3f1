//! A question about one citizen, and the record that comes back.

use std::fmt;

use lgsp_core::Violation;
use lgsp_core::identifier::{OfficerNumber, PersonalNumber, ProcedureCode};
use lgsp_core::rule;
use lgsp_query::Question;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::name::fold;
use crate::rest::day::{Day, DayForm};

/// The members of a question, by the names of the service's request form.
pub(crate) const MEMBERS: [&str; 3] = ["personalNumber", "fullName", "birthDate"];

/// A question about one citizen. `Debug` hides all of it.
#[derive(Clone)]
pub(crate) struct CitizenLookUp<'a> {
    /// The procedure that needs the record (`MaDVC`).
    pub(crate) procedure: &'a ProcedureCode,
    /// The officer who asks (`MaCanBo`).
    pub(crate) officer: &'a OfficerNumber,
    /// The personal number (`SoDinhDanh`), 12 digits.
    pub(crate) personal_number: PersonalNumber,
    /// The full name (`HoVaTen`), at most 100 characters.
    pub(crate) full_name: &'a str,
    /// The date of birth: `yyyy-MM-dd`, or a year alone.
    pub(crate) birth_date: &'a str,
}

impl<'a> CitizenLookUp<'a> {
    /// Reads a question.
    ///
    /// # Errors
    /// Everything that is missing or that the population database cannot take, e.g. a name without
    /// a letter that could be sent. Places lie within the question's body, and what the purpose
    /// lacks is told of the whole.
    pub(crate) fn read(question: &'a Question) -> Result<Self, Vec<Violation>> {
        let mut odd = Vec::new();
        let [number, full_name, birth_date] = MEMBERS.map(|name| {
            let text = question.body.get(name).and_then(Value::as_str);
            if text.is_none() {
                odd.push(Violation::new(format!("/{name}"), &rule::REQUIRED));
            }
            text
        });
        let mut unwritable = |name: &str, rule| odd.push(Violation::new(format!("/{name}"), rule));
        let personal_number = number.and_then(|text| PersonalNumber::parse(text).ok());
        if number.is_some() && personal_number.is_none() {
            unwritable("personalNumber", &rule::PERSONAL_NUMBER);
        }
        if full_name.is_some_and(|name| fold(name).is_empty()) {
            unwritable("fullName", &rule::SCHEMA);
        }
        // As a whole day or as a year: it is sent in two fields, one for each.
        if birth_date.is_some_and(|date| !is_day_or_year(date)) {
            unwritable("birthDate", &rule::BIRTH_DATE);
        }
        let purpose = question.purpose.procedure.as_ref().zip(question.purpose.officer.as_ref());
        if purpose.is_none() {
            odd.push(Violation::new("", &rule::PURPOSE));
        }
        let whole = || {
            let (procedure, officer) = purpose?;
            let (full_name, birth_date) = (full_name?, birth_date?);
            let personal_number = personal_number?;
            Some(Self { procedure, officer, personal_number, full_name, birth_date })
        };
        let read = whole();
        read.filter(|_| odd.is_empty()).ok_or(odd)
    }
}

fn is_day_or_year(text: &str) -> bool {
    let day = Day::read(DayForm::Iso, text);
    day.is_some_and(|day| day.precision_code() != "2")
}

impl fmt::Debug for CitizenLookUp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CitizenLookUp(..)")
    }
}

/// Gender as the population database codes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Gender {
    /// Code 1, nam.
    #[serde(rename = "GENDER_MALE")]
    Male,
    /// Code 2, nữ.
    #[serde(rename = "GENDER_FEMALE")]
    Female,
}

/// A place, by the administrative codes; each part may be absent.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    /// `MaTinhThanh`, two digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) province_code: Option<String>,
    /// `MaQuanHuyen`, three digits; absent from addresses after 1 July 2025.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) district_code: Option<String>,
    /// `MaPhuongXa`, five digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commune_code: Option<String>,
    /// `ChiTiet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// `QuocGia`, e.g. `VN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country_code: Option<String>,
}

/// A relative named in a citizen's record.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relative {
    /// `HoVaTen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_name: Option<String>,
    /// `SoDinhDanh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) personal_number: Option<String>,
}

/// A citizen's record, as far as the far side gave it; empty there is absent here.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Citizen {
    /// `SoDinhDanh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) personal_number: Option<String>,
    /// `SoCMND`, nine digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_card_number: Option<String>,
    /// `HoVaTen`: family, middle and given name joined by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_name: Option<String>,
    /// `GioiTinh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gender: Option<Gender>,
    /// `NgayThangNamSinh` as `yyyy-MM-dd`, or a year alone where only that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) birth_date: Option<String>,
    /// `DanToc`, two digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ethnic_group_code: Option<String>,
    /// `TonGiao`, two digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) religion_code: Option<String>,
    /// `TinhTrangHonNhan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marital_status_code: Option<String>,
    /// `QuocTich`, e.g. `VN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nationality_code: Option<String>,
    /// `NoiDangKyKhaiSinh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) birth_registration: Option<Address>,
    /// `QueQuan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) home_town: Option<Address>,
    /// `ThuongTru`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permanent_residence: Option<Address>,
    /// `NoiOHienTai` (or `NoiOHienNay`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current_residence: Option<Address>,
    /// `Cha`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) father: Option<Relative>,
    /// `Me`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mother: Option<Relative>,
    /// `VoChong`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spouse: Option<Relative>,
}

impl Citizen {
    /// Returns the record as ProtoJSON writes `lgsp.query.v1.Citizen`.
    pub(crate) fn into_record(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(record)) => record,
            // A structure of texts serialises to an object.
            _ => Map::new(),
        }
    }
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

hidden!(Address, Relative, Citizen);

#[cfg(test)]
mod tests {
    use lgsp_query::Purpose;
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_cannot_be_sent_is_told() {
        let odd = |number: &str, name: &str, date: &str| {
            let body = json!({"personalNumber": number, "fullName": name, "birthDate": date});
            let purpose = Purpose {
                procedure: Some(ProcedureCode::parse("1.001612").unwrap()),
                officer: Some(OfficerNumber::parse("086190000002").unwrap()),
                ..Purpose::default()
            };
            let body = body.as_object().cloned().unwrap();
            CitizenLookUp::read(&Question { purpose, body, place: "" }).err().unwrap_or_default()
        };
        let name = "Nguyễn Thị Mẫu";
        assert_eq!(odd("086190000001", name, "1990-01-15"), []);
        assert_eq!(odd("086190000001", name, "1990"), []);
        for date in ["1990-01", "1990-02-31", ""] {
            let expected = [Violation::new("/birthDate", &rule::BIRTH_DATE)];
            assert_eq!(odd("086190000001", name, date), expected, "{date}");
        }
        let expected = [
            Violation::new("/personalNumber", &rule::PERSONAL_NUMBER),
            Violation::new("/fullName", &rule::SCHEMA),
        ];
        assert_eq!(odd("1", "李明", "1990"), expected);
        let question = Question { purpose: Purpose::default(), body: Map::new(), place: "" };
        let odd = CitizenLookUp::read(&question).err().unwrap_or_default();
        assert_eq!(
            odd.iter().map(|odd| odd.pointer.as_str()).collect::<Vec<_>>(),
            ["/personalNumber", "/fullName", "/birthDate", ""]
        );
    }

    #[test]
    fn is_written_as_protojson_writes_it() {
        let citizen = Citizen {
            personal_number: Some("086190000001".to_owned()),
            gender: Some(Gender::Female),
            permanent_residence: Some(Address {
                commune_code: Some("29551".to_owned()),
                ..Address::default()
            }),
            spouse: Some(Relative {
                full_name: Some("Lê Văn Mẫu".to_owned()),
                ..Relative::default()
            }),
            ..Citizen::default()
        };
        let expected = json!({
            "personalNumber": "086190000001", "gender": "GENDER_FEMALE",
            "permanentResidence": {"communeCode": "29551"}, "spouse": {"fullName": "Lê Văn Mẫu"},
        });
        assert_eq!(Value::from(citizen.into_record()), expected);
    }
}
