//! The private parsers of outside bytes, for the fuzzer's hands. Only `--cfg fuzzing` compiles this.

use lgsp_query::{Citizen, UpstreamError};

/// Reads the population database's answer to a question about one personal number.
///
/// # Errors
/// As the answer says, or where it breaks the contract.
pub fn answer(
    body: &[u8],
    asked_for: &str,
    not_found_codes: &[String],
) -> Result<Citizen, UpstreamError> {
    crate::answer::read(body, asked_for, not_found_codes)
}
