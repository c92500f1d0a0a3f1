//! Compiles the JSON Schemas of the events, judges records by them and explains every fault.
//!
//! **For:** one answer to "is this record what its type promises?": either a
//! [`ValidatedEvent`], which only this crate can make, or a fault that names every offending
//! field and the rule that it breaks. The record's bytes are judged, never changed.
//!
//! **Must never know:** Kafka, HTTP, tokens, who sends the record or whether they may.
//!
//! **Start reading** at [`Schemas::judge`]; then `compile` (what a schema file must hold, all of
//! it checked at start), `explain` (rules and pointers, never values) and `shape` (warnings). [`compat`] compares versions, and
//! [`outline`] tells a schema to a person.

mod annotation;
mod bundled;
pub mod compat;
mod compile;
mod dialect;
mod entity;
mod error;
mod explain;
mod form;
mod kind;
mod oddity;
pub mod outline;
mod place;
mod pointer;
mod schemas;
mod shape;
mod strict;
mod validated;

pub use error::{SchemaError, SchemaFault};
pub use form::Form;
pub use kind::EventKind;
pub use schemas::Schemas;
pub use strict::parse_strict;
pub use validated::ValidatedEvent;
