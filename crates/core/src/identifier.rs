//! The field's identifiers, each a type that cannot hold a malformed value.
//!
//! Sources: agency codes: Quyết định 20/2020/QĐ-TTg and, for the old form, QCVN 102:2016;
//! dossier codes: Thông tư 01/2018/TT-VPCP, article 19; tax codes: Thông tư 105/2020/TT-BTC,
//! article 5; personal numbers: Nghị định 137/2015/NĐ-CP, article 13.

use std::fmt;

use jiff::civil::{Date, DateTime};

use crate::rule::{self, Rule};

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
    AgencyCode, check_agency_code, true;
    /// A client system's name in the registry: 1–40 of `a-z`, `0-9`, `-`.
    ClientId, check_client_id, true;
    /// A dossier's code, e.g. `H61.14-260703-0001`.
    DossierCode, check_dossier_code, true;
    /// An administrative procedure's code, e.g. `1.004227`.
    ProcedureCode, check_procedure_code, true;
    /// A personal number of 12 digits. `Debug` hides it.
    PersonalNumber, check_personal_number, false;
    /// An officer's number: 1–20 characters. `Debug` hides it.
    OfficerNumber, check_officer_number, false;
    /// A tax code, which is the enterprise's code too. `Debug` hides it.
    TaxCode, check_tax_code, false;
}

/// A named format: what a schema calls it, and the check.
pub type Format = (&'static str, fn(&str) -> Result<(), &'static Rule>);

/// The formats that schemas may name, each with its check.
pub const FORMATS: &[Format] = &[
    ("agency-code", check_agency_code),
    ("dossier-code", check_dossier_code),
    ("procedure-code", check_procedure_code),
    ("personal-number", check_personal_number),
    ("identity-card-9", check_identity_card_9),
    ("tax-code", check_tax_code),
    ("portal-time", check_portal_time),
    ("birth-date", check_birth_date),
    ("day-slashed", check_day_slashed),
];

/// Named formats whose breach is odd, not wrong: the record is accepted with a warning.
pub const ODDITIES: &[Format] = &[("personal-number", check_personal_number_prefix)];

/// Domestic prefixes of personal numbers: the 63 provinces of birth registration.
const BIRTH_PREFIXES: &[u8] = &[
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37,
    38, 40, 42, 44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77,
    79, 80, 82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96,
];

fn ensure(holds: bool, rule: &'static Rule) -> Result<(), &'static Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A level-1 group: a letter A–Y and two digits.
fn is_level_one(group: &str) -> bool {
    matches!(group.as_bytes(), [letter, rest @ ..]
        if letter.is_ascii_uppercase() && *letter != b'Z' && rest.len() == 2 && rest.iter().all(u8::is_ascii_digit))
}

fn is_old_agency_form(text: &str) -> bool {
    let groups: Vec<&str> = text.split('.').collect();
    matches!(groups.as_slice(), [four, three, two, one]
        if digits(four, 3) && digits(three, 2) && digits(two, 2) && is_level_one(one))
}

fn check_agency_code(text: &str) -> Result<(), &'static Rule> {
    let mut groups = text.split('.');
    let new_form = groups.next().is_some_and(is_level_one)
        && groups.all(|group| {
            !group.is_empty()
                && group.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        });
    ensure(text.len() <= 35 && (new_form || is_old_agency_form(text)), &rule::AGENCY_CODE)
}

fn check_client_id(text: &str) -> Result<(), &'static Rule> {
    let fits = (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    ensure(fits, &rule::REQUEST)
}

fn check_dossier_code(text: &str) -> Result<(), &'static Rule> {
    let mut parts = text.rsplitn(3, '-');
    let (order, day, agency) = (parts.next(), parts.next(), parts.next());
    let fits = order.is_some_and(|order| digits(order, 4) || digits(order, 5))
        && day.is_some_and(|day| digits(day, 6) && date(&format!("20{day}")).is_some())
        && agency.is_some_and(|agency| check_agency_code(agency).is_ok());
    ensure(fits, &rule::DOSSIER_CODE)
}

fn check_procedure_code(text: &str) -> Result<(), &'static Rule> {
    let groups: Vec<&str> = text.split('.').collect();
    let national =
        matches!(groups.as_slice(), [kind, number, ..] if digits(kind, 1) && digits(number, 6));
    let local = match groups.get(2..) {
        Some([]) => true,
        Some([four, three, two, one]) => {
            digits(four, 3) && digits(three, 2) && digits(two, 2) && is_level_one(one)
        }
        Some([four, three, two, one, case]) => {
            digits(four, 3)
                && digits(three, 2)
                && digits(two, 2)
                && is_level_one(one)
                && digits(case, 2)
        }
        _ => false,
    };
    ensure(national && local, &rule::PROCEDURE_CODE)
}

fn check_personal_number(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 12), &rule::PERSONAL_NUMBER)
}

fn check_personal_number_prefix(text: &str) -> Result<(), &'static Rule> {
    let prefix = text.get(..3).and_then(|prefix| prefix.parse::<u8>().ok());
    ensure(
        prefix.is_some_and(|prefix| BIRTH_PREFIXES.contains(&prefix)),
        &rule::PERSONAL_NUMBER_PREFIX,
    )
}

fn check_identity_card_9(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 9), &rule::IDENTITY_CARD_9)
}

fn check_officer_number(text: &str) -> Result<(), &'static Rule> {
    let fits =
        (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure(fits, &rule::PURPOSE)
}

fn check_tax_code(text: &str) -> Result<(), &'static Rule> {
    let (number, branch) = match text.split_once('-') {
        Some((number, branch)) => (number, Some(branch)),
        None => (text, None),
    };
    let fits = digits(number, 10)
        && number.get(2..9) != Some("0000000")
        && tax_check_digit(number) == number.bytes().last().map(|byte| u32::from(byte - b'0'))
        && branch.is_none_or(|branch| digits(branch, 3) && branch != "000");
    ensure(fits, &rule::TAX_CODE)
}

/// Returns the tenth digit that belongs to the first nine; `None` where no digit fits.
pub fn tax_check_digit(number: &str) -> Option<u32> {
    const WEIGHTS: [u32; 9] = [31, 29, 23, 19, 17, 13, 7, 5, 3];
    let sum: u32 = number
        .bytes()
        .zip(WEIGHTS)
        .map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight)
        .sum();
    let check = 10 - sum % 11;
    (check < 10).then_some(check)
}

fn number<T: std::str::FromStr>(text: &str, range: std::ops::Range<usize>) -> Option<T> {
    text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// Reads `yyyyMMdd`.
fn date(text: &str) -> Option<Date> {
    Date::new(number(text, 0..4)?, number(text, 4..6)?, number(text, 6..8)?).ok()
}

/// Reads the portal's `yyyyMMddHHmmss`, a local time of Viet Nam (which has kept UTC+7 since 1975).
pub fn portal_time(text: &str) -> Option<DateTime> {
    let (hour, minute, second) =
        (number(text, 8..10)?, number(text, 10..12)?, number(text, 12..14)?);
    (text.len() == 14).then_some(())?;
    date(text)?.at(0, 0, 0, 0).with().hour(hour).minute(minute).second(second).build().ok()
}

fn check_portal_time(text: &str) -> Result<(), &'static Rule> {
    // The national portal sends an empty string where there is no time.
    ensure(text.is_empty() || portal_time(text).is_some(), &rule::PORTAL_TIME)
}

fn check_birth_date(text: &str) -> Result<(), &'static Rule> {
    let bytes = text.as_bytes();
    let whole = text.len() == 10
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && date(&text.replace('-', "")).is_some();
    ensure(whole || digits(text, 4), &rule::BIRTH_DATE)
}

fn check_day_slashed(text: &str) -> Result<(), &'static Rule> {
    let parts: Vec<&str> = text.split('/').collect();
    let fits = matches!(parts.as_slice(), [day, month, year]
        if digits(day, 2) && digits(month, 2) && digits(year, 4) && date(&format!("{year}{month}{day}")).is_some());
    ensure(fits, &rule::DAY_SLASHED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_codes_of_the_field() {
        for code in ["H61", "H61.14", "H55.242", "000.00.14.H61", "000.00.00.H41"] {
            assert!(AgencyCode::parse(code).is_ok(), "{code}");
        }
        for code in ["H61.14-260703-0001", "000.00.53.H48-220921-0099", "H56.14-260228-00012"] {
            assert!(DossierCode::parse(code).is_ok(), "{code}");
        }
        for code in ["1.004227", "1.001612.000.00.00.H48", "2.000815.000.00.00.H55.02"] {
            assert!(ProcedureCode::parse(code).is_ok(), "{code}");
        }
        for code in
            ["0100109106", "0100233488", "0314409058-002", "1500999906", "6100999900", "2900999902"]
        {
            assert!(TaxCode::parse(code).is_ok(), "{code}");
        }
    }

    #[test]
    fn refuses_what_only_looks_right() {
        for code in ["", "Z61", "h61.14", "H61.", "H6.14", "H61..14", "H61.14/../x"] {
            assert_eq!(AgencyCode::parse(code), Err(&rule::AGENCY_CODE), "{code}");
        }
        for code in [
            "H61.14-260230-0001",
            "H61.14-261301-0001",
            "H61.14-260703-1",
            "260703-0001",
            "H61.14-26070a-0001",
        ] {
            assert_eq!(DossierCode::parse(code), Err(&rule::DOSSIER_CODE), "{code}");
        }
        for code in ["0100109107", "1500012345", "0100109106-000", "01001091060", "0100000000"] {
            assert_eq!(TaxCode::parse(code), Err(&rule::TAX_CODE), "{code}");
        }
        for code in ["1.00422", "1.004227.H61", "x.004227", "1.004227.000.00.00.H48.2"] {
            assert_eq!(ProcedureCode::parse(code), Err(&rule::PROCEDURE_CODE), "{code}");
        }
    }

    #[test]
    fn a_time_must_exist() {
        assert!(check_portal_time("20260703093000").is_ok());
        assert!(check_portal_time("").is_ok());
        for text in [
            "20260230000000",
            "20260703240000",
            "2026070309300",
            "202607030930000",
            "+0260703093000",
        ] {
            assert_eq!(check_portal_time(text), Err(&rule::PORTAL_TIME), "{text}");
        }
        assert!(check_birth_date("1990-01-15").is_ok() && check_birth_date("1990").is_ok());
        assert!(check_birth_date("1990-02-30").is_err() && check_birth_date("19900115").is_err());
        assert!(
            check_day_slashed("31/12/2025").is_ok() && check_day_slashed("2025/12/31").is_err()
        );
    }

    #[test]
    fn people_are_hidden_in_debug() {
        let number = PersonalNumber::parse("086190000001").unwrap();
        assert_eq!(format!("{number:?}"), "PersonalNumber(..)");
        assert!(check_personal_number_prefix("086190000001").is_ok());
        assert!(check_personal_number_prefix("003190000001").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_panic(text in "\\PC{0,40}") {
            for (_, check) in FORMATS.iter().chain(ODDITIES) {
                check(&text).ok();
            }
        }

        #[test]
        fn the_check_digit_finds_every_single_wrong_digit(head in 0u32..1_000_000_000, at in 0usize..10, by in 1u8..10) {
            let head = format!("{head:09}");
            prop_assume!(&head[2..] != "0000000");
            if let Some(check) = tax_check_digit(&head) {
                let mut code = format!("{head}{check}").into_bytes();
                prop_assert!(check_tax_code(std::str::from_utf8(&code).unwrap()).is_ok());
                // One of the nine digits or the check digit is mistyped.
                code[at] = b'0' + (code[at] - b'0' + by) % 10;
                let mistyped = String::from_utf8(code).unwrap();
                prop_assert!(check_tax_code(&mistyped).is_err());
            }
        }
    }
}
