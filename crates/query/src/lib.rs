//! Answers one query of a national database for a stated purpose.
//!
//! **For:** the corridor [`Query::look_up_citizen`] (may they, for which purpose, evidence
//! durable, fetch, evidence of the outcome, answer) and its ports.
//!
//! **Must never know:** the protocols of far sides, Kafka, HTTP, gRPC.
//!
//! **Start reading** at [`corridor`].

pub mod citizen;
pub mod corridor;
mod finish;
pub mod ports;

pub use citizen::{Address, Citizen, CitizenLookUp, Gender, Purpose, Relative};
pub use corridor::{Answer, Query};
pub use ports::{EvidenceLog, EvidenceUnavailable, Upstream, UpstreamError};

#[cfg(test)]
mod tests;
