//! The supervised broker: what stops its start, and that it never outlives its supervisor.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lgsp_kafka::{Broker, BrokerConfig, BrokerError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

fn libs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kafka/libs")
}

fn config(data_dir: &Path) -> BrokerConfig {
    BrokerConfig {
        data_dir: data_dir.into(),
        port: 0,
        libs: libs(),
        java: "java".into(),
        heap_mib: 256,
    }
}

/// Starts a broker and waits until nothing of it runs any more.
async fn start(config: BrokerConfig) -> Result<Broker, BrokerError> {
    let (shutdown, tracker) = (CancellationToken::new(), TaskTracker::new());
    let started = Broker::start(config, shutdown.clone(), &tracker).await;
    shutdown.cancel();
    tracker.close();
    tracker.wait().await;
    started
}

#[tokio::test]
async fn says_what_is_missing_and_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let error = start(BrokerConfig { java: "/nowhere/java".into(), ..config(data.path()) })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("apt-get install -y openjdk"), "{error}");
    let error =
        start(BrokerConfig { libs: data.path().into(), ..config(data.path()) }).await.unwrap_err();
    assert!(error.to_string().contains("make kafka"), "{error}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = start(BrokerConfig { port, ..config(data.path()) }).await.unwrap_err().to_string();
    assert!(error.contains(&port.to_string()) && error.contains("--kafka-port"), "{error}");
}

#[tokio::test]
async fn a_broker_that_dies_while_starting_fails_the_start_and_names_its_log() {
    let data = tempfile::tempdir().unwrap();
    // Looks formatted, and is not.
    std::fs::create_dir_all(data.path().join("kafka/logs")).unwrap();
    let error = start(config(data.path())).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Died { log, .. } if log.exists()), "{error}");
}

#[test]
fn a_broker_dies_with_its_supervisor_and_a_half_done_formatting_is_redone() {
    let data = tempfile::tempdir().unwrap();
    let unfinished = data.path().join("kafka/logs.unfinished");
    std::fs::create_dir_all(&unfinished).unwrap();
    std::fs::write(unfinished.join("meta.properties"), "half").unwrap();

    let test = std::env::current_exe().unwrap();
    let holder = test.parent().unwrap().parent().unwrap().join("examples/hold_broker");
    assert!(
        holder.exists(),
        "{} is missing: build it with `cargo build -p lgsp-kafka --examples`",
        holder.display()
    );
    let mut holder =
        Command::new(holder).arg(data.path()).arg(libs()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let process = PathBuf::from(format!("/proc/{}", line.trim()));
    assert!(!line.trim().is_empty() && process.exists(), "the broker runs: {line:?}");
    assert!(!unfinished.exists() && data.path().join("kafka/logs/meta.properties").exists());
    let noted = std::fs::read_to_string(data.path().join("kafka/broker.pid")).unwrap();
    assert_eq!(noted, line);

    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(&process) {
        assert!(Instant::now() < deadline, "the broker outlived its supervisor");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Tells whether a process lives; one that is dead and not reaped does not.
fn is_alive(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
