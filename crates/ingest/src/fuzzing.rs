//! The private parsers of outside bytes, for the fuzzer's hands. Only `--cfg fuzzing` compiles this.

use lgsp_core::Fault;

use crate::submission::Submission;

/// Checks the attributes of an event as the corridor does.
///
/// # Errors
/// As the corridor.
pub fn well_formed(event: &Submission) -> Result<(), Fault> {
    crate::submission::well_formed(event)
}
