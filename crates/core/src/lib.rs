//! Domain words of the bus.
//!
//! **For:** identifiers with their rules, faults and their bilingual texts, the
//! event types' names, receipts, purposes, digests and the clock port.
//!
//! **Must never know:** sockets, files, Kafka, serde formats of the wire.
//!
//! **Start reading** at [`fault`], then [`identifier`].

pub mod clock;
pub mod digest;
pub mod dossier;
pub mod fault;
pub mod identifier;
pub mod receipt;
pub mod rule;

pub use clock::{Clock, SystemClock};
pub use fault::{ErrorCode, Fault, Violation};
pub use receipt::{Position, Receipt};
