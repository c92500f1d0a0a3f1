//! The gRPC and HTTP edge: one door, and the bindings behind it.
//!
//! **For:** one port for gRPC and HTTP alike; decoding what comes in into the corridors' words and
//! writing their answers in the caller's own form, with one error form for each.
//!
//! **Must never know:** Kafka, SQL, the far sides' protocols, or any rule of the field.
//!
//! **Start reading** at [`routes`], which lists everything that is reachable, then [`door`].

mod audit;
mod deadline;
pub mod door;
mod event_grpc;
mod event_http;
#[cfg(fuzzing)]
pub mod fuzzing;
mod json;
mod lag_metrics;
mod oauth_http;
mod openapi;
mod operations;
mod ops;
mod packets;
mod population;
mod problem;
mod query;
pub mod routes;
mod schema_http;

pub use lag_metrics::LagMetrics;
pub use operations::{Check, Operations, TopicState};
pub use routes::{Gateway, ROUTES, Route, Who};
