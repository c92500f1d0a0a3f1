//! The database adapter on a real PostgreSQL, which is killed at will.
#![cfg(test)]

mod bed;
mod line;
mod outbox;
mod query;
