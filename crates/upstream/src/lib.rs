//! Connectors to national databases.
//!
//! **For:** the declared services: [`declared`] reads each from a folder of `deploy/services/` and
//! puts it together with the carrier that brings its questions to the far side ([`Carriers`]):
//! access token, request, answer, and what each failure means.
//!
//! **Must never know:** who may call them and why, Kafka, HTTP or gRPC of the bus's own doors.
//! Nothing here logs or puts into an error: names, numbers, tokens, keys, bodies.
//!
//! **Start reading** at [`declared`], then `rest` (far sides whose form is declared) and
//! `population` (the one that needs code).

mod answer;
pub mod carrier;
pub mod carriers;
mod citizen;
mod code;
pub mod declared;
#[cfg(fuzzing)]
pub mod fuzzing;
mod name;
mod population;
mod question;
mod record;
mod rest;
mod token;
mod transport;
mod xml;

pub use carrier::Carrier;
pub use carriers::{Carriers, SetUpError};
