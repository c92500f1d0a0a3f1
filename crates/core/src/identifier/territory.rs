//! Codes of provinces, former districts and communes.
//!
//! Sources: Quyết định 19/2025/QĐ-TTg (province and commune, two independent levels from 1 July
//! 2025); the population database's addresses for the former districts. Whether a code is given
//! out, and since when, is for the registry to know.

use super::{digits, ensure};
use crate::rule::{self, Rule};

pub(super) fn check_province_code(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 2), &rule::PROVINCE_CODE)
}

pub(super) fn check_district_code(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 3), &rule::DISTRICT_CODE)
}

pub(super) fn check_commune_code(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 5), &rule::COMMUNE_CODE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_of_a_place_has_its_level_s_digits(text in "[0-9]{0,7}|[0-9 a]{1,6}") {
            let number = text.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert_eq!(check_province_code(&text).is_ok(), number && text.len() == 2);
            prop_assert_eq!(check_district_code(&text).is_ok(), number && text.len() == 3);
            prop_assert_eq!(check_commune_code(&text).is_ok(), number && text.len() == 5);
        }
    }
}
