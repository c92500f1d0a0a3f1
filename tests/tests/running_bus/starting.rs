//! Starts that cannot succeed: a clear word, and nothing left behind; and a start on a foreign Kafka.

use lgsp_tests::sample::{self, DOSSIER, new_id};
use lgsp_tests::{Bus, bus, kcat, place, process};

use crate::BUS;

#[test]
fn a_start_that_cannot_succeed_says_why_and_leaves_nothing_running() {
    let running = &*BUS;
    let port = running.target().rsplit(':').next().unwrap();
    let kafka_port = running.kafka().rsplit(':').next().unwrap();
    let in_use = running.data_dir();
    let in_use = in_use.to_str().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--port", port, "--kafka-port", "0"], &[port, "--port"]),
        (&["--port", "0", "--kafka-port", kafka_port], &[kafka_port, "--kafka-port"]),
        (
            &["--port", "0", "--kafka-port", "0", "--java", "/nonexistent/java"],
            &["/nonexistent/java", "apt-get install"],
        ),
        (
            &["--port", "0", "--kafka-port", "0", "--kafka-libs", "/nonexistent"],
            &["/nonexistent", "make kafka"],
        ),
        (&["--port", "0", "--kafka-port", "0", "--data-dir", in_use], &[in_use, "--data-dir"]),
        (&["--port", "0", "--kafka-port", "0", "--data-dir", "/dev/null/x"], &["/dev/null/x"]),
    ];
    for (options, words) in cases {
        let folder = place::scratch().unwrap();
        let data = folder.join("data");
        let mut arguments = vec!["up", "--until-stdin-ends"];
        arguments.extend(*options);
        if !options.contains(&"--data-dir") {
            arguments.extend(["--data-dir", data.to_str().unwrap()]);
        }
        let output = bus::run(&arguments).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{options:?}: {said}");
        assert_eq!(output.stdout, b"", "{options:?}: it was never ready");
        for word in *words {
            assert!(said.contains(word), "{options:?}: {word} is not in: {said}");
        }
        assert_eq!(process::working_in(&folder), [""; 0], "{options:?}");
    }
    assert_eq!(running.get("/readyz").send().unwrap().status, 200, "the other bus runs on");
}

#[test]
fn a_bus_on_an_existing_kafka_starts_none_of_its_own() {
    let first = &*BUS;
    let folder = place::scratch().unwrap();
    let second = Bus::start_in(&folder, &["--kafka", first.kafka()]).unwrap();
    assert_eq!(second.kafka(), first.kafka());
    assert_eq!(second.broker_pid(), None);
    let children: Vec<_> =
        process::children(second.pid()).into_iter().map(process::command_line).collect();
    assert!(children.iter().any(|command| command.contains(" sim ")), "{children:?}");
    assert!(!children.iter().any(|command| command.contains("kafka")), "{children:?}");

    let (id, data) = (new_id(), sample::dossier(900).to_string());
    let answer = second.publish(&second.token("motcua").unwrap(), &id, DOSSIER, data.as_bytes());
    assert_eq!(answer.unwrap().status, 200);
    let records = kcat::read(first.kafka(), "lgsp.dossier.v1").unwrap();
    assert!(
        records
            .iter()
            .any(|record| record.headers["ce_id"] == id && record.value == data.as_bytes())
    );

    // Each bus is its own issuer, with its own keys: the other's tokens open nothing.
    let foreign =
        second.publish(&first.token("motcua").unwrap(), &new_id(), DOSSIER, data.as_bytes());
    assert_eq!(foreign.unwrap().status, 401);

    assert!(second.stop().unwrap().success());
    assert_eq!(process::working_in(&folder), [""; 0]);
    assert_eq!(first.get("/readyz").send().unwrap().status, 200, "its Kafka runs on");
}
