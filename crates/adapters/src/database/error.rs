//! Why a database cannot be read now, in words that hold nothing of its rows.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

/// Why a database adapter cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The server cannot be reached, or refused; with what is safe to tell.
    #[error("{0}")]
    Server(String),
    /// The session ended.
    #[error("the database closed the session")]
    Closed,
    /// The server accepted the line and then said nothing.
    #[error("the database does not answer")]
    Silent,
    /// The password's file cannot be read.
    #[error("cannot read {} ({})", file.display(), source.kind())]
    Password {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What the adapter remembers cannot be read or written.
    #[error("cannot use {}: {reason}", file.display())]
    State {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file of certificates holds none that can be used.
    #[error("{} holds no usable certificates in PEM form", file.display())]
    Certificates {
        /// Which.
        file: PathBuf,
    },
    /// What is declared does not fit what the database has.
    #[error("{0}")]
    Declared(String),
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(describe(&error))
    }
}

/// Classes of SQLSTATE whose messages name tables, columns and roles, never values of rows:
/// connection, authorization, catalogue, syntax or privileges, resources, state, operator, system.
const TELLING: [&str; 9] = ["08", "28", "3D", "3F", "42", "53", "55", "57", "58"];

fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        let code = refusal.code().code();
        let class = code.get(..2).unwrap_or_default();
        return if TELLING.contains(&class) {
            format!("the database says: {} (SQLSTATE {code})", refusal.message())
        } else {
            format!("the database refused (SQLSTATE {code})")
        };
    }
    // The rest is about the line: the library's words and the system's.
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(inner) = inner.downcast_ref::<std::io::Error>() {
            write!(text, ": {inner}").ok();
        }
        cause = inner.source();
    }
    text
}
