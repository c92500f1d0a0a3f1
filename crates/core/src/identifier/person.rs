//! Numbers of persons: personal number, old identity card, officer, insurance.
//!
//! Sources: Nghị định 137/2015/NĐ-CP, article 13 (personal number: province of birth registration,
//! century and gender, year of birth, six digits); the insurance services' parameters.

use super::{digits, ensure};
use crate::rule::{self, Rule};

/// Domestic prefixes of personal numbers: the 63 provinces of birth registration, which stay valid
/// after the reorganisation of 2025.
const BIRTH_PREFIXES: &[u8] = &[
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37,
    38, 40, 42, 44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77,
    79, 80, 82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96,
];

/// What a personal number says of its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedBirth {
    /// Whether the bearer is male.
    pub male: bool,
    /// The year of birth.
    pub year: i16,
}

/// Reads gender and year of birth in a personal number; `None` where the text is none.
///
/// ```
/// use lgsp_core::identifier::numbered_birth;
/// let birth = numbered_birth("086301000001");
/// assert_eq!(birth.map(|birth| (birth.male, birth.year)), Some((false, 2001)));
/// ```
pub fn numbered_birth(number: &str) -> Option<NumberedBirth> {
    check_personal_number(number).ok()?;
    let century = i16::from(*number.as_bytes().get(3)?) - i16::from(b'0');
    let year: i16 = number.get(4..6)?.parse().ok()?;
    Some(NumberedBirth { male: century % 2 == 0, year: 1900 + century / 2 * 100 + year })
}

pub(super) fn check_personal_number(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 12), &rule::PERSONAL_NUMBER)
}

pub(super) fn check_personal_number_prefix(text: &str) -> Result<(), &'static Rule> {
    let prefix = text.get(..3).and_then(|prefix| prefix.parse::<u8>().ok());
    ensure(
        prefix.is_some_and(|prefix| BIRTH_PREFIXES.binary_search(&prefix).is_ok()),
        &rule::PERSONAL_NUMBER_PREFIX,
    )
}

pub(super) fn check_identity_card_9(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 9), &rule::IDENTITY_CARD_9)
}

pub(super) fn check_officer_number(text: &str) -> Result<(), &'static Rule> {
    let fits =
        (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure(fits, &rule::PURPOSE)
}

pub(super) fn check_social_insurance_number(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 10), &rule::SOCIAL_INSURANCE_NUMBER)
}

pub(super) fn check_health_insurance_card(text: &str) -> Result<(), &'static Rule> {
    let old_card = text.split_at_checked(5).is_some_and(|(head, number)| {
        let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        head.bytes().all(is_upper) && digits(number, 10)
    });
    ensure(old_card || digits(text, 10), &rule::HEALTH_INSURANCE_CARD)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identifier::PersonalNumber;

    #[test]
    fn people_are_hidden_in_debug() {
        let number = PersonalNumber::parse("086190000001").unwrap();
        assert_eq!(format!("{number:?}"), "PersonalNumber(..)");
    }

    #[test]
    fn a_prefix_is_known_or_odd() {
        assert_eq!(BIRTH_PREFIXES.len(), 63);
        assert!(BIRTH_PREFIXES.is_sorted());
        assert!(check_personal_number_prefix("086190000001").is_ok());
        for odd in ["003190000001", "000190000001", "097190000001", "999190000001", "12"] {
            assert!(check_personal_number_prefix(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn insurance_numbers_have_their_digits() {
        assert!(check_social_insurance_number("8600000001").is_ok());
        assert!(check_health_insurance_card("8600000001").is_ok());
        assert!(check_health_insurance_card("DN4868600000001").is_ok());
        for text in
            ["", "860000000", "86000000012", "DN486860000000A", "dn4868600000001", "ế868600000001"]
        {
            assert!(check_social_insurance_number(text).is_err(), "{text}");
            assert!(check_health_insurance_card(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_tells_the_birth_that_it_was_made_from(
            prefix in 0u16..1000, male: bool, year in 1900i16..2400, tail in 0u32..1_000_000,
        ) {
            let century = (year / 100 - 19) * 2 + i16::from(!male);
            let number = format!("{prefix:03}{century}{:02}{tail:06}", year % 100);
            prop_assert!(PersonalNumber::parse(&number).is_ok());
            prop_assert_eq!(numbered_birth(&number), Some(NumberedBirth { male, year }));
            let known = u8::try_from(prefix).is_ok_and(|prefix| BIRTH_PREFIXES.contains(&prefix));
            prop_assert_eq!(check_personal_number_prefix(&number).is_ok(), known);
        }

        #[test]
        fn numbers_of_persons_are_told_apart_by_their_length(text in "[0-9]{7,14}") {
            prop_assert_eq!(check_personal_number(&text).is_ok(), text.len() == 12);
            prop_assert_eq!(check_identity_card_9(&text).is_ok(), text.len() == 9);
            prop_assert_eq!(check_social_insurance_number(&text).is_ok(), text.len() == 10);
            prop_assert_eq!(numbered_birth(&text).is_some(), text.len() == 12);
        }

        #[test]
        fn one_wrong_character_makes_it_no_number(at in 0usize..12, wrong in "[^0-9]") {
            let mut text = "086190000001".to_owned();
            text.replace_range(at..=at, &wrong);
            prop_assert!(check_personal_number(&text).is_err());
        }
    }
}
