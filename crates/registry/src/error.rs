//! What can be wrong with a registry, and how a person is told.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// One thing that is wrong in one place of the registry's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryFault {
    /// The file's name within the folder.
    pub file: String,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// The path of the key, entries counted from 1, e.g. `client[2].agency`; empty for the file.
    pub key: String,
    /// What was expected there.
    pub expected: String,
    /// What was found instead, where that helps; never anything of a secret or unknown key.
    pub found: Option<String>,
}

impl RegistryFault {
    /// Makes a fault of a file as a whole.
    pub fn of_file(file: &str, expected: impl Into<String>) -> Self {
        let (file, expected) = (file.to_owned(), expected.into());
        Self { file, line: None, key: String::new(), expected, found: None }
    }
}

impl fmt::Display for RegistryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "expected {}", self.expected)?;
        match &self.found {
            Some(found) => write!(f, ", found {found}"),
            None => Ok(()),
        }
    }
}

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The files say something that cannot be; every fault of every file.
    #[error("faults in the registry: {}{}", .0.len(), listed(.0))]
    Faults(Vec<RegistryFault>),
    /// The folder cannot be read.
    #[error("cannot read the registry folder {}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something already where the sample was to be written.
    #[error("{} exists already and is left as it is", .0.display())]
    Exists(PathBuf),
    /// The sample cannot be written.
    #[error("cannot write the sample registry at {}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RegistryError {
    /// Returns the stable machine-readable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Faults(_) => "registry_faults",
            Self::Unreadable { .. } => "registry_unreadable",
            Self::Exists(_) => "registry_exists",
            Self::Unwritable { .. } => "registry_unwritable",
        }
    }

    /// Tells whether the same call may succeed without a person's help: never.
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

fn listed(faults: &[RegistryFault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}
