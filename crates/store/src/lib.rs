//! Local projections of Kafka, kept in SQLite.
//!
//! **For:** receipts ([`SqliteReceipts`]): a file that can be deleted and is rebuilt from the
//! topics at the next start.
//!
//! **Must never know:** Kafka, HTTP, payloads.
//!
//! **Start reading** at [`receipts`].

pub mod receipts;

pub use receipts::SqliteReceipts;
