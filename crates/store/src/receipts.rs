//! Receipts by the digest of an event's identity.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lgsp_core::digest::Digest128;
use lgsp_ingest::{ReceiptStore, StoreError, StoredReceipt};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Sixteen bytes of identity find the row; one row takes about 60 bytes.
///
/// The synchronous mode is the least: after a power failure the file may lack the last receipts
/// or be broken, and either way the topics still have them.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -4096;
    PRAGMA wal_autocheckpoint = 2000;
    CREATE TABLE IF NOT EXISTS topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS receipt (
        event BLOB PRIMARY KEY, content BLOB NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
        offset INTEGER NOT NULL, recorded INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS covered (
        topic INTEGER NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID;
";

/// Receipts in one SQLite file of one process.
#[derive(Debug)]
pub struct SqliteReceipts {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl SqliteReceipts {
    /// Opens the file, making it where it does not exist. A file that is no such database is
    /// set aside (`.broken`) and made anew: the topics have all that it held.
    ///
    /// # Errors
    /// When the file can neither be opened nor made.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::try_open(path).or_else(|error| {
            if path.exists() {
                tracing::warn!(error = %error, "the receipts' file is broken: it is set aside and rebuilt");
                std::fs::rename(path, path.with_extension("broken")).map_err(|error| StoreError(error.into()))?;
                for left_over in ["sqlite-wal", "sqlite-shm"] {
                    std::fs::remove_file(path.with_extension(left_over)).ok();
                }
                return Self::try_open(path);
            }
            Err(error)
        })
    }

    fn try_open(path: &Path) -> Result<Self, StoreError> {
        let writer = Connection::open(path).map_err(failed)?;
        writer.execute_batch(SETTINGS).map_err(failed)?;
        writer.query_row("SELECT count(*) FROM covered", [], |_| Ok(())).map_err(failed)?;
        let reader = Connection::open(path).map_err(failed)?;
        reader
            .execute_batch("PRAGMA cache_size = -8192; PRAGMA query_only = ON;")
            .map_err(failed)?;
        Ok(Self { reader: Mutex::new(reader), writer: Mutex::new(writer) })
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError(error.into())
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic in between left SQLite's own transaction to be rolled back.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(event: Digest128, row: &Row<'_>) -> rusqlite::Result<StoredReceipt> {
    Ok(StoredReceipt {
        event,
        content: Digest128(row.get(0)?),
        topic: Arc::from(row.get::<_, String>(1)?),
        partition: row.get(2)?,
        offset: row.get(3)?,
        recorded_unix_millis: row.get(4)?,
    })
}

impl ReceiptStore for SqliteReceipts {
    fn find(&self, event: &Digest128) -> Result<Option<StoredReceipt>, StoreError> {
        let reader = lock(&self.reader);
        let mut find = reader
            .prepare_cached(
                "SELECT content, name, partition, offset, recorded FROM receipt JOIN topic ON topic.id = topic WHERE event = ?1",
            )
            .map_err(failed)?;
        find.query_row([&event.0], |row| read(*event, row)).optional().map_err(failed)
    }

    fn save(&self, receipts: &[StoredReceipt]) -> Result<(), StoreError> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction().map_err(failed)?;
        {
            let mut name = transaction
                .prepare_cached("INSERT OR IGNORE INTO topic (name) VALUES (?1)")
                .map_err(failed)?;
            let mut number = transaction
                .prepare_cached("SELECT id FROM topic WHERE name = ?1")
                .map_err(failed)?;
            let mut save = transaction
                .prepare_cached("INSERT OR IGNORE INTO receipt VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .map_err(failed)?;
            let mut cover = transaction
                .prepare_cached(
                    "INSERT INTO covered VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
                     SET next_offset = max(next_offset, excluded.next_offset)",
                )
                .map_err(failed)?;
            let mut covered = std::collections::HashMap::new();
            let mut numbers = std::collections::HashMap::new();
            for receipt in receipts {
                let topic: i64 = match numbers.get(&receipt.topic) {
                    Some(topic) => *topic,
                    None => {
                        name.execute([&*receipt.topic]).map_err(failed)?;
                        let topic = number
                            .query_row([&*receipt.topic], |row| row.get(0))
                            .map_err(failed)?;
                        numbers.insert(Arc::clone(&receipt.topic), topic);
                        topic
                    }
                };
                save.execute(params![
                    receipt.event.0,
                    receipt.content.0,
                    topic,
                    receipt.partition,
                    receipt.offset,
                    receipt.recorded_unix_millis
                ])
                .map_err(failed)?;
                let next = covered.entry((topic, receipt.partition)).or_insert(0);
                *next = receipt.offset.saturating_add(1).max(*next);
            }
            for ((topic, partition), next) in covered {
                cover.execute(params![topic, partition, next]).map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }

    fn checkpoints(&self) -> Result<Vec<(String, i32, i64)>, StoreError> {
        let reader = lock(&self.reader);
        let mut list = reader
            .prepare_cached(
                "SELECT name, partition, next_offset FROM covered JOIN topic ON topic.id = topic",
            )
            .map_err(failed)?;
        let rows = list
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn forget_before(&self, unix_millis: i64) -> Result<usize, StoreError> {
        lock(&self.writer)
            .execute("DELETE FROM receipt WHERE recorded < ?1", [unix_millis])
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(id: &str, partition: i32, offset: i64) -> StoredReceipt {
        StoredReceipt {
            event: Digest128::of_event("/agencies/H61.14/systems/motcua", id),
            content: Digest128::of_content("t", id.as_bytes()),
            topic: "lgsp.dossier.v1".into(),
            partition,
            offset,
            recorded_unix_millis: 1_000 + offset,
        }
    }

    #[test]
    fn keeps_the_first_receipt_and_the_furthest_offset_across_a_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.sqlite");
        let store = SqliteReceipts::open(&path).unwrap();
        store.save(&[receipt("a", 3, 7), receipt("b", 3, 8)]).unwrap();
        store.save(&[StoredReceipt { offset: 5, ..receipt("a", 3, 5) }]).unwrap();
        drop(store);
        let store = SqliteReceipts::open(&path).unwrap();
        assert_eq!(store.find(&receipt("a", 3, 7).event).unwrap(), Some(receipt("a", 3, 7)));
        assert_eq!(store.find(&receipt("c", 0, 0).event).unwrap(), None);
        assert_eq!(store.checkpoints().unwrap(), vec![("lgsp.dossier.v1".to_owned(), 3, 9)]);
        assert_eq!(store.forget_before(1_008).unwrap(), 1);
        assert_eq!(store.find(&receipt("a", 3, 7).event).unwrap(), None);
        assert!(store.find(&receipt("b", 3, 8).event).unwrap().is_some());
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.sqlite");
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        let store = SqliteReceipts::open(&path).unwrap();
        assert!(store.checkpoints().unwrap().is_empty());
        assert!(folder.path().join("receipts.broken").exists());
    }
}
