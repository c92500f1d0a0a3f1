//! One of several processes: joins those that share receipts, stays among the living, and settles
//! what the dead left behind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::FutureExt;
use lgsp_core::digest::{Digest128, ProvinceKey, hex};
use lgsp_ingest::{Book, StoredReceipt};
use lgsp_kafka::{KafkaEventLog, KafkaEvidenceLog, replay};
use lgsp_store::shared::{DEAD_AFTER, Exclusive, Holder};
use lgsp_store::{PostgresConfig, PostgresReceipts, SharedError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data_dir::DataDir;
use crate::receipts::{
    FORGET_EVERY, LATE, SETTLE_EVERY, Sources, event, event_topics, read_topics, receipt,
    window_begins,
};

/// How often acknowledged events are recorded with the others; until then a repeat elsewhere is
/// told to ask again.
const RECORD_EVERY: Duration = Duration::from_millis(50);

/// How often this process tells that it lives.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// How soon it is noticed that this process may no longer append.
const FENCE_EVERY: Duration = Duration::from_millis(500);

/// How far apart the clocks of two machines may be, for finding in the log what a process claimed.
const CLOCKS_APART_MILLIS: i64 = 10 * 60 * 1000;

/// What the province's key signs, so that two processes find out whether theirs is the same.
const KEY_CHECK: &str = "lgsp shared receipts";

/// What ends when, in a bus.
pub(crate) struct Lifetimes<'a> {
    /// Requests have ended, and what they appended is acknowledged.
    pub(crate) quiet: &'a CancellationToken,
    /// Nothing of the bus needs PostgreSQL any more.
    pub(crate) down: &'a CancellationToken,
    pub(crate) background: &'a TaskTracker,
    pub(crate) children: &'a TaskTracker,
}

/// Joins the processes that share receipts: the receipts cover the topics when this returns.
pub(crate) async fn join(
    config: &PostgresConfig,
    data: &DataDir,
    (cluster, province): (&str, &ProvinceKey),
    sources: &Sources,
    lifetimes: Lifetimes<'_>,
) -> Result<(Arc<Book>, PostgresReceipts)> {
    let Lifetimes { quiet, down, background, children } = lifetimes;
    let name = new_name()?;
    let receipts =
        PostgresReceipts::connect(config, name.clone(), children.clone(), down.clone()).await;
    let receipts = receipts.context("the shared receipts (--receipts)")?;
    receipts.bind(cluster, &province.pseudonym(KEY_CHECK)).await?;
    // Whoever used this data folder before is dead: one process at a time holds it.
    let file = data.path().join("holder");
    if let Ok(before) = std::fs::read_to_string(&file) {
        receipts.pronounce_dead(before.trim_end(), None).await?;
    }
    std::fs::write(&file, &name).with_context(|| format!("cannot write {}", file.display()))?;
    receipts.enrol().await?;
    background.spawn(stay_alive(receipts.clone(), quiet.clone()));

    let _alone = alone(&receipts).await?;
    let read = {
        let (receipts, sources) = (receipts.clone(), sources.clone());
        let from = receipts.checkpoints().await?;
        let runtime = tokio::runtime::Handle::current();
        background.spawn_blocking(move || {
            let since = window_begins(sources.clock.as_ref());
            let save =
                |batch: &[StoredReceipt]| Ok(runtime.block_on(receipts.save_since(batch, since))?);
            let drop = "stop every bus, drop the schema lgsp in the receipts' database";
            read_topics(&sources.kafka, &sources.schemas, &from, since, drop, save)
        })
    };
    let records = read.await??;
    tracing::info!(records, name, "the shared receipts cover the topics");
    let (book, claims) = Book::shared(Arc::new(receipts.clone()));
    let claiming = quiet.clone();
    background.spawn(async move { claiming.run_until_cancelled(claims.run()).await });
    background.spawn(keep(Arc::clone(&book), receipts.clone(), sources.clone(), quiet.clone()));
    Ok((book, receipts))
}

fn new_name() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no random numbers"))?;
    Ok(hex(&bytes))
}

/// Waits until no other process reads the topics into the receipts.
async fn alone(receipts: &PostgresReceipts) -> Result<Exclusive, SharedError> {
    let mut told = false;
    loop {
        if let Some(alone) = receipts.exclusively().await? {
            return Ok(alone);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::info!("another process reads the topics into the shared receipts: waiting");
        }
        tokio::time::sleep(RECORD_EVERY).await;
    }
}

async fn stay_alive(receipts: PostgresReceipts, shutdown: CancellationToken) {
    let mut failing = false;
    while shutdown.run_until_cancelled(tokio::time::sleep(RENEW_EVERY)).await.is_some() {
        match receipts.renew().await {
            Ok(()) if failing => tracing::info!("the shared receipts are reached again"),
            Err(error) if !failing => {
                tracing::error!(error = %error, "the shared receipts cannot be reached");
            }
            _ => {}
        }
        failing =
            !receipts.lost().is_cancelled() && !lgsp_ingest::SharedReceipts::is_alive(&receipts);
    }
}

/// Records what was acknowledged, behind the events, until the shutdown; then leaves the others.
async fn keep(
    book: Arc<Book>,
    receipts: PostgresReceipts,
    sources: Sources,
    shutdown: CancellationToken,
) {
    let mut forget = tokio::time::interval(FORGET_EVERY);
    let mut failing = false;
    loop {
        let pause = tokio::time::sleep(RECORD_EVERY);
        let stopped = shutdown.run_until_cancelled(pause).await.is_none();
        let recorded = book.record().await;
        match &recorded {
            Ok(1..) if failing => tracing::info!("receipts are stored again"),
            Err(error) if !failing => {
                tracing::error!(error = %error, cause = ?std::error::Error::source(error), "receipts cannot be stored");
            }
            _ => {}
        }
        failing = match recorded {
            Ok(0) => failing,
            recorded => recorded.is_err(),
        };
        book.set_store_failed(failing || !lgsp_ingest::SharedReceipts::is_alive(&receipts));
        if stopped {
            if let Err(error) = receipts.leave().await {
                tracing::warn!(error = %error, "the other processes will find out that this one left");
            }
            return;
        }
        if forget.tick().now_or_never().is_some() {
            match receipts.forget_before(window_begins(sources.clock.as_ref())).await {
                Ok(count @ 1..) => tracing::info!(count, "forgot receipts older than the window"),
                Ok(0) => {}
                Err(error) => tracing::debug!(error = %error, "old receipts are not forgotten yet"),
            }
        }
    }
}

/// Looks after what is in doubt: events of this process, and those of the dead.
pub(crate) struct Watch {
    pub(crate) book: Arc<Book>,
    pub(crate) receipts: PostgresReceipts,
    pub(crate) events: Arc<KafkaEventLog>,
    pub(crate) evidence: Arc<KafkaEvidenceLog>,
    pub(crate) sources: Sources,
}

/// How long another process has been seen standing still.
struct Seen {
    beats: i64,
    still: Duration,
}

impl Watch {
    /// Watches until the shutdown.
    pub(crate) fn run(self, shutdown: &CancellationToken, tasks: &TaskTracker) {
        let this = Arc::new(self);
        let (fence, until, blocking) = (Arc::clone(&this), shutdown.clone(), tasks.clone());
        tasks.spawn(async move {
            while until.run_until_cancelled(tokio::time::sleep(FENCE_EVERY)).await.is_some() {
                fence.fence(&blocking).await;
            }
        });
        let (until, blocking) = (shutdown.clone(), tasks.clone());
        tasks.spawn(async move {
            let mut seen = HashMap::new();
            let mut looked = Instant::now();
            while until.run_until_cancelled(tokio::time::sleep(SETTLE_EVERY)).await.is_some() {
                let round = until.run_until_cancelled(async {
                    this.settle_own(&blocking).await?;
                    // A pause of this process itself must not count against the others.
                    let passed = looked.elapsed().min(SETTLE_EVERY * 2);
                    looked = Instant::now();
                    let others = this.receipts.others().await;
                    this.settle_dead(&mut seen, others?, passed, &blocking).await
                });
                if let Some(Err(error)) = round.await {
                    // Nobody could renew while PostgreSQL was away.
                    seen.clear();
                    tracing::warn!(error = %format!("{error:#}"), "events in doubt are not settled yet");
                }
            }
        });
    }

    /// Gives up what is still on its way once the others may take this process for dead.
    async fn fence(&self, blocking: &TaskTracker) {
        if lgsp_ingest::SharedReceipts::is_alive(&self.receipts) || self.events.in_flight() == 0 {
            return;
        }
        let events = Arc::clone(&self.events);
        if let Ok(Err(error)) = blocking.spawn_blocking(move || events.give_up()).await {
            tracing::error!(error = %error, "events on their way cannot be given up");
        }
    }

    /// Settles events of this process whose answer was lost, by what the topics hold.
    async fn settle_own(&self, blocking: &TaskTracker) -> Result<()> {
        let (events, evidence) = (Arc::clone(&self.events), Arc::clone(&self.evidence));
        let renewed = blocking.spawn_blocking(move || {
            anyhow::Ok(events.renew_if_fatal()? | evidence.renew_if_fatal()?)
        });
        if renewed.await?? {
            tracing::error!("a producer lost its place in the log and was made anew");
        }
        let Some(before) = Instant::now().checked_sub(LATE) else { return Ok(()) };
        let doubted = self.book.doubted(before);
        if doubted.is_empty() {
            return Ok(());
        }
        let mut claims = self.receipts.unsettled(self.receipts.holder()).await?;
        let wanted: HashSet<Digest128> = doubted.iter().copied().collect();
        claims.retain(|(event, _)| wanted.contains(event));
        let missing = self.record_found(claims, blocking).await?;
        self.receipts.give_up(missing).await?;
        let settled = self.book.settled(&doubted);
        tracing::warn!(settled, "events that were in doubt are settled by what the topics hold");
        Ok(())
    }

    /// Settles the claims of processes that have stood still for long enough.
    async fn settle_dead(
        &self,
        seen: &mut HashMap<String, Seen>,
        others: Vec<Holder>,
        passed: Duration,
        blocking: &TaskTracker,
    ) -> Result<()> {
        seen.retain(|id, _| others.iter().any(|other| other.id == *id));
        for Holder { id, beats, dead } in others {
            let known = seen.entry(id.clone()).or_insert(Seen { beats, still: Duration::ZERO });
            if known.beats != beats {
                *known = Seen { beats, still: Duration::ZERO };
                continue;
            }
            known.still += passed;
            // Who was pronounced dead has long ended; only what it had sent may still arrive.
            if known.still < if dead { LATE } else { DEAD_AFTER } {
                continue;
            }
            if !self.receipts.pronounce_dead(&id, Some(beats)).await? {
                continue;
            }
            let Some(_alone) = self.receipts.exclusively().await? else { continue };
            let claims = self.receipts.unsettled(&id).await?;
            let claimed = claims.len();
            let missing = self.record_found(claims, blocking).await?;
            self.receipts.bury(&id).await?;
            tracing::warn!(
                name = id,
                claimed,
                found = claimed - missing.len(),
                "a process died; its claims are settled by what the topics hold"
            );
        }
        Ok(())
    }

    /// Records those of some claims that the topics hold; returns those that they do not.
    async fn record_found(
        &self,
        claims: Vec<(Digest128, i64)>,
        blocking: &TaskTracker,
    ) -> Result<Vec<Digest128>> {
        let Some(oldest) = claims.iter().map(|(_, recorded)| *recorded).min() else {
            return Ok(Vec::new());
        };
        let since = oldest.saturating_sub(CLOCKS_APART_MILLIS);
        let mut wanted: HashSet<Digest128> = claims.into_iter().map(|(event, _)| event).collect();
        let sources = self.sources.clone();
        let read = blocking.spawn_blocking(move || {
            let (stateful, stateless) = event_topics(&sources.schemas);
            let topics: Vec<&str> = stateful.iter().chain(&stateless).map(String::as_str).collect();
            let mut found = Vec::new();
            replay(&sources.kafka, &topics, &[], since, |record| {
                if event(&record).is_some_and(|event| wanted.remove(&event)) {
                    found.extend(receipt(&record, &sources.schemas));
                }
            })?;
            anyhow::Ok((found, wanted))
        });
        let (found, missing) = read.await??;
        self.receipts.save_since(&found, i64::MIN).await?;
        Ok(missing.into_iter().collect())
    }
}
