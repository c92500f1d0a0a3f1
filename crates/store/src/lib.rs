//! Projections of Kafka, kept in SQLite or in PostgreSQL.
//!
//! **For:** receipts of one process ([`SqliteReceipts`]: a file that can be deleted and is rebuilt
//! from the topics at the next start), and receipts that several processes share
//! ([`PostgresReceipts`]: an event is claimed there before it is appended).
//!
//! **Must never know:** Kafka, HTTP, payloads.
//!
//! **Start reading** at [`receipts`], then [`shared`].

pub mod receipts;
pub mod shared;

pub use receipts::SqliteReceipts;
pub use shared::{PostgresConfig, PostgresReceipts, SharedError};
