//! Tax codes, which are the codes of enterprises and their dependent units too.
//!
//! Sources: Thông tư 105/2020/TT-BTC, article 5; Nghị định 01/2021/NĐ-CP, article 8.

use super::person::{check_personal_number, check_personal_number_prefix};
use super::{digits, ensure};
use crate::rule::{self, Rule};

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

pub(super) fn check_tax_code(text: &str) -> Result<(), &'static Rule> {
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

/// A tax code, or the personal number that a household business goes by.
pub(super) fn check_enterprise_code(text: &str) -> Result<(), &'static Rule> {
    let fits = check_tax_code(text).is_ok() || check_personal_number(text).is_ok();
    ensure(fits, &rule::ENTERPRISE_CODE)
}

/// What is odd about an enterprise's code: a household business's number of an unknown province.
pub(super) fn check_enterprise_code_prefix(text: &str) -> Result<(), &'static Rule> {
    if check_personal_number(text).is_ok() { check_personal_number_prefix(text) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identifier::TaxCode;

    #[test]
    fn tells_tax_codes_from_what_only_looks_right() {
        for code in
            ["0100109106", "0100233488", "0314409058-002", "1500999906", "6100999900", "2900999902"]
        {
            assert!(TaxCode::parse(code).is_ok(), "{code}");
            assert!(check_enterprise_code(code).is_ok(), "{code}");
        }
        for code in ["", "0100109107", "1500012345", "0100109106-000", "01001091060", "0100000000"]
        {
            assert_eq!(TaxCode::parse(code), Err(&rule::TAX_CODE), "{code}");
            assert_eq!(check_enterprise_code(code), Err(&rule::ENTERPRISE_CODE), "{code}");
        }
    }

    #[test]
    fn a_household_business_goes_by_a_personal_number() {
        assert!(check_tax_code("086190000001").is_err());
        assert!(check_enterprise_code("086190000001").is_ok());
        assert!(check_enterprise_code("086190000001-001").is_err());
        assert!(check_enterprise_code_prefix("086190000001").is_ok());
        assert!(check_enterprise_code_prefix("999190000001").is_err());
        assert!(check_enterprise_code_prefix("1500999906").is_ok());
    }

    proptest! {
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

        #[test]
        fn a_branch_has_three_digits_and_is_not_zero(branch in "[0-9]{0,5}") {
            let code = format!("1500999906-{branch}");
            prop_assert_eq!(check_enterprise_code(&code).is_ok(), branch.len() == 3 && branch != "000");
        }
    }
}
