//! `lgsp audit`: the evidence of queries, as an auditor reads it.

mod export;
mod search;
mod verify;

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, offset};
use lgsp_audit::StoredRecord;
use lgsp_proto::audit::v1::EvidenceRecord;

use crate::cli::{DataDirOption, Misunderstood, Output};

/// What to do with the evidence.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Audit {
    /// Find who asked what: by citizen, dossier, officer, client, agency, service and time.
    ///
    /// All that is named must hold. A citizen's number is turned into a keyed digest by the bus:
    /// it stands in no evidence and in no answer. Every search leaves evidence of its own.
    Search(Search),
    /// Write the records as they lie in the log to standard output, one JSON object a line.
    ///
    /// `lgsp audit verify --file` checks such a file, anywhere. Every export leaves evidence of
    /// its own.
    Export(Export),
    /// Check the chains: tell where a record was changed, is missing or was moved.
    ///
    /// Reads all evidence of the running bus, or an export. Exit code 0 if the chains are whole,
    /// 1 if not. What happened to the very last record of a writer, only the writer's next one can
    /// show. A file shows what is amiss between its records, not what was cut off at its ends.
    Verify(Verify),
}

/// Which span of time.
#[derive(Debug, Clone, Args)]
pub(crate) struct Span {
    /// From this time on: `2026-07-03`, which begins in Viet Nam's time, or `2026-07-03T08:00:00+07:00`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Search {
    /// Whom the question was about: the personal number, 12 digits.
    #[arg(long, value_name = "NUMBER")]
    citizen: Option<Hidden>,
    /// The code of the dossier for which it was asked.
    #[arg(long, value_name = "CODE")]
    dossier: Option<String>,
    /// The number of the officer for whom it was asked.
    #[arg(long, value_name = "NUMBER")]
    officer: Option<Hidden>,
    /// The client that asked.
    #[arg(long)]
    client: Option<String>,
    /// The agency of that client.
    #[arg(long, value_name = "CODE")]
    agency: Option<String>,
    /// The service that was asked; `audit` finds what auditors have read.
    #[arg(long)]
    service: Option<String>,
    /// The one question of this id, as the answer's `meta` told it.
    #[arg(long, value_name = "ID")]
    audit_id: Option<String>,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    data: DataDirOption,
    /// How to show it.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    data: DataDirOption,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Verify {
    /// Check this export instead of the running bus; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirOption,
    /// How to show what was found.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

/// What was typed and names a person: never shown again.
#[derive(Clone)]
pub(crate) struct Hidden(String);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

pub(crate) async fn run(command: Audit) -> Result<bool> {
    match command {
        Audit::Search(options) => search::run(options).await,
        Audit::Export(options) => export::run(&options).await,
        Audit::Verify(options) => verify::run(&options).await,
    }
}

impl Span {
    /// Returns the span on the wire.
    fn on_wire(&self) -> Result<[Option<lgsp_proto::Timestamp>; 2]> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Misunderstood("--to lies before --from".to_owned()).into());
        }
        let wire = |time: Timestamp| {
            // The wire counts nanoseconds from the second before, jiff towards 1970.
            let nanos = time.as_nanosecond();
            let within = i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
            let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(0);
            lgsp_proto::Timestamp { seconds, nanos: within }
        };
        Ok([self.from.map(wire), self.to.map(wire)])
    }
}

/// Reads a point in time, or a day, which begins in Viet Nam's time.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let begins = day.map(|day| day.to_datetime(Time::midnight()));
    let begins = begins.and_then(|time| time.to_zoned(TimeZone::fixed(offset(7))).ok());
    let begins = begins.map(|time| time.timestamp());
    begins.ok_or_else(|| "a day like 2026-07-03, or a time like 2026-07-03T08:00:00+07:00".into())
}

/// Writes a point in time for people and programs, to the millisecond; empty without one.
fn told(time: Option<&lgsp_proto::Timestamp>) -> String {
    let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
    time.map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// Reads a record of an export from the wire.
fn stored(record: EvidenceRecord) -> StoredRecord {
    let EvidenceRecord { place, time, key, headers, value } = record;
    let (place, time) = (place.unwrap_or_default(), time.unwrap_or_default());
    let headers = headers.into_iter().map(|header| (header.name, header.value.to_vec()));
    StoredRecord {
        topic: place.topic,
        partition: place.partition,
        offset: place.offset,
        unix_millis: time.seconds.saturating_mul(1000) + i64::from(time.nanos / 1_000_000),
        key: key.to_vec(),
        headers: headers.collect(),
        value: value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_viet_nams_time_and_a_time_has_its_own_offset() {
        assert_eq!(time("2026-07-03").unwrap().to_string(), "2026-07-02T17:00:00Z");
        assert_eq!(time("2026-07-03T08:00:00+07:00").unwrap().to_string(), "2026-07-03T01:00:00Z");
        for text in ["", "yesterday", "2026-02-30", "2026-07-03T08:00:00", "2026-07-03 08:00"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_goes_to_the_wire_and_does_not_run_backwards() {
        let (early, late) = (time("1969-12-31T23:59:59.5Z").ok(), time("2026-07-03").ok());
        let [from, to] = Span { from: early, to: late }.on_wire().unwrap();
        assert_eq!(from, Some(lgsp_proto::Timestamp { seconds: -1, nanos: 500_000_000 }));
        assert_eq!(told(to.as_ref()), "2026-07-02T17:00:00.000Z");
        assert!(Span { from: late, to: early }.on_wire().unwrap_err().is::<Misunderstood>());
    }

    #[test]
    fn whom_a_search_is_about_is_not_shown() {
        let hidden = Hidden::from("086190000001".to_owned());
        assert!(!format!("{hidden:?}").contains("0861"));
    }
}
