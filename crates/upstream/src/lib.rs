//! Connectors to national databases.
//!
//! **For:** [`NationalPopulation`], which asks the national population database through the
//! national platform (NGSP/NDXP): access token, request, answer, and what each failure means.
//!
//! **Must never know:** who may call them and why, Kafka, HTTP or gRPC of the bus's own doors.
//! Nothing here logs or puts into an error: names, numbers, tokens, keys, bodies.
//!
//! **Start reading** at [`population`], then `answer` and `record`.

mod answer;
pub mod config;
#[cfg(fuzzing)]
pub mod fuzzing;
mod name;
pub mod population;
mod question;
mod record;
mod token;
mod transport;
mod xml;

pub use config::PopulationConfig;
pub use population::{NationalPopulation, SetUpError};
