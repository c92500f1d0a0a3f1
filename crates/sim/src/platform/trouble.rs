//! Troubles that are not the question's, in the form of the service that was asked.

use serde_json::{Value, json};

use super::paths::{
    CATALOGUE_FIELDS_PATH, CATALOGUE_PATH, ENTERPRISE_PATH, ENTERPRISE_SEARCH_PATH,
    INSURANCE_HOUSEHOLD_PATH, INSURANCE_NUMBER_PATH, LOOK_UP_PATH,
};
use super::paths::{
    CIVIL_STATUS_REGISTER_PATH, CIVIL_STATUS_STATE_PATH, JUDICIAL_RECORD_STATE_PATH,
    JUDICIAL_RECORD_SUBMIT_PATH,
};
use super::{catalogues, civil_status, enterprise, judicial_record, look_up, social_insurance};

/// A trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The header `lgspaccesstoken` is missing or its keys are unknown.
    UnknownSystem,
    /// The service failed, as a rule of faults wants it.
    Failed,
}

impl Trouble {
    /// Says it in a sentence.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::UnknownSystem => "Hệ thống chưa được đăng ký",
            Self::Failed => "Hệ thống đang gặp sự cố",
        }
    }
}

/// Says a trouble in the form of the service of a path; a general form where there is none.
pub(super) fn in_own_form(path: &str, trouble: Trouble) -> Value {
    type Form = fn(Trouble) -> Value;
    const FORMS: [(&str, Form); 11] = [
        (LOOK_UP_PATH, look_up::trouble),
        (ENTERPRISE_PATH, enterprise::trouble),
        (ENTERPRISE_SEARCH_PATH, enterprise::trouble),
        (INSURANCE_HOUSEHOLD_PATH, social_insurance::trouble),
        (INSURANCE_NUMBER_PATH, social_insurance::trouble),
        (CIVIL_STATUS_REGISTER_PATH, civil_status::trouble),
        (CIVIL_STATUS_STATE_PATH, civil_status::trouble),
        (JUDICIAL_RECORD_SUBMIT_PATH, judicial_record::trouble),
        (JUDICIAL_RECORD_STATE_PATH, judicial_record::trouble),
        (CATALOGUE_PATH, catalogues::trouble),
        (CATALOGUE_FIELDS_PATH, catalogues::trouble),
    ];
    FORMS
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix))
        .map_or_else(|| json!({"error": trouble.message()}), |(_, form)| form(trouble))
}
