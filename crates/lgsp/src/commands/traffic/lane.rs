//! A lane: records of one way, in their order, sent again until their fate is known.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lgsp_sim::day::Planned;
use tokio::sync::mpsc;

use super::fate::Fate;
use super::ledger::Ledger;

/// The pause before unknown outcomes are sent again.
const PAUSE: Duration = Duration::from_millis(200);

/// A record to deliver.
#[derive(Debug)]
pub(super) struct Errand {
    /// Its place in the day, from 0.
    pub(super) number: usize,
    /// The record.
    pub(super) planned: Planned,
}

/// Delivers records one way.
pub(super) trait Deliver: Send + 'static {
    /// How many records go together at most.
    const MOST: usize;

    /// Tells whether one more record may go together with these.
    fn fits(&self, _together: &[Errand], _next: &Errand) -> bool {
        true
    }

    /// Delivers records in their order; returns what became of each, in the same order.
    fn deliver(&mut self, records: &[Errand]) -> impl Future<Output = Vec<Fate>> + Send;
}

/// Delivers all that comes, until nothing more can come. What is unknown for longer than
/// `patience` is noted as that.
pub(super) async fn run(
    mut way: impl Deliver,
    mut coming: mpsc::Receiver<Errand>,
    ledger: Arc<Ledger>,
    patience: Duration,
) {
    let mut next: Option<Errand> = None;
    while let Some(first) = match next.take() {
        Some(errand) => Some(errand),
        None => coming.recv().await,
    } {
        let mut records = vec![first];
        next = gather(&way, &mut records, &mut coming);
        let (since, mut attempts) = (Instant::now(), 0);
        while !records.is_empty() {
            attempts += 1;
            let fates = way.deliver(&records).await;
            let before = records.len();
            records = settle(records, fates, attempts, &ledger);
            if !records.is_empty() && since.elapsed() > patience {
                for errand in records.drain(..) {
                    ledger.settled(&errand, &Fate::Unknown, attempts);
                }
            } else if records.len() == before {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes what waits already and may go together; returns the first that may not.
fn gather<D: Deliver>(
    way: &D,
    records: &mut Vec<Errand>,
    coming: &mut mpsc::Receiver<Errand>,
) -> Option<Errand> {
    while records.len() < D::MOST {
        let Ok(errand) = coming.try_recv() else { break };
        if !way.fits(records, &errand) {
            return Some(errand);
        }
        records.push(errand);
    }
    None
}

/// Notes what is settled; returns what is to be sent again.
///
/// A refusal is final wherever it stands. A receipt after an unknown outcome is asked for again with
/// what stands before it: so the order of each entity holds.
fn settle(records: Vec<Errand>, fates: Vec<Fate>, attempts: u32, ledger: &Ledger) -> Vec<Errand> {
    let mut again: Vec<Errand> = Vec::new();
    let fates = fates.into_iter().chain(std::iter::repeat(Fate::Unknown));
    for (errand, fate) in records.into_iter().zip(fates) {
        let overtakes = || {
            let entity = &errand.planned.entity;
            again.iter().any(|earlier| earlier.planned.entity == *entity)
        };
        match fate {
            Fate::Unknown => again.push(errand),
            Fate::Recorded { .. } if overtakes() => again.push(errand),
            fate => ledger.settled(&errand, &fate, attempts),
        }
    }
    again
}
