//! Simulated national platform and a province's traffic: all of it synthetic.
//!
//! **For:** trying, testing and measuring the bus without a government host and without a real
//! person: [`people`] is a population and [`enterprises`] a register derived from a seed,
//! [`platform`] answers questions about them in the national platform's forms, [`traffic`] writes records and asks questions, [`day`] plans the
//! working day of a whole province.
//!
//! **Must never know:** the production code's paths. No production crate depends on this one;
//! only the binary runs it, as `lgsp sim` and in `lgsp demo`.
//!
//! **Start reading** at [`people`], then [`platform`].

pub mod day;
pub mod enterprises;
mod folding;
pub mod insurance;
pub mod people;
pub mod platform;
mod random;
pub mod traffic;
