//! Packets across a restart and while the log is silent, and a password that a person chose: on a
//! bus of its own.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use lgsp_tests::process::{self, wait_until};
use lgsp_tests::{Bus, bus, place, sample};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{call, log_in, session, stored};

const CHOSEN: &str = "mật khẩu do người đặt";

/// Makes the line of a password, as an operator does.
fn line(password: &str) -> (bool, String) {
    let mut command: Command = bus::lgsp().unwrap();
    let mut child = command
        .args(["registry", "hash-password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn packet(bus: &Bus, session: &str, records: &[Value]) -> Value {
    call(
        bus,
        &json!({"session": session, "madonvi": "H61.14", "service": "DongBoHoSoMC",
                "isUpdating": "True", "data": records}),
    )
}

#[test]
fn a_packet_is_recorded_once_across_a_restart_and_the_brokers_silence() {
    let folder = place::scratch().unwrap();
    let bus = Bus::start_in(&folder, &[]).unwrap();
    let record = sample::dossier(5031);
    let first = packet(&bus, &session(&bus, "motcua"), std::slice::from_ref(&record));
    assert_eq!(first["error_code"], "0", "{first}");
    assert!(bus.stop().unwrap().success());

    let secrets = folder.join("data/registry/client-secrets.toml");
    let (made, line) = line(CHOSEN);
    assert!(made && line.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{line}");
    let text = fs::read_to_string(&secrets).unwrap();
    let chosen: Vec<_> = text
        .lines()
        .map(|one| match one.starts_with("tracuu = ") {
            true => format!("tracuu = \"{line}\""),
            false => one.to_owned(),
        })
        .collect();
    fs::write(&secrets, chosen.join("\n")).unwrap();

    let bus = Bus::start_in(&folder, &[]).unwrap();
    let session = session(&bus, "motcua");
    let same = packet(&bus, &session, std::slice::from_ref(&record));
    assert!(same["result"][0]["message"].as_str().unwrap().contains("trùng"), "{same}");
    assert_eq!(log_in(&bus, "tracuu", CHOSEN)["error_code"], 0);
    assert_eq!(log_in(&bus, "tracuu", "mật khẩu khác hẳn")["error_code"], 401);
    let codes: Vec<_> =
        (0..6).map(|_| log_in(&bus, "tracuu", "mật khẩu khác hẳn")["error_code"].clone()).collect();
    assert!(codes.contains(&json!(429)), "{codes:?}");
    assert_eq!(log_in(&bus, "tracuu", CHOSEN)["error_code"], 0, "who is known is not kept out");

    let broker = bus.broker_pid().unwrap();
    process::send(broker, Signal::STOP).unwrap();
    let mut changed = record.clone();
    changed["GhiChu"] = json!("gửi khi trục mất kết nối");
    let records = [changed.clone(), sample::dossier(5032)];
    let unclear = packet(&bus, &session, &records);
    assert_eq!(unclear["error_code"], "503", "{unclear}");
    assert!(!unclear["message"].as_str().unwrap().contains("thành công"));
    process::send(broker, Signal::CONT).unwrap();
    wait_until("the same packet is taken", Duration::from_secs(60), || {
        packet(&bus, &session, &records)["error_code"] == "0"
    })
    .unwrap();
    let stored = |order| stored(&bus, &sample::dossier_code(order));
    let values: Vec<Value> =
        stored(5031).iter().map(|one| serde_json::from_slice(&one.value).unwrap()).collect();
    assert_eq!(values, [record, changed], "each once");
    assert_eq!(stored(5032).len(), 1);

    let log = bus.log().unwrap();
    for canary in [session.as_str(), CHOSEN, &line, &bus.secret("motcua").unwrap()] {
        assert!(!log.contains(canary));
    }
}

#[test]
fn a_short_password_gets_no_line() {
    assert_eq!(line("short"), (false, String::new()));
}
