//! A citizen's look-up and record, between the wire's words and the corridor's.

use std::time::{Duration, UNIX_EPOCH};

use lgsp_core::identifier::{DossierCode, FORMATS, OfficerNumber, PersonalNumber, ProcedureCode};
use lgsp_core::rule::{self, Rule};
use lgsp_core::{ErrorCode, Fault, Violation};
use lgsp_proto::query::v1 as wire;
use lgsp_query::{Address, Answer, Citizen, CitizenLookUp, Gender, Purpose, Relative};

/// Reads a question; tells every part that is missing or malformed.
///
/// # Errors
/// `purpose_required` when a part of the purpose is wrong, else `invalid_request`.
pub(crate) fn question(request: wire::LookUpCitizenRequest) -> Result<CitizenLookUp, Fault> {
    let mut parts = Parts { violations: Vec::new() };
    let purpose = request.purpose.unwrap_or_default();
    let dossier = parts.take("/purpose/dossierCode", purpose.dossier_code, DossierCode::parse);
    let procedure =
        parts.take("/purpose/procedureCode", purpose.procedure_code, ProcedureCode::parse);
    let officer =
        parts.take("/purpose/officerNumber", purpose.officer_number, OfficerNumber::parse);
    let purpose_fits = parts.violations.is_empty();
    let personal_number =
        parts.take("/personalNumber", request.personal_number, PersonalNumber::parse);
    let full_name = parts.take("/fullName", request.full_name, person_name);
    let birth_date = parts.take("/birthDate", request.birth_date, birth_date);
    match (dossier, procedure, officer, personal_number, full_name, birth_date) {
        (
            Some(dossier),
            Some(procedure),
            Some(officer),
            Some(personal_number),
            Some(full_name),
            Some(birth_date),
        ) => {
            let purpose = Purpose { dossier, procedure, officer };
            Ok(CitizenLookUp { purpose, personal_number, full_name, birth_date })
        }
        _ => {
            let code =
                if purpose_fits { ErrorCode::InvalidRequest } else { ErrorCode::PurposeRequired };
            Err(Fault::with(code, parts.violations))
        }
    }
}

struct Parts {
    violations: Vec<Violation>,
}

impl Parts {
    fn take<T>(
        &mut self,
        pointer: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, &'static Rule>,
    ) -> Option<T> {
        let parsed = match value.as_deref() {
            None => Err(&rule::REQUIRED),
            Some(text) => parse(text),
        };
        parsed.map_err(|rule| self.violations.push(Violation::new(pointer, rule))).ok()
    }
}

fn person_name(text: &str) -> Result<String, &'static Rule> {
    let fits = !text.trim().is_empty()
        && text.chars().count() <= 100
        && !text.chars().any(char::is_control);
    if fits { Ok(text.trim().to_owned()) } else { Err(&rule::PERSON_NAME) }
}

fn birth_date(text: &str) -> Result<String, &'static Rule> {
    let check = FORMATS.iter().find(|(name, _)| *name == "birth-date").map(|(_, check)| check);
    check.ok_or(&rule::BIRTH_DATE)?(text)?;
    Ok(text.to_owned())
}

/// Writes an answer.
pub(crate) fn answer(answer: Answer, request_id: String) -> wire::LookUpCitizenResponse {
    let as_of =
        UNIX_EPOCH + Duration::from_millis(u64::try_from(answer.as_of_unix_millis).unwrap_or(0));
    let meta = wire::AnswerMeta {
        request_id,
        audit_id: answer.audit_id.to_string(),
        as_of: Some(as_of.into()),
        carrier: answer.carrier,
        cached: false,
        withheld: Vec::new(),
        warnings: Vec::new(),
    };
    wire::LookUpCitizenResponse { citizen: Some(citizen(answer.citizen)), meta: Some(meta) }
}

fn citizen(citizen: Citizen) -> wire::Citizen {
    let gender = match citizen.gender {
        None => wire::Gender::Unspecified,
        Some(Gender::Male) => wire::Gender::Male,
        Some(Gender::Female) => wire::Gender::Female,
    };
    wire::Citizen {
        personal_number: citizen.personal_number,
        identity_card_number: citizen.identity_card_number,
        full_name: citizen.full_name,
        gender: gender.into(),
        birth_date: citizen.birth_date,
        ethnic_group_code: citizen.ethnic_group_code,
        religion_code: citizen.religion_code,
        marital_status_code: citizen.marital_status_code,
        nationality_code: citizen.nationality_code,
        birth_registration: citizen.birth_registration.map(address),
        home_town: citizen.home_town.map(address),
        permanent_residence: citizen.permanent_residence.map(address),
        current_residence: citizen.current_residence.map(address),
        father: citizen.father.map(relative),
        mother: citizen.mother.map(relative),
        spouse: citizen.spouse.map(relative),
    }
}

fn address(address: Address) -> wire::Address {
    wire::Address {
        province_code: address.province_code,
        district_code: address.district_code,
        commune_code: address.commune_code,
        detail: address.detail,
        country_code: address.country_code,
    }
}

fn relative(relative: Relative) -> wire::Relative {
    wire::Relative { full_name: relative.full_name, personal_number: relative.personal_number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> wire::LookUpCitizenRequest {
        wire::LookUpCitizenRequest {
            purpose: Some(wire::Purpose {
                dossier_code: Some("H61.14-260703-0001".to_owned()),
                procedure_code: Some("1.004227".to_owned()),
                officer_number: Some("CB001".to_owned()),
            }),
            personal_number: Some("086190000001".to_owned()),
            full_name: Some("Nguyễn Thị Mẫu".to_owned()),
            birth_date: Some("1990".to_owned()),
        }
    }

    #[test]
    fn tells_every_missing_part_and_asks_for_the_purpose_first() {
        assert!(question(request()).is_ok());
        let fault = question(wire::LookUpCitizenRequest::default()).unwrap_err();
        assert_eq!((fault.code, fault.violations.len()), (ErrorCode::PurposeRequired, 6));
        let no_name = wire::LookUpCitizenRequest { full_name: Some(" ".to_owned()), ..request() };
        let fault = question(no_name).unwrap_err();
        assert_eq!(
            (fault.code, fault.violations[0].pointer.as_str()),
            (ErrorCode::InvalidRequest, "/fullName")
        );
    }
}
