//! Compiles the JSON Schemas of the events, judges records by them and explains every fault
