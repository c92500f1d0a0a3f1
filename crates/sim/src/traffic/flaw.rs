//! Records that break one rule each, as the field's systems do.

use lgsp_core::rule::{self, Rule};

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The date within `MaHoSo` is 30 February.
    DossierDate,
    /// `MaTTHC` is missing.
    NoProcedure,
    /// `TrangThaiHoSo` is 11, which the list does not have.
    UnknownState,
    /// The last digit of the tax code is not its check digit.
    TaxCheckDigit,
    /// `NgayTiepNhan` is on 30 February.
    ReceptionTime,
    /// `MaHoSo` occurs twice.
    MemberTwice,
    /// The record ends in its middle.
    CutOff,
}

impl Flaw {
    /// Every flaw, in the order in which a plan has them by turns.
    pub(super) const ALL: [Self; 7] = [
        Self::DossierDate,
        Self::NoProcedure,
        Self::UnknownState,
        Self::TaxCheckDigit,
        Self::ReceptionTime,
        Self::MemberTwice,
        Self::CutOff,
    ];

    /// Names the rule that the record breaks.
    pub(super) fn rule(self) -> &'static Rule {
        match self {
            Self::DossierDate => &rule::DOSSIER_CODE,
            Self::NoProcedure => &rule::REQUIRED,
            Self::UnknownState => &rule::ENUM,
            Self::TaxCheckDigit => &rule::TAX_CODE,
            Self::ReceptionTime => &rule::PORTAL_TIME,
            Self::MemberTwice => &rule::JSON_DUPLICATE_MEMBER,
            Self::CutOff => &rule::JSON_SYNTAX,
        }
    }

    /// Tells whether the flaw is one of an enterprise's record; the others are of dossiers.
    pub(super) fn is_of_enterprise(self) -> bool {
        self == Self::TaxCheckDigit
    }

    /// Breaks the written JSON, for the flaws of the text rather than of a field.
    pub(super) fn spoil(self, json: &mut Vec<u8>, dossier_code: &str) {
        match self {
            Self::MemberTwice => {
                let again = format!("{{\"MaHoSo\":\"{dossier_code}\",");
                json.splice(..1, again.into_bytes());
            }
            Self::CutOff => json.truncate(json.iter().rposition(|byte| *byte == b',').unwrap_or(1)),
            Self::DossierDate
            | Self::NoProcedure
            | Self::UnknownState
            | Self::TaxCheckDigit
            | Self::ReceptionTime => {}
        }
    }
}
