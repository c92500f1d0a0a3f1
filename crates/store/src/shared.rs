//! Receipts that several processes share, in PostgreSQL.
//!
//! An event is claimed before it is appended, and its row becomes a receipt once it lies in the
//! log. Claims are durable before they are answered. A process among many is known by the name it
//! enrolled under; one that no longer renews itself is pronounced dead by any other, which settles
//! its claims by what the topics hold. Everything here can be dropped while no process runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lgsp_core::digest::Digest128;
use lgsp_ingest::{
    Answer, Claimed, Latest, Shared, SharedClaim, SharedReceipts, StoreError, StoredReceipt,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::line::{Line, Server};

mod claiming;
mod error;
mod holders;
mod line;
mod recording;
mod rows;
#[cfg(test)]
mod tests;

pub use error::SharedError;
pub use holders::Holder;
pub use line::{Exclusive, PostgresConfig};

/// The version of the tables.
const VERSION: i32 = 1;

/// How long a process that was not renewed goes on appending. The others take it for dead later.
pub const RENEWED_WITHIN: Duration = Duration::from_secs(8);

/// For how long a process must have stood still to be taken for dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(15);

/// The receipts that this process shares with others.
#[derive(Clone, Debug)]
pub struct PostgresReceipts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: Arc<Server>,
    /// The name of this process.
    holder: String,
    /// Three lines, so that none of these waits for the other: claims, which somebody waits for;
    /// what is recorded behind them; and what keeps the process alive.
    claims: Line,
    behind: Line,
    lease: Line,
    /// When the last successful renewal was begun.
    renewed: Mutex<Option<Instant>>,
    lost: CancellationToken,
}

impl PostgresReceipts {
    /// Connects as the process `holder` (a name that no other has), and makes the tables where they
    /// do not exist. The sessions run as tasks until `down`.
    ///
    /// # Errors
    /// When the address is no good, PostgreSQL cannot be reached, or the tables are of a newer bus.
    pub async fn connect(
        config: &PostgresConfig,
        holder: String,
        tasks: TaskTracker,
        down: CancellationToken,
    ) -> Result<Self, SharedError> {
        let server = Arc::new(Server::new(config, tasks, down)?);
        let line = || Line::new(Arc::clone(&server));
        let inner = Inner {
            holder,
            claims: line(),
            behind: line(),
            lease: line(),
            server: Arc::clone(&server),
            renewed: Mutex::default(),
            lost: CancellationToken::new(),
        };
        let migrate = concat!(
            // One at a time: two that make a schema at once would both fail.
            "begin; select pg_advisory_xact_lock(119191574151170);",
            include_str!("shared/schema.sql"),
            "commit"
        );
        inner.lease.ask(async |session| Ok(session.client.batch_execute(migrate).await?)).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Binds the receipts to a Kafka cluster and to a province's key, by a digest made with it; or
    /// makes sure that they are of these.
    ///
    /// # Errors
    /// When they are of others.
    pub async fn bind(&self, cluster: &str, province: &str) -> Result<(), SharedError> {
        const BIND: &str = "insert into lgsp.meta (version, cluster, province) values ($1, $2, $3)
            on conflict do nothing";
        const BOUND: &str = "select version, cluster, province from lgsp.meta";
        let bound = self.inner.lease.ask(async |session| {
            session.client.execute(BIND, &[&VERSION, &cluster, &province]).await?;
            Ok(session.client.query_one(BOUND, &[]).await?)
        });
        let bound = bound.await?;
        let found: i32 = bound.try_get(0)?;
        if found > VERSION {
            return Err(SharedError::Newer { found, known: VERSION });
        }
        let found: &str = bound.try_get(1)?;
        if found != cluster {
            let (found, ours) = (found.to_owned(), cluster.to_owned());
            return Err(SharedError::OtherCluster { found, ours });
        }
        if bound.try_get::<_, &str>(2)? != province {
            return Err(SharedError::OtherKey);
        }
        Ok(())
    }

    /// Returns the name of this process.
    pub fn holder(&self) -> &str {
        &self.inner.holder
    }

    /// Is cancelled when the others took this process for dead: it must append nothing more.
    pub fn lost(&self) -> &CancellationToken {
        &self.inner.lost
    }

    fn renewed(&self, at: Instant) {
        *self.inner.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

fn failed(error: SharedError) -> StoreError {
    StoreError(error.into())
}

impl SharedReceipts for PostgresReceipts {
    fn claim(&self, claims: Vec<SharedClaim>) -> Answer<Result<Vec<Claimed>, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.claim_all(claims).await.map_err(failed) })
    }

    fn release(&self, events: Vec<Digest128>) -> Answer<Result<(), StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.release_all(events).await.map_err(failed) })
    }

    fn record(&self, receipts: Vec<StoredReceipt>) -> Answer<Result<(), StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.save_since(&receipts, i64::MIN).await.map_err(failed) })
    }

    fn find(&self, event: Digest128) -> Answer<Result<Shared<StoredReceipt>, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.find_one(event).await.map_err(failed) })
    }

    fn latest(&self, entity: Vec<Digest128>) -> Answer<Result<Shared<Latest>, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.latest_of(entity).await.map_err(failed) })
    }

    fn is_alive(&self) -> bool {
        let renewed = *self.inner.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        !self.inner.lost.is_cancelled()
            && renewed.is_some_and(|renewed| renewed.elapsed() < RENEWED_WITHIN)
    }
}
