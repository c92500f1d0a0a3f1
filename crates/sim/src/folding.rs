//! Folds text for comparison: capitals without diacritics and spaces.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Keeps the letters, as questions about people carry a name.
pub(crate) fn letters(text: &str) -> String {
    fold(text, |letter| letter.is_ascii_alphabetic())
}

/// Keeps letters and digits, as names of enterprises are searched for.
pub(crate) fn letters_and_digits(text: &str) -> String {
    fold(text, |letter| letter.is_ascii_alphanumeric())
}

fn fold(text: &str, keeps: impl Fn(&char) -> bool) -> String {
    DecomposingNormalizerBorrowed::new_nfd()
        .normalize(text)
        .chars()
        .map(|letter| if matches!(letter, 'Đ' | 'đ') { 'D' } else { letter.to_ascii_uppercase() })
        .filter(|letter| keeps(letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_a_name() {
        assert_eq!(letters("Đặng Thị Mỹ Duyên"), "DANGTHIMYDUYEN");
        assert_eq!(letters_and_digits("Công ty thủy sản 12"), "CONGTYTHUYSAN12");
    }
}
