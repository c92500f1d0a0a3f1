//! The evidence record and its chain.
//!
//! **For:** what is written on `lgsp.audit.v1` when a record of a person is asked for, the hash
//! chain that shows a changed, missing or reordered record, and how records leave for auditors.
//!
//! **Must never know:** who stores it, who asks.
//!
//! **Start reading** at [`record`], then [`chain`] and [`check`].

pub mod chain;
pub mod check;
pub mod record;
pub mod stored;

pub use chain::Chain;
pub use check::{Checker, Finding, Older, Report, Sealed, read, verify};
pub use record::{Entry, Evidence, Intent, Outcome, OutcomeKind};
pub use stored::{LineUnreadable, StoredRecord};
