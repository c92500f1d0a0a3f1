//! Makes the gRPC code of `crates/proto` from the files of `proto/`, without a system `protoc`.
//!
//! A package of its own, so that it builds while the generated code does not.

use std::fs;
use std::path::Path;

/// The files that have services or messages of the bus, below `proto/`.
const FILES: [&str; 6] = [
    "lgsp/fault/v1/fault.proto",
    "lgsp/event/v1/event.proto",
    "lgsp/query/v1/query.proto",
    "lgsp/query/v1/population.proto",
    "lgsp/ops/v1/ops.proto",
    "lgsp/audit/v1/audit.proto",
];

/// Writes the generated code and the descriptors into a folder.
///
/// # Errors
/// When a file does not compile or cannot be written.
pub fn generate(proto: &Path, into: &Path) -> anyhow::Result<()> {
    let mut compiler = protox::Compiler::new([proto])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    let mut config = tonic_prost_build::Config::new();
    config.bytes(["."]);
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(into)
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    // Without source info, which would double it, and by protox's own encoder, which keeps options.
    let mut compiler = protox::Compiler::new([proto])?;
    compiler.include_imports(true).include_source_info(false).open_files(FILES)?;
    fs::write(into.join("descriptor.binpb"), compiler.encode_file_descriptor_set())?;
    Ok(())
}
