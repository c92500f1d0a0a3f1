//! Reads topics again from a checkpoint up to now: how projections are rebuilt at a start.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as LibraryError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Without any record for this long, reading has come to a halt.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The pause before a leader that lacks records is asked again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A record read again.
pub struct ReplayedRecord<'a> {
    pub(crate) message: &'a BorrowedMessage<'a>,
}

impl fmt::Debug for ReplayedRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = (self.topic(), self.partition(), self.offset());
        f.debug_tuple("ReplayedRecord").field(&place).finish_non_exhaustive()
    }
}

impl ReplayedRecord<'_> {
    /// Returns the topic.
    pub fn topic(&self) -> &str {
        self.message.topic()
    }

    /// Returns the partition.
    pub fn partition(&self) -> i32 {
        self.message.partition()
    }

    /// Returns the offset.
    pub fn offset(&self) -> i64 {
        self.message.offset()
    }

    /// Returns when the broker appended the record, milliseconds since 1970.
    pub fn unix_millis(&self) -> Option<i64> {
        self.message.timestamp().to_millis()
    }

    /// Returns the record key.
    pub fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    /// Returns the value; `None` for a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        self.message.payload()
    }

    /// Returns the value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.message.headers()?.iter().find(|header| header.key == name)?.value
    }
}

/// Reads every partition of the topics up to the end it has at the start of the call; returns
/// how many records were read. Blocks: call it on a blocking thread.
///
/// `from` lists where to begin: topic, partition, first offset wanted. A partition without such
/// a checkpoint is read from its first record at or after `since_unix_millis`. A checkpoint
/// before the oldest record kept begins at that record. No consumer group is involved.
///
/// # Errors
/// When the cluster does not answer, a topic does not exist, reading halts, or a checkpoint is
/// beyond its partition's end ([`KafkaError::CheckpointBeyondEnd`]).
pub fn replay(
    config: &KafkaConfig,
    topics: &[&str],
    from: &[(String, i32, i64)],
    since_unix_millis: i64,
    mut each: impl FnMut(ReplayedRecord<'_>),
) -> Result<u64, KafkaError> {
    let mut read = 0;
    for topic in topics {
        // A reader for each topic, because the library's end-of-partition does not say which
        // topic it is about.
        let consumer: BaseConsumer<Voice> =
            config.reader().create_with_context(Voice::new("replay"))?;
        let spans = patiently(|| spans(&consumer, topic, from, since_unix_millis))?;
        let mut each = |record: ReplayedRecord<'_>| {
            each(record);
            ControlFlow::Continue(())
        };
        read += read_topic(&consumer, topic, spans, PATIENCE, &mut each)?;
    }
    Ok(read)
}

/// Asks again while the cluster is not settled: a topic made, or a broker started, a moment ago
/// has partitions without a leader.
pub(crate) fn patiently<T>(ask: impl Fn() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let asked = Instant::now();
    loop {
        match ask() {
            Err(error) if error.is_retryable() && asked.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(100));
            }
            told => return told,
        }
    }
}

/// Where reading a partition begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    next: i64,
    end: i64,
    /// Whether the leader of the moment said that it has all up to `end`, and was then read again
    /// from `next`.
    confirmed: bool,
}

impl Span {
    fn new(next: i64, end: i64) -> Self {
        Self { next, end, confirmed: false }
    }

    /// Judges an end that came before the last record that was expected, by how far the leader
    /// of the partition says now that it has come.
    ///
    /// The last offsets of a partition need not hold records (markers, compaction): then it is
    /// covered. Or its leader is a new one that does not know yet how far the old one had come,
    /// and for a moment lets the partition end earlier: then the rest is still to be read. The
    /// end that came does not tell where it lies, and may be older than the leader's answer. So
    /// the partition is read once more; an end that comes after the leader said that it has all
    /// is the true one, if it still says so.
    fn is_covered_at(&mut self, end_now: Option<i64>) -> bool {
        let has_all = end_now.is_some_and(|end_now| end_now >= self.end);
        let covered = has_all && self.confirmed;
        self.confirmed = has_all;
        covered
    }
}

pub(crate) type Spans = BTreeMap<i32, Span>;

pub(crate) fn spans(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    from: &[(String, i32, i64)],
    since_unix_millis: i64,
) -> Result<Spans, KafkaError> {
    let metadata = consumer
        .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
        .map_err(KafkaError::request("describe a topic"))?;
    let found =
        metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let partitions = found.map(|found| found.partitions()).unwrap_or_default();
    if partitions.is_empty() {
        return Err(KafkaError::NoSuchTopic { topic: topic.to_owned() });
    }
    let mut spans = Spans::new();
    let mut by_time = TopicPartitionList::new();
    for partition in partitions {
        let partition = partition.id();
        let watermarks = consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT);
        let (start, end) =
            watermarks.map_err(KafkaError::request("read where a partition ends"))?;
        let checkpoint = from.iter().find(|(of, number, _)| of == topic && *number == partition);
        let next = match checkpoint {
            Some((_, _, checkpoint)) if *checkpoint > end => {
                return Err(KafkaError::CheckpointBeyondEnd {
                    topic: topic.to_owned(),
                    partition,
                    checkpoint: *checkpoint,
                    end,
                });
            }
            Some((_, _, checkpoint)) => (*checkpoint).max(start),
            None => {
                let time = Offset::Offset(since_unix_millis.max(0));
                by_time.add_partition_offset(topic, partition, time)?;
                start
            }
        };
        spans.insert(partition, Span::new(next, end));
    }
    if by_time.count() > 0 {
        let found = consumer.offsets_for_times(by_time, REQUEST_TIMEOUT);
        let found = found.map_err(KafkaError::request("find offsets by time"))?;
        for element in found.elements() {
            element.error().map_err(KafkaError::request("find offsets by time"))?;
            let Some(span) = spans.get_mut(&element.partition()) else { continue };
            span.next = match element.offset() {
                Offset::Offset(offset) => offset,
                // No record that young.
                _ => span.end,
            };
        }
    }
    spans.retain(|_, span| span.next < span.end);
    Ok(spans)
}

/// Reads spans of a topic until their ends, or until `each` has enough; returns how many records
/// were read.
pub(crate) fn read_topic(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    mut spans: Spans,
    patience: Duration,
    each: &mut impl FnMut(ReplayedRecord<'_>) -> ControlFlow<()>,
) -> Result<u64, KafkaError> {
    if spans.is_empty() {
        return Ok(0);
    }
    let mut assignment = TopicPartitionList::new();
    for (partition, span) in &spans {
        assignment.add_partition_offset(topic, *partition, Offset::Offset(span.next))?;
    }
    consumer.assign(&assignment).map_err(KafkaError::request("begin to read"))?;
    let mut read = 0;
    let mut heard = Instant::now();
    while !spans.is_empty() {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let Some(span) = spans.get_mut(&message.partition()) else { continue };
                if (span.next..span.end).contains(&message.offset()) {
                    read += 1;
                    if each(ReplayedRecord { message: &message }).is_break() {
                        return Ok(read);
                    }
                }
                span.next = span.next.max(message.offset() + 1);
                if span.next >= span.end {
                    spans.remove(&message.partition());
                }
                heard = Instant::now();
            }
            Some(Err(LibraryError::PartitionEOF(partition))) => {
                let Some(span) = spans.get_mut(&partition) else { continue };
                if is_covered(consumer, topic, partition, span) {
                    heard = Instant::now();
                    spans.remove(&partition);
                }
            }
            // Others are the library's own troubles, which it overcomes by itself, or does not.
            Some(Err(_)) | None => {}
        }
        if !spans.is_empty() && heard.elapsed() > patience {
            return Err(KafkaError::Stalled { topic: topic.to_owned(), left: spans.len() });
        }
    }
    Ok(read)
}

/// Finds out whether an end that came before the last record that was expected is the true one;
/// if not, reading goes on from the last record read.
fn is_covered(
    consumer: &BaseConsumer<Voice>,
    topic: &str,
    partition: i32,
    span: &mut Span,
) -> bool {
    let watermarks = consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT);
    if span.is_covered_at(watermarks.ok().map(|(_, end)| end)) {
        return true;
    }
    if !span.confirmed {
        std::thread::sleep(LOOK_AGAIN);
    }
    // Without it no other end would come; if it fails, patience ends the reading.
    drop(consumer.seek(topic, partition, Offset::Offset(span.next), REQUEST_TIMEOUT));
    false
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn an_early_end_is_the_true_one_only_when_the_leader_had_all_before_and_after_it() {
        let all = Some(100);
        let table: [(&str, &[Option<i64>], bool); 6] = [
            ("the end may be older than the answer", &[all], false),
            ("before and after", &[all, all], true),
            ("more came meanwhile", &[Some(103), Some(104)], true),
            ("a leader that learnt of the rest", &[Some(50), all], false),
            ("and was read again", &[Some(50), all, all], true),
            ("another leader, or none, in between", &[all, Some(50), None, all], false),
        ];
        for (situation, answers, covered) in table {
            let mut span = Span::new(50, 100);
            let told: Vec<_> = answers.iter().map(|end| span.is_covered_at(*end)).collect();
            let (last, before) = told.split_last().unwrap();
            assert_eq!((*last, before.contains(&true)), (covered, false), "{situation}");
        }
    }

    /// Reads one partition up to an end that the caller knows, whatever the cluster says.
    pub(crate) fn read_until(
        config: &KafkaConfig,
        (topic, partition): (&str, i32),
        (next, end): (i64, i64),
        patience: Duration,
        mut each: impl FnMut(ReplayedRecord<'_>),
    ) -> Result<u64, KafkaError> {
        let consumer: BaseConsumer<Voice> =
            config.reader().create_with_context(Voice::new("replay"))?;
        let spans = Spans::from([(partition, Span::new(next, end))]);
        let mut each = |record: ReplayedRecord<'_>| {
            each(record);
            ControlFlow::Continue(())
        };
        read_topic(&consumer, topic, spans, patience, &mut each)
    }
}
