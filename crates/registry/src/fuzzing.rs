//! The private parsers of outside bytes, for the fuzzer's hands. Only `--cfg fuzzing` compiles this.

use crate::document::Faults;
use crate::error::RegistryFault;
use crate::registry::{Registry, Texts};

/// Reads a registry from its files' texts: agencies, clients, secrets, codes, procedures.
///
/// # Errors
/// As [`Registry::load`] finds.
pub fn registry(texts: [Option<String>; 5]) -> Result<Registry, Vec<RegistryFault>> {
    let [agencies, clients, secrets, codes, procedures] = texts;
    Registry::read(Texts { agencies, clients, secrets, codes, procedures }, Faults::default())
}
