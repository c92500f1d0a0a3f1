//! The private parsers of outside bytes, for the fuzzer's hands. Only `--cfg fuzzing` compiles this.

pub use crate::files::fuzzing::rows;
