//! The statements around a declared query, made for the types that its columns have.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use crate::database::DatabaseError;
use crate::database::config::{Overlap, Query};

/// How large a row may be as JSON; a larger one is not even read, in bytes.
const MAX_ROW_BYTES: i64 = 1024 * 1024;

/// How many bytes of rows one page holds at most, beyond its last row.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// Columns of these types tell a time.
const TIMES: [Type; 3] = [Type::TIMESTAMPTZ, Type::TIMESTAMP, Type::DATE];

/// Columns of these types tell a number.
const NUMBERS: [Type; 4] = [Type::INT8, Type::INT4, Type::INT2, Type::NUMERIC];

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// With the first row of all.
    TheFirst,
    /// With the first row of a watermark.
    Watermark(String),
    /// Behind a row.
    Behind { watermark: String, key: Vec<String> },
}

/// A row as the database wrote it.
pub(super) struct Found {
    pub(super) watermark: String,
    pub(super) key: Vec<String>,
    /// All columns as one JSON object; `None` for a row that is too large.
    pub(super) json: Option<String>,
    /// The next pass will meet it again.
    pub(super) is_near: bool,
}

/// Some rows in their order.
pub(super) struct Page {
    pub(super) rows: Vec<Found>,
    /// No row follows.
    pub(super) is_last: bool,
}

/// The bounds of a pass, as the database computed them.
pub(super) struct Bounds {
    /// The newest watermark; `None` when there is no row at all.
    pub(super) until: Option<String>,
    pub(super) near: Option<String>,
    pub(super) begin: Option<String>,
}

/// The statements, prepared once for a session.
pub(super) struct Sql {
    bounds: Statement,
    first: Statement,
    from_watermark: Statement,
    behind: Statement,
    page_rows: usize,
}

impl Sql {
    /// Asks for the types of the query's columns, and prepares what is asked of it.
    ///
    /// # Errors
    /// When the query is none, or lacks a declared column, or a column's type does not fit.
    pub(super) async fn prepare(client: &Client, query: &Query) -> Result<Self, DatabaseError> {
        // A line end, in case the query ends in a comment.
        let rows = format!("(\n{}\n) q", query.sql);
        let shape = client.prepare(&format!("select * from {rows}")).await?;
        let type_of = |column: &str| {
            let found = shape.columns().iter().find(|found| found.name() == column);
            let missing =
                || DatabaseError::Declared(format!("the query has no column \"{column}\""));
            found.map(|found| found.type_().clone()).ok_or_else(missing)
        };
        let watermark_type = type_of(&query.watermark)?;
        let is_time = TIMES.contains(&watermark_type);
        let (distance, fits) = match query.overlap {
            Overlap::Seconds(seconds) => (format!("make_interval(secs => {seconds})"), is_time),
            Overlap::Numbers(numbers) => {
                (format!("{numbers}::numeric"), NUMBERS.contains(&watermark_type))
            }
        };
        if !fits {
            let told = format!(
                "the watermark \"{}\" is of type {watermark_type}: overlap_seconds wants a time, overlap_numbers a number",
                query.watermark
            );
            return Err(DatabaseError::Declared(told));
        }
        let wt = type_name(client, &watermark_type).await?;
        let w = format!("q.\"{}\"", query.watermark);
        let mut keys = Vec::new();
        let mut bounds = Vec::new();
        for (index, column) in query.key.iter().enumerate() {
            let kt = type_name(client, &type_of(column)?).await?;
            keys.push(format!("q.\"{column}\""));
            bounds.push(format!("${}::text::{kt}", index + 7));
        }
        // A time that is yet to come would lift the mark above everything that is written until
        // then: such a row waits for its time.
        let reached = if is_time { format!("where {w} <= now()::{wt}") } else { String::new() };
        let span = format!(
            "with high as (select greatest(max({w}), $1::text::{wt}) as h from {rows} {reached}) \
             select h::text, (h - {distance})::{wt}::text, \
                    ($1::text::{wt} - {distance})::{wt}::text from high"
        );
        let page = |from: &str| page(&rows, &w, &wt, &keys, from);
        let behind =
            format!("and ({w}, {}) > ($6::text::{wt}, {})", keys.join(", "), bounds.join(", "));
        Ok(Self {
            bounds: client.prepare(&span).await?,
            first: client.prepare(&page("")).await?,
            from_watermark: client.prepare(&page(&format!("and {w} >= $6::text::{wt}"))).await?,
            behind: client.prepare(&page(&behind)).await?,
            page_rows: query.page_rows,
        })
    }

    /// Asks how far a pass goes, and whence; `high` is where the last one ended.
    pub(super) async fn bounds(
        &self,
        client: &mut Client,
        high: Option<&str>,
    ) -> Result<Bounds, DatabaseError> {
        let rows = read_only(client, &self.bounds, &[&high]).await?;
        let row = rows.first().ok_or(DatabaseError::Closed)?;
        Ok(Bounds { until: row.try_get(0)?, near: row.try_get(1)?, begin: row.try_get(2)? })
    }

    /// Reads the rows from a place up to a watermark, in the order of watermark and key: as many
    /// as a page holds.
    pub(super) async fn page(
        &self,
        client: &mut Client,
        from: &From,
        until: &str,
        near: &str,
    ) -> Result<Page, DatabaseError> {
        let limit = i64::try_from(self.page_rows).unwrap_or(i64::MAX);
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&until, &near, &MAX_ROW_BYTES, &limit, &PAGE_BYTES];
        let statement = match from {
            From::TheFirst => &self.first,
            From::Watermark(watermark) => {
                parameters.push(watermark);
                &self.from_watermark
            }
            From::Behind { watermark, key } => {
                parameters.push(watermark);
                parameters.extend(key.iter().map(|part| part as &(dyn ToSql + Sync)));
                &self.behind
            }
        };
        let rows = read_only(client, statement, &parameters).await?;
        let total = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(4))?;
        let is_last = total < limit && i64::try_from(rows.len()).is_ok_and(|read| read == total);
        let found = |row: Row| {
            Ok(Found {
                watermark: row.try_get(0)?,
                key: row.try_get(1)?,
                json: row.try_get(2)?,
                is_near: row.try_get(3)?,
            })
        };
        Ok(Page {
            rows: rows.into_iter().map(found).collect::<Result<_, DatabaseError>>()?,
            is_last,
        })
    }
}

/// Writes the statement of a page. It is cut by rows first and then, since a row's size is known
/// only when it is written, by bytes; what is cut off does not cross the line.
fn page(rows: &str, w: &str, wt: &str, keys: &[String], from: &str) -> String {
    let columns = keys.join(", ");
    let named: Vec<String> =
        keys.iter().zip(1..).map(|(key, n)| format!("{key} as k{n}")).collect();
    let order: Vec<String> = (1..=keys.len()).map(|n| format!("k{n}")).collect();
    let texts: Vec<String> = order.iter().map(|key| format!("{key}::text")).collect();
    let (named, order, texts) = (named.join(", "), order.join(", "), texts.join(", "));
    format!(
        "with page as materialized ( \
           select {w} as w, {named}, row_to_json(q)::text as j from {rows} \
           where {w} <= $1::text::{wt} {from} order by {w}, {columns} limit $4::bigint \
         ) \
         select w::text, array[{texts}], case when octet_length(j) <= $3::bigint then j end, \
                w >= $2::text::{wt}, (select count(*) from page) \
         from (select *, coalesce(sum(octet_length(j)) over (order by w, {order} \
                 rows between unbounded preceding and 1 preceding), 0) as before from page) p \
         where before < $5::bigint order by w, {order}"
    )
}

/// Asks in a transaction that can change nothing, whatever the query says.
async fn read_only(
    client: &mut Client,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, DatabaseError> {
    let transaction = client.build_transaction().read_only(true).start().await?;
    let rows = transaction.query(statement, parameters).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Asks for a type's name as SQL writes it.
async fn type_name(client: &Client, of: &Type) -> Result<String, DatabaseError> {
    // Not null: of an unknown length `character` would be one letter, `bpchar` is any.
    let row = client.query_one("select format_type($1, -1)", &[&of.oid()]).await?;
    Ok(row.try_get(0)?)
}
