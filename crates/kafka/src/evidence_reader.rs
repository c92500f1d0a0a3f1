//! Reads the log of evidence back, for auditors.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use lgsp_audit::{Evidence, StoredRecord};
use lgsp_query::auditing::{Between, EvidenceReader, EvidenceUnreadable};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{Headers, Message};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;
use crate::evidence_log::TOPIC;
use crate::replay::{PATIENCE, ReplayedRecord, Spans, patiently, read_topic, spans};

/// Records read ahead of whoever takes them.
const AHEAD: usize = 256;

/// How long a record waits to be taken before the reading ends.
const SLOWEST: Duration = Duration::from_secs(60);

/// What the client library keeps of records that were not polled yet, in KiB; its own default is
/// 64 MiB for each reading.
const LIBRARY_KIB: &str = "2048";

/// Reads evidence, each time by a reader of its own on a blocking thread, partition by partition.
/// How many read at once is for the corridor to bound.
pub struct KafkaEvidenceReader {
    config: KafkaConfig,
    tasks: TaskTracker,
}

impl fmt::Debug for KafkaEvidenceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEvidenceReader").finish_non_exhaustive()
    }
}

impl KafkaEvidenceReader {
    /// Sets the reader up; it connects when it is asked. `tasks` owns its blocking reads.
    pub fn new(config: &KafkaConfig, tasks: TaskTracker) -> Self {
        Self { config: config.clone(), tasks }
    }
}

impl EvidenceReader for KafkaEvidenceReader {
    fn read(
        &self,
        _evidence: &Evidence,
        between: Between,
    ) -> BoxStream<'static, Result<StoredRecord, EvidenceUnreadable>> {
        let (tell, mut told) = mpsc::channel(AHEAD);
        let (config, runtime) = (self.config.clone(), Handle::current());
        self.tasks.spawn_blocking(move || {
            let taker = Taker { tell, runtime };
            if let Err(error) = read(&config, between, &taker) {
                tracing::warn!(error = %error, "evidence could not be read");
                taker.give(Err(EvidenceUnreadable)).is_break();
            }
        });
        stream::poll_fn(move |context| told.poll_recv(context)).boxed()
    }
}

/// Whoever takes the records.
struct Taker {
    tell: mpsc::Sender<Result<StoredRecord, EvidenceUnreadable>>,
    runtime: Handle,
}

impl Taker {
    /// Hands one over, and waits while the taker has enough; breaks when it takes no more.
    fn give(&self, record: Result<StoredRecord, EvidenceUnreadable>) -> ControlFlow<()> {
        let record = match self.tell.try_send(record) {
            Ok(()) => return ControlFlow::Continue(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return ControlFlow::Break(()),
            Err(mpsc::error::TrySendError::Full(record)) => record,
        };
        match self.runtime.block_on(self.tell.send_timeout(record, SLOWEST)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

fn read(config: &KafkaConfig, between: Between, taker: &Taker) -> Result<(), KafkaError> {
    let mut settings = config.reader();
    settings.set("queued.max.messages.kbytes", LIBRARY_KIB);
    let consumer: BaseConsumer<Voice> =
        settings.create_with_context(Voice::new("evidence reader"))?;
    let from = between.from_unix_millis.unwrap_or(0);
    let spans = patiently(|| spans(&consumer, TOPIC, &[], from))?;
    for (partition, span) in spans {
        let mut gone = false;
        let mut each = |record: ReplayedRecord<'_>| {
            let record = stored(&record);
            // The log's own times never go back within a partition (LogAppendTime).
            if between.to_unix_millis.is_some_and(|to| record.unix_millis >= to) {
                return ControlFlow::Break(());
            }
            let given = taker.give(Ok(record));
            gone = given.is_break();
            given
        };
        read_topic(&consumer, TOPIC, Spans::from([(partition, span)]), PATIENCE, &mut each)?;
        if gone || taker.tell.is_closed() {
            // A taker that was only slow must not take what came for all there is.
            return if taker.tell.is_closed() { Ok(()) } else { Err(KafkaError::NotTaken) };
        }
    }
    Ok(())
}

fn stored(record: &ReplayedRecord<'_>) -> StoredRecord {
    let headers = record.message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|header| {
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec).unwrap_or_default())
    });
    StoredRecord {
        topic: record.topic().to_owned(),
        partition: record.partition(),
        offset: record.offset(),
        unix_millis: record.unix_millis().unwrap_or(0),
        key: record.key().map(<[u8]>::to_vec).unwrap_or_default(),
        headers: headers.collect(),
        value: record.value().map(<[u8]>::to_vec).unwrap_or_default(),
    }
}
