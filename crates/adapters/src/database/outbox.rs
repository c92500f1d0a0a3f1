//! The outbox: an application's own table, written in its own transactions, emptied here.
//!
//! Why the reader asks for what is not settled, by id, each time from the lowest one, stands in
//! `deploy/adapters/database/outbox.sql`. A window is read in one snapshot: row numbers and sizes
//! first, so that neither a million waiting rows nor a huge one fill the memory.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault};
use lgsp_ingest::corridor::MAX_EVENT_BYTES;
use serde_json::json;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row, Statement};

use super::DatabaseError;
use super::config::Outbox;
use super::line::Line;
use crate::config::AdapterConfig;
use crate::delivery::{self, Item, Settled};
use crate::publisher::{Record, Refusal};

/// How many row numbers are read at once.
const WINDOW_ROWS: i64 = 20_000;

/// How many bytes of data one batch holds at most, beyond its first row.
const BATCH_BYTES: i64 = 4 * 1024 * 1024;

/// How large a row's data may be; a larger one is not even read.
const MAX_DATA_BYTES: i64 = MAX_EVENT_BYTES as i64;

/// How often, and how many at once, old settled rows are removed.
const TIDY_EVERY: Duration = Duration::from_secs(60);
const TIDY_ROWS: i64 = 10_000;

/// Every statement here has its index. Without fresh statistics, as after a burst of inserts, the
/// planner would rather read and sort all that waits, each time anew.
const BY_INDEX: &str =
    "set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off";

/// A waiting row: its number, and its data's size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    id: i64,
    bytes: i64,
}

/// Publishes what waits in the outbox until the adapter is asked to stop.
///
/// # Errors
/// When the session is lost or the table is not as it should be.
pub(super) async fn publish(
    client: &Client,
    outbox: &Outbox,
    line: &Line<'_>,
) -> Result<(), DatabaseError> {
    client.batch_execute(BY_INDEX).await?;
    let sql = Sql::prepare(client, &outbox.schema).await?;
    if !sql.become_the_only_one(client, line).await? {
        return Ok(());
    }
    tracing::info!(adapter = %line.config.name, "publishing the outbox");
    // Before the first look: what is committed from here on is heard, what was before is seen.
    client.batch_execute("listen lgsp_outbox").await?;
    let mut tidied: Option<Instant> = None;
    while !line.is_stopping() {
        let waiting = sql.waiting(client).await?;
        if waiting.is_empty() {
            if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
                sql.tidy(client, outbox.keep, line).await?;
                tidied = Some(Instant::now());
            }
            line.until_woken().await;
        }
        for batch in batches(&waiting, outbox.batch_rows) {
            if line.is_stopping() {
                break;
            }
            sql.settle(client, batch, line).await?;
        }
    }
    Ok(())
}

/// Cuts a window into batches of so many rows, and of [`BATCH_BYTES`] or one row.
fn batches(waiting: &[Waiting], rows: usize) -> impl Iterator<Item = &[Waiting]> {
    let mut rest = waiting;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |row: &&Waiting| {
            bytes += row.bytes;
            bytes <= BATCH_BYTES
        };
        let count = rest.iter().take(rows).take_while(fits).count().max(1).min(rest.len());
        let (batch, others) = rest.split_at_checked(count)?;
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}

/// The statements, prepared once for a session.
struct Sql {
    try_lock: Statement,
    lock: Statement,
    waiting: Statement,
    fetch: Statement,
    mark: Statement,
    tidy: Statement,
}

impl Sql {
    /// `schema` is a plain name: the configuration has seen to that.
    async fn prepare(client: &Client, schema: &str) -> Result<Self, DatabaseError> {
        let table = format!("\"{schema}\".lgsp_outbox");
        // The key of the lock: "lgsp", and the table.
        let key = format!("(1819767664::bigint << 32) | '{table}'::regclass::oid::bigint");
        let waiting = format!(
            "select id, octet_length(data)::bigint from {table} where settled_at is null order by id limit $1"
        );
        let fetch = format!(
            "select id, event_id::text, left(event_type, 200), left(agency, 100), \
                    case when octet_length(data) <= $2::bigint then data end, \
                    to_char(time at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
             from {table} where id = any($1) and settled_at is null order by id"
        );
        let mark = format!(
            "update {table} o set settled_at = clock_timestamp(), outcome = m.outcome, report = m.report \
             from unnest($1::bigint[], $2::text[], $3::text[]) as m (id, outcome, report) \
             where o.id = m.id and o.settled_at is null"
        );
        let tidy = format!(
            "delete from {table} where id in (select id from {table} \
               where settled_at < now() - make_interval(secs => $1) order by settled_at limit $2)"
        );
        Ok(Self {
            try_lock: client.prepare(&format!("select pg_try_advisory_lock({key})")).await?,
            lock: client.prepare(&format!("select pg_advisory_lock({key})")).await?,
            waiting: client.prepare(&waiting).await?,
            fetch: client.prepare(&fetch).await?,
            mark: client.prepare(&mark).await?,
            tidy: client.prepare(&tidy).await?,
        })
    }

    /// Waits until no other session publishes this outbox; false when the adapter stops before.
    ///
    /// The lock lives exactly as long as this session, in which the rows are read and marked too.
    /// Two sessions at once could still only repeat each other, in the same order.
    async fn become_the_only_one(
        &self,
        client: &Client,
        line: &Line<'_>,
    ) -> Result<bool, DatabaseError> {
        if client.query_one(&self.try_lock, &[]).await?.try_get(0)? {
            return Ok(true);
        }
        tracing::info!(adapter = %line.config.name, "another adapter publishes; standing by");
        loop {
            tokio::select! {
                locked = client.execute(&self.lock, &[]) => match locked {
                    Ok(_) => return Ok(true),
                    // The wait is in short pieces: a statement's snapshot keeps dead rows alive.
                    Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
                    Err(error) => return Err(error.into()),
                },
                () = line.stop.cancelled() => return Ok(false),
            }
        }
    }

    async fn waiting(&self, client: &Client) -> Result<Vec<Waiting>, DatabaseError> {
        let rows = client.query(&self.waiting, &[&WINDOW_ROWS]).await?;
        let read = |row: Row| Ok(Waiting { id: row.try_get(0)?, bytes: row.try_get(1)? });
        rows.into_iter().map(read).collect()
    }

    /// Publishes a batch and marks its rows, however many attempts it takes; ends early only when
    /// the adapter stops.
    async fn settle(
        &self,
        client: &Client,
        batch: &[Waiting],
        line: &Line<'_>,
    ) -> Result<(), DatabaseError> {
        let ids: Vec<i64> = batch.iter().map(|row| row.id).collect();
        let rows = client.query(&self.fetch, &[&ids, &MAX_DATA_BYTES]).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(item(&row, line.config)?);
        }
        let mut number = 1;
        while !items.is_empty() && !line.is_stopping() {
            let attempt = delivery::attempt(&mut items, number, line.config, line.publisher).await;
            self.mark(client, &items, &attempt.settled).await?;
            let mut settled = attempt.settled.into_iter();
            items.retain(|_| settled.next().flatten().is_none());
            if let Some(wait) = attempt.retry_after {
                line.wait(wait).await;
            }
            number += 1;
        }
        Ok(())
    }

    async fn mark(
        &self,
        client: &Client,
        items: &[Item<i64>],
        settled: &[Option<Settled>],
    ) -> Result<(), DatabaseError> {
        let known = items.iter().zip(settled);
        let known: Vec<_> =
            known.filter_map(|(item, settled)| Some((item.key, settled.as_ref()?))).collect();
        if known.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = known.iter().map(|(id, _)| *id).collect();
        let outcomes: Vec<&str> = known.iter().map(|(_, settled)| settled.outcome()).collect();
        let reports: Vec<Option<String>> =
            known.iter().map(|(_, settled)| settled.report()).collect();
        client.execute(&self.mark, &[&ids, &outcomes, &reports]).await?;
        Ok(())
    }

    async fn tidy(
        &self,
        client: &Client,
        keep: Duration,
        line: &Line<'_>,
    ) -> Result<(), DatabaseError> {
        let mut removed = 0;
        while !line.is_stopping() {
            let some = client.execute(&self.tidy, &[&keep.as_secs_f64(), &TIDY_ROWS]).await?;
            removed += some;
            if some < TIDY_ROWS.unsigned_abs() {
                break;
            }
        }
        if removed > 0 {
            tracing::info!(adapter = %line.config.name, rows = removed, "settled rows removed");
        }
        Ok(())
    }
}

fn item(row: &Row, config: &AdapterConfig) -> Result<Item<i64>, DatabaseError> {
    let id: i64 = row.try_get(0)?;
    let event_type: Option<&str> = row.try_get(2)?;
    let agency: Option<&str> = row.try_get(3)?;
    let data: Option<String> = row.try_get(4)?;
    let event_id = row.try_get(1)?;
    let (record, refused) = match data {
        Some(data) => {
            let record = Record {
                id: event_id,
                source: agency.map_or_else(|| config.source(), |agency| config.source_of(agency)),
                event_type: event_type.unwrap_or(&config.event_type).to_owned(),
                time: row.try_get(5)?,
                data: Bytes::from(data),
            };
            (record, None)
        }
        None => {
            // Whether the bus knows its type and agency is not asked: the letter is the adapter's
            // own, and says where to find the row.
            let record = Record {
                id: event_id,
                source: config.source(),
                event_type: config.event_type.clone(),
                time: None,
                data: Bytes::from(json!({ "lgsp_outbox": id }).to_string()),
            };
            (record, Some(Refusal::from(&Fault::new(ErrorCode::PayloadTooLarge))))
        }
    };
    Ok(Item { key: id, record, origin: format!("lgsp_outbox row {id}"), refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_by_rows_and_bytes_and_never_empty() {
        let sizes = [1, 1, 1, BATCH_BYTES, 1, BATCH_BYTES + 1, BATCH_BYTES - 1, 1, 1];
        let waiting: Vec<_> =
            sizes.iter().zip(1..).map(|(bytes, id)| Waiting { id, bytes: *bytes }).collect();
        let cut: Vec<Vec<i64>> =
            batches(&waiting, 2).map(|batch| batch.iter().map(|row| row.id).collect()).collect();
        assert_eq!(cut, [vec![1, 2], vec![3], vec![4], vec![5], vec![6], vec![7, 8], vec![9]]);
        assert_eq!(batches(&[], 2).count(), 0);
    }
}
