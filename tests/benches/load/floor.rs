//! The floor of publishing: the least program that judges the same records and appends them.
//!
//! It is this program again, as a child of its own, so that the kernel counts its processor time
//! alone. One loop on one thread: judge, build the headers, hand over to librdkafka, look after
//! delivery reports now and then. All else (keys, header values) is prepared before.
//!
//! The parent writes one line per round, `append COUNT WINDOW` or `judge COUNT`; the child answers
//! with one line of JSON. It ends with its standard input.

use std::cell::Cell;
use std::io::{BufRead, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use lgsp_core::digest::ProvinceKey;
use lgsp_schema::Schemas;
use rdkafka::client::ClientContext;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::events::{self, Event, Events};
use crate::gauge::{CpuClock, Gauge};
use crate::kafka;
use crate::stream::Cost;

/// The first argument that makes this program the floor; the second is Kafka's address.
pub(crate) const COMMAND: &str = "floor";
/// As many records on their way as librdkafka's queue takes.
pub(crate) const NO_WINDOW: usize = usize::MAX;
/// How long a round may take.
const ROUND_PATIENCE: Duration = Duration::from_secs(60);

/// The headers of a record, as the corridor writes them.
fn headers(
    event: &Event,
    kind: &lgsp_schema::EventKind,
    id: String,
) -> [(&'static str, String); 10] {
    let agency = event.source.split('/').nth(2).unwrap_or_default();
    [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", id),
        ("ce_source", event.source.clone()),
        ("ce_type", event.event_type.to_owned()),
        ("ce_dataschema", kind.dataschema().to_owned()),
        ("ce_agency", agency.to_owned()),
        ("ce_client", events::CLIENT.to_owned()),
        ("ce_adapter", "grpc".to_owned()),
        ("ce_recordedtime", "2026-07-03T01:02:03.456Z".to_owned()),
        ("content-type", "application/json".to_owned()),
    ]
}

pub(crate) fn header_names() -> Vec<&'static str> {
    let names = [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_dataschema",
        "ce_agency",
        "ce_client",
        "ce_adapter",
        "ce_recordedtime",
        "content-type",
    ];
    names.to_vec()
}

/// A record ready to be judged and appended.
pub(crate) struct Prepared {
    pub(crate) event_type: &'static str,
    pub(crate) topic: String,
    pub(crate) key: String,
    headers: [(&'static str, String); 10],
    pub(crate) data: Bytes,
}

impl Prepared {
    /// Builds the headers as librdkafka takes them.
    pub(crate) fn headers(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
        for (key, value) in &self.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        headers
    }
}

/// Prepares every record. Pseudonyms are of a key of no province: only their form matters here.
pub(crate) fn prepare(schemas: &Schemas, events: &Events) -> Result<Vec<Prepared>> {
    let province = ProvinceKey::new(&[7; 32]);
    let prepare = |(number, event): (usize, &Event)| {
        let valid = schemas.judge(event.event_type, None, event.data.clone()).map_err(|fault| {
            anyhow::anyhow!("a planned event is refused: {}", fault.code.as_str())
        })?;
        let kind = valid.kind();
        let key = match kind.is_personal_key(valid.entity_key()) {
            true => province.pseudonym(valid.entity_key()),
            false => valid.entity_key().to_owned(),
        };
        Ok(Prepared {
            event_type: event.event_type,
            topic: kind.topic().to_owned(),
            key,
            headers: headers(event, kind, events::id(COMMAND, number)),
            data: event.data.clone(),
        })
    };
    events.iter().enumerate().map(prepare).collect()
}

#[derive(Default)]
struct Count {
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
}

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, report: &DeliveryResult<'_>, (): ()) {
        let count = if report.is_ok() { &self.acknowledged } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Is the floor, until standard input ends.
pub(crate) fn serve(bootstrap: &str) -> Result<()> {
    let schemas = Schemas::bundled()?;
    let records = prepare(&schemas, &Events::plan())?;
    let producer: BaseProducer<Count> =
        kafka::producer(bootstrap, kafka::EVENT_LINGER_MS).create_with_context(Count::default())?;
    let own = Gauge::of(std::process::id());
    crate::say("ready")?;
    let next = Cell::new(0);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (what, count) = (words.next(), words.next().and_then(|word| word.parse().ok()));
        let count: usize = count.context("a round needs a number")?;
        let window = words.next().and_then(|word| word.parse().ok()).unwrap_or(NO_WINDOW);
        let work = (0..count).filter_map(|_| {
            next.set((next.get() + 1) % records.len().max(1));
            records.get(next.get())
        });
        let (cpu, started) = (CpuClock::start(&own)?, Instant::now());
        match what {
            Some("append") => append(&schemas, &producer, work, count, window)?,
            Some("judge") => judge(&schemas, work)?,
            _ => bail!("no such round"),
        }
        let (cpu_micros, sleeps) = (cpu.micros()?, cpu.sleeps()?);
        let micros = u64::try_from(started.elapsed().as_micros())?;
        let answer = json!({ "events": count, "cpu_micros": cpu_micros, "micros": micros, "sleeps": sleeps });
        crate::say(&answer.to_string())?;
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn judge<'a>(schemas: &Schemas, work: impl Iterator<Item = &'a Prepared>) -> Result<()> {
    for record in work {
        let valid = schemas.judge(record.event_type, None, record.data.clone());
        ensure!(std::hint::black_box(valid).is_ok(), "a record is refused");
    }
    Ok(())
}

fn append<'a>(
    schemas: &Schemas,
    producer: &BaseProducer<Count>,
    work: impl Iterator<Item = &'a Prepared>,
    count: usize,
    window: usize,
) -> Result<()> {
    let counted = producer.context();
    let before = counted.acknowledged.load(Ordering::Relaxed);
    let deadline = Instant::now() + ROUND_PATIENCE;
    for (sent, record) in work.enumerate() {
        let Ok(valid) = schemas.judge(record.event_type, None, record.data.clone()) else {
            bail!("a record is refused");
        };
        let mut outgoing = BaseRecord::to(&record.topic)
            .key(&record.key)
            .payload(valid.data().as_ref())
            .headers(record.headers());
        while let Err((error, again)) = producer.send(outgoing) {
            ensure!(
                error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull),
                "librdkafka refuses a record: {error}"
            );
            ensure!(Instant::now() < deadline, "kafka takes no more records");
            producer.poll(Duration::from_millis(1));
            outgoing = again;
        }
        let on_their_way = || sent + 1 - (counted.acknowledged.load(Ordering::Relaxed) - before);
        if sent % 256 == 0 || on_their_way() >= window {
            producer.poll(Duration::ZERO);
        }
        while on_their_way() >= window {
            ensure!(Instant::now() < deadline, "kafka acknowledges no more records");
            producer.poll(Duration::from_millis(1));
        }
    }
    producer.flush(deadline.saturating_duration_since(Instant::now()))?;
    let acknowledged = counted.acknowledged.load(Ordering::Relaxed) - before;
    let failed = counted.failed.load(Ordering::Relaxed);
    ensure!(acknowledged == count && failed == 0, "{acknowledged} of {count} were acknowledged");
    Ok(())
}

/// The floor, seen from the parent.
pub(crate) struct Floor {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Floor {
    pub(crate) async fn start(bootstrap: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([COMMAND, bootstrap])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the floor did not start")?;
        let (Some(orders), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the floor has no pipes")
        };
        let mut this = Self { child, orders, answers: BufReader::new(stdout).lines() };
        this.answer().await?;
        Ok(this)
    }

    async fn answer(&mut self) -> Result<String> {
        let line = tokio::time::timeout(ROUND_PATIENCE, self.answers.next_line()).await;
        line.context("the floor does not answer")??.context("the floor ended")
    }

    async fn round(&mut self, order: String) -> Result<Cost> {
        self.orders.write_all(order.as_bytes()).await?;
        let answer: Value = serde_json::from_str(&self.answer().await?)?;
        let number = |name| answer.get(name).and_then(Value::as_u64).context("the floor's answer");
        Ok(Cost {
            events: usize::try_from(number("events")?)?,
            cpu_micros: number("cpu_micros")?,
            time: Duration::from_micros(number("micros")?),
            sleeps: number("sleeps")?,
        })
    }

    /// Judges and appends so many records; `window`: how many may be on their way at once.
    pub(crate) async fn append(&mut self, count: usize, window: usize) -> Result<Cost> {
        self.round(format!("append {count} {window}\n")).await
    }

    /// Judges only.
    pub(crate) async fn judge(&mut self, count: usize) -> Result<Cost> {
        self.round(format!("judge {count}\n")).await
    }

    pub(crate) async fn stop(self) -> Result<()> {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        tokio::time::timeout(ROUND_PATIENCE, child.wait())
            .await
            .context("the floor does not end")??;
        Ok(())
    }
}
