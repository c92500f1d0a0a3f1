//! From rows to records, some hundred at a time.

use bytes::Bytes;
use lgsp_core::digest::{Digest128, hex};
use lgsp_core::{ErrorCode, Fault, rule};
use serde_json::Value;
use tokio::sync::mpsc;

use super::rows::{Content, MAX_ROW_BYTES, Row};
use crate::config::AdapterConfig;
use crate::delivery::Item;
use crate::publisher::{Breach, Record, Refusal};

/// How many rows one batch has at most.
const MAX_ROWS: usize = 500;
/// How many bytes of data one batch has at most.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A row on its way, by its number; with its columns, for what may have to be told of it.
pub(super) struct Key {
    pub(super) row: u64,
    pub(super) columns: Option<Value>,
}

/// Turns the rows of one file into records.
pub(super) struct Batches<'a> {
    config: &'a AdapterConfig,
    source: String,
    /// The file as origins tell it, 53 bytes at most: never its name, which may be a person's, or
    /// hold what no header may.
    file: String,
    sha256: &'a [u8; 32],
    rows: mpsc::Receiver<Row>,
    /// What had no room in the last batch.
    next: Option<Item<Key>>,
}

impl<'a> Batches<'a> {
    /// Takes the rows of a file by the SHA-256 of its content.
    pub(super) fn new(
        config: &'a AdapterConfig,
        sha256: &'a [u8; 32],
        rows: mpsc::Receiver<Row>,
    ) -> Self {
        let file = format!("{} {}", config.name, short(&hex(sha256)));
        Self { config, source: config.source(), file, sha256, rows, next: None }
    }

    /// Returns the next batch, empty at the end of the file.
    pub(super) async fn next(&mut self) -> Vec<Item<Key>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < MAX_ROWS {
            let item = match self.next.take() {
                Some(item) => item,
                None => match self.rows.recv().await {
                    Some(row) => self.item(row),
                    None => break,
                },
            };
            bytes += item.record.data.len();
            if bytes > MAX_BYTES && !batch.is_empty() {
                self.next = Some(item);
                break;
            }
            batch.push(item);
        }
        batch
    }

    fn item(&self, row: Row) -> Item<Key> {
        let number = row.number;
        let (data, time, columns, refused) = match row.content {
            Content::Unreadable(rule, raw) => {
                let code = match rule.code {
                    code if code == rule::ROW_UNREADABLE.code => ErrorCode::InvalidRequest,
                    _ => ErrorCode::InvalidJson,
                };
                (bounded(&raw), None, None, Some(Refusal::from(&Fault::at(code, "", rule))))
            }
            Content::Read(columns) => match self.config.mapping.apply(&columns) {
                Ok(mapped) => {
                    let data = Bytes::from(mapped.data.to_string());
                    let too_large = data.len() > MAX_ROW_BYTES;
                    let refused =
                        too_large.then(|| Refusal::from(&Fault::new(ErrorCode::PayloadTooLarge)));
                    let data = if too_large { bounded(&Value::Null) } else { data };
                    (data, mapped.time, Some(columns), refused)
                }
                Err(misfits) => {
                    let misfits = misfits.iter().take(Fault::MAX_VIOLATIONS);
                    let refusal = Refusal {
                        breaches: misfits.map(Breach::from).collect(),
                        ..Refusal::from(&Fault::new(ErrorCode::SchemaViolation))
                    };
                    (bounded(&columns), None, Some(columns), Some(refusal))
                }
            },
        };
        // The data is part of the id: when a mapping was mended and the file is given again, what
        // comes out the same is a repeat, and what comes out otherwise is a new event.
        let id = Digest128::of(&[b"file row", self.sha256, &number.to_be_bytes(), &data]);
        let record = Record {
            id: hex(&id.0),
            source: self.source.clone(),
            event_type: self.config.event_type.clone(),
            time,
            data,
        };
        let origin = format!("{} row {number}", self.file);
        Item { key: Key { row: number, columns }, record, origin, refused }
    }
}

/// Shortens a file's hexadecimal SHA-256 to what dead letters and its result name it by.
pub(super) fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// Writes what could not be used for the dead letters; nothing of it if it is larger than they take.
fn bounded(raw: &Value) -> Bytes {
    let text = raw.to_string();
    if text.len() > MAX_ROW_BYTES { Bytes::from_static(b"null") } else { Bytes::from(text) }
}
