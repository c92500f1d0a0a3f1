//! Logs and metrics of the bus, kept free of personal data.
//!
//! **For:** setting the log up, and the one list of metrics with their closed label sets.
//!
//! **Must never know:** who calls it; payloads, tokens, identifiers of people or events.
//!
//! **Start reading** at [`metrics`].

pub mod logs;
pub mod metrics;

pub use metrics::Metrics;
