//! `lgsp sim traffic`: a province's day pushed into a bus by every way that is reachable.
//!
//! A planner reads the day in its order and hands each record to the lane of its way. A lane keeps
//! its records in order and sends again, under the same id, whatever it is not told the outcome
//! of. The ledger has one line for each record: what was planned and what became of it.

mod batch;
mod fate;
mod file;
mod grpc;
mod http;
mod lane;
mod ledger;
mod outbox;
mod packet;
mod sender;
mod summary;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lgsp_core::digest::Digest128;
use lgsp_core::identifier::ClientId;
use lgsp_sim::day::{Agency, Day, Office, Settings, Shares, Way, systems};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::cli::{self, Traffic};
use crate::data_dir::DataDir;
use lane::Errand;
use ledger::Ledger;
use sender::Sender;

/// How many records may wait for a lane: a slow one holds the planner back.
const LANE_ROOM: usize = 64;
/// How many lanes a way of single calls has.
const CALL_LANES: usize = 4;
/// How many lanes every other way over the network has.
const BATCH_LANES: usize = 2;

/// Pushes the day; success means that all went as planned.
pub(crate) async fn run(options: Traffic) -> Result<bool> {
    if !options.day {
        bail!("say which traffic: --day pushes a working day");
    }
    let target = target(&options)?;
    let mut ways = vec![Way::GrpcStream, Way::Grpc, Way::Http, Way::HttpBatch, Way::Packet];
    ways.extend(options.files.as_ref().map(|_| Way::File));
    ways.extend(options.database.as_ref().map(|_| Way::Outbox));
    let agencies = systems(&target.offices, &target.client, &ways);
    let settings = Settings {
        seed: options.seed,
        day: options.date,
        dossiers: options.dossiers,
        agencies: agencies.clone(),
        shares: Shares::USUAL,
    };
    let ledger = Arc::new(Ledger::open(options.ledger.as_deref())?);
    let sender = Arc::new(Sender::new(target.base_url, target.client, target.secret)?);
    let tasks = TaskTracker::new();
    let lanes = Lanes::open(&options, &agencies, &sender, &ledger, &tasks).await?;
    let started = Instant::now();
    for (number, planned) in Day::new(settings).enumerate() {
        if let Some(speed) = options.speed {
            let due = started + planned.at.div_f64(speed);
            tokio::time::sleep_until(due.into()).await;
        }
        ledger.planned(&planned)?;
        lanes.hand(Errand { number, planned }).await?;
    }
    drop(lanes);
    tasks.close();
    tasks.wait().await;
    let summary = ledger.close(started.elapsed())?;
    cli::say(&summary.show(options.output)?);
    Ok(summary.is_as_planned())
}

/// Where to, and in whose name.
struct Target {
    base_url: String,
    client: String,
    secret: String,
    offices: Vec<Office>,
}

/// Finds the bus, the client's secret and the agencies in whose name it may publish.
fn target(options: &Traffic) -> Result<Target> {
    ClientId::parse(&options.client)
        .map_err(|_| anyhow::anyhow!("{:?} is no client's name", options.client))?;
    let office = |code: &String| Office { code: code.clone(), former_code: None };
    let named: Vec<Office> = options.agencies.iter().map(office).collect();
    let (base_url, secret, offices) = match (&options.to, &options.secret_file) {
        (Some(to), Some(file)) => {
            if named.is_empty() {
                bail!(
                    "name the agencies in whose name {} publishes, with --agency",
                    options.client
                );
            }
            let secret = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            (to.clone(), secret.trim().to_owned(), named)
        }
        _ => {
            let data = DataDir::existing(&options.data.data_dir)?;
            let to = options.to.clone().map_or_else(|| Ok(data.running()?.base_url), anyhow::Ok)?;
            let known = granted(&data, &options.client)?;
            (to, data.secret(&options.client)?, if named.is_empty() { known } else { named })
        }
    };
    Ok(Target { base_url, client: options.client.clone(), secret, offices })
}

/// Lists the agencies of the registry in whose name a client may publish.
fn granted(data: &DataDir, client: &str) -> Result<Vec<Office>> {
    let registry = lgsp_registry::Registry::load(&data.registry_dir())?;
    let id = ClientId::parse(client).map_err(|_| anyhow::anyhow!("{client:?} is no client"))?;
    let client = registry.client(&id).with_context(|| format!("no client {client}"))?;
    let mut offices = Vec::new();
    for code in client.publish().iter().flat_map(|rule| rule.agencies()) {
        let former = registry.agency(code).and_then(|agency| agency.former_codes().first());
        // The day writes old codes in the form of before the reorganisation only.
        let former = former.map(|code| code.as_str().to_owned());
        offices.push(Office { code: code.as_str().to_owned(), former_code: former });
    }
    offices.sort_by(|left, right| left.code.cmp(&right.code));
    offices.dedup();
    Ok(offices)
}

/// The lanes of every way.
struct Lanes(Vec<(Way, Vec<mpsc::Sender<Errand>>)>);

impl Lanes {
    async fn open(
        options: &Traffic,
        agencies: &[Agency],
        sender: &Arc<Sender>,
        ledger: &Arc<Ledger>,
        tasks: &TaskTracker,
    ) -> Result<Self> {
        let mut lanes = Vec::new();
        let patience = Duration::from_secs(options.patience);
        for way in Way::ALL {
            let count = match way {
                Way::Grpc | Way::Http => CALL_LANES,
                Way::File | Way::Outbox => 1,
                _ => BATCH_LANES,
            };
            let mut heads = Vec::new();
            for _ in 0..count {
                let (head, tail) = mpsc::channel(LANE_ROOM);
                let (sender, ledger) = (Arc::clone(sender), Arc::clone(ledger));
                match way {
                    Way::GrpcStream => {
                        tasks.spawn(lane::run(grpc::Streams::new(sender)?, tail, ledger, patience));
                    }
                    Way::Grpc => {
                        tasks.spawn(lane::run(grpc::Calls::new(sender)?, tail, ledger, patience));
                    }
                    Way::Http => {
                        tasks.spawn(lane::run(http::Requests::new(sender), tail, ledger, patience));
                    }
                    Way::HttpBatch => {
                        tasks.spawn(lane::run(batch::Batches::new(sender), tail, ledger, patience));
                    }
                    Way::Packet => {
                        let packets = packet::Packets::new(sender, agencies);
                        tasks.spawn(lane::run(packets, tail, ledger, patience));
                    }
                    Way::File => {
                        let Some(folder) = &options.files else { continue };
                        let files = file::Files::new(folder, agencies);
                        tasks.spawn(lane::run(files, tail, ledger, patience));
                    }
                    Way::Outbox => {
                        let Some(url) = &options.database else { continue };
                        let rows = outbox::Rows::connect(url, agencies, tasks).await?;
                        tasks.spawn(lane::run(rows, tail, ledger, patience));
                    }
                }
                heads.push(head);
            }
            lanes.push((way, heads));
        }
        Ok(Self(lanes))
    }

    /// Hands a record to the lane of its entity, and waits while that one is full.
    async fn hand(&self, errand: Errand) -> Result<()> {
        let heads = self.0.iter().find(|(way, _)| *way == errand.planned.way);
        let heads = heads.map_or(&[][..], |(_, heads)| heads);
        let spread = Digest128::of(&[errand.planned.entity.as_bytes()]).0;
        let at = usize::from(spread.first().copied().unwrap_or(0)) % heads.len().max(1);
        let lane = heads.get(at).context("a record's way has no lane")?;
        lane.send(errand).await.context("a lane has ended before its time")
    }
}
