//! Turns what agencies have, files and database rows, into events.
//!
//! **For:** systems that will never speak gRPC: a watched folder, an outbox table, a read-only
//! query, each with a declared mapping. The same adapter runs inside the bus or at the agency.
//!
//! **Must never know:** Kafka, tokens' innards, which rules a record must keep.
//!
//! **Start reading** at [`publisher`]: what an adapter needs from the bus.

pub mod config;
pub mod database;
mod delivery;
pub mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod local;
pub mod mapping;
pub mod publisher;
pub mod remote;
mod run;

pub use config::{AdapterConfig, ConfigFault, Input};
pub use files::Tally;
pub use local::LocalPublisher;
pub use mapping::{Mapped, Mapping, Misfit};
pub use publisher::{Breach, DeadLetter, Outcome, Publisher, Record, Refusal, Unavailable};
pub use remote::{RemoteConfig, RemoteError, RemotePublisher};
pub use run::{AdapterError, run, run_once};
