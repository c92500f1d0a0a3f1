//! Recording where events lie, and looking that up.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::try_join;
use lgsp_core::digest::Digest128;
use lgsp_ingest::{EntityNote, Latest, Shared, StoredReceipt};

use super::error::SharedError;
use super::{PostgresReceipts, rows};

/// How many receipts go in one statement.
const BATCH: usize = 2_000;

/// How many old receipts are forgotten in one statement.
const FORGET: i64 = 5_000;

/// All or nothing. How far the partitions are covered is noted only for one who lives: who was
/// taken for dead may not know that the receipts were emptied meanwhile.
const RECORD: &str = r#"
    with me as (
        select id from lgsp.holder where id = $1 and not dead for share
    ), kept as (
        insert into lgsp.receipt as kept (event, content, topic, partition, "offset", recorded)
        select * from unnest($2::bytea[], $3::bytea[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[])
            as told (event, content, topic, partition, "offset", recorded) order by event
        on conflict (event) do update
            set content = excluded.content, topic = excluded.topic, partition = excluded.partition,
                "offset" = excluded."offset", recorded = excluded.recorded, entity = null, holder = null
            where kept.partition is null
    ), known as (
        insert into lgsp.entity as kept
        select * from unnest($8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::integer[], $13::bigint[], $14::bigint[])
            as told (id, event, content, state, partition, "offset", recorded) order by id
        on conflict (id) do update
            set event = excluded.event, content = excluded.content, state = excluded.state,
                partition = excluded.partition, "offset" = excluded."offset",
                recorded = excluded.recorded
            where excluded."offset" > kept."offset"
    )
    insert into lgsp.covered as kept
    select topic, partition, next_offset
    from unnest($15::text[], $16::integer[], $17::bigint[]) as told (topic, partition, next_offset)
        cross join me
    order by topic, partition
    on conflict (topic, partition) do update set next_offset = excluded.next_offset
        where excluded.next_offset > kept.next_offset
"#;

const FIND: &str = r#"
    select content, topic, partition, "offset", recorded, holder = $2
    from lgsp.receipt where event = $1
"#;

const UNDERWAY: &str = "
    select from lgsp.receipt where entity = any($1) and partition is null and holder <> $2 limit 1
";

const LATEST: &str = r#"
    select event, content, state, partition, "offset", recorded
    from lgsp.entity where id = any($1) order by "offset" desc limit 1
"#;

impl PostgresReceipts {
    /// Saves receipts; of those recorded before `since_unix_millis` only what they say of their
    /// entities, and how far they cover their partitions. Within a partition in the order of
    /// offsets.
    ///
    /// # Errors
    /// When it is not known what was saved; the same may be saved again.
    pub async fn save_since(
        &self,
        receipts: &[StoredReceipt],
        since_unix_millis: i64,
    ) -> Result<(), SharedError> {
        for batch in receipts.chunks(BATCH) {
            self.save_batch(batch, since_unix_millis).await?;
        }
        Ok(())
    }

    async fn save_batch(
        &self,
        receipts: &[StoredReceipt],
        since_unix_millis: i64,
    ) -> Result<(), SharedError> {
        // An event twice in the log keeps its first place; of an entity the last one counts.
        let mut met = HashSet::with_capacity(receipts.len());
        let kept: Vec<&StoredReceipt> = receipts
            .iter()
            .filter(|receipt| receipt.recorded_unix_millis >= since_unix_millis)
            .filter(|receipt| met.insert(receipt.event))
            .collect();
        let mut entities: BTreeMap<Digest128, (&EntityNote, &StoredReceipt)> = BTreeMap::new();
        let mut covered: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        for receipt in receipts {
            if let Some(entity) = &receipt.entity {
                let last = entities.entry(entity.id).or_insert((entity, receipt));
                if receipt.offset > last.1.offset {
                    *last = (entity, receipt);
                }
            }
            let next = covered.entry((&receipt.topic, receipt.partition)).or_insert(0);
            *next = receipt.offset.saturating_add(1).max(*next);
        }
        let (events, contents) = (
            rows::digests(kept.iter().map(|receipt| &receipt.event)),
            rows::digests(kept.iter().map(|receipt| &receipt.content)),
        );
        let topics: Vec<&str> = kept.iter().map(|receipt| &*receipt.topic).collect();
        let partitions: Vec<i32> = kept.iter().map(|receipt| receipt.partition).collect();
        let offsets: Vec<i64> = kept.iter().map(|receipt| receipt.offset).collect();
        let times: Vec<i64> = kept.iter().map(|receipt| receipt.recorded_unix_millis).collect();

        let ids = rows::digests(entities.keys());
        let last_events = rows::digests(entities.values().map(|(_, last)| &last.event));
        let last_contents = rows::digests(entities.values().map(|(_, last)| &last.content));
        let states: Vec<Option<&str>> =
            entities.values().map(|(entity, _)| entity.state.as_deref()).collect();
        let last_partitions: Vec<i32> = entities.values().map(|(_, last)| last.partition).collect();
        let last_offsets: Vec<i64> = entities.values().map(|(_, last)| last.offset).collect();
        let last_times: Vec<i64> =
            entities.values().map(|(_, last)| last.recorded_unix_millis).collect();

        let covered_topics: Vec<&str> = covered.keys().map(|(topic, _)| *topic).collect();
        let covered_partitions: Vec<i32> =
            covered.keys().map(|(_, partition)| *partition).collect();
        let next_offsets: Vec<i64> = covered.values().copied().collect();
        let saved = self.inner.behind.ask(async |session| {
            let record = session.prepared(RECORD).await?;
            let told: [&(dyn tokio_postgres::types::ToSql + Sync); 17] = [
                &self.inner.holder,
                &events,
                &contents,
                &topics,
                &partitions,
                &offsets,
                &times,
                &ids,
                &last_events,
                &last_contents,
                &states,
                &last_partitions,
                &last_offsets,
                &last_times,
                &covered_topics,
                &covered_partitions,
                &next_offsets,
            ];
            Ok(session.client.execute(&record, &told).await?)
        });
        saved.await.map(drop)
    }

    /// Lists how far each partition is covered: topic, partition, first offset not covered.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn checkpoints(&self) -> Result<Vec<(String, i32, i64)>, SharedError> {
        const COVERED: &str = "select topic, partition, next_offset from lgsp.covered";
        let rows =
            self.inner.behind.ask(async |session| Ok(session.client.query(COVERED, &[]).await?));
        let place =
            |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        rows.await?.iter().map(place).collect()
    }

    /// Forgets receipts recorded before a time, though not what is last known of entities; returns
    /// how many.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; some may be forgotten by then.
    pub async fn forget_before(&self, unix_millis: i64) -> Result<u64, SharedError> {
        const OLD: &str = "delete from lgsp.receipt where event = any(array(
            select event from lgsp.receipt where recorded < $1 and partition is not null limit $2))";
        let mut forgot = 0;
        loop {
            let some = self.inner.behind.ask(async |session| {
                Ok(session.client.execute(OLD, &[&unix_millis, &FORGET]).await?)
            });
            match some.await? {
                0 => return Ok(forgot),
                some => forgot += some,
            }
        }
    }

    pub(super) async fn find_one(
        &self,
        event: Digest128,
    ) -> Result<Shared<StoredReceipt>, SharedError> {
        let holder = &self.inner.holder;
        let row = self.inner.behind.ask(async |session| {
            let find = session.prepared(FIND).await?;
            Ok(session.client.query_opt(&find, &[&event.0.as_slice(), holder]).await?)
        });
        let Some(row) = row.await? else { return Ok(Shared::Never) };
        Ok(match (rows::receipt(event, &row, 0)?, row.try_get(5)?) {
            (Some(receipt), _) => Shared::Recorded(receipt),
            // This process gave it up, and that is not done yet.
            (None, Some(true)) => Shared::Never,
            (None, _) => Shared::Elsewhere,
        })
    }

    pub(super) async fn latest_of(
        &self,
        entity: Vec<Digest128>,
    ) -> Result<Shared<Latest>, SharedError> {
        let holder = &self.inner.holder;
        let names = rows::digests(entity.iter());
        let (underway, last) = self
            .inner
            .behind
            .ask(async |session| {
                let underway = session.prepared(UNDERWAY).await?;
                let latest = session.prepared(LATEST).await?;
                // In this order: what is settled in between is then among the latest.
                Ok(try_join(
                    session.client.query_opt(&underway, &[&names, holder]),
                    session.client.query_opt(&latest, &[&names]),
                )
                .await?)
            })
            .await?;
        if underway.is_some() {
            return Ok(Shared::Elsewhere);
        }
        last.map_or(Ok(Shared::Never), |row| rows::latest(&row, 0).map(Shared::Recorded))
    }
}
