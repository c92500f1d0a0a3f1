//! As files in watched folders: one folder for each agency and kind of record.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use lgsp_sim::day::{Agency, Kind};
use serde_json::Value;

use super::fate::Fate;
use super::lane::{Deliver, Errand};

/// Files of rows: `DIR/<agency>-<kind>/<number>.csv` for dossiers, `.jsonl` for the others.
pub(super) struct Files {
    folder: PathBuf,
    agencies: Vec<String>,
}

impl Files {
    pub(super) fn new(folder: &Path, agencies: &[Agency]) -> Self {
        let agencies = agencies.iter().map(|agency| agency.code.clone()).collect();
        Self { folder: folder.to_owned(), agencies }
    }

    fn write(&self, records: &[Errand]) -> Option<()> {
        let first = records.first()?;
        let agency = self.agencies.get(first.planned.agency)?;
        let (name, extension) = match first.planned.kind {
            Kind::Dossier => ("dossier", "csv"),
            Kind::Progress => ("progress", "jsonl"),
            Kind::Citizen => ("citizen", "jsonl"),
            Kind::Enterprise => ("enterprise", "jsonl"),
        };
        let folder = self.folder.join(format!("{agency}-{name}"));
        fs::create_dir_all(&folder).ok()?;
        let text = match extension {
            "csv" => table(records)?,
            _ => records.iter().flat_map(|one| [&one.planned.data[..], b"\n"].concat()).collect(),
        };
        // The name is there when the whole file is.
        let part = folder.join(format!(".{:08}.part", first.number));
        let mut file = fs::File::create(&part).ok()?;
        file.write_all(&text).and_then(|()| file.sync_all()).ok()?;
        fs::rename(&part, folder.join(format!("{:08}.{extension}", first.number))).ok()
    }
}

/// Writes records without lists as a table: every field that one of them has is a column.
fn table(records: &[Errand]) -> Option<Vec<u8>> {
    let read = |errand: &Errand| serde_json::from_slice::<Value>(&errand.planned.data).ok();
    let rows: Vec<Value> = records.iter().map(read).collect::<Option<_>>()?;
    let mut columns: Vec<&String> =
        rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()).collect();
    columns.sort_unstable();
    columns.dedup();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(&columns).ok()?;
    for row in &rows {
        let cell = |column: &&String| row.get(column.as_str()).and_then(Value::as_str);
        table.write_record(columns.iter().map(|column| cell(column).unwrap_or_default())).ok()?;
    }
    table.into_inner().ok()
}

impl Deliver for Files {
    const MOST: usize = 40;

    fn fits(&self, together: &[Errand], next: &Errand) -> bool {
        let next = &next.planned;
        let fits =
            |one: &Errand| one.planned.kind == next.kind && one.planned.agency == next.agency;
        together.iter().all(fits)
    }

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        match tokio::task::block_in_place(|| self.write(records)) {
            Some(()) => vec![Fate::HandedOver; records.len()],
            None => Fate::all_unknown(records.len()),
        }
    }
}
