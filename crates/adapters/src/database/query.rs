//! The query: tables that nobody may change, read by a column that grows with every change.
//!
//! Rows are read in passes, ordered by watermark and key. A pass goes up to the newest watermark
//! that was there when it began; the next one begins `overlap` before that, because a transaction
//! may commit after others with later watermarks. Rows met again are recognised by their digest,
//! and by the bus by their id.
//!
//! What this misses by its nature:
//! * a row that is committed when another, whose watermark is more than `overlap` later, has
//!   already been: choose `overlap` longer than the longest transaction, and than the clocks of the
//!   application's hosts differ;
//! * a change that leaves the watermark as it was, and a removal;
//! * what a row was between two looks: only its latest state is published;
//! * a row without a watermark or key: the query may give it one by `coalesce`.
//!
//! A watermark in the future waits for its time. Where none of this will do, the outbox does.

mod journal;
mod sql;

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use lgsp_core::digest::{Digest128, hex};
use lgsp_core::{ErrorCode, Fault};
use lgsp_ingest::corridor::MAX_EVENT_BYTES;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::config::Query;
use super::error::DatabaseError;
use super::line::Line;
use crate::config::AdapterConfig;
use crate::delivery::{self, Item};
use crate::mapping::exact_number;
use crate::publisher::{Breach, Record, Refusal};
pub(super) use journal::Journal;
use journal::{MAX_SEEN, Pass};
use sql::{Bounds, Found, From, Sql};

/// Publishes the query's rows until the adapter is asked to stop.
///
/// # Errors
/// When the session is lost, the query does not fit, or the journal cannot be written.
pub(super) async fn publish(
    client: &mut Client,
    query: &Query,
    journal: &mut Journal,
    line: &Line<'_>,
) -> Result<(), DatabaseError> {
    set_time_zone(client, &query.time_zone).await?;
    let sql = Sql::prepare(client, query).await?;
    tracing::info!(adapter = %line.config.name, "publishing the query's rows");
    while !line.is_stopping() {
        pass(client, &sql, query, journal, line).await?;
        line.until_woken().await;
    }
    Ok(())
}

async fn set_time_zone(client: &Client, zone: &str) -> Result<(), DatabaseError> {
    let set = client.execute("select set_config('TimeZone', $1, false)", &[&zone]).await;
    set.map(drop).map_err(|error| match error.code() {
        Some(&SqlState::INVALID_PARAMETER_VALUE) => {
            DatabaseError::Declared(format!("the database does not know the time zone {zone}"))
        }
        _ => error.into(),
    })
}

/// Goes over the rows once, from where the journal says.
async fn pass(
    client: &mut Client,
    sql: &Sql,
    query: &Query,
    journal: &mut Journal,
    line: &Line<'_>,
) -> Result<(), DatabaseError> {
    let position = journal.position().clone();
    let (mut pass, mut from) = match position.pass {
        // What was settled of an equal watermark is met again.
        Some(pass) => {
            let from = pass.after.clone().map_or(From::TheFirst, From::Watermark);
            (pass, from)
        }
        None => match sql.bounds(client, position.high.as_deref()).await? {
            Bounds { until: Some(until), near: Some(near), begin } => {
                let from = begin.clone().map_or(From::TheFirst, From::Watermark);
                (Pass { until, near, after: begin }, from)
            }
            _ => return Ok(()),
        },
    };
    let mut seen = HashSet::new();
    let mut published = 0;
    loop {
        let page = sql.page(client, &from, &pass.until, &pass.near).await?;
        let Some(last) = page.rows.last() else { break };
        from = From::Behind { watermark: last.watermark.clone(), key: last.key.clone() };
        pass.after = Some(last.watermark.clone());
        let mut fresh = Vec::new();
        for row in page.rows {
            let is_near = row.is_near;
            let item = item(row, query, line.config);
            if is_near && seen.len() < MAX_SEEN {
                seen.insert(item.key);
            }
            if !journal.has_seen(&item.key) {
                fresh.push(item);
            }
        }
        published += fresh.len();
        if !fresh.is_empty() {
            if !settle(fresh, line).await {
                return Ok(());
            }
            // Noted also when the adapter is stopping: else a settled row would be sent again.
            journal.go_on(position.high.clone(), Some(pass.clone())).await?;
        }
        if page.is_last {
            break;
        }
        if line.is_stopping() {
            return Ok(());
        }
    }
    if published > 0 {
        tracing::debug!(adapter = %line.config.name, rows = published, "rows published");
    }
    if seen.len() == MAX_SEEN {
        tracing::warn!(
            adapter = %line.config.name,
            "more rows lie within the overlap than are remembered: they are sent again and again"
        );
    }
    journal.remember(seen).await?;
    journal.go_on(Some(pass.until), None).await
}

/// Publishes rows, however many attempts it takes; ends early only when the adapter stops. Tells
/// whether all of them are settled.
async fn settle(mut items: Vec<Item<Digest128>>, line: &Line<'_>) -> bool {
    let mut number = 1;
    while !items.is_empty() && !line.is_stopping() {
        let attempt = delivery::attempt(&mut items, number, line.config, line.publisher).await;
        let mut settled = attempt.settled.into_iter();
        items.retain(|_| settled.next().flatten().is_none());
        if let Some(wait) = attempt.retry_after {
            line.wait(wait).await;
        }
        number += 1;
    }
    items.is_empty()
}

/// Makes a record of a row: its id is made of everything that it is, so that the same state of the
/// same row is the same event, and another state another.
fn item(row: Found, query: &Query, config: &AdapterConfig) -> Item<Digest128> {
    let too_large = || Refusal::from(&Fault::new(ErrorCode::PayloadTooLarge));
    let no_room = || json!({ "row": "too large" }).to_string();
    let mapped = match &row.json {
        None => Err(too_large()),
        Some(text) => map(text, config),
    };
    let (data, time, refused) = match mapped {
        // Codes and constants may make more of a row than it was. Not even a letter takes that.
        Ok((data, _)) if data.len() > MAX_EVENT_BYTES => {
            (no_room().into_bytes(), None, Some(too_large()))
        }
        Ok((data, time)) => (data, time, None),
        Err(refusal) => (row.json.unwrap_or_else(no_room).into_bytes(), None, Some(refusal)),
    };
    let mut parts: Vec<&[u8]> = vec![config.name.as_bytes(), row.watermark.as_bytes()];
    parts.extend(row.key.iter().map(String::as_bytes));
    parts.push(&data);
    let key = Digest128::of(&parts);
    Item {
        key,
        refused,
        record: Record {
            id: hex(&key.0),
            source: config.source(),
            event_type: config.event_type.clone(),
            time,
            data: Bytes::from(data),
        },
        // The row's own key may be a person's number.
        origin: format!("{} {} at {}", config.name, query.watermark, row.watermark),
    }
}

fn map(text: &str, config: &AdapterConfig) -> Result<(Vec<u8>, Option<String>), Refusal> {
    let unreadable = |_| Refusal::from(&Fault::new(ErrorCode::InvalidJson));
    let row = read(text).map_err(unreadable)?;
    let mapped = config.mapping.apply(&row).map_err(|misfits| {
        let breaches = misfits.iter().map(Breach::from).take(Fault::MAX_VIOLATIONS).collect();
        Refusal { breaches, ..Refusal::from(&Fault::new(ErrorCode::SchemaViolation)) }
    })?;
    let data = serde_json::to_vec(&mapped.data).map_err(unreadable)?;
    Ok((data, mapped.time))
}

/// Reads a row. A column's number that would not survive becomes its text, exact as it is: where a
/// number is wanted, the mapping or the schema refuses it.
fn read(text: &str) -> serde_json::Result<Value> {
    let columns: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let column = |(name, raw): (String, &RawValue)| {
        let value: Value = serde_json::from_str(raw.get())?;
        let value = match value {
            Value::Number(_) => {
                exact_number(raw.get()).map_or_else(|| Value::from(raw.get()), Value::Number)
            }
            other => other,
        };
        Ok((name, value))
    };
    columns.into_iter().map(column).collect::<serde_json::Result<_>>().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAPTER: &str = "[adapter]\nname = \"so\"\ntype = \"lgsp.dossier.recorded.v1\"\n\
                           agency = \"H61.14\"\nclient = \"motcua\"\n\
                           [database]\nurl = \"postgresql://so@localhost/so\"\n[database.query]\n\
                           sql = \"select 1\"\nwatermark = \"a\"\nkey = [\"a\"]\n\
                           overlap_seconds = 1\n[mapping.fields]\n";

    fn made(mapping: &str, json: Value) -> Item<Digest128> {
        let text = format!("{ADAPTER}{mapping}");
        let config = AdapterConfig::parse(&text, "so.toml", std::path::Path::new("/")).unwrap();
        let crate::Input::Database(database) = &config.input else { panic!("not a database") };
        let super::super::config::Form::Query(query) = &database.form else { panic!("no query") };
        let (watermark, key) = ("1".to_owned(), vec!["1".to_owned()]);
        let found = Found { watermark, key, json: Some(json.to_string()), is_near: false };
        item(found, query, &config)
    }

    #[test]
    fn a_row_that_its_mapping_makes_too_large_is_refused_here_and_its_letter_is_small() {
        let columns = json!({ "a": "x".repeat(600 * 1024) });
        let once = made("A = { from = \"a\" }\n", columns.clone());
        assert!(once.refused.is_none());
        let twice = made("A = { from = \"a\" }\nB = { from = \"a\" }\n", columns);
        assert_eq!(twice.refused.unwrap().code, "payload_too_large");
        assert_eq!(twice.record.data, r#"{"row":"too large"}"#);
    }

    #[test]
    fn a_number_keeps_every_digit_or_is_refused() {
        let row = |text: &str| read(&format!("{{\"a\":{text}}}")).unwrap()["a"].clone();
        assert_eq!(row("12345678901234567.125"), json!("12345678901234567.125"));
        assert_eq!(row("1.50"), json!(1.5));
        assert_eq!(row("0.30000000000000004"), json!(0.300_000_000_000_000_04));
        assert_eq!(row("-9007199254740993"), json!(-9_007_199_254_740_993_i64));
    }
}
