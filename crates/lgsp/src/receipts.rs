//! Receipts: rebuilt from the topics at the start, stored behind the events, forgotten after the
//! window.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lgsp_core::Clock;
use lgsp_core::digest::Digest128;
use lgsp_ingest::{Book, ReceiptStore, StoredReceipt};
use lgsp_kafka::{
    KafkaConfig, KafkaError, KafkaEventLog, KafkaEvidenceLog, ReplayedRecord, replay,
};
use lgsp_store::SqliteReceipts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an event's id is remembered.
pub(crate) const WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often acknowledged events are stored; what is lost with the process is read from the topics.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

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
        // After a failure nothing more is saved: a later batch would claim to cover the lost one.
        if failure.is_none() {
            failure = store.save(batch, true).err();
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
            "the receipts cover more than the topics hold: the cluster lost acknowledged events. \
             Find out why; then delete the data folder's receipts.sqlite and start again: \
             senders may send anew what was lost"
        );
    }
    let read = read.context("receipts could not be rebuilt from the topics")?;
    failure.map_or(Ok(read), |error| Err(error.into()))
}

/// How often lost answers are looked after.
const SETTLE_EVERY: Duration = Duration::from_secs(2);

/// After this time nothing that a lost producer had sent can still arrive in the log.
const LATE: Duration = Duration::from_secs(10);

/// What settling doubts needs.
pub(crate) struct Settler {
    pub(crate) book: Arc<Book>,
    pub(crate) store: Arc<SqliteReceipts>,
    pub(crate) events: Arc<KafkaEventLog>,
    pub(crate) evidence: Arc<KafkaEvidenceLog>,
    pub(crate) kafka: KafkaConfig,
    pub(crate) topics: Vec<String>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Settler {
    /// Looks after lost answers until the shutdown: makes a producer anew that lost its place, and
    /// settles events in doubt by what the topics hold.
    pub(crate) fn run(self, shutdown: CancellationToken, tasks: &TaskTracker) {
        let (this, blocking) = (Arc::new(self), tasks.clone());
        tasks.spawn(async move {
            while shutdown.run_until_cancelled(tokio::time::sleep(SETTLE_EVERY)).await.is_some() {
                let work = Arc::clone(&this);
                if let Ok(Err(error)) = blocking.spawn_blocking(move || work.settle()).await {
                    tracing::warn!(error = %format!("{error:#}"), "events in doubt are not settled yet");
                }
            }
        });
    }

    fn settle(&self) -> Result<()> {
        if self.events.renew_if_fatal()? | self.evidence.renew_if_fatal()? {
            tracing::error!("a producer lost its place in the log and was made anew");
        }
        if self.book.doubts() == 0 {
            return Ok(());
        }
        let Some(before) = Instant::now().checked_sub(LATE) else { return Ok(()) };
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        catch_up(&self.store, &self.kafka, &topics, self.clock.as_ref())?;
        let settled = self.book.resolve(before)?;
        if settled > 0 {
            tracing::warn!(
                settled,
                "events that were in doubt are settled by what the topics hold"
            );
        }
        Ok(())
    }
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
