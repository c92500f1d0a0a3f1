//! The field's identifiers, each a type that cannot hold a malformed value, and the named formats
//! of schemas. Each rule stands in one place: a file of this folder, which names its sources.

mod agency;
mod case;
mod enterprise;
mod kind;
mod name;
mod person;
mod phone;
mod territory;
mod time;

use std::fmt;

use crate::rule::{self, Rule};

pub use agency::converted_agency_code;
pub use case::agency_of_dossier;
pub use enterprise::tax_check_digit;
pub use kind::CodeKind;
pub use person::{NumberedBirth, numbered_birth};
pub use time::portal_time;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident, $check:path, $debug:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads the identifier.
            ///
            /// # Errors
            /// The rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, &'static Rule> {
                $check(text).map(|()| Self(text.into()))
            }

            /// Returns the identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if $debug { f.write_str(&self.0) } else { f.write_str(concat!(stringify!($name), "(..)")) }
            }
        }
    )*};
}

identifiers! {
    /// An agency's code, new form (`H61.14`) or old form (`000.00.14.H61`).
    AgencyCode, agency::check_agency_code, true;
    /// A client system's name in the registry: 1–40 of `a-z`, `0-9`, `-`.
    ClientId, check_client_id, true;
    /// A dossier's code, e.g. `H61.14-260703-0001`.
    DossierCode, case::check_dossier_code, true;
    /// An administrative procedure's code, e.g. `1.004227`.
    ProcedureCode, case::check_procedure_code, true;
    /// A personal number of 12 digits. `Debug` hides it.
    PersonalNumber, person::check_personal_number, false;
    /// An officer's number: 1–20 characters. `Debug` hides it.
    OfficerNumber, person::check_officer_number, false;
    /// A tax code, which is the enterprise's code too. `Debug` hides it.
    TaxCode, enterprise::check_tax_code, false;
}

/// A named format: what a schema calls it, and the check.
pub type Format = (&'static str, fn(&str) -> Result<(), &'static Rule>);

/// The formats that schemas may name, each with its check: a breach refuses the record.
pub const FORMATS: &[Format] = &[
    ("agency-code", agency::check_agency_code),
    ("dossier-code", case::check_dossier_code),
    ("procedure-code", case::check_procedure_code),
    ("personal-number", person::check_personal_number),
    ("identity-card-9", person::check_identity_card_9),
    ("social-insurance-number", person::check_social_insurance_number),
    ("health-insurance-card", person::check_health_insurance_card),
    ("tax-code", enterprise::check_tax_code),
    ("enterprise-code", enterprise::check_enterprise_code),
    ("province-code", territory::check_province_code),
    ("district-code", territory::check_district_code),
    ("commune-code", territory::check_commune_code),
    ("portal-time", time::check_portal_time),
    ("portal-day", time::check_portal_day),
    ("year-month", time::check_year_month),
    ("year", time::check_year),
    ("birth-date", time::check_birth_date),
    ("day-slashed", time::check_day_slashed),
    ("name", name::check_name),
    ("person-name", name::check_person_name),
    ("phone", phone::check_phone),
];

/// Named formats whose breach is odd, not wrong: the record is accepted with a warning. Only a
/// value that keeps the format of the same name in [`FORMATS`] is judged.
pub const ODDITIES: &[Format] = &[
    ("personal-number", person::check_personal_number_prefix),
    ("enterprise-code", enterprise::check_enterprise_code_prefix),
    ("name", name::check_name_composed),
    ("person-name", name::check_name_composed),
    ("phone", phone::check_phone_form),
];

fn ensure(holds: bool, rule: &'static Rule) -> Result<(), &'static Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_client_id(text: &str) -> Result<(), &'static Rule> {
    let fits = (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    ensure(fits, &rule::REQUEST)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_format_has_one_name_and_each_oddity_belongs_to_one() {
        let names: HashSet<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), FORMATS.len());
        let odd: HashSet<&str> = ODDITIES.iter().map(|(name, _)| *name).collect();
        assert_eq!(odd.len(), ODDITIES.len());
        assert!(odd.is_subset(&names));
    }

    #[test]
    fn a_format_refuses_and_an_oddity_warns() {
        let broken = |(_, check): &Format| check("\u{1}e\u{301}").unwrap_err().is_warning();
        assert!(!FORMATS.iter().any(broken));
        let odd = ODDITIES.iter().filter(|(name, _)| *name != "enterprise-code");
        assert!(odd.clone().all(broken) && odd.count() >= 4);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_panic(text in "\\PC{0,40}|[0-9A-Z.+-]{0,40}") {
            for (_, check) in FORMATS.iter().chain(ODDITIES) {
                check(&text).ok();
            }
            converted_agency_code(&text);
            agency_of_dossier(&text);
            numbered_birth(&text);
        }
    }
}
