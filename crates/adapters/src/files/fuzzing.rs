//! As [`crate::fuzzing`].

use std::fs::File;
use std::ops::ControlFlow;

use serde_json::Value;

use super::config::Format;
use super::rows::{self, Content, FileFault};

/// Reads a file as the adapter does, to its end or to its first fault: each row's number, and its
/// object where it can be read.
///
/// # Panics
/// When the system does not give the file.
pub fn rows(file: File, format: &Format, columns: &[String]) -> Vec<(u64, Option<Value>)> {
    let mut found = Vec::new();
    let read = rows::read(file, format, columns, &mut |row| {
        let object = match row.content {
            Content::Read(object) => Some(object),
            Content::Unreadable(..) => None,
        };
        found.push((row.number, object));
        ControlFlow::Continue(())
    });
    if let Err(FileFault::Io(error)) = read {
        panic!("{error}");
    }
    found
}
