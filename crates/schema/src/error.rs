//! Why the schemas cannot be used: every fault of every file at once.

use std::fmt;
use std::path::PathBuf;

/// The schemas cannot be used; the bus does not start with them.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// There is no schema at all.
    #[error("there is no schema in the folder {}", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// Files break the rules for schemas.
    #[error("{} schema faults:{}", faults.len(), list(faults))]
    Faulty {
        /// Every fault of every file.
        faults: Vec<SchemaFault>,
    },
}

impl SchemaError {
    /// Returns every fault of the files' contents.
    pub fn faults(&self) -> &[SchemaFault] {
        match self {
            Self::Faulty { faults } => faults,
            Self::Unreadable { .. } | Self::Empty { .. } => &[],
        }
    }
}

/// One fault of one schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    /// The file, relative to the schemas' folder.
    pub file: String,
    /// JSON Pointer to the place within the file.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for SchemaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}: {}", self.file, self.pointer, self.problem)
    }
}

fn list(faults: &[SchemaFault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}
