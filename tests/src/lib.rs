//! End to end tests and benchmarks of the bus, with the real Kafka and clients from outside.
//!
//! **For:** starting `lgsp` as a child process, and asking it with `curl`, `kcat`, gRPC and Python
//! as other systems do. What is missing on the machine fails a test and names the command that
//! brings it; nothing is skipped.
//!
//! **Must never know:** how the bus works inside. It sees processes, sockets and files.
//!
//! **Start reading** at [`bus`], then [`curl`] and [`kcat`].

pub mod bus;
pub mod curl;
pub mod golden;
pub mod grpc;
pub mod kcat;
pub mod line;
pub mod oracle;
pub mod place;
pub mod postgres;
pub mod process;
pub mod province;
pub mod records;
pub mod sample;

pub use bus::Bus;
pub use curl::{Answer, Curl};
pub use postgres::Postgres;
