//! Receipts: rebuilt from the topics at the start, stored behind the events, forgotten after the
//! window.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lgsp_core::Clock;
use lgsp_core::digest::Digest128;
use lgsp_ingest::{Book, ReceiptStore, StoredReceipt};
use lgsp_kafka::{KafkaConfig, KafkaError, ReplayedRecord, replay};
use lgsp_store::SqliteReceipts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an event's id is remembered.
pub(crate) const WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often acknowledged events are stored; what is lost with the process is read from the topics.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// How often receipts older than the window are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How many receipts are saved at once while the topics are read.
const BATCH: usize = 5_000;

/// Brings the store up to the end of the topics; returns how many records were read. Blocks.
pub(crate) fn catch_up(
    store: &SqliteReceipts,
    kafka: &KafkaConfig,
    topics: &[&str],
    clock: &dyn Clock,
) -> Result<u64> {
    let since = clock.unix_millis() - i64::try_from(WINDOW.as_millis())?;
    let from = store.checkpoints()?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut failure = None;
    let mut save = |batch: &mut Vec<StoredReceipt>| {
        if let Err(error) = store.save(batch) {
            failure.get_or_insert(error);
        }
        batch.clear();
    };
    let read = replay(kafka, topics, &from, since, |record| {
        batch.extend(receipt(&record));
        if batch.len() == BATCH {
            save(&mut batch);
        }
    });
    save(&mut batch);
    if let Err(KafkaError::CheckpointBeyondEnd { .. }) = &read {
        anyhow::bail!(
            "the receipts cover more than the topics hold: the cluster is another one, or lost data. \
             If that is meant so, delete the data folder's receipts.sqlite and start again"
        );
    }
    let read = read.context("receipts could not be rebuilt from the topics")?;
    failure.map_or(Ok(read), |error| Err(error.into()))
}

/// Reads a receipt off an event; `None` for a record that is no event of the bus.
fn receipt(record: &ReplayedRecord<'_>) -> Option<StoredReceipt> {
    let header = |name| std::str::from_utf8(record.header(name)?).ok();
    let recorded: jiff::Timestamp = header("ce_recordedtime")?.parse().ok()?;
    Some(StoredReceipt {
        event: Digest128::of_event(header("ce_source")?, header("ce_id")?),
        content: Digest128::of_content(header("ce_type")?, record.value()?),
        topic: record.topic().into(),
        partition: record.partition(),
        offset: record.offset(),
        recorded_unix_millis: recorded.as_millisecond(),
    })
}

/// Stores what was acknowledged, behind the events, until the shutdown; and once more then.
pub(crate) fn keep(
    book: Arc<Book>,
    store: Arc<SqliteReceipts>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    tasks: &TaskTracker,
) {
    let blocking = tasks.clone();
    tasks.spawn(async move {
        let mut forget = tokio::time::interval(FORGET_EVERY);
        let mut failing = false;
        loop {
            let stopped = shutdown.run_until_cancelled(tokio::time::sleep(FLUSH_EVERY)).await.is_none();
            let writer = Arc::clone(&book);
            let flushed = blocking.spawn_blocking(move || writer.flush()).await;
            match &flushed {
                Ok(Ok(_)) if failing => tracing::info!("receipts are stored again"),
                Ok(Err(error)) if !failing => {
                    tracing::error!(error = %error, cause = ?std::error::Error::source(error), "receipts cannot be stored");
                }
                _ => {}
            }
            failing = !matches!(flushed, Ok(Ok(_)));
            if stopped {
                return;
            }
            if futures_util::FutureExt::now_or_never(forget.tick()).is_some() {
                let before = clock.unix_millis() - i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
                let forgetful = Arc::clone(&store);
                let forgot = blocking.spawn_blocking(move || forgetful.forget_before(before)).await;
                if let Ok(Ok(count @ 1..)) = forgot {
                    tracing::info!(count, "forgot receipts older than the window");
                }
            }
        }
    });
}
