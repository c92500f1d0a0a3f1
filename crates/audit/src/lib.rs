//! The evidence record and its chain.
//!
//! **For:** what is written on `lgsp.audit.v1` when a record of a person is asked for, and the
//! hash chain that shows a changed, missing or reordered record.
//!
//! **Must never know:** who stores it, who asks.
//!
//! **Start reading** at [`record`], then [`chain`].

pub mod chain;
pub mod record;

pub use chain::{Broken, Chain, verify};
pub use record::{Entry, Evidence, Intent, Outcome, OutcomeKind};
