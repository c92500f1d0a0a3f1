//! Digests and receipts in rows.

use std::sync::Arc;

use lgsp_core::digest::Digest128;
use lgsp_ingest::{Latest, StoredReceipt};
use tokio_postgres::Row;

use super::error::SharedError;

/// Reads a digest.
pub(super) fn digest(row: &Row, column: usize) -> Result<Digest128, SharedError> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(Digest128(bytes.try_into().map_err(|_| SharedError::Foreign)?))
}

/// Writes digests.
pub(super) fn digests<'a>(digests: impl Iterator<Item = &'a Digest128>) -> Vec<&'a [u8]> {
    digests.map(|digest| digest.0.as_slice()).collect()
}

/// Reads a receipt off content, topic, partition, offset and time, from a column on; `None` where
/// there is none.
pub(super) fn receipt(
    event: Digest128,
    row: &Row,
    first: usize,
) -> Result<Option<StoredReceipt>, SharedError> {
    let partition: Option<i32> = row.try_get(first + 2)?;
    let Some(partition) = partition else { return Ok(None) };
    Ok(Some(StoredReceipt {
        event,
        content: digest(row, first)?,
        topic: Arc::from(row.try_get::<_, &str>(first + 1)?),
        partition,
        offset: row.try_get(first + 3)?,
        recorded_unix_millis: row.try_get(first + 4)?,
        entity: None,
    }))
}

/// Reads the last event of an entity off event, content, state, partition, offset and time, from a
/// column on.
pub(super) fn latest(row: &Row, first: usize) -> Result<Latest, SharedError> {
    Ok(Latest {
        event: digest(row, first)?,
        content: digest(row, first + 1)?,
        state: row.try_get::<_, Option<&str>>(first + 2)?.map(Into::into),
        partition: row.try_get(first + 3)?,
        offset: row.try_get(first + 4)?,
        recorded_unix_millis: row.try_get(first + 5)?,
    })
}
