//! Requests that start when they are due, and are timed from then.
//!
//! Arrivals are Poisson with a fixed seed: bus and floor meet the same schedule. A thread of its
//! own keeps the time, because the runtime's timers are good to a millisecond only. How late it
//! starts a request is part of that request's time, and is told beside it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// How long one request may take.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);
/// More failures than one in so many, and nothing was measured.
const FAILURE_IN: usize = 1000;

/// How requests went, in microseconds.
#[derive(Debug)]
pub(crate) struct Timed {
    latency: Histogram<u64>,
    lateness: Histogram<u64>,
    pub(crate) requests: usize,
    failures: usize,
    example: Option<String>,
}

impl Timed {
    pub(crate) fn new() -> Result<Self> {
        let histogram = || Histogram::new(3).context("no histogram");
        Ok(Self {
            latency: histogram()?,
            lateness: histogram()?,
            requests: 0,
            failures: 0,
            example: None,
        })
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.lateness.add(&other.lateness)?;
        self.requests += other.requests;
        self.failures += other.failures;
        Ok(())
    }

    /// Returns a quantile, in milliseconds.
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "requests": self.requests, "failures": self.failures,
            "p50_ms": self.at(0.5), "p90_ms": self.at(0.9), "p99_ms": self.at(0.99),
            "max_ms": self.at(1.0),
            "started_late_p99_ms": self.lateness.value_at_quantile(0.99) as f64 / 1e3,
        })
    }
}

/// Makes requests at a rate, each by a call of `request` with its number from `first` on.
pub(crate) async fn run<Request, Answer>(
    rate: u32,
    time: Duration,
    first: usize,
    request: Request,
) -> Result<Timed>
where
    Request: Fn(usize) -> Answer + Send + 'static,
    Answer: Future<Output = Result<()>> + Send + 'static,
{
    let runtime = Handle::current();
    let (mut running, lateness) = tokio::task::spawn_blocking(move || {
        let mut running = JoinSet::new();
        let mut lateness = Histogram::<u64>::new(3)?;
        let (start, mut gaps) = (Instant::now(), Gaps::new(rate));
        let mut due = gaps.next();
        let mut number = first;
        while due < time {
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            lateness.record(micros(start.elapsed().saturating_sub(due)))?;
            let answer = request(number);
            running.spawn_on(
                async move {
                    let answer = tokio::time::timeout(REQUEST_PATIENCE, answer).await;
                    (start.elapsed().saturating_sub(due), answer)
                },
                &runtime,
            );
            (due, number) = (due + gaps.next(), number + 1);
        }
        anyhow::Ok((running, lateness))
    })
    .await??;

    let mut timed = Timed { lateness, ..Timed::new()? };
    while let Some(done) = running.join_next().await {
        let (took, answer) = done.context("a request panicked")?;
        timed.requests += 1;
        timed.latency.record(micros(took))?;
        let failure = match answer {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => format!("no answer in {REQUEST_PATIENCE:?}"),
        };
        timed.failures += 1;
        timed.example.get_or_insert(failure);
    }
    let Timed { requests, failures, example, .. } = &timed;
    ensure!(
        failures * FAILURE_IN <= *requests,
        "{failures} of {requests} requests failed, e.g. {example:?}"
    );
    Ok(timed)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Gaps between arrivals, exponentially distributed.
struct Gaps {
    mean_seconds: f64,
    state: u64,
}

impl Gaps {
    fn new(rate: u32) -> Self {
        Self { mean_seconds: 1.0 / f64::from(rate), state: 2026 }
    }

    fn next(&mut self) -> Duration {
        // SplitMix64: the run needs no better dice.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let share = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_secs_f64(-(1.0 - share).ln() * self.mean_seconds)
    }
}
