//! Receipts: rebuilt from the topics at the start, stored behind the events, forgotten after the
//! window.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lgsp_core::Clock;
use lgsp_core::digest::Digest128;
use lgsp_ingest::{Book, EntityNote, ReceiptStore, StoredReceipt};
use lgsp_kafka::{
    KafkaConfig, KafkaError, KafkaEventLog, KafkaEvidenceLog, ReplayedRecord, replay,
};
use lgsp_schema::{EventKind, Schemas};
use lgsp_store::SqliteReceipts;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an event's id is remembered.
pub(crate) const WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often acknowledged events are stored; what is lost with the process is read from the topics.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// How often receipts older than the window are forgotten.
pub(crate) const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How many receipts are saved at once while the topics are read.
const BATCH: usize = 5_000;

/// What receipts are rebuilt from.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) kafka: KafkaConfig,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Opens receipts of this process alone: they cover the topics when this returns.
pub(crate) async fn open(
    file: &Path,
    cluster: &str,
    sources: &Sources,
    quiet: &CancellationToken,
    background: &TaskTracker,
) -> Result<(Arc<Book>, Arc<SqliteReceipts>)> {
    let store = Arc::new(SqliteReceipts::open(file, cluster)?);
    let started = Instant::now();
    let records = {
        let (store, sources) = (Arc::clone(&store), sources.clone());
        background.spawn_blocking(move || catch_up(&store, &sources)).await??
    };
    let took_ms = started.elapsed().as_millis();
    tracing::info!(records, took_ms, "receipts cover the topics");
    let book = Book::new(Arc::clone(&store) as Arc<_>);
    let clock = Arc::clone(&sources.clock);
    keep(Arc::clone(&book), Arc::clone(&store), clock, quiet.clone(), background);
    Ok((book, store))
}

/// Brings the store up to the end of the topics; returns how many records were read. Blocks.
///
/// A topic that the store does not cover at all is read from its first record where entities have
/// states (what is last known of one does not end with the window), else from where the window
/// begins.
fn catch_up(store: &SqliteReceipts, sources: &Sources) -> Result<u64> {
    let since = window_begins(sources.clock.as_ref());
    let from = store.checkpoints()?;
    let save = |batch: &[StoredReceipt]| Ok(store.save_since(batch, true, since)?);
    let delete = "delete the data folder's receipts.sqlite";
    read_topics(&sources.kafka, &sources.schemas, &from, since, delete, save)
}

/// Returns since when ids are remembered.
pub(crate) fn window_begins(clock: &dyn Clock) -> i64 {
    clock.unix_millis() - i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX)
}

/// Reads the topics of events from the checkpoints to their end, and saves what they hold; returns
/// how many records were read. Blocks. `delete` says how an operator empties the store.
pub(crate) fn read_topics(
    kafka: &KafkaConfig,
    schemas: &Schemas,
    from: &[(String, i32, i64)],
    since: i64,
    delete: &str,
    store: impl Fn(&[StoredReceipt]) -> Result<()>,
) -> Result<u64> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut failure = None;
    let mut save = |batch: &mut Vec<StoredReceipt>| {
        // After a failure nothing more is saved: a later batch would claim to cover the lost one.
        if failure.is_none() {
            failure = store(batch).err();
        }
        batch.clear();
    };
    let (stateful, stateless) = event_topics(schemas);
    let mut read_again = |topics: &[String], since| {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let read = replay(kafka, &topics, from, since, |record| {
            batch.extend(receipt(&record, schemas));
            if batch.len() == BATCH {
                save(&mut batch);
            }
        });
        save(&mut batch);
        read
    };
    let read = read_again(&stateful, 0).and_then(|read| Ok(read + read_again(&stateless, since)?));
    if let Err(KafkaError::CheckpointBeyondEnd { .. }) = &read {
        anyhow::bail!(
            "the receipts cover more than the topics hold: the cluster lost acknowledged events. \
             Find out why; then {delete} and start again: senders \
             may send anew what was lost"
        );
    }
    let read = read.context("receipts could not be rebuilt from the topics")?;
    failure.map_or(Ok(read), Err)
}

/// Lists the topics of events: those whose entities have states, and the others.
pub(crate) fn event_topics(schemas: &Schemas) -> (Vec<String>, Vec<String>) {
    let mut topics: BTreeMap<&str, bool> = BTreeMap::new();
    for kind in schemas.kinds() {
        *topics.entry(kind.topic()).or_default() |= kind.state_pointer().is_some();
    }
    let named = |stateful: bool| {
        let topics = topics.iter().filter(|(_, has_states)| **has_states == stateful);
        topics.map(|(name, _)| (*name).to_owned()).collect()
    };
    (named(true), named(false))
}

/// How often lost answers are looked after.
pub(crate) const SETTLE_EVERY: Duration = Duration::from_secs(2);

/// After this time nothing that a lost producer had sent can still arrive in the log.
pub(crate) const LATE: Duration = Duration::from_secs(10);

/// What settling doubts needs.
pub(crate) struct Settler {
    pub(crate) book: Arc<Book>,
    pub(crate) store: Arc<SqliteReceipts>,
    pub(crate) events: Arc<KafkaEventLog>,
    pub(crate) evidence: Arc<KafkaEvidenceLog>,
    pub(crate) sources: Sources,
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
        catch_up(&self.store, &self.sources)?;
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

/// Reads which event a record is; `None` for a record that is no event of the bus.
pub(crate) fn event(record: &ReplayedRecord<'_>) -> Option<Digest128> {
    let header = |name| std::str::from_utf8(record.header(name)?).ok();
    Some(Digest128::of_event(header("ce_source")?, header("ce_id")?))
}

/// Reads a receipt off an event; `None` for a record that is no event of the bus.
pub(crate) fn receipt(record: &ReplayedRecord<'_>, schemas: &Schemas) -> Option<StoredReceipt> {
    let header = |name| std::str::from_utf8(record.header(name)?).ok();
    let event_type = header("ce_type")?;
    let kind = schemas.kinds().find(|kind| kind.event_type() == event_type);
    let recorded: jiff::Timestamp = header("ce_recordedtime")?.parse().ok()?;
    Some(StoredReceipt {
        event: event(record)?,
        content: Digest128::of_content(event_type, record.value()?),
        topic: record.topic().into(),
        partition: record.partition(),
        offset: record.offset(),
        recorded_unix_millis: recorded.as_millisecond(),
        entity: kind.and_then(|kind| entity(record, kind)),
    })
}

/// Reads what an event says of its entity, where entities of its type have states.
fn entity(record: &ReplayedRecord<'_>, kind: &EventKind) -> Option<EntityNote> {
    let (key, state) = kind.entity_of(record.value()?)?;
    Some(EntityNote { id: EntityNote::digest(kind.event_type(), &key), state })
}

/// Stores what was acknowledged, behind the events, until the shutdown; and once more then.
fn keep(
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
