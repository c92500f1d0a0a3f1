//! One file for each command.

pub(crate) mod adapter;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod lag;
pub(crate) mod registry;
pub(crate) mod schema;
pub(crate) mod sim;
pub(crate) mod token;
pub(crate) mod topics;
pub(crate) mod traffic;
pub(crate) mod up;
