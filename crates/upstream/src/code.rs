//! A far side's error code, as far as it may be told.

/// The longest error code that is handed on.
const MAX_CODE_LENGTH: usize = 20;
/// The most digits: a date of birth has eight, the old identity card nine.
const MAX_DIGITS: usize = 6;
/// The most letters in a row: a name without spaces and diacritics has more.
const MAX_LETTERS_IN_A_ROW: usize = 8;

/// Hands on what looks like an error code. Anything else may be a sentence, a name, a day of birth
/// or a citizen's number.
pub(crate) fn sanitised(code: &str) -> String {
    let plain =
        code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let words = code.split(|letter: char| !letter.is_ascii_alphabetic());
    let letters = words.map(str::len).max().unwrap_or_default();
    let fits = (1..=MAX_CODE_LENGTH).contains(&code.len())
        && plain
        && digits <= MAX_DIGITS
        && letters <= MAX_LETTERS_IN_A_ROW;
    if fits { code.to_owned() } else { "unreadable".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_handed_on() {
        for code in ["0", "-3", "00", "201", "900901", "NOT_FOUND", "ERR-000001", "SUCCESS"] {
            assert_eq!(sanitised(code), code);
        }
    }

    #[test]
    fn what_may_be_somebodys_is_not() {
        for code in [
            "",
            "19900115",
            "1990-01-15",
            "1234567",
            "086190000001",
            "NGUYENTHIMAU",
            "1-NGUYENTHIMAU",
            "Nguyễn",
            "a sentence",
            "1_2_3_4_5_6_7_8_9_0_1",
        ] {
            assert_eq!(sanitised(code), "unreadable", "{code}");
        }
    }
}
