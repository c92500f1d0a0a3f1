//! A province's working day while the bus and its broker are killed: nothing acknowledged is lost,
//! nothing is recorded twice, nothing overtakes, everything refused is explained.
//!
//! `make soak` is the long form.
#![cfg(test)]

mod adapters;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use adapters::Adapters;
use lgsp_sim::day::{Day, Expected, Planned, Settings, Shares, Way, systems};
use lgsp_tests::process::{self, wait_for, wait_until};
use lgsp_tests::{Bus, bus, oracle, place, province};
use rustix::process::Signal;
use serde_json::Value;

const SEED: u64 = 20_260_703;
/// How long service may take to come back, pauses between attempts included.
const RETURN: Duration = Duration::from_secs(120);
/// How many records are settled between two kills, so that each comes into the middle of traffic.
const BETWEEN: usize = 100;

/// Reads a figure of the environment, for the long form.
#[expect(clippy::disallowed_methods, reason = "the long form of this test is chosen by it")]
fn figure(name: &str, usual: u32) -> u32 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The sender's program; ended with this.
struct Sender(Child);

impl Sender {
    fn start(bus: &Bus, adapters: &Adapters, dossiers: u32, speed: f64, ledger: &Path) -> Self {
        let child = bus::lgsp()
            .unwrap()
            .args(["sim", "traffic", "--day", "--output", "json", "--patience", "300"])
            .args(["--dossiers", &dossiers.to_string(), "--seed", &SEED.to_string()])
            .args(["--speed", &speed.to_string(), "--to", bus.base_url()])
            .arg("--data-dir")
            .arg(bus.data_dir())
            .arg("--ledger")
            .arg(ledger)
            .arg("--files")
            .arg(adapters.files())
            .args(["--database", &adapters.database()])
            .stdout(fs::File::create(ledger.with_extension("sums")).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn is_at_work(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn ends(&mut self) -> ExitStatus {
        let patience = Duration::from_secs(900);
        wait_for("the day ends", patience, || self.0.try_wait().ok().flatten()).unwrap()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Counts the records that are settled.
fn settled(ledger: &Path) -> usize {
    fs::read(ledger).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn a_working_day_with_kills_of_the_bus_and_the_broker_leaves_every_record_accounted_for() {
    let (kills, dossiers) = (figure("LGSP_KILLS", 3), figure("LGSP_DOSSIERS", 600));
    println!("seed {SEED}, {dossiers} dossiers, {kills} kills");
    let folder = place::scratch().unwrap();
    province::write_registry(&folder.join("data")).unwrap();
    let ports = (free_port(), free_port());
    let start = || Bus::start_at(&folder, ports, "warn", &[]).unwrap();
    let mut bus = start();
    let systems = systems(&province::offices(), province::CLIENT, &Way::ALL);
    let adapters = Adapters::start(&bus, &systems);
    let ledger = folder.join("ledger.jsonl");
    // Eight hours of work, in a time that holds all kills and what comes back after each.
    let speed = 28_800.0 / f64::from(15 * kills + 15);
    let mut sender = Sender::start(&bus, &adapters, dossiers, speed, &ledger);
    let (mut killed_buses, mut killed_brokers) = (0, 0);
    let mut base = 0;
    for kill in 0..kills {
        wait_until("records are settled", RETURN, || settled(&ledger) >= base + BETWEEN).unwrap();
        assert!(sender.is_at_work(), "the day is over after {kill} kills");
        if kill % 2 == 0 {
            bus.kill().unwrap();
            base = settled(&ledger);
            bus = start();
            killed_buses += 1;
        } else {
            let broker = bus.broker_pid().unwrap();
            process::send(broker, Signal::KILL).unwrap();
            base = settled(&ledger);
            wait_until("another broker runs", RETURN, || {
                bus.broker_pid().is_some_and(|pid| pid != broker && process::is_alive(pid))
            })
            .unwrap();
            killed_brokers += 1;
        }
    }
    wait_until("service has come back", RETURN, || settled(&ledger) >= base + BETWEEN).unwrap();
    let ended = sender.ends();
    let sums = fs::read_to_string(ledger.with_extension("sums")).unwrap();
    println!("{killed_buses} times the bus, {killed_brokers} times the broker: {sums}");
    let sums: Value = serde_json::from_str(&sums).unwrap();

    adapters.finish();

    let settings = Settings {
        seed: SEED,
        day: jiff::civil::date(2026, 7, 3),
        dossiers,
        agencies: systems,
        shares: Shares::USUAL,
    };
    let day = || Day::new(settings.clone());
    let verdict = oracle::judge(day(), &ledger, bus.kafka()).unwrap();
    println!("{:?}", verdict.counts);
    assert!(verdict.faults.is_empty(), "{:#?}", verdict.faults);
    assert!(ended.success(), "{sums}");
    // Something was at stake.
    assert_eq!(killed_buses + killed_brokers, kills);
    assert!(killed_buses > 0 && (kills < 2 || killed_brokers > 0));
    for (what, least) in
        [("accepted", 1_000), ("refused", 10), ("duplicates", 5), ("late", 3), ("dead letters", 1)]
    {
        assert!(verdict.of(what) >= least, "{what}: {:?}", verdict.counts);
    }
    assert!(verdict.of("sent again") > 0, "a kill has interrupted somebody");
    for way in Way::ALL {
        let sums = &sums["ways"][way.name()];
        let taken = sums["recorded"].as_u64().unwrap() + sums["handed_over"].as_u64().unwrap();
        assert!(taken > 20, "{}: {taken}", way.name());
    }
    notices_what_is_wrong(day, &ledger, bus.kafka());
}

/// The oracle is no yes-sayer: it names a record that nobody planned, one that is missing, a line
/// that says otherwise, and one that is not there.
fn notices_what_is_wrong(day: impl Fn() -> Day, ledger: &Path, kafka: &str) {
    let text = fs::read_to_string(ledger).unwrap();
    let tampered = ledger.with_extension("tampered");
    let faults = |day: &mut dyn Iterator<Item = Planned>, text: &str| {
        fs::write(&tampered, text).unwrap();
        oracle::judge(day, &tampered, kafka).unwrap().faults.join("\n")
    };
    let last_is_accepted = |planned: &Planned| planned.expected == Expected::Accepted;
    let last = day().filter(last_is_accepted).last().unwrap().id;
    let shorter = faults(&mut day().filter(|planned| planned.id != last), &text);
    assert!(shorter.contains("was read and never sent"), "{shorter}");
    let mut extra = day().next().unwrap();
    extra.id.push_str("-more");
    let longer = faults(&mut day().chain([extra]), &text);
    assert!(longer.contains("-more ("), "{longer}");
    assert!(longer.contains("was read 0 times"), "{longer}");
    let missing = text.split_once('\n').unwrap().1;
    assert!(faults(&mut day(), missing).contains("has 0 lines"));
    let relabelled = text.replacen("\"outcome\":\"recorded\"", "\"outcome\":\"unknown\"", 1);
    assert!(faults(&mut day(), &relabelled).contains("was planned, and unknown"));
}
