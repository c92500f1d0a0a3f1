//! Agencies, client systems and their grants, declared in TOML files.
//!
//! **For:** reading the folder that says which agencies exist, which systems may call the bus
//! and what each may do; and for saying everything that is wrong with it at once, in words
//! that the person who edits the files can act on. What is not declared is not granted.
//!
//! **Must never know:** tokens, HTTP, Kafka; a client's secret (it holds a digest alone).
//!
//! **Start reading** at [`Registry::load`], then [`client`]. The files explain themselves:
//! `deploy/registry/`.

pub mod agency;
pub mod client;
pub mod codes;
pub mod document;
pub mod error;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod password;
pub mod procedures;
mod registry;
mod sample;

pub use agency::Agency;
pub use client::{Client, Procedures, PublishRule, QueryRule, Released, SecretDigest};
pub use codes::CodeChange;
pub use error::{RegistryError, RegistryFault};
pub use password::PasswordHash;
pub use procedures::{Procedure, ProcedureCatalogue};
pub use registry::Registry;
pub use sample::write_sample;
