//! Reading the first rows of a file, to try a mapping on it.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::Value;

use super::config::Format;
use super::rows::{self, Content, FileFault};
use crate::mapping::Mapping;
use crate::publisher::Breach;

/// A row of a sample: its number, and its columns or why it cannot be read.
pub type SampleRow = (u64, Result<Value, Breach>);

/// Why a sample cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// It is not what the format says; each column and rule.
    #[error("the file is not what it should be: {}", .0.iter().map(|(column, breach)| format!("{column} {}", breach.rule)).collect::<Vec<_>>().join(", "))]
    Content(Vec<(String, Breach)>),
    /// The system does not give it.
    #[error(transparent)]
    Io(std::io::Error),
}

/// Reads at most `most` rows of a file, as the adapter would. Blocks.
///
/// # Errors
/// When it cannot be read, or lacks columns that the mapping names.
pub fn sample(
    path: &Path,
    format: &Format,
    mapping: &Mapping,
    most: usize,
) -> Result<Vec<SampleRow>, SampleError> {
    let columns: Vec<_> = mapping.columns().into_iter().map(str::to_owned).collect();
    let file = File::open(path).map_err(SampleError::Io)?;
    let mut sample = Vec::new();
    let read = rows::read(file, format, &columns, &mut |row| {
        let content = match row.content {
            Content::Read(columns) => Ok(columns),
            Content::Unreadable(rule, _) => Err(Breach::of(rule)),
        };
        sample.push((row.number, content));
        if sample.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match read {
        Ok(()) => Ok(sample),
        Err(FileFault::Content(breaches)) => Err(SampleError::Content(
            breaches.into_iter().map(|it| (it.column, Breach::of(it.rule))).collect(),
        )),
        Err(FileFault::Io(error)) => Err(SampleError::Io(error)),
    }
}
