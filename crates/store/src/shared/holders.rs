//! The processes that share receipts: who lives, who died, and what the dead left behind.

use lgsp_core::digest::Digest128;
use lgsp_ingest::SharedReceipts as _;

use super::error::SharedError;
use super::line::Exclusive;
use super::{PostgresReceipts, rows};

/// For settling what the dead left, and for reading the topics at a start: one process at a time.
/// Any number that nobody else uses in the database.
const EXCLUSIVE: i64 = 0x6c67_7370_0001;

/// Another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub id: String,
    /// How often it has renewed itself. While that changes it lives.
    pub beats: i64,
    /// It was pronounced dead, and claims nothing more.
    pub dead: bool,
}

impl PostgresReceipts {
    /// Puts this process among the living; from then on it must be renewed.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn enrol(&self) -> Result<(), SharedError> {
        const ENROL: &str = "insert into lgsp.holder (id) values ($1) on conflict do nothing";
        let begun = std::time::Instant::now();
        self.inner
            .lease
            .ask(async |session| Ok(session.client.execute(ENROL, &[&self.inner.holder]).await?))
            .await?;
        self.renewed(begun);
        Ok(())
    }

    /// Tells the others that this process lives.
    ///
    /// # Errors
    /// [`SharedError::Lost`] when they took it for dead; else when PostgreSQL cannot be asked.
    pub async fn renew(&self) -> Result<(), SharedError> {
        const RENEW: &str = "update lgsp.holder set beats = beats + 1, seen = now()
            where id = $1 and not dead";
        let begun = std::time::Instant::now();
        let renewed = self
            .inner
            .lease
            .ask(async |session| Ok(session.client.execute(RENEW, &[&self.inner.holder]).await?));
        if renewed.await? == 0 {
            self.inner.lost.cancel();
            return Err(SharedError::Lost);
        }
        self.renewed(begun);
        Ok(())
    }

    /// Leaves the others in order: what this process has not settled is theirs to settle.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; then they will find out.
    pub async fn leave(&self) -> Result<(), SharedError> {
        self.pronounce_dead(&self.inner.holder, None).await?;
        if self.unsettled(&self.inner.holder).await?.is_empty() {
            self.bury(&self.inner.holder).await?;
        }
        Ok(())
    }

    /// Lists the other processes.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn others(&self) -> Result<Vec<Holder>, SharedError> {
        const OTHERS: &str = "select id, beats, dead from lgsp.holder where id <> $1";
        let rows = self
            .inner
            .lease
            .ask(async |session| Ok(session.client.query(OTHERS, &[&self.inner.holder]).await?));
        let holder = |row: &tokio_postgres::Row| {
            Ok(Holder { id: row.try_get(0)?, beats: row.try_get(1)?, dead: row.try_get(2)? })
        };
        rows.await?.iter().map(holder).collect()
    }

    /// Takes a process for dead, unless it has renewed itself since; tells whether it is dead now.
    /// From then on it claims nothing more.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn pronounce_dead(
        &self,
        holder: &str,
        beats: Option<i64>,
    ) -> Result<bool, SharedError> {
        const PRONOUNCE: &str = "update lgsp.holder set dead = true where id = $1 and (beats = $2 or $2 is null or dead)";
        let dead = self
            .inner
            .lease
            .ask(async |session| Ok(session.client.execute(PRONOUNCE, &[&holder, &beats]).await?));
        Ok(dead.await? == 1)
    }

    /// Lists what a process has claimed and not recorded, and when it took each (milliseconds since
    /// 1970).
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn unsettled(&self, holder: &str) -> Result<Vec<(Digest128, i64)>, SharedError> {
        const UNSETTLED: &str =
            "select event, recorded from lgsp.receipt where holder = $1 and partition is null";
        let rows = self
            .inner
            .lease
            .ask(async |session| Ok(session.client.query(UNSETTLED, &[&holder]).await?));
        rows.await?.iter().map(|row| Ok((rows::digest(row, 0)?, row.try_get(1)?))).collect()
    }

    /// Removes a dead process and what it had claimed: what it did append was recorded before.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn bury(&self, holder: &str) -> Result<(), SharedError> {
        const BURY: &str = "with gone as (
                delete from lgsp.receipt where holder = $1 and partition is null
            ) delete from lgsp.holder where id = $1 and dead";
        let buried = self
            .inner
            .lease
            .ask(async |session| Ok(session.client.execute(BURY, &[&holder]).await?));
        buried.await.map(drop)
    }

    /// Takes the lock that one process of all holds; `None` while another has it.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn exclusively(&self) -> Result<Option<Exclusive>, SharedError> {
        Exclusive::try_take(&self.inner.server, EXCLUSIVE).await
    }

    /// Gives up claims of this process of which it is certain that they are in no log.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn give_up(&self, events: Vec<Digest128>) -> Result<(), lgsp_ingest::StoreError> {
        self.release(events).await
    }
}
