//! `lgsp audit export`.

use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use lgsp_proto::audit::v1::ExportEvidenceRequest;

use super::{Export, stored};
use crate::caller;
use crate::data_dir::DataDir;

pub(super) async fn run(options: &Export) -> Result<bool> {
    let [from, to] = options.span.on_wire()?;
    let data = DataDir::existing(&options.data.data_dir)?;
    let mut auditor = caller::auditor(&data).await?;
    let records = auditor.export_evidence(ExportEvidenceRequest { from, to }).await;
    let mut records = records.map_err(|status| caller::refused(&status))?.into_inner();
    let mut out = BufWriter::new(std::io::stdout());
    while let Some(record) = records.message().await.map_err(|status| caller::refused(&status))? {
        let line = stored(record).to_line().context("a record cannot be written")?;
        if writeln!(out, "{line}").is_err() {
            // A reader that went away is no fault.
            return Ok(true);
        }
    }
    out.flush().ok();
    Ok(true)
}
