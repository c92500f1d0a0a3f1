//! What operators see: lag, topics, checks; by the command line and as metrics.

use std::fs;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use lgsp_tests::bus;
use lgsp_tests::process::wait_for;
use lgsp_tests::sample::{ENTERPRISE, new_id};
use lgsp_tests::{kcat, place};
use serde_json::{Value, json};

use crate::BUS;

const TOPIC: &str = "lgsp.enterprise.v1";

/// Ends a child with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Publishes so many records of one enterprise: they lie in one partition.
fn publish(count: u32) -> i64 {
    let bus = &*BUS;
    let token = bus.token("motcua").unwrap();
    let receipts = (0..count).map(|_| {
        let data = json!({"ENTERPRISE_GDT_CODE": "1500999906", "NAME": "CÔNG TY TNHH MẪU"});
        let answer = bus.publish(&token, &new_id(), ENTERPRISE, data.to_string().as_bytes());
        let receipt = answer.unwrap().json().unwrap();
        assert_eq!(receipt["topic"], TOPIC, "{receipt}");
        // ProtoJSON leaves a zero out.
        receipt["partition"].as_i64().unwrap_or(0)
    });
    receipts.fold(0, |_, partition| partition)
}

/// The rows of a group, as `lgsp lag` tells them.
fn rows(group: &str) -> Vec<Value> {
    let told = stdout(&BUS.command(&["lag", "--output", "json"]).unwrap());
    let lag: Value = serde_json::from_str(&told).unwrap();
    assert!(lag["ageSeconds"].as_f64().unwrap() < 10.0, "the figures show their age: {lag}");
    let all = lag["partitions"].as_array().unwrap().iter();
    all.filter(|row| row["group"] == group).cloned().collect()
}

/// The value of a metric of a group and a partition, as a scraper reads it.
fn metric(metrics: &str, name: &str, group: &str, partition: i64) -> Option<f64> {
    let labels = [format!("group=\"{group}\""), format!("partition=\"{partition}\"")];
    let line = metrics.lines().find(|line| {
        line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn metrics() -> String {
    let answer = BUS.get("/metrics").send().unwrap();
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    answer.text()
}

#[test]
fn a_group_that_falls_behind_shows_its_lag_within_five_seconds() {
    let (bus, group) = (&*BUS, format!("thong-ke-{}", new_id()));
    publish(10);
    // Some of the records may be another test's: all are of the same enterprise.
    let read = kcat::read_as_group(bus.kafka(), &group, &[TOPIC], 4).unwrap();
    assert_eq!(read.len(), 4);
    let partition = publish(3);
    let published = Instant::now();
    let committed = read.iter().map(|record| record.offset).max().unwrap() + 1;
    let end = i64::try_from(kcat::read(bus.kafka(), TOPIC).unwrap().len()).unwrap();
    let row = wait_for("the lag is told", Duration::from_secs(5), || {
        let row = rows(&group).into_iter().find(|row| row["partition"] == partition)?;
        (row["endOffset"].as_i64()? >= end && row["committedOffset"] == committed).then_some(row)
    })
    .unwrap();
    let end = row["endOffset"].as_i64().unwrap();
    assert_eq!(row["lagRecords"].as_i64(), Some(end - committed), "{row}");
    assert!(end - committed >= 9, "{row}");
    let seconds = row["lagSeconds"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds < 60.0 + published.elapsed().as_secs_f64(), "{row}");

    let metrics = metrics();
    let told = |name| metric(&metrics, name, &group, partition);
    assert!(told("lgsp_lag_records").unwrap() >= (end - committed) as f64, "{metrics}");
    assert!(told("lgsp_lag_seconds").unwrap() > 0.0);
    assert_eq!(told("lgsp_lag_unknown"), Some(0.0));

    // It catches up: no lag, and no unknown.
    let rest = usize::try_from(end - committed).unwrap();
    kcat::read_as_group(bus.kafka(), &group, &[TOPIC], rest).unwrap();
    wait_for("the group has caught up", Duration::from_secs(10), || {
        let row = rows(&group).into_iter().find(|row| row["partition"] == partition)?;
        (row["committedOffset"].as_i64()? >= end).then_some(())
    })
    .unwrap();
}

#[test]
fn a_group_that_never_committed_is_unknown_and_never_zero() {
    let (bus, group) = (&*BUS, format!("im-lang-{}", new_id()));
    publish(1);
    let _member = Ended(kcat::join_without_committing(bus.kafka(), &group, TOPIC).unwrap());
    let until = Instant::now() + Duration::from_secs(20);
    let mut seen = 0;
    // More than one poll, so that a figure that changes to zero later is seen too.
    while seen < 3 {
        assert!(Instant::now() < until, "the group is told of: {:?}", rows(&group));
        let (rows, metrics) = (rows(&group), metrics());
        let with_topic: Vec<_> = rows.iter().filter(|row| row["topic"] == TOPIC).collect();
        for row in &rows {
            assert_eq!(row["status"], "unknown", "{row}");
            assert!(row["lagRecords"].is_null() && row["lagSeconds"].is_null(), "{row}");
        }
        for line in metrics.lines().filter(|line| line.contains(&group)) {
            let value = line.rsplit_once(' ').unwrap().1;
            let expected = if line.starts_with("lgsp_lag_unknown") { "1.0" } else { "NaN" };
            assert_eq!(value, expected, "{line}");
        }
        if with_topic.len() == 6 && metric(&metrics, "lgsp_lag_unknown", &group, 0).is_some() {
            seen += 1;
        }
        std::thread::sleep(Duration::from_millis(1100));
    }
}

#[test]
fn topics_are_listed_as_declared() {
    let bus = &*BUS;
    let declared = fs::read_to_string(place::root().join("deploy/topics.toml")).unwrap();
    let declared: toml::Value = toml::from_str(&declared).unwrap();
    let mut declared: Vec<_> = declared["topic"]
        .as_array()
        .unwrap()
        .iter()
        .map(|topic| {
            (topic["name"].as_str().unwrap().to_owned(), topic["partitions"].as_integer().unwrap())
        })
        .collect();
    declared.sort();
    assert!(declared.len() >= 8);
    let mut listed = wait_for("the topics are looked at", Duration::from_secs(20), || {
        let told = stdout(&bus.command(&["topics", "--output", "json"]).unwrap());
        let topics: Value = serde_json::from_str(&told).unwrap();
        let topics = topics["topics"].as_array().unwrap().clone();
        (!topics.is_empty()).then_some(topics)
    })
    .unwrap();
    listed.sort_by_key(|topic| topic["name"].as_str().unwrap().to_owned());
    let names: Vec<_> = listed
        .iter()
        .map(|topic| {
            (topic["name"].as_str().unwrap().to_owned(), topic["partitions"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(names, declared);
    for topic in &listed {
        assert_eq!(topic["declaredPartitions"], topic["partitions"], "{topic}");
        assert_eq!(topic["drift"], json!([]), "{topic}");
    }
    let table = stdout(&bus.command(&["topics"]).unwrap());
    assert!(table.contains("TOPIC") && table.contains("lgsp.audit.v1"), "{table}");
}

#[test]
fn check_judges_the_folder_and_the_running_bus() {
    let bus = &*BUS;
    let told = stdout(&bus.command(&["check", "--output", "json"]).unwrap());
    let judged: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(judged["ok"], true, "{judged}");
    let what: Vec<_> =
        judged["checks"].as_array().unwrap().iter().map(|one| one["what"].clone()).collect();
    assert_eq!(what, ["schemas", "registry", "services", "keys", "topics", "bus", "cluster"]);

    // A folder like it whose registry grants what does not exist, to a client without a secret.
    let broken = place::scratch().unwrap();
    for part in ["keys", "registry"] {
        fs::create_dir_all(broken.join(part)).unwrap();
        for file in fs::read_dir(bus.data_dir().join(part)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), broken.join(part).join(file.file_name())).unwrap();
        }
    }
    let clients = broken.join("registry/clients.toml");
    let text = fs::read_to_string(&clients).unwrap();
    let text =
        text.replace("\"H61.36\"]", "\"H61.99\"]").replace("id = \"kiemtoan\"", "id = \"moi\"");
    fs::write(&clients, text).unwrap();
    let folder = broken.to_str().unwrap();
    let output = bus::run(&["check", "--output", "json", "--data-dir", folder]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let judged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(judged["ok"], false);
    let registry =
        judged["checks"].as_array().unwrap().iter().find(|one| one["what"] == "registry");
    let faults = registry.unwrap()["faults"].as_array().unwrap();
    assert!(faults.len() >= 2, "all at once: {faults:?}");
    let faults = format!("{faults:?}");
    assert!(faults.contains("H61.99") && faults.contains("moi"), "{faults}");
}

#[test]
fn token_prints_a_token_and_only_that() {
    let bus = &*BUS;
    let output = bus.command(&["token", "--client", "vanhanh"]).unwrap();
    let told = stdout(&output);
    let token = told.strip_suffix('\n').unwrap();
    assert_eq!(token.split('.').count(), 3);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let answer = bus.get("/v1/ops/topics").bearer(token).send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());

    let unknown = bus.command(&["token", "--client", "nobody"]).unwrap();
    assert_eq!((unknown.status.code(), unknown.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nobody"));
}

#[test]
fn what_is_not_understood_ends_with_its_own_code() {
    for arguments in [&["nonsense"][..], &["lag", "--output", "xml"], &["up", "--port", "70000"]] {
        assert_eq!(bus::run(arguments).unwrap().status.code(), Some(64), "{arguments:?}");
    }
    let nowhere = bus::run(&["lag", "--data-dir", "/nonexistent"]).unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("--data-dir"));
    assert_eq!(bus::run(&["--help"]).unwrap().status.code(), Some(0));
}
