//! End to end tests of the bus.
