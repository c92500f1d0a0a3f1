//! The private parsers of outside bytes, for the fuzzer's hands. Only `--cfg fuzzing` compiles this.

use lgsp_query::{Fetched, UpstreamError};

/// Reads the population database's answer to a question about one personal number.
///
/// # Errors
/// As the answer says, or where it breaks the contract.
pub fn answer(
    body: &[u8],
    asked_for: &str,
    not_found_codes: &[String],
) -> Result<Fetched, UpstreamError> {
    let (citizen, unknown_fields) = crate::answer::read(body, asked_for, not_found_codes)?;
    Ok(Fetched { record: citizen.into_record(), unknown_fields })
}
