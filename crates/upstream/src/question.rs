//! The look-up's request body.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::citizen::CitizenLookUp;
use crate::name::{fold, national_part};

/// The body with its official names. `Debug` hides it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Question<'a> {
    ho_va_ten: String,
    so_dinh_danh: &'a str,
    #[serde(rename = "SoCMND")]
    so_cmnd: &'a str,
    ngay_thang_nam: String,
    nam: &'a str,
    ma_tich_hop: &'a str,
    #[serde(rename = "MaDVC")]
    ma_dvc: &'a str,
    ma_can_bo: &'a str,
    ma_don_vi: &'a str,
    ma_yeu_cau: String,
}

impl<'a> Question<'a> {
    /// Composes the body. A date of birth goes as day or as year, whichever is known.
    pub(crate) fn new(
        look_up: &'a CitizenLookUp<'a>,
        audit_id: Uuid,
        integration_code: &'a str,
        unit: &'a str,
    ) -> Self {
        let year_alone = look_up.birth_date.len() == 4;
        Self {
            ho_va_ten: fold(look_up.full_name),
            so_dinh_danh: look_up.personal_number.as_str(),
            so_cmnd: "",
            ngay_thang_nam: if year_alone {
                String::new()
            } else {
                look_up.birth_date.replace('-', "")
            },
            nam: if year_alone { look_up.birth_date } else { "" },
            ma_tich_hop: integration_code,
            ma_dvc: national_part(look_up.procedure.as_str()),
            ma_can_bo: look_up.officer.as_str(),
            ma_don_vi: unit,
            ma_yeu_cau: audit_id.to_string(),
        }
    }
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(..)")
    }
}

#[cfg(test)]
mod tests {
    use lgsp_core::identifier::{OfficerNumber, PersonalNumber, ProcedureCode};
    use serde_json::{Value, json};

    use super::*;

    fn body(birth_date: &str) -> Value {
        let look_up = CitizenLookUp {
            procedure: &ProcedureCode::parse("1.001612.000.00.00.H48").unwrap(),
            officer: &OfficerNumber::parse("086190000002").unwrap(),
            personal_number: PersonalNumber::parse("086190000001").unwrap(),
            full_name: "Nguyễn Thị Mẫu",
            birth_date,
        };
        serde_json::to_value(Question::new(&look_up, Uuid::nil(), "037", "H61")).unwrap()
    }

    #[test]
    fn has_the_official_names_and_forms() {
        let expected = json!({
            "HoVaTen": "NGUYENTHIMAU", "SoDinhDanh": "086190000001", "SoCMND": "", "NgayThangNam": "19900115",
            "Nam": "", "MaTichHop": "037", "MaDVC": "1.001612", "MaCanBo": "086190000002", "MaDonVi": "H61",
            "MaYeuCau": "00000000-0000-0000-0000-000000000000",
        });
        assert_eq!(body("1990-01-15"), expected);
    }

    #[test]
    fn a_year_alone_goes_as_a_year() {
        let body = body("1990");
        assert_eq!((&body["NgayThangNam"], &body["Nam"]), (&json!(""), &json!("1990")));
    }
}
