//! Accepts one event: may this client publish it, is it valid, is it new, is it durable.
//!
//! **For:** the corridor [`Ingest::accept`] that every way in shares, and its ports.
//!
//! **Must never know:** rdkafka, tonic, HTTP, SQL.
//!
//! **Start reading** at [`corridor`], then [`book`].

pub mod book;
pub mod corridor;
pub mod ports;

pub use book::{Book, Completion};
pub use corridor::{Ingest, Pending, Submission};
pub use ports::{EventLog, EventRecord, QueueFull, ReceiptStore, StoreError, StoredReceipt};

#[cfg(test)]
mod tests;
