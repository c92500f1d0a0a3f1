//! A far side's error code, as far as it may be told.

/// The longest error code that is handed on.
const MAX_CODE_LENGTH: usize = 20;
/// So many digits could be somebody's number: the old identity card has nine.
const SHORTEST_PERSONAL: usize = 9;

/// Hands on what looks like an error code. Anything else may be a sentence, or a citizen's number.
pub(crate) fn sanitised(code: &str) -> String {
    let plain =
        code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let fits = (1..=MAX_CODE_LENGTH).contains(&code.len()) && plain && digits < SHORTEST_PERSONAL;
    if fits { code.to_owned() } else { "unreadable".to_owned() }
}
