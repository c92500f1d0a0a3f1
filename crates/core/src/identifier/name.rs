//! Names, in the Unicode form that can be searched and compared (NFC, TCVN 6909).

use icu_normalizer::ComposingNormalizerBorrowed;

use super::ensure;
use crate::rule::{self, Rule};

/// ASCII characters that names hold beside letters: `O'Brien`, `Y-Ban`, `Trần Văn A (Tư)`.
const IN_NAMES: &[u8] = b" '-.,()";

/// Checks a name of anything: a person, an enterprise, an agency.
pub(super) fn check_name(text: &str) -> Result<(), &'static Rule> {
    ensure(!text.chars().any(char::is_control), &rule::NAME)
}

/// Checks a person's name: letters with their marks, whichever way these are encoded. What lies
/// beyond ASCII is taken, but for digits: the marks of all scripts are no closed list.
pub(super) fn check_person_name(text: &str) -> Result<(), &'static Rule> {
    let fits = |one: char| match u8::try_from(one) {
        Ok(byte) if byte.is_ascii() => byte.is_ascii_alphabetic() || IN_NAMES.contains(&byte),
        _ => !one.is_control() && !one.is_numeric(),
    };
    ensure(text.chars().any(char::is_alphabetic) && text.chars().all(fits), &rule::NAME_LETTERS)
}

/// Tells what is odd about a name: that it is not composed.
pub(super) fn check_name_composed(text: &str) -> Result<(), &'static Rule> {
    ensure(ComposingNormalizerBorrowed::new_nfc().is_normalized(text), &rule::NAME_NOT_NFC)
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;
    use proptest::prelude::*;

    use super::*;

    fn decomposed(text: &str) -> String {
        DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
    }

    #[test]
    fn takes_the_names_of_the_land() {
        for name in [
            "Nguyễn Thị Mẫu",
            "ĐẶNG VĂN Ữ",
            "K'Brêu",
            "Y Bhăm Êban",
            "សុខ ម៉ៅ",
            "Jean-Luc O'Brien",
            "Tư (Út)",
        ] {
            assert!(check_person_name(name).is_ok(), "{name}");
            assert!(check_name_composed(name).is_ok(), "{name}");
            assert!(check_person_name(&decomposed(name)).is_ok(), "{name}");
        }
        assert_eq!(check_name_composed(&decomposed("Nguyễn")), Err(&rule::NAME_NOT_NFC));
        assert!(check_name("CÔNG TY TNHH 2/9 & CON").is_ok());
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in [
            "",
            " ",
            "086190000001",
            "Nguyễn Thị Mẫu 2",
            "Mẫu\n",
            "a@example.com",
            "<b>Mẫu</b>",
            "Mẫu²",
            "...",
        ] {
            assert_eq!(check_person_name(text), Err(&rule::NAME_LETTERS), "{text:?}");
        }
        assert_eq!(check_name("CÔNG TY\tMẪU"), Err(&rule::NAME));
    }

    proptest! {
        #[test]
        fn a_name_of_letters_is_taken_in_either_form_and_told_apart(
            name in "[A-Za-zÀÂĂÉÊÍÔƠÚƯÝàâăéêíôơúưýĐđẤấẦầẬậẾếềệỄễỘộớợỨữựỹ]{1,8}( [A-Za-zđĐàâăấầẫếềễốồỗớờỡứừữ]{1,8}){0,4}",
        ) {
            let spelt = decomposed(&name);
            prop_assert!(check_person_name(&name).is_ok());
            prop_assert!(check_person_name(&spelt).is_ok());
            prop_assert!(check_name_composed(&name).is_ok());
            prop_assert_eq!(check_name_composed(&spelt).is_err(), spelt != name);
        }

        #[test]
        fn a_digit_or_a_control_character_anywhere_makes_it_no_person(
            head in "[a-zơưđ ]{0,9}", wrong in "[0-9\\x00-\\x1f\\x7f٠-٩０-９]", tail in "[a-zơưđ ]{0,9}",
        ) {
            let text = format!("{head}{wrong}{tail}");
            prop_assert_eq!(check_person_name(&text), Err(&rule::NAME_LETTERS));
        }
    }
}
