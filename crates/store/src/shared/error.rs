//! Why the shared receipts cannot be used now.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

/// Why the shared receipts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The address is none of PostgreSQL.
    #[error("this is no address of PostgreSQL like postgres://user@host:5432/database")]
    Address,
    /// The address holds a password, which every user of the machine could read.
    #[error("the address must hold no password: name the file that does")]
    PasswordInAddress,
    /// The line would not be encrypted.
    #[error(
        "a PostgreSQL on another machine needs the file of the certificate that signed its own"
    )]
    Unencrypted,
    /// The password's file cannot be read.
    #[error("cannot read {} ({})", file.display(), source.kind())]
    Password {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of certificates holds none that can be used.
    #[error("{} holds no usable certificates in PEM form", file.display())]
    Certificates {
        /// Which.
        file: PathBuf,
    },
    /// The server cannot be reached, or refused.
    #[error("{0}")]
    Server(String),
    /// The server does not answer in time.
    #[error("PostgreSQL does not answer")]
    Silent,
    /// The receipts were made by a newer bus.
    #[error("the shared receipts are of version {found}, and this bus knows {known}: upgrade it")]
    Newer {
        /// Theirs.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// The receipts are of another Kafka cluster.
    #[error(
        "the shared receipts are of the Kafka cluster {found}, and this bus uses {ours}: name \
         another database, or, if the cluster was replaced, stop every bus and drop the schema lgsp"
    )]
    OtherCluster {
        /// Theirs.
        found: String,
        /// Ours.
        ours: String,
    },
    /// Other processes use another province key.
    #[error(
        "this bus has another province key than those it would share receipts with: citizens would \
         have two record keys. Copy the folder keys/ of the first bus into this data folder"
    )]
    OtherKey,
    /// Others took this process for dead.
    #[error("other processes took this one for dead and settled what it had claimed")]
    Lost,
    /// A row is not as this bus writes it.
    #[error("the shared receipts hold a row that no bus wrote")]
    Foreign,
}

impl From<tokio_postgres::Error> for SharedError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            // Messages name tables and roles; values, here digests, stand in the details.
            let (message, code) = (refusal.message(), refusal.code().code());
            return Self::Server(format!("PostgreSQL says: {message} (SQLSTATE {code})"));
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(inner) = inner.downcast_ref::<std::io::Error>() {
                write!(text, ": {inner}").ok();
            }
            cause = inner.source();
        }
        Self::Server(text)
    }
}
