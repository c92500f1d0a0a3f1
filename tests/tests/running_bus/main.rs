//! One running bus, asked by many clients from outside.
#![cfg(test)]

use std::sync::LazyLock;

use lgsp_tests::Bus;

mod aside;
mod audit;
mod batch;
mod events;
mod openapi;
mod operators;
mod packets;
mod privacy;
mod python;
mod queries;
mod refusals;
mod routes;
mod schemas;
mod sdk;
mod services;
mod starting;

/// The bus that all tests of this program share. It ends with this process.
static BUS: LazyLock<Bus> = LazyLock::new(|| Bus::start().unwrap());
