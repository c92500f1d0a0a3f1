//! The line to the database: who may be at its end, and what is told when it fails.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use lgsp_tests::postgres::{PASSWORD, Postgres};
use tempfile::TempDir;
use tracing_subscriber::EnvFilter;

use crate::bed::{self, BAD, Bus, DATABASE, Running, until};

const OFTEN: (&str, &str) = ("# poll_seconds = 5", "poll_seconds = 1");

/// A log that a test can read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Takes down what this thread logs, until the guard is dropped.
    fn begin() -> (Self, impl Drop) {
        let log = Self::default();
        let writer = log.clone();
        // As the bus does it: the library of the wire would tell parameters.
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("trace,tokio_postgres=warn"))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing_subscriber::util::SubscriberInitExt::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn the_log_tells_why_and_neither_password_nor_data() {
    let (log, _guard) = Log::begin();
    let (postgres, state, bus) = (bed::postgres(), TempDir::new().unwrap(), Bus::new());
    let script = fs::read_to_string(bed::example("example.sql")).unwrap();
    postgres.sql(DATABASE, &script).unwrap();
    postgres.run_file(DATABASE, &bed::example("reader.sql")).unwrap();
    let data = format!("update ho_so set trang_thai = '{BAD}'");
    postgres.sql(DATABASE, &data).unwrap();

    // The server's own message would quote the value.
    let cast = ("trang_thai, cap_nhat_luc from", "trang_thai::int, cap_nhat_luc from");
    let config = bed::config(&postgres, "query.toml", &[OFTEN, cast]);
    let adapter = Running::start(config, &bus, state.path());
    until("a wrong password is told", || {
        log.text().contains("password authentication failed for user \"lgsp_reader\"")
    })
    .await;
    postgres.sql(DATABASE, &format!("alter role lgsp_reader password '{PASSWORD}'")).unwrap();
    until("a failed query is told", || log.text().contains("SQLSTATE 22P02")).await;
    adapter.stop().await;

    let missing =
        ("nguoi_xu_ly, noi_dung, trang_thai, cap_nhat_luc from", "cap_nhat_luc as x from");
    let config = bed::config(&postgres, "query.toml", &[OFTEN, missing]);
    let adapter = Running::start(config, &bus, state.path());
    until("a lacking column is told", || {
        log.text().contains("the query has no column \"cap_nhat_luc\"")
    })
    .await;
    adapter.stop().await;

    let refused = format!("insert into lgsp_outbox (entity, data) values ('a', '\"{BAD}\"')");
    postgres.sql(DATABASE, &refused).unwrap();
    let config = bed::config(&postgres, "outbox.toml", &[OFTEN]);
    let adapter = Running::start(config, &bus, state.path());
    until("a refusal is told", || log.text().contains("row refused and set aside")).await;
    adapter.stop().await;

    let text = log.text();
    for secret in [PASSWORD, BAD, "Nguyễn Văn Mẫu", "H61.14-260703-0001"] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
}

/// What is asked of `openssl`: its own defaults would make an authority's certificate.
const REQUEST: &str = "[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost
basicConstraints = critical, CA:FALSE
";

/// Makes a certificate that signs itself, for `localhost`, and its key, in a folder.
fn certificate(folder: &Path, name: &str) {
    fs::write(folder.join("request"), REQUEST).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-config", "request", "-days", "2", "-nodes", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .current_dir(folder)
        .output()
        .expect("openssl, which PostgreSQL brings along");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Lets the server speak TLS.
fn encrypt(postgres: &mut Postgres, certificates: &Path) {
    let read = |name: &str| fs::read_to_string(certificates.join(name)).unwrap();
    // Written by the server itself, to whom the files must belong.
    for (file, text) in [("server.key", read("own.key")), ("server.crt", read("own.pem"))] {
        let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
        let copy = format!(
            "create temporary table lines (line text); insert into lines values {}; \
             copy lines to program 'umask 077 && cat >{file}'",
            lines.join(", ")
        );
        postgres.sql("postgres", &copy).unwrap();
    }
    postgres.sql("postgres", "alter system set ssl = on").unwrap();
    postgres.stop().unwrap();
    postgres.start_again().unwrap();
}

#[tokio::test]
async fn an_encrypted_line_goes_to_whom_the_certificate_names_and_nobody_else() {
    let (log, _guard) = Log::begin();
    let (mut postgres, state, bus) = (bed::postgres(), TempDir::new().unwrap(), Bus::new());
    certificate(state.path(), "own");
    certificate(state.path(), "other");
    encrypt(&mut postgres, state.path());
    postgres.sql(DATABASE, "insert into lgsp_outbox (entity, data) values ('a', '1')").unwrap();
    let start = |host: &str, signer: &str| {
        let at =
            (format!("@127.0.0.1:{}", postgres.port()), format!("@{host}:{}", postgres.port()));
        let file = format!("ca_file = \"{}\"", state.path().join(signer).display());
        let changes = [OFTEN, (at.0.as_str(), at.1.as_str()), ("# ca_file = \"ca.pem\"", &file)];
        Running::start(bed::config(&postgres, "outbox.toml", &changes), &bus, state.path())
    };

    let fooled = start("localhost", "other.pem");
    until("another signer is refused", || log.text().contains("invalid peer certificate")).await;
    fooled.stop().await;
    let misled = start("127.0.0.1", "own.pem");
    until("another name is refused", || log.text().contains("not valid for name")).await;
    misled.stop().await;
    assert_eq!(bus.sent(), 0);

    let adapter = start("localhost", "own.pem");
    bus.until_recorded(1).await;
    let encrypted = "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'lgsp_adapter'";
    assert_eq!(postgres.sql(DATABASE, encrypted).unwrap(), "t");
    adapter.stop().await;
}
