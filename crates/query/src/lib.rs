//! Answers one query of a national database for a stated purpose.
//!
//! **For:** the corridor [`Query::ask`] (may they, for which purpose, evidence durable, fetch, keep
//! only what is granted, evidence of the outcome, answer), what it must know of a declared service,
//! and its ports.
//!
//! **Must never know:** the protocols of far sides, Kafka, HTTP, gRPC.
//!
//! **Start reading** at [`corridor`], then [`service`].

pub mod auditing;
mod breaker;
mod cache;
pub mod corridor;
mod finish;
pub mod ports;
pub mod question;
mod release;
pub mod service;

pub use auditing::{Auditing, EvidenceReader, EvidenceUnreadable};
pub use cache::Keep;
pub use corridor::{Query, Sides};
pub use ports::{Dossiers, EvidenceLog, EvidenceUnavailable, Leave, Upstream, UpstreamError};
pub use question::{Answer, Fetched, Purpose, Question};
pub use service::{Confidence, Mask, Outage, PurposePart, Release, Service, Title};

#[cfg(test)]
mod tests;
