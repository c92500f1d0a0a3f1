//! `lgsp topics`.

use anyhow::Result;
use lgsp_proto::ops::v1::ListTopicsRequest;
use serde_json::json;

use crate::caller;
use crate::cli::{self, Output, Read};
use crate::data_dir::DataDir;
use crate::table::{or_unknown, plain};

pub(crate) async fn run(options: &Read) -> Result<bool> {
    let data = DataDir::existing(&options.data.data_dir)?;
    let mut operator = caller::operator(&data).await?;
    let answer = operator
        .list_topics(ListTopicsRequest {})
        .await
        .map_err(|status| caller::refused(&status))?;
    let topics = answer.into_inner().topics;
    if options.output == Output::Json {
        let rows = topics.iter().map(|topic| {
            json!({
                "name": topic.name, "declaredPartitions": topic.declared_partitions, "partitions": topic.partitions,
                "records": topic.records, "drift": topic.drift,
            })
        });
        cli::say(&json!({ "topics": rows.collect::<Vec<_>>() }).to_string());
        return Ok(true);
    }
    let rows = topics.iter().map(|topic| {
        [
            topic.name.clone(),
            topic.declared_partitions.to_string(),
            or_unknown(topic.partitions),
            or_unknown(topic.records),
            if topic.drift.is_empty() { "as declared".to_owned() } else { topic.drift.join("; ") },
        ]
    });
    cli::say(&plain(["TOPIC", "DECLARED", "PARTITIONS", "RECORDS", "STATE"], rows));
    Ok(true)
}
