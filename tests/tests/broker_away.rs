//! Kafka dies, stays away or hangs while the bus runs: nothing acknowledged is lost, nothing is
//! recorded twice, everybody is told what is known, and all of it mends without a restart.
#![cfg(test)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lgsp_audit::{Entry, OutcomeKind};
use lgsp_proto::event::v1::publish_events_response::Result as Outcome;
use lgsp_proto::event::v1::{GetReceiptRequest, PublishEventRequest, PublishEventsRequest};
use lgsp_sim::people::Population;
use lgsp_tests::process::{self, wait_for, wait_until};
use lgsp_tests::sample::{self, DOSSIER, SOURCE, new_id};
use lgsp_tests::{Answer, Bus, grpc, kcat, place};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// How long Kafka may take to be back, pauses between attempts included.
const RETURN: Duration = Duration::from_secs(60);

/// A bus whose Java can be taken away, so that a dead broker stays dead.
struct Shaken {
    bus: Bus,
    java: PathBuf,
}

static SHAKEN: LazyLock<Mutex<Shaken>> = LazyLock::new(|| {
    let folder = place::scratch().unwrap();
    let java = folder.join("java");
    fs::write(&java, "#!/bin/sh\nexec java \"$@\"\n").unwrap();
    fs::set_permissions(&java, fs::Permissions::from_mode(0o755)).unwrap();
    let bus = Bus::start_in(&folder, &["--java", java.to_str().unwrap()]).unwrap();
    Mutex::new(Shaken { bus, java })
});

/// Waits for one's turn: each test shakes the same bus, and needs it whole at its beginning.
fn shaken() -> MutexGuard<'static, Shaken> {
    let shaken = SHAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    shaken.comes_back();
    shaken
}

impl Shaken {
    fn kill_broker(&self) -> u32 {
        let broker = self.bus.broker_pid().unwrap();
        process::send(broker, Signal::KILL).unwrap();
        broker
    }

    fn take_java_away(&self) {
        fs::rename(&self.java, self.java.with_extension("away")).unwrap();
    }

    fn give_java_back(&self) {
        fs::rename(self.java.with_extension("away"), &self.java).unwrap();
    }

    fn readiness(&self) -> Answer {
        self.bus.get("/readyz").send().unwrap()
    }

    fn comes_back(&self) {
        let is_ready = || self.readiness().status == 200;
        wait_until("the bus is ready again", RETURN, is_ready).unwrap();
    }

    /// Tells how many questions the simulated national platform has answered.
    fn reached(&self) -> usize {
        self.bus.log().unwrap().matches("answered a look-up").count()
    }

    /// Asks for someone, with so many seconds to answer.
    fn look_up(&self, request_id: &str, seconds: u32) -> Answer {
        let person = Population::new(2026).person(77).unwrap();
        self.bus
            .post("/v1/population/citizens:lookUp")
            .bearer(&self.bus.token("tracuu").unwrap())
            .header("x-request-id", request_id)
            .header("grpc-timeout", &format!("{seconds}S"))
            .json(&json!({
                "purpose": {
                    "dossierCode": "H61.14-260703-0001",
                    "procedureCode": "1.004227",
                    "officerNumber": "CB0001",
                },
                "personalNumber": person.personal_number,
                "fullName": person.name.to_string(),
                "birthDate": person.birth.to_string(),
            }))
            .send()
            .unwrap()
    }

    /// Finds how often an event is in the log, and that it is there as it was sent.
    fn stored(&self, id: &str, data: &str) -> usize {
        let records = kcat::read(self.bus.kafka(), "lgsp.dossier.v1").unwrap();
        let found = records.iter().filter(|record| record.headers["ce_id"] == id);
        found.inspect(|record| assert_eq!(record.value, data.as_bytes())).count()
    }
}

fn request<T>(token: &str, message: T, timeout: Duration) -> Request<T> {
    let mut request = grpc::with_token(token, message).unwrap();
    request.set_timeout(timeout);
    request
}

/// Publishes one event over gRPC within a time, and tells how long that took.
async fn publish(
    bus: &Bus,
    id: &str,
    data: &str,
    timeout: Duration,
) -> (Result<(), Status>, Duration) {
    let message = PublishEventRequest { event: Some(sample::event(id, data)), dry_run: false };
    let token = bus.token("motcua").unwrap();
    let mut client = grpc::events(bus.base_url()).await.unwrap();
    let begun = Instant::now();
    let answered = client.publish_event(request(&token, message, timeout)).await;
    (answered.map(|_| ()), begun.elapsed())
}

/// The outcome is unknown, and the caller is told when to send the same again.
fn assert_in_doubt(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let retry = status.get_details_retry_info().unwrap();
    assert!(retry.retry_delay.unwrap() > Duration::ZERO);
    let info = status.get_error_details();
    assert_eq!(info.error_info().unwrap().reason, "LOG_UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::await_holding_lock, reason = "tests take turns; nothing else waits for the lock")]
async fn a_broker_killed_in_the_middle_of_a_stream_loses_nothing_and_doubles_nothing() {
    const EVENTS: u32 = 3000;
    // The first time the client stays on its stream, the second time it goes away as well.
    const KILL_AT: [usize; 2] = [500, 1500];
    const WINDOW: usize = 300;
    let shaken = shaken();
    let bus = &shaken.bus;
    let token = bus.token("motcua").unwrap();
    let data: HashMap<String, String> =
        (0..EVENTS).map(|order| (new_id(), sample::dossier(order).to_string())).collect();
    let mut acknowledged: HashSet<String> = HashSet::new();
    let mut killed = Vec::new();
    let (mut rounds, mut in_doubt, mut known) = (0, 0, 0);
    while acknowledged.len() < data.len() {
        rounds += 1;
        assert!(rounds < 20, "{} of {} events acknowledged", acknowledged.len(), data.len());
        // All that is not acknowledged, under the ids of the first time.
        let rest: Vec<_> = data.iter().filter(|(id, _)| !acknowledged.contains(*id)).collect();
        let mut unsent = rest.iter();
        let (feed, fed) = tokio::sync::mpsc::channel(WINDOW);
        let mut client = grpc::events(bus.base_url()).await.unwrap();
        let request = grpc::with_token(&token, ReceiverStream::new(fed)).unwrap();
        let mut answers = client.publish_events(request).await.unwrap().into_inner();
        for (number, (id, _)) in rest.iter().enumerate() {
            // Never far ahead of the answers, so that a death comes in the middle.
            let ahead = WINDOW - (rest.len() - unsent.len() - number);
            for (id, data) in unsent.by_ref().take(ahead) {
                let event = Some(sample::event(id, data));
                // Refused once the bus has ended the stream, which its answers then tell.
                feed.send(PublishEventsRequest { event, dry_run: false }).await.ok();
            }
            let answer = match answers.message().await {
                Ok(Some(answer)) => answer,
                Ok(None) => panic!(
                    "round {rounds} ended after {number} of {} answers, {killed:?}",
                    rest.len()
                ),
                // An event was not taken, so none after it was: the rest is sent again.
                Err(status) => {
                    assert!(!killed.is_empty(), "{status:?}");
                    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
                    break;
                }
            };
            assert_eq!(answer.id, **id, "in the order of the events");
            match answer.result.unwrap() {
                Outcome::Receipt(receipt) => {
                    assert_eq!(
                        (receipt.id.as_str(), receipt.source.as_str()),
                        (id.as_str(), SOURCE)
                    );
                    known += usize::from(receipt.duplicate);
                    assert!(acknowledged.insert((*id).clone()));
                }
                Outcome::Verdict(_) => panic!("no dry run was asked for"),
                Outcome::Fault(fault) => {
                    assert!(!killed.is_empty(), "{fault:?}");
                    assert!(fault.retryable && fault.retry_after_ms.is_some(), "{fault:?}");
                    assert_eq!(fault.code, "log_unavailable");
                    in_doubt += 1;
                }
            }
            let next = KILL_AT.get(killed.len());
            if next.is_some_and(|next| acknowledged.len() >= *next) {
                killed.push(shaken.kill_broker());
                if killed.len() == KILL_AT.len() {
                    break;
                }
            }
        }
    }
    // There were faults, in the middle, with events on their way; and service came back.
    assert_eq!(killed.len(), KILL_AT.len(), "killed as planned");
    assert_ne!(killed[0], killed[1]);
    assert!(rounds > 1, "the client had to send again");
    println!("{rounds} rounds, {in_doubt} times in doubt, {known} ids were known already");
    assert!(known > 0, "some ids were sent again that were on their way or recorded");
    wait_until("another broker runs", RETURN, || {
        bus.broker_pid().is_some_and(|pid| !killed.contains(&pid))
    })
    .unwrap();

    let mut found: HashMap<String, usize> = HashMap::new();
    for record in kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap() {
        let id = &record.headers["ce_id"];
        if let Some(sent) = data.get(id) {
            assert_eq!(record.value, sent.as_bytes(), "exactly as sent");
            *found.entry(id.clone()).or_default() += 1;
        }
    }
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{} ids are not there exactly once", twice.len());
    assert_eq!(found.len(), data.len(), "everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::await_holding_lock, reason = "tests take turns; nothing else waits for the lock")]
async fn while_the_broker_is_away_everybody_is_told_and_nothing_is_asked() {
    let shaken = shaken();
    let bus = &shaken.bus;
    let pid = bus.pid();
    let (token, asked_before) = (bus.token("motcua").unwrap(), new_id());
    assert_eq!(shaken.look_up(&asked_before, 10).status, 200);
    let reached = shaken.reached();
    assert!(reached > 0, "the log shows what reaches the national platform");

    shaken.take_java_away();
    let dead = shaken.kill_broker();
    wait_until("the broker is dead", Duration::from_secs(5), || !process::is_alive(dead)).unwrap();

    // An event: unknown, within the caller's own deadline.
    let (id, data) = (new_id(), sample::dossier(5001).to_string());
    let patience = Duration::from_secs(2);
    let (answered, took) = publish(bus, &id, &data, patience).await;
    assert_in_doubt(&answered.unwrap_err());
    assert!(took <= patience, "{took:?}");
    let mut client = grpc::events(bus.base_url()).await.unwrap();
    let which = GetReceiptRequest { source: SOURCE.to_owned(), id: id.clone() };
    let doubted = client.get_receipt(request(&token, which, patience)).await;
    assert_in_doubt(&doubted.unwrap_err());

    let http_id = new_id();
    let answer = bus
        .post("/v1/events")
        .bearer(&token)
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", &http_id)
        .header("ce-source", SOURCE)
        .header("ce-type", DOSSIER)
        .header("grpc-timeout", "2S")
        .body(data.as_bytes())
        .send()
        .unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("1"));
    let problem = answer.json().unwrap();
    assert_eq!(
        (&problem["code"], &problem["retryable"]),
        (&json!("log_unavailable"), &json!(true))
    );
    assert!(problem["retryAfterMs"].as_u64().unwrap() > 0);

    // A question: without evidence nobody is asked.
    let request_id = new_id();
    let refused = shaken.look_up(&request_id, 2);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json().unwrap()["code"], "audit_unavailable");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(shaken.reached(), reached, "a question without evidence reached the far side");

    // Readiness says why; the process itself is alive.
    let told = wait_for("readiness says why", Duration::from_secs(20), || {
        let answer = shaken.readiness();
        (answer.status == 503).then(|| answer.json().unwrap())
    })
    .unwrap();
    assert_eq!(
        (&told["status"], &told["checks"]["kafka"]["ok"]),
        (&json!("not ready"), &json!(false))
    );
    assert!(told["checks"]["kafka"]["reason"].as_str().unwrap().len() > 5, "{told}");
    assert_eq!(bus.get("/healthz").send().unwrap().status, 200);
    let check = bus.command(&["check", "--output", "json"]).unwrap();
    assert_eq!(check.status.code(), Some(1), "what operators ask says so too");
    let checks: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert!(checks.to_string().contains("kafka: "), "{checks}");

    shaken.give_java_back();
    shaken.comes_back();
    assert_eq!(bus.pid(), pid, "without a restart");
    assert!(process::is_alive(pid));
    // The same ids again: recorded once.
    for id in [&id, &http_id] {
        assert!(publish(bus, id, &data, Duration::from_secs(10)).await.0.is_ok());
        assert_eq!(shaken.stored(id, &data), 1);
    }
    assert_eq!(shaken.look_up(&new_id(), 10).status, 200);
    assert!(shaken.reached() > reached);
    assert_evidence(&shaken, &request_id);
}

/// The question that was not asked is on record as that; the chain holds; nobody is named.
fn assert_evidence(shaken: &Shaken, request_id: &str) {
    let closed = wait_for("the question is closed", Duration::from_secs(10), || {
        let records = kcat::read(shaken.bus.kafka(), "lgsp.audit.v1").unwrap();
        let (entries, broken) = lgsp_audit::verify(records.iter().map(|one| one.value.as_slice()));
        assert_eq!(broken, [], "the chain holds");
        let person = Population::new(2026).person(77).unwrap();
        let mut open = HashMap::new();
        let mut ends = HashMap::new();
        for entry in entries {
            match entry {
                Entry::Intent(intent) => drop(open.insert(intent.audit_id, intent)),
                Entry::Outcome { audit_id, outcome } => {
                    assert!(open.contains_key(&audit_id), "an outcome without an earlier intent");
                    assert!(ends.insert(audit_id, outcome.kind).is_none(), "one end each");
                }
            }
        }
        for record in &records {
            let text = String::from_utf8_lossy(&record.value);
            assert!(!text.contains(&person.personal_number), "a number in clear text");
            assert!(!text.contains(&person.name.to_string()), "a name in clear text");
        }
        let log = shaken.bus.log().unwrap();
        assert!(!log.contains(&person.personal_number), "a number in the log");
        let asked = open.values().find(|intent| intent.request_id == request_id)?;
        ends.get(&asked.audit_id).copied()
    });
    assert_eq!(closed.unwrap(), OutcomeKind::NotAsked);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::await_holding_lock, reason = "tests take turns; nothing else waits for the lock")]
async fn a_broker_that_hangs_holds_nobody_beyond_the_deadline() {
    let shaken = shaken();
    let bus = &shaken.bus;
    let reached = shaken.reached();
    let broker = bus.broker_pid().unwrap();
    process::send(broker, Signal::STOP).unwrap();

    let (id, data) = (new_id(), sample::dossier(5003).to_string());
    let patience = Duration::from_millis(1500);
    let (answered, took) = publish(bus, &id, &data, patience).await;
    let asked = shaken.look_up(&new_id(), 1);
    let unready = wait_until("the silence is noticed", Duration::from_secs(30), || {
        shaken.readiness().status == 503
    });
    let reached_meanwhile = shaken.reached();
    process::send(broker, Signal::CONT).unwrap();

    assert_in_doubt(&answered.unwrap_err());
    assert!(took <= patience, "{took:?}");
    assert_eq!(asked.json().unwrap()["code"], "audit_unavailable");
    assert_eq!(reached_meanwhile, reached);
    unready.unwrap();
    shaken.comes_back();
    assert_eq!(bus.broker_pid(), Some(broker), "it was never restarted");
    assert!(publish(bus, &id, &data, Duration::from_secs(10)).await.0.is_ok());
    assert_eq!(shaken.stored(&id, &data), 1);
}
