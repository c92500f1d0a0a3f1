//! Receipts by the digest of an event's identity.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lgsp_core::digest::Digest128;
use lgsp_ingest::{Latest, ReceiptStore, StoreError, StoredReceipt};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Sixteen bytes of identity find the row; one row takes about 60 bytes.
///
/// Write-ahead logging with `synchronous = NORMAL` syncs at checkpoints alone, off the hot path:
/// after a power failure the last receipts may be missing, and so is then what they covered, since
/// both go in one transaction; the topics have them.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -2048;
    PRAGMA wal_autocheckpoint = 2000;
    CREATE TABLE IF NOT EXISTS cluster (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS receipt (
        event BLOB PRIMARY KEY, content BLOB NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
        offset INTEGER NOT NULL, recorded INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS entity (
        id BLOB NOT NULL PRIMARY KEY, event BLOB NOT NULL, content BLOB NOT NULL, state TEXT,
        partition INTEGER NOT NULL, offset INTEGER NOT NULL, recorded INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS covered (
        topic INTEGER NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID;
";

/// Which projections the file holds; another version is rebuilt from the topics. To be raised when
/// more is kept of an event, or a schema gains a state.
const VERSION: i64 = 2;

/// Receipts in one SQLite file of one process.
#[derive(Debug)]
pub struct SqliteReceipts {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl SqliteReceipts {
    /// Opens the receipts of a cluster, making the file where it does not exist. A file that is
    /// broken, or of another cluster, is set aside and made anew: the topics have all it should hold.
    ///
    /// # Errors
    /// When the file can neither be opened nor made.
    pub fn open(path: &Path, cluster: &str) -> Result<Self, StoreError> {
        let why = match Self::try_open(path) {
            Ok(this) => match this.claim(cluster) {
                Ok(true) => return Ok(this),
                Ok(false) => "it is of another cluster or version".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(_) if !path.exists() => return Self::try_open(path).map_err(failed),
            Err(error) => error.to_string(),
        };
        tracing::warn!(why, "the receipts' file is set aside and rebuilt from the topics");
        std::fs::rename(path, path.with_extension("set-aside"))
            .map_err(|error| StoreError(error.into()))?;
        for left_over in ["sqlite-wal", "sqlite-shm"] {
            std::fs::remove_file(path.with_extension(left_over)).ok();
        }
        let this = Self::try_open(path).map_err(failed)?;
        this.claim(cluster).map_err(failed)?;
        Ok(this)
    }

    fn try_open(path: &Path) -> rusqlite::Result<Self> {
        let writer = Connection::open(path)?;
        writer.execute_batch(SETTINGS)?;
        let verdict: String = writer.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(rusqlite::Error::InvalidQuery);
        }
        let reader = Connection::open(path)?;
        reader.execute_batch("PRAGMA cache_size = -2048; PRAGMA query_only = ON;")?;
        Ok(Self { reader: Mutex::new(reader), writer: Mutex::new(writer) })
    }

    /// Binds an unbound file to the cluster; `false` where it is bound to another, or does not hold
    /// what this version keeps.
    fn claim(&self, cluster: &str) -> rusqlite::Result<bool> {
        let writer = lock(&self.writer);
        let bound: Option<String> =
            writer.query_row("SELECT id FROM cluster", [], |row| row.get(0)).optional()?;
        let version: i64 = writer.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match bound {
            Some(bound) => Ok(bound == cluster && version == VERSION),
            None => {
                writer.pragma_update(None, "user_version", VERSION)?;
                writer.execute("INSERT INTO cluster VALUES (?1)", [cluster]).map(|_| true)
            }
        }
    }

    /// Saves receipts as [`ReceiptStore::save`] does; of those recorded before `since_unix_millis`
    /// only what they say of their entities.
    ///
    /// # Errors
    /// When nothing was saved.
    pub fn save_since(
        &self,
        receipts: &[StoredReceipt],
        covers: bool,
        since_unix_millis: i64,
    ) -> Result<(), StoreError> {
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
            let mut know = transaction
                .prepare_cached(
                    "INSERT INTO entity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE
                     SET event = excluded.event, content = excluded.content, state = excluded.state,
                         partition = excluded.partition, offset = excluded.offset,
                         recorded = excluded.recorded
                     WHERE excluded.offset > entity.offset",
                )
                .map_err(failed)?;
            let mut covered = std::collections::HashMap::new();
            let mut numbers = std::collections::HashMap::new();
            // In the order of the table, so that each page is touched once.
            let mut sorted: Vec<&StoredReceipt> = receipts.iter().collect();
            sorted.sort_by_key(|receipt| receipt.event);
            for receipt in sorted {
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
                if let Some(entity) = &receipt.entity {
                    know.execute(params![
                        entity.id.0,
                        receipt.event.0,
                        receipt.content.0,
                        entity.state.as_deref(),
                        receipt.partition,
                        receipt.offset,
                        receipt.recorded_unix_millis
                    ])
                    .map_err(failed)?;
                }
                let next = covered.entry((topic, receipt.partition)).or_insert(0);
                *next = receipt.offset.saturating_add(1).max(*next);
                if receipt.recorded_unix_millis < since_unix_millis {
                    continue;
                }
                save.execute(params![
                    receipt.event.0,
                    receipt.content.0,
                    topic,
                    receipt.partition,
                    receipt.offset,
                    receipt.recorded_unix_millis
                ])
                .map_err(failed)?;
            }
            for ((topic, partition), next) in covered.into_iter().filter(|_| covers) {
                cover.execute(params![topic, partition, next]).map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
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
        entity: None,
    })
}

impl ReceiptStore for SqliteReceipts {
    fn find(&self, event: &Digest128) -> Result<Option<StoredReceipt>, StoreError> {
        let reader = lock(&self.reader);
        let mut find = reader
            .prepare_cached(
                "SELECT content, (SELECT name FROM topic WHERE id = receipt.topic), partition, offset, recorded
                 FROM receipt WHERE event = ?1",
            )
            .map_err(failed)?;
        find.query_row([&event.0], |row| read(*event, row)).optional().map_err(failed)
    }

    fn latest(&self, entity: &Digest128) -> Result<Option<Latest>, StoreError> {
        let reader = lock(&self.reader);
        let mut find = reader
            .prepare_cached(
                "SELECT event, content, state, partition, offset, recorded FROM entity WHERE id = ?1",
            )
            .map_err(failed)?;
        let latest = |row: &Row<'_>| {
            Ok(Latest {
                event: Digest128(row.get(0)?),
                content: Digest128(row.get(1)?),
                state: row.get::<_, Option<String>>(2)?.map(Into::into),
                partition: row.get(3)?,
                offset: row.get(4)?,
                recorded_unix_millis: row.get(5)?,
            })
        };
        find.query_row([&entity.0], latest).optional().map_err(failed)
    }

    fn save(&self, receipts: &[StoredReceipt], covers: bool) -> Result<(), StoreError> {
        self.save_since(receipts, covers, i64::MIN)
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
            entity: None,
        }
    }

    #[test]
    fn keeps_the_first_receipt_and_the_furthest_offset_across_a_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.sqlite");
        let store = SqliteReceipts::open(&path, "one").unwrap();
        store.save(&[receipt("a", 3, 7), receipt("b", 3, 8)], true).unwrap();
        store.save(&[StoredReceipt { offset: 5, ..receipt("a", 3, 5) }], true).unwrap();
        drop(store);
        let store = SqliteReceipts::open(&path, "one").unwrap();
        assert_eq!(store.find(&receipt("a", 3, 7).event).unwrap(), Some(receipt("a", 3, 7)));
        assert_eq!(store.find(&receipt("c", 0, 0).event).unwrap(), None);
        assert_eq!(store.checkpoints().unwrap(), vec![("lgsp.dossier.v1".to_owned(), 3, 9)]);
        assert_eq!(store.forget_before(1_008).unwrap(), 1);
        assert_eq!(store.find(&receipt("a", 3, 7).event).unwrap(), None);
        assert!(store.find(&receipt("b", 3, 8).event).unwrap().is_some());
    }

    #[test]
    fn receipts_saved_while_an_event_is_in_doubt_cover_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteReceipts::open(&folder.path().join("receipts.sqlite"), "one").unwrap();
        store.save(&[receipt("a", 3, 7)], false).unwrap();
        assert!(store.find(&receipt("a", 3, 7).event).unwrap().is_some());
        assert!(store.checkpoints().unwrap().is_empty());
    }

    #[test]
    fn receipts_of_another_cluster_are_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.sqlite");
        SqliteReceipts::open(&path, "one").unwrap().save(&[receipt("a", 3, 7)], true).unwrap();
        let store = SqliteReceipts::open(&path, "two").unwrap();
        assert_eq!(store.find(&receipt("a", 3, 7).event).unwrap(), None);
        assert!(store.checkpoints().unwrap().is_empty());
        assert!(folder.path().join("receipts.set-aside").exists());
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.sqlite");
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        let store = SqliteReceipts::open(&path, "one").unwrap();
        assert!(store.checkpoints().unwrap().is_empty());
        assert!(folder.path().join("receipts.set-aside").exists());
    }
}
