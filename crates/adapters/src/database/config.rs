//! The section `[database]`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lgsp_registry::document::{Faults, Item, Section};
use tokio_postgres::config::Host;

/// The longest overlap of times, in seconds: six days. The bus knows an event again for seven; a row
/// that is met and sent again after that, as when the journal was lost, would be recorded twice.
const MAX_OVERLAP_SECONDS: u64 = 6 * 24 * 3600;

/// The most columns that a key has.
const MAX_KEY_COLUMNS: usize = 8;

/// Which database is read, and in which of the two forms. `Debug` shows no query and no password.
#[derive(Clone)]
pub struct DatabaseConfig {
    pub(crate) address: Box<tokio_postgres::Config>,
    /// The file that holds the password; read at each connecting.
    pub password_file: Option<PathBuf>,
    /// The certificates, in PEM form, one of which must have signed the server's.
    pub ca_file: Option<PathBuf>,
    /// How often is looked for what no notification told.
    pub poll: Duration,
    /// What is read.
    pub form: Form,
}

/// What is read of a database.
#[derive(Debug, Clone)]
pub enum Form {
    /// `[database.outbox]`: the table that the application writes for this.
    Outbox(Outbox),
    /// `[database.query]`: a query over tables that nobody may change.
    Query(Query),
}

/// A transactional outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// The schema in which `lgsp_outbox` lies.
    pub schema: String,
    /// How many rows are published at once, at most.
    pub batch_rows: usize,
    /// For how long settled rows are kept.
    pub keep: Duration,
}

/// A query with a watermark. `Debug` hides the SQL.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    /// One `select` without a closing semicolon.
    pub sql: String,
    /// The column that tells when a row last changed, a time or a number that grows.
    pub watermark: String,
    /// The columns that tell rows of one watermark apart.
    pub key: Vec<String>,
    /// How far behind the newest watermark rows are looked for again.
    pub overlap: Overlap,
    /// How many rows are read and published at once, at most.
    pub page_rows: usize,
    /// The time zone of columns without one, by its IANA name.
    pub time_zone: String,
}

/// A distance between watermarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Of a time.
    Seconds(u64),
    /// Of a number.
    Numbers(u64),
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig").field("form", &self.form).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("watermark", &self.watermark).finish_non_exhaustive()
    }
}

impl DatabaseConfig {
    /// Reads the section; `None` with the faults reported.
    pub(crate) fn read(mut section: Section<'_>, base: &Path, faults: &mut Faults) -> Option<Self> {
        let url = section.required("url", faults);
        let address = url.as_ref().and_then(|item| address(item, faults));
        let password_file = path(&mut section, "password_file", base, faults);
        let ca_file = path(&mut section, "ca_file", base, faults);
        let poll = number(&mut section, "poll_seconds", 1..=3600, 5, faults);
        let outbox = section.optional("outbox");
        let query = section.optional("query");
        let place = section.place.clone();
        section.finish(faults);

        if let (Some(item), Some(address), Some(None)) = (&url, &address, &ca_file)
            && !is_on_this_machine(address)
        {
            // Told without the address: it may hold what should not be told.
            faults.expected(
                &item.place,
                "a server on this machine, or ca_file for an encrypted line",
            );
        }
        let form = match (outbox, query) {
            (Some(outbox), None) => outbox
                .section(faults, "a table")
                .and_then(|section| read_outbox(section, faults))
                .map(Form::Outbox),
            (None, Some(query)) => query
                .section(faults, "a table")
                .and_then(|section| read_query(section, faults))
                .map(Form::Query),
            _ => {
                faults.expected(&place, "one of the sections outbox and query");
                None
            }
        };
        Some(Self {
            address: Box::new(address?),
            password_file: password_file?,
            ca_file: ca_file?,
            poll: Duration::from_secs(poll?),
            form: form?,
        })
    }
}

fn read_outbox(mut section: Section<'_>, faults: &mut Faults) -> Option<Outbox> {
    let schema = match section.optional("schema") {
        Some(item) => name(&item, faults),
        None => Some("public".to_owned()),
    };
    let batch_rows = number(&mut section, "batch_rows", 1..=1000, 500, faults);
    let keep_hours = number(&mut section, "keep_hours", 1..=8760, 168, faults);
    section.finish(faults);
    Some(Outbox {
        schema: schema?,
        batch_rows: usize::try_from(batch_rows?).ok()?,
        keep: Duration::from_secs(keep_hours? * 3600),
    })
}

fn read_query(mut section: Section<'_>, faults: &mut Faults) -> Option<Query> {
    let sql = section.required("sql", faults).and_then(|item| {
        let sql = item.as_text().map(|text| text.trim().trim_end_matches(';').trim_end());
        let sql = sql.filter(|sql| !sql.is_empty()).map(str::to_owned);
        if sql.is_none() {
            faults.expected(&item.place, "a query in SQL");
        }
        sql
    });
    let watermark = section.required("watermark", faults).and_then(|item| name(&item, faults));
    let key = section.required("key", faults).and_then(|item| {
        let expected = "a list of the names of 1 to 8 columns";
        let entries = item.some_entries(faults, expected);
        if entries.len() > MAX_KEY_COLUMNS {
            faults.expected(&item.place, expected);
        }
        let names: Vec<_> = entries.iter().filter_map(|item| name(item, faults)).collect();
        (!names.is_empty() && names.len() == entries.len()).then_some(names)
    });
    let seconds = section.optional("overlap_seconds");
    let numbers = section.optional("overlap_numbers");
    let overlap = match (seconds, numbers) {
        (Some(item), None) => {
            let expected = format!("a number of seconds, 1 to {MAX_OVERLAP_SECONDS}");
            item.number(faults, &expected, 1..=MAX_OVERLAP_SECONDS).map(Overlap::Seconds)
        }
        (None, Some(item)) => item
            .number(faults, "a number, 1 to 1000000000", 1..=1_000_000_000)
            .map(Overlap::Numbers),
        _ => {
            let expected =
                "overlap_seconds (the watermark is a time) or overlap_numbers (a number)";
            faults.expected(&section.place, expected);
            None
        }
    };
    let page_rows = number(&mut section, "page_rows", 1..=1000, 500, faults);
    let time_zone = match section.optional("time_zone") {
        Some(item) => item.read(faults, "a time zone such as \"Asia/Ho_Chi_Minh\"", |text| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
            let is_one = (1..=64).contains(&text.len()) && text.bytes().all(fits);
            is_one.then(|| text.to_owned())
        }),
        None => Some("Asia/Ho_Chi_Minh".to_owned()),
    };
    section.finish(faults);
    Some(Query {
        sql: sql?,
        watermark: watermark?,
        key: key?,
        overlap: overlap?,
        page_rows: usize::try_from(page_rows?).ok()?,
        time_zone: time_zone?,
    })
}

/// Reads an address. Its text never shows in a fault: it may hold a password.
fn address(item: &Item<'_>, faults: &mut Faults) -> Option<tokio_postgres::Config> {
    const EXPECTED: &str = "an address such as postgresql://role@127.0.0.1:5432/database";
    let address = item.as_text().and_then(|text| text.parse::<tokio_postgres::Config>().ok());
    let Some(address) = address else {
        faults.expected(&item.place, EXPECTED);
        return None;
    };
    let mut is_good = true;
    let mut expect = |is_so: bool, expected: &str| {
        if !is_so {
            faults.expected(&item.place, expected);
            is_good = false;
        }
    };
    expect(address.get_password().is_none(), "an address without a password: use password_file");
    expect(address.get_hostaddrs().is_empty(), "an address without hostaddr: use the host");
    expect(
        !address.get_hosts().is_empty()
            && address.get_user().is_some()
            && address.get_dbname().is_some(),
        EXPECTED,
    );
    is_good.then_some(address)
}

/// Tells whether the line never leaves this machine.
fn is_on_this_machine(address: &tokio_postgres::Config) -> bool {
    address.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    })
}

/// Reads the name of a schema or column, which then needs no escaping between quotes.
fn name(item: &Item<'_>, faults: &mut Faults) -> Option<String> {
    item.read(faults, "a name of 1 to 63 letters, digits and _", |text| {
        let fits = |letter: char| letter.is_alphanumeric() || letter == '_';
        let is_one = (1..=63).contains(&text.len()) && text.chars().all(fits);
        is_one.then(|| text.to_owned())
    })
}

/// Reads a path that may be absent; `None` for what is none.
fn path(
    section: &mut Section<'_>,
    key: &'static str,
    base: &Path,
    faults: &mut Faults,
) -> Option<Option<PathBuf>> {
    let Some(item) = section.optional(key) else { return Some(None) };
    let to_path = |text: &str| (!text.trim().is_empty()).then(|| base.join(text));
    item.read(faults, "a file's path", to_path).map(Some)
}

fn number(
    section: &mut Section<'_>,
    key: &'static str,
    bounds: std::ops::RangeInclusive<u64>,
    usual: u64,
    faults: &mut Faults,
) -> Option<u64> {
    let Some(item) = section.optional(key) else { return Some(usual) };
    let expected = format!("a number, {} to {}", bounds.start(), bounds.end());
    item.number(faults, &expected, bounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AdapterConfig, Input};

    const ADAPTER: &str = "[adapter]\nname = \"so\"\ntype = \"lgsp.dossier.recorded.v1\"\n\
                           agency = \"H61.14\"\nclient = \"motcua\"\n";

    fn parse(text: &str) -> Result<DatabaseConfig, String> {
        match AdapterConfig::parse(&format!("{ADAPTER}{text}"), "so.toml", Path::new("/etc/lgsp")) {
            Ok(AdapterConfig { input: Input::Database(database), .. }) => Ok(database),
            Ok(_) => panic!("not a database"),
            Err(faults) => Err(faults.iter().map(|fault| format!("{fault}\n")).collect::<String>()),
        }
    }

    #[test]
    fn what_is_not_said_has_a_usual_value() {
        let config = parse(
            "[database]\nurl = \"postgresql://so@127.0.0.1:5433/so\"\npassword_file = \"so.password\"\n\
             [database.outbox]\n",
        )
        .unwrap();
        assert_eq!(config.password_file, Some(PathBuf::from("/etc/lgsp/so.password")));
        assert_eq!(config.poll, Duration::from_secs(5));
        let Form::Outbox(outbox) = config.form else { panic!("not an outbox") };
        assert_eq!((outbox.schema.as_str(), outbox.batch_rows), ("public", 500));
    }

    #[test]
    fn every_fault_is_told_and_no_secret() {
        let told = parse(
            "[database]\nurl = \"postgresql://so:canary@10.1.2.3/so\"\npoll_seconds = 0\ncolour = 1\n\
             [database.query]\nsql = \" ; \"\nwatermark = \"a\\\"; drop\"\nkey = []\n\
             overlap_seconds = 1\noverlap_numbers = 1\npage_rows = 100000\ntime_zone = \"x'\"\n",
        )
        .unwrap_err();
        for part in [
            "without a password",
            "poll_seconds",
            "colour",
            "database.query.sql",
            "database.query.watermark",
            "database.query.key",
            "overlap_seconds (the watermark is a time) or overlap_numbers",
            "database.query.page_rows",
            "database.query.time_zone",
        ] {
            assert!(told.contains(part), "{part} is not in:\n{told}");
        }
        assert!(!told.contains("canary") && !told.contains("10.1.2.3"), "{told}");
    }

    #[test]
    fn a_line_to_another_machine_must_be_encrypted() {
        let outbox = |rest: &str| parse(&format!("[database]\n{rest}\n[database.outbox]\n"));
        let away = "url = \"postgresql://so@db.example/so\"";
        assert!(outbox(away).unwrap_err().contains("ca_file"));
        assert!(outbox(&format!("{away}\nca_file = \"ca.pem\"")).is_ok());
        for here in ["127.0.0.1", "localhost", "[::1]", "%2Frun%2Fpostgresql"] {
            let config = outbox(&format!("url = \"postgresql://so@{here}/so\""));
            assert!(config.is_ok(), "{here}: {config:?}");
        }
        for hidden in ["127.0.0.1,db.example", "127.0.0.1/so?hostaddr=10.1.2.3&x="] {
            assert!(outbox(&format!("url = \"postgresql://so@{hidden}/so\"")).is_err(), "{hidden}");
        }
    }

    #[test]
    fn an_overlap_ends_before_the_bus_forgets_an_event() {
        let query = |seconds: u64| {
            parse(&format!(
                "[database]\nurl = \"postgresql://so@localhost/so\"\n[database.query]\n\
                 sql = \"select 1\"\nwatermark = \"a\"\nkey = [\"b\"]\noverlap_seconds = {seconds}\n"
            ))
        };
        assert!(query(518_400).is_ok());
        assert!(query(518_401).unwrap_err().contains("1 to 518400"));
    }

    #[test]
    fn one_form_and_for_an_outbox_no_mapping() {
        let url = "[database]\nurl = \"postgresql://so@localhost/so\"\n";
        assert!(parse(url).unwrap_err().contains("one of the sections outbox and query"));
        let mapped =
            format!("{url}[database.outbox]\n[mapping.fields]\nMaHoSo = {{ from = \"a\" }}\n");
        assert!(parse(&mapped).unwrap_err().contains("byte for byte"));
    }
}
