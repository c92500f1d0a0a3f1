//! The look-up's request body.

use std::fmt;

use lgsp_query::CitizenLookUp;
use serde::Serialize;
use uuid::Uuid;

use crate::name::fold;

/// How many characters of a procedure's code are its national part, e.g. `1.004227`. The platform
/// takes 20 at most, fewer than the local form has.
const NATIONAL_PROCEDURE_LENGTH: usize = 8;

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
        look_up: &'a CitizenLookUp,
        audit_id: Uuid,
        integration_code: &'a str,
        unit: &'a str,
    ) -> Self {
        let procedure = look_up.purpose.procedure.as_str();
        let year_alone = look_up.birth_date.len() == 4;
        Self {
            ho_va_ten: fold(&look_up.full_name),
            so_dinh_danh: look_up.personal_number.as_str(),
            so_cmnd: "",
            ngay_thang_nam: if year_alone {
                String::new()
            } else {
                look_up.birth_date.replace('-', "")
            },
            nam: if year_alone { &look_up.birth_date } else { "" },
            ma_tich_hop: integration_code,
            ma_dvc: procedure.get(..NATIONAL_PROCEDURE_LENGTH).unwrap_or(procedure),
            ma_can_bo: look_up.purpose.officer.as_str(),
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
    use lgsp_core::identifier::{DossierCode, OfficerNumber, PersonalNumber, ProcedureCode};
    use lgsp_query::Purpose;
    use serde_json::json;

    use super::*;

    fn look_up(birth_date: &str) -> CitizenLookUp {
        CitizenLookUp {
            purpose: Purpose {
                dossier: DossierCode::parse("H61.14-260703-0001").unwrap(),
                procedure: ProcedureCode::parse("1.001612.000.00.00.H48").unwrap(),
                officer: OfficerNumber::parse("086190000002").unwrap(),
            },
            personal_number: PersonalNumber::parse("086190000001").unwrap(),
            full_name: "Nguyễn Thị Mẫu".into(),
            birth_date: birth_date.into(),
        }
    }

    #[test]
    fn has_the_official_names_and_forms() {
        let (look_up, id) = (look_up("1990-01-15"), Uuid::nil());
        let body = serde_json::to_value(Question::new(&look_up, id, "037", "H61")).unwrap();
        let expected = json!({
            "HoVaTen": "NGUYENTHIMAU", "SoDinhDanh": "086190000001", "SoCMND": "", "NgayThangNam": "19900115",
            "Nam": "", "MaTichHop": "037", "MaDVC": "1.001612", "MaCanBo": "086190000002", "MaDonVi": "H61",
            "MaYeuCau": "00000000-0000-0000-0000-000000000000",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_year_alone_goes_as_a_year() {
        let look_up = look_up("1990");
        let body =
            serde_json::to_value(Question::new(&look_up, Uuid::nil(), "037", "H61")).unwrap();
        assert_eq!((&body["NgayThangNam"], &body["Nam"]), (&json!(""), &json!("1990")));
    }
}
