//! Accepts one event: may this client publish it, is it valid, is it new, is it durable.
//!
//! **For:** the corridor [`Ingest::accept`] that every way in shares, and its ports.
//!
//! **Must never know:** rdkafka, tonic, HTTP, SQL.
//!
//! **Start reading** at [`corridor`], then [`book`].

pub mod book;
pub mod corridor;
#[cfg(fuzzing)]
pub mod fuzzing;
mod letter;
mod pending;
pub mod ports;
pub mod shared;
mod submission;
mod turn;
mod unless_last;

pub use book::{Book, Claims, Completion};
pub use corridor::{Ingest, Judged, Logs, Verdict};
pub use letter::Letter;
pub use pending::Pending;
pub use ports::{
    Answer, DeadLetterRecord, DeadLetters, EntityNote, EventLog, EventReader, EventRecord, Latest,
    LetterCompletion, LogUnreadable, QueueFull, RecalledEvent, ReceiptStore, StoreError,
    StoredReceipt,
};
pub use shared::{Claimed, Shared, SharedClaim, SharedReceipts};
pub use submission::Submission;
pub use turn::{Turn, Turns};

#[cfg(test)]
mod tests;
