//! The bus itself is killed: nothing of it runs on, and what it acknowledged stays so.
#![cfg(test)]

use std::fs;
use std::time::Duration;

use lgsp_proto::event::v1::Receipt;
use lgsp_tests::process::{self, wait_until};
use lgsp_tests::sample::{self, new_id};
use lgsp_tests::{Bus, grpc, kcat, place};

/// Publishes the events and expects a receipt for each.
fn publish(bus: &Bus, events: &[(String, String)]) -> Vec<Receipt> {
    let token = bus.token("motcua").unwrap();
    let events = events.iter().map(|(id, data)| sample::event(id, data)).collect();
    let results = grpc::publish_all(bus.base_url(), &token, events).unwrap();
    results.into_iter().map(|result| result.unwrap()).collect()
}

/// Sends the same again: each gets its first receipt, and nothing is added to the log.
fn assert_known(bus: &Bus, events: &[(String, String)], first: &[Receipt]) {
    for (again, first) in publish(bus, events).into_iter().zip(first) {
        assert!(again.duplicate, "{again:?}");
        assert_eq!(Receipt { duplicate: false, ..again }, *first);
    }
    let stored = kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap();
    assert_eq!(stored.len(), events.len(), "nothing was recorded twice");
}

#[test]
fn a_killed_bus_leaves_nothing_running_and_knows_its_acknowledged_ids_when_it_is_back() {
    let folder = place::scratch().unwrap();
    let bus = Bus::start_in(&folder, &[]).unwrap();
    let children = process::children(bus.pid());
    let (broker, commands) =
        (bus.broker_pid().unwrap(), children.iter().map(|pid| process::command_line(*pid)));
    assert!(children.contains(&broker), "{children:?}");
    assert!(commands.clone().any(|command| command.contains(" sim ")), "{commands:?}");

    let mut events: Vec<_> =
        (0..200).map(|order| (new_id(), sample::dossier(order).to_string())).collect();
    let mut first = publish(&bus, &events);
    // The last of them is acknowledged a moment before the end.
    events.push((new_id(), sample::dossier(200).to_string()));
    first.extend(publish(&bus, &events[200..]));
    assert!(first.iter().all(|receipt| !receipt.duplicate));
    bus.kill().unwrap();
    for child in &children {
        wait_until("the child ends with its parent", Duration::from_secs(10), || {
            !process::is_alive(*child)
        })
        .unwrap();
    }
    assert_eq!(process::working_in(&folder), [""; 0]);

    let bus = Bus::start_in(&folder, &[]).unwrap();
    assert_known(&bus, &events, &first);
    assert!(bus.stop().unwrap().success(), "a stop in order is a success");
    assert_eq!(process::working_in(&folder), [""; 0]);
    let lag = lgsp_tests::bus::run(&["lag", "--data-dir", folder.join("data").to_str().unwrap()]);
    let lag = lag.unwrap();
    assert_eq!(lag.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&lag.stderr).contains("lgsp up"), "says how to start it");

    // The store is a projection: the topics tell it all again.
    let mut deleted = 0;
    for file in fs::read_dir(folder.join("data")).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_str().unwrap().starts_with("receipts.sqlite") {
            fs::remove_file(file.path()).unwrap();
            deleted += 1;
        }
    }
    assert!(deleted > 0);
    let bus = Bus::start_in(&folder, &[]).unwrap();
    assert_known(&bus, &events, &first);
    let other = vec![sample::event(&events[7].0, &sample::dossier(999).to_string())];
    let conflict = grpc::publish_all(bus.base_url(), &bus.token("motcua").unwrap(), other).unwrap();
    assert_eq!(conflict[0].as_ref().unwrap_err().code, "conflict");
}
