//! Names and codes as the national platform takes them.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Writes a name in capitals without diacritics and without spaces, e.g. `DANGTHIMYDUYEN`.
///
/// Decomposes canonically (Unicode NFD) and leaves out all that is not ASCII then: the combining
/// marks. Đ has no decomposition and becomes D. Apostrophes and hyphens, which names of some
/// peoples have, stay.
pub(crate) fn fold(name: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd()
        .normalize(name)
        .chars()
        .map(|letter| if matches!(letter, 'Đ' | 'đ') { 'D' } else { letter.to_ascii_uppercase() })
        .filter(char::is_ascii_graphic)
        .collect()
}

/// How many characters of a procedure's code are its national part, e.g. `1.004227`. The platform
/// takes 20 at most, fewer than the local form has.
const NATIONAL_PROCEDURE_LENGTH: usize = 8;

/// Returns the part of a procedure's code that is the same in all provinces.
pub(crate) fn national_part(procedure: &str) -> &str {
    procedure.get(..NATIONAL_PROCEDURE_LENGTH).unwrap_or(procedure)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_every_letter_of_vietnamese() {
        let letters = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ";
        let folded = "AAAAAAAAAAAAAAAAAABCDDEEEEEEEEEEEEGHIIIIIIKLMNOOOOOOOOOOOOOOOOOOPQRSTUUUUUUUUUUUUVXYYYYYY";
        assert_eq!(fold(letters), folded);
        assert_eq!(fold(&letters.to_uppercase()), folded);
    }

    #[test]
    fn composed_and_decomposed_writing_are_one_name() {
        assert_eq!(fold("Đặng Thị  Mỹ Duyên"), "DANGTHIMYDUYEN");
        assert_eq!(fold("Đa\u{323}\u{306}ng Thi\u{323} My\u{303} Duye\u{302}n"), "DANGTHIMYDUYEN");
        assert_eq!(fold("Y' Bê\u{00a0}Niê-Kđăm"), "Y'BENIE-KDAM");
        assert_eq!(fold("漢字"), "");
    }

    proptest! {
        #[test]
        fn any_text_folds_to_ascii_without_spaces(text in "\\PC{0,120}") {
            prop_assert!(fold(&text).bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_lowercase()));
        }

        #[test]
        fn vietnamese_folds_to_letters(text in "[a-zA-ZđĐàảãáạăằẳẵắặâầẩẫấậèẻẽéẹêềểễếệìỉĩíịòỏõóọôồổỗốộơờởỡớợùủũúụưừửữứựỳỷỹýỵ ]{0,100}") {
            let letters = text.chars().filter(|letter| *letter != ' ').count();
            let folded = fold(&text);
            prop_assert_eq!(folded.len(), letters);
            prop_assert!(folded.bytes().all(|byte| byte.is_ascii_uppercase()));
        }
    }
}
