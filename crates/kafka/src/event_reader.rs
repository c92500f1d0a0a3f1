//! Reads single events back from their topics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lgsp_core::identifier::AgencyCode;
use lgsp_ingest::{Answer, EventReader, LogUnreadable, RecalledEvent};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;

/// How long the cluster may take to send one event.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many may read or wait at once: those beyond ask again.
const READERS: usize = 8;

/// How long one event is waited for before the place is looked at again.
const POLL: Duration = Duration::from_millis(200);

/// Reads events by their place, one at a time: one-stop software asks for single dossiers.
pub struct KafkaEventReader {
    shared: Arc<Mutex<Option<BaseConsumer<Voice>>>>,
    config: KafkaConfig,
    tasks: TaskTracker,
    readers: Arc<Semaphore>,
}

impl std::fmt::Debug for KafkaEventReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaEventReader").finish_non_exhaustive()
    }
}

impl KafkaEventReader {
    /// Sets the reader up; it connects when it is first asked. `tasks` owns its blocking reads.
    pub fn new(config: &KafkaConfig, tasks: TaskTracker) -> Self {
        Self {
            shared: Arc::default(),
            config: config.clone(),
            tasks,
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }
}

impl EventReader for KafkaEventReader {
    fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Answer<Result<Option<RecalledEvent>, LogUnreadable>> {
        let (shared, config) = (Arc::clone(&self.shared), self.config.clone());
        let topic = topic.to_owned();
        // A blocking read cannot be taken back when its caller leaves.
        let Ok(place) = Arc::clone(&self.readers).try_acquire_owned() else {
            return Box::pin(async { Err(LogUnreadable::Busy) });
        };
        let reading = self.tasks.spawn_blocking(move || {
            let _place = place;
            // A panic in between leaves at worst another assignment, which the next read replaces.
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let consumer = match shared.take() {
                Some(consumer) => consumer,
                None => config.reader().create_with_context(Voice::new("event reader"))?,
            };
            let read = read(&consumer, &topic, partition, offset);
            // One that failed is not used again.
            *shared = read.is_ok().then_some(consumer);
            read
        });
        Box::pin(async move {
            match reading.await {
                Ok(Ok(event)) => Ok(event),
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "an event could not be read back");
                    Err(LogUnreadable::Away)
                }
                Err(_ended) => Err(LogUnreadable::Away),
            }
        })
    }
}

fn read(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Option<RecalledEvent>, KafkaError> {
    let (start, end) = consumer
        .fetch_watermarks(topic, partition, PATIENCE)
        .map_err(KafkaError::request("read where a partition ends"))?;
    if !(start..end).contains(&offset) {
        return Ok(None);
    }
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    consumer.assign(&assignment).map_err(KafkaError::request("begin to read"))?;
    let asked = Instant::now();
    let event = loop {
        match consumer.poll(POLL) {
            // What an earlier assignment had fetched may still come first.
            Some(Ok(message)) if message.offset() < offset || message.topic() != topic => {}
            Some(Ok(message)) if message.partition() != partition => {}
            Some(Ok(message)) if message.offset() == offset => break recalled(&message),
            // Beyond it: the record itself is gone.
            Some(Ok(_)) => break None,
            Some(Err(_)) | None if asked.elapsed() < PATIENCE => {}
            Some(Err(error)) => return Err(KafkaError::request("read an event")(error)),
            None => return Err(KafkaError::Stalled { topic: topic.to_owned(), left: 1 }),
        }
    };
    consumer.unassign().map_err(KafkaError::request("end to read"))?;
    Ok(event)
}

fn recalled(message: &rdkafka::message::BorrowedMessage<'_>) -> Option<RecalledEvent> {
    let headers = message.headers()?;
    let agency = headers.iter().find(|header| header.key == "ce_agency")?.value?;
    let agency = AgencyCode::parse(std::str::from_utf8(agency).ok()?).ok()?;
    Some(RecalledEvent { agency, data: Bytes::copy_from_slice(message.payload()?) })
}
