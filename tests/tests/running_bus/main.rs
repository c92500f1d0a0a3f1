//! One running bus, asked by many clients from outside.
#![cfg(test)]

use std::sync::LazyLock;

use lgsp_tests::Bus;

mod events;
mod operators;
mod privacy;
mod python;
mod queries;
mod refusals;
mod routes;
mod starting;

/// The bus that all tests of this program share. It ends with this process.
static BUS: LazyLock<Bus> = LazyLock::new(|| Bus::start().unwrap());
