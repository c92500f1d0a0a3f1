//! Telephone numbers: lenient, since people write them as they speak them.

use super::ensure;
use crate::rule::{self, Rule};

/// Checks that a text is one that a person may have written as a number: something, without
/// control characters. Two numbers in one field, or a word instead, are no reason to refuse a whole
/// record; how long it may be, its schema says.
pub(super) fn check_phone(text: &str) -> Result<(), &'static Rule> {
    ensure(!text.is_empty() && !text.chars().any(char::is_control), &rule::PHONE)
}

/// Tells what is odd about a number: other characters than digits, more numbers than one, or none
/// that can be dialled in Viet Nam: `0` or `+84` and 8 to 10 digits.
pub(super) fn check_phone_form(text: &str) -> Result<(), &'static Rule> {
    let national = text.strip_prefix("+84").or_else(|| text.strip_prefix('0'));
    let fits = national.is_some_and(|rest| {
        (8..=10).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit())
    });
    ensure(fits, &rule::PHONE_FORM)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_usual_odd_or_none() {
        for usual in ["0000000001", "02703000000", "+84900000000", "000000001"] {
            assert_eq!((check_phone(usual), check_phone_form(usual)), (Ok(()), Ok(())), "{usual}");
        }
        for odd in [
            "090 000 0000",
            "0270.3000000",
            "(0270) 300-0000",
            "84900000000",
            "+12025550100",
            "113",
            "0900000000 / 0900000001",
            "khong co",
            "09000000000000001",
            "0+84900000000",
            "０９００",
            "+",
        ] {
            let judged = (check_phone(odd), check_phone_form(odd));
            assert_eq!(judged, (Ok(()), Err(&rule::PHONE_FORM)), "{odd}");
        }
        for none in ["", "0900000000\n", "0900\t000000", "\u{0}"] {
            assert_eq!(check_phone(none), Err(&rule::PHONE), "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_stands_between_digits_makes_a_number_odd_not_wrong(
            head in "(0|\\+84)[1-9][0-9]{3}", between in "[ .()-]{0,3}", tail in "[0-9]{5}",
        ) {
            let text = format!("{head}{between}{tail}");
            prop_assert!(check_phone(&text).is_ok());
            prop_assert_eq!(check_phone_form(&text).is_ok(), between.is_empty());
        }

        #[test]
        fn what_is_usual_is_a_number(text in "\\PC{0,16}|[+0-9]{0,16}") {
            prop_assert!(check_phone_form(&text).is_err() || check_phone(&text).is_ok());
        }
    }
}
