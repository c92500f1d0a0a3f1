//! Two buses on one Kafka share their receipts in one PostgreSQL: together they record an event
//! once, whichever of them hears of it, and whatever happens to either, or to PostgreSQL.
#![cfg(test)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use lgsp_proto::event::v1::publish_events_response::Result as Outcome;
use lgsp_proto::event::v1::{
    GetReceiptRequest, PublishEventRequest, PublishEventsRequest, Receipt,
};
use lgsp_tests::process::{self, wait_until};
use lgsp_tests::sample::{self, SOURCE, new_id};
use lgsp_tests::{Bus, Postgres, grpc, kcat, place};
use rustix::process::Signal;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

const TOPIC: &str = "lgsp.dossier.v1";

/// How long it may take until what a dead bus had claimed is settled.
const SETTLED: Duration = Duration::from_secs(60);

/// A bus that takes no events here: it runs the Kafka of all the others.
static HOST: LazyLock<Bus> = LazyLock::new(|| Bus::start().unwrap());

/// Tests take turns: each starts three processes on a machine that may have two cores.
static TURN: Mutex<()> = Mutex::new(());

/// A database that two buses share, and where they live.
struct Scene {
    postgres: Postgres,
    folders: [PathBuf; 2],
    _turn: MutexGuard<'static, ()>,
}

impl Scene {
    fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let postgres = Postgres::start().unwrap();
        postgres.create_role("lgsp").unwrap();
        postgres.sql("postgres", "create database lgsp owner lgsp").unwrap();
        let folders = [place::scratch().unwrap(), place::scratch().unwrap()];
        Self { postgres, folders, _turn: turn }
    }

    fn start_in(&self, folder: &Path) -> anyhow::Result<Bus> {
        let password = self.postgres.password_file().unwrap();
        let url = self.postgres.url("lgsp", "lgsp");
        let options = ["--kafka", HOST.kafka(), "--receipts", &url, "--receipts-password-file"];
        Bus::start_in(folder, &[&options[..], &[password.to_str().unwrap()]].concat())
    }

    /// Starts both; the second gets the keys of the first, as an operator would copy them.
    fn start(&self) -> [Bus; 2] {
        let first = self.start_in(&self.folders[0]).unwrap();
        let keys = self.folders[1].join("data/keys");
        if !keys.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&keys).unwrap();
            for key in fs::read_dir(self.folders[0].join("data/keys")).unwrap() {
                let key = key.unwrap();
                fs::copy(key.path(), keys.join(key.file_name())).unwrap();
            }
        }
        [first, self.start_in(&self.folders[1]).unwrap()]
    }
}

/// A client of one of the buses.
#[derive(Clone)]
struct Sender {
    events: EventServiceClient<Channel>,
    token: String,
}

impl Sender {
    async fn of(bus: &Bus) -> Self {
        let events = grpc::events(bus.base_url()).await.unwrap();
        Self { events, token: bus.token("motcua").unwrap() }
    }

    async fn publish(&mut self, id: &str, data: &str) -> Result<Receipt, Status> {
        let message =
            PublishEventRequest { event: Some(sample::event(id, data)), ..Default::default() };
        let mut request = grpc::with_token(&self.token, message).unwrap();
        request.set_timeout(Duration::from_secs(10));
        let answer = self.events.publish_event(request).await?;
        Ok(answer.into_inner().receipt.unwrap())
    }

    /// Publishes until that is known to be done; tells how often it was not known.
    async fn insist(&mut self, id: &str, data: &str) -> (Receipt, usize) {
        let begun = Instant::now();
        let mut unknown = 0;
        loop {
            match self.publish(id, data).await {
                Ok(receipt) => return (receipt, unknown),
                Err(status) => {
                    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                    assert!(begun.elapsed() < SETTLED, "{status:?}");
                    unknown += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn receipt(&mut self, id: &str) -> Result<Receipt, Status> {
        let which = GetReceiptRequest { source: SOURCE.to_owned(), id: id.to_owned() };
        let request = grpc::with_token(&self.token, which).unwrap();
        Ok(self.events.get_receipt(request).await?.into_inner().receipt.unwrap())
    }
}

/// Makes records under new ids.
fn records(orders: std::ops::Range<u32>) -> Vec<(String, String)> {
    orders.map(|order| (new_id(), sample::dossier(order).to_string())).collect()
}

/// Counts how often each of some ids lies in the log, and makes sure that it is as sent.
fn stored(sent: &[(String, String)]) -> HashMap<String, usize> {
    let sent: HashMap<_, _> = sent.iter().cloned().collect();
    let mut found = HashMap::new();
    for record in kcat::read(HOST.kafka(), TOPIC).unwrap() {
        let id = &record.headers["ce_id"];
        if let Some(data) = sent.get(id) {
            assert_eq!(record.value, data.as_bytes(), "exactly as sent");
            *found.entry(id.clone()).or_default() += 1;
        }
    }
    found
}

fn assert_once(sent: &[(String, String)]) {
    let found = stored(sent);
    let other: Vec<_> = sent.iter().filter(|(id, _)| found.get(id) != Some(&1)).collect();
    assert!(other.is_empty(), "{} of {} ids are not there exactly once", other.len(), sent.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_ids_sent_to_both_at_once_are_recorded_once() {
    const AT_ONCE: usize = 24;
    let scene = Scene::new();
    let [first, second] = scene.start();
    let (first, second) = (Sender::of(&first).await, Sender::of(&second).await);
    let sent = records(0..600);
    // At first they race for each id, then they come from both ends and meet in the middle.
    let mut other_way = sent.clone();
    other_way[300..].reverse();
    let all_at = |sender: &Sender, sent: Vec<(String, String)>| {
        let sender = sender.clone();
        async move {
            let publishing = sent.into_iter().map(|(id, data)| {
                let mut sender = sender.clone();
                async move { (id.clone(), sender.insist(&id, &data).await) }
            });
            futures_util::stream::iter(publishing)
                .buffer_unordered(AT_ONCE)
                .collect::<HashMap<_, _>>()
                .await
        }
    };
    let (at_first, at_second) =
        tokio::join!(all_at(&first, sent.clone()), all_at(&second, other_way));
    let (mut taken_by_first, mut unknown) = (0, 0);
    for (id, _) in &sent {
        let ((one, unknown_one), (other, unknown_other)) = (&at_first[id], &at_second[id]);
        assert_eq!((one.partition, one.offset), (other.partition, other.offset), "one place");
        assert!(one.duplicate != other.duplicate, "one of them was the first: {one:?} {other:?}");
        taken_by_first += usize::from(!one.duplicate);
        unknown += unknown_one + unknown_other;
    }
    println!("{taken_by_first} of {} taken by the first, {unknown} times unknown", sent.len());
    assert!(taken_by_first > 0 && taken_by_first < sent.len(), "both had work: {taken_by_first}");
    assert!(unknown > 0, "they met on some");
    assert_once(&sent);

    // What one knows the other knows.
    let (mut first, mut second) = (first, second);
    let (id, data) = (new_id(), sample::dossier(1).to_string());
    let (known, _) = first.insist(&id, &data).await;
    let other = sample::dossier(2).to_string();
    let conflict = loop {
        let refused = second.publish(&id, &other).await.unwrap_err();
        if refused.code() != Code::Unavailable {
            break refused;
        }
    };
    assert_eq!(conflict.code(), Code::AlreadyExists, "{conflict:?}");
    let told = second.receipt(&id).await.unwrap();
    assert_eq!((told.partition, told.offset), (known.partition, known.offset));
    assert_eq!(second.receipt(&new_id()).await.unwrap_err().code(), Code::NotFound);
    // The state that the entity had is known too.
    let mut state = sample::dossier(9_001);
    state["TrangThaiHoSo"] = "10".into();
    first.insist(&new_id(), &state.to_string()).await;
    wait_until("both know the dossier", Duration::from_secs(10), || {
        scene.postgres.sql("lgsp", "select 1 from lgsp.entity where state = '10'").unwrap() == "1"
    })
    .unwrap();
    state["TrangThaiHoSo"] = "2".into();
    let (odd, _) = second.insist(&new_id(), &state.to_string()).await;
    assert!(odd.warnings.iter().any(|warning| warning.rule == "state_transition"), "{odd:?}");
}

/// Streams what is not acknowledged yet; returns how many answers were unknown, when the stream
/// ended, or once as many as wanted are acknowledged.
async fn stream(
    bus: &Bus,
    sent: &[(String, String)],
    acknowledged: &mut HashSet<String>,
    wanted: usize,
) -> usize {
    const AHEAD: usize = 300;
    let mut sender = Sender::of(bus).await;
    let rest: Vec<_> = sent.iter().filter(|(id, _)| !acknowledged.contains(id)).cloned().collect();
    let (feed, fed) = tokio::sync::mpsc::channel(AHEAD);
    let feeding = async move {
        for (id, data) in rest {
            let event = Some(sample::event(&id, &data));
            let request = PublishEventsRequest { event, ..Default::default() };
            if feed.send(request).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        let request = grpc::with_token(&sender.token, ReceiverStream::new(fed)).unwrap();
        let mut unknown = 0;
        let Ok(answers) = sender.events.publish_events(request).await else { return 1 };
        let mut answers = answers.into_inner();
        while let Ok(Some(answer)) = answers.message().await {
            match answer.result.unwrap() {
                Outcome::Receipt(receipt) => drop(acknowledged.insert(receipt.id)),
                Outcome::Fault(fault) => {
                    assert_eq!(fault.code, "log_unavailable");
                    unknown += 1;
                }
                other => panic!("{other:?}"),
            }
            if acknowledged.len() >= wanted {
                break;
            }
        }
        unknown
    };
    tokio::join!(feeding, reading).1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_bus_had_on_its_way_settles_to_once_at_the_other() {
    let scene = Scene::new();
    let [first, second] = scene.start();
    let sent = records(0..2_000);
    let mut acknowledged = HashSet::new();
    let begun = Instant::now();
    stream(&first, &sent, &mut acknowledged, 700).await;
    println!("700 by one stream took {:?}", begun.elapsed());
    assert!(acknowledged.len() >= 700 && acknowledged.len() < sent.len());
    first.kill().unwrap();
    let reached = stored(&sent).len();
    println!("{} acknowledged, {reached} in the log when it was killed", acknowledged.len());
    assert!(reached < sent.len(), "it was killed in the middle");

    // All that it left claimed is in doubt at first.
    let claims = "select count(*) from lgsp.receipt where partition is null";
    let claimed: usize = scene.postgres.sql("lgsp", claims).unwrap().parse().unwrap();
    assert!(claimed > 0, "something was at stake");
    let begun = Instant::now();
    let mut unknown = 0;
    while acknowledged.len() < sent.len() {
        unknown += stream(&second, &sent, &mut acknowledged, sent.len()).await;
        assert!(begun.elapsed() < SETTLED, "{} acknowledged", acknowledged.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{claimed} claims of the dead, {unknown} times unknown, {:?}", begun.elapsed());
    assert!(unknown > 0, "in doubt until it was settled");
    assert_once(&sent);

    // Back again, it knows what the other took meanwhile.
    let first = scene.start_in(&scene.folders[0]).unwrap();
    let mut first = Sender::of(&first).await;
    for (id, data) in sent.iter().step_by(100) {
        assert!(first.insist(id, data).await.0.duplicate);
    }
    assert_once(&sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_nothing_is_taken_and_what_it_lost_is_read_from_the_topics() {
    let mut scene = Scene::new();
    let buses = scene.start();
    let [mut first, mut second] = [Sender::of(&buses[0]).await, Sender::of(&buses[1]).await];
    let mut sent = records(0..200);
    for (number, (id, data)) in sent.iter().enumerate() {
        let sender = if number % 2 == 0 { &mut first } else { &mut second };
        assert!(!sender.insist(id, data).await.0.duplicate);
    }

    scene.postgres.kill().unwrap();
    let refused = records(200..210);
    for (id, data) in &refused {
        for sender in [&mut first, &mut second] {
            assert_eq!(sender.publish(id, data).await.unwrap_err().code(), Code::Unavailable);
        }
    }
    let (id, _) = &sent[0];
    assert_eq!(first.receipt(id).await.unwrap_err().code(), Code::Unavailable);
    for bus in &buses {
        wait_until("readiness says so", Duration::from_secs(30), || {
            bus.get("/readyz").send().unwrap().text().contains("PostgreSQL")
        })
        .unwrap();
    }
    assert!(stored(&refused).is_empty(), "nothing was appended without a claim");
    scene.postgres.start_again().unwrap();
    for (id, data) in &refused {
        assert!(!first.insist(id, data).await.0.duplicate);
    }
    sent.extend(refused);
    for bus in &buses {
        wait_until("the bus is ready again", Duration::from_secs(30), || {
            bus.get("/readyz").send().unwrap().status == 200
        })
        .unwrap();
    }
    assert_once(&sent);

    // Emptied while nobody runs, and made anew by whoever starts first.
    for bus in buses {
        assert!(bus.stop().unwrap().success());
    }
    let left = scene.postgres.sql("lgsp", "select count(*) from lgsp.holder").unwrap();
    assert_eq!(left, "0", "who leaves in order leaves nothing behind");
    scene.postgres.sql("lgsp", "drop schema lgsp cascade").unwrap();
    let buses = scene.start();
    for bus in &buses {
        let mut sender = Sender::of(bus).await;
        for (id, data) in &sent {
            assert!(sender.insist(id, data).await.0.duplicate);
        }
    }
    assert_once(&sent);

    // A bus with a key of its own would give a citizen a second record key.
    let stranger = scene.start_in(&place::scratch().unwrap()).unwrap_err().to_string();
    assert!(stranger.contains("another province key") && stranger.contains("keys/"), "{stranger}");

    // One that stood still too long is given up by the others, and says so when it wakes up.
    let [paused, other] = buses;
    process::send(paused.pid(), Signal::STOP).unwrap();
    let settled = wait_until("the other settles its claims", SETTLED, || {
        other.log().unwrap().contains("a process died")
    });
    process::send(paused.pid(), Signal::CONT).unwrap();
    settled.unwrap();
    wait_until("it ends by itself", Duration::from_secs(30), || !process::is_alive(paused.pid()))
        .unwrap();
    assert!(paused.log().unwrap().contains("took this one for dead"));
    assert_eq!(other.get("/readyz").send().unwrap().status, 200);
    let mut other = Sender::of(&other).await;
    assert!(other.insist(&sent[0].0, &sent[0].1).await.0.duplicate);
}
