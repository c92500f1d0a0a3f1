//! `lgsp lag`.

use anyhow::Result;
use lgsp_proto::ops::v1::GetLagRequest;
use serde_json::json;

use crate::caller;
use crate::cli::{self, Output, Read};
use crate::data_dir::DataDir;
use crate::table::{or_unknown, plain};

pub(crate) async fn run(options: &Read) -> Result<bool> {
    let data = DataDir::existing(&options.data.data_dir)?;
    let mut operator = caller::operator(&data).await?;
    let lag = operator
        .get_lag(GetLagRequest {})
        .await
        .map_err(|status| caller::refused(&status))?
        .into_inner();
    if options.output == Output::Json {
        let rows = lag.partitions.iter().map(|row| {
            json!({
                "group": row.group, "topic": row.topic, "partition": row.partition,
                "committedOffset": row.committed_offset, "endOffset": row.end_offset,
                "lagRecords": row.lag_records, "lagSeconds": row.lag_seconds, "status": row.status,
            })
        });
        let partitions: Vec<_> = rows.collect();
        cli::say(&json!({ "ageSeconds": lag.age_seconds, "pollError": lag.poll_error, "partitions": partitions }).to_string());
        return Ok(true);
    }
    let rows = lag.partitions.iter().map(|row| {
        [
            row.group.clone(),
            if row.topic.is_empty() { "-".to_owned() } else { row.topic.clone() },
            row.partition.map_or_else(|| "-".to_owned(), |partition| partition.to_string()),
            or_unknown(row.committed_offset),
            or_unknown(row.end_offset),
            or_unknown(row.lag_records),
            or_unknown(row.lag_seconds.map(|seconds| format!("{seconds:.1}"))),
            row.status.clone(),
        ]
    });
    let head = ["GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "SECONDS", "STATUS"];
    cli::say(&plain(head, rows));
    if lag.partitions.is_empty() {
        cli::tell("no consumer group is known");
    }
    match (&lag.poll_error, lag.age_seconds) {
        (Some(error), age) => {
            cli::tell(&format!("these figures are {} s old: {error}", or_unknown(age)))
        }
        (None, Some(age)) => cli::tell(&format!("{age:.1} s old")),
        (None, None) => cli::tell("nothing was polled yet"),
    }
    Ok(true)
}
