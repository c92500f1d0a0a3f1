//! A member of a consumer group that reads at its own pace and commits what it has read.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};

use crate::client::{KafkaConfig, Voice};
use crate::error::KafkaError;

/// Reads topics as a consumer group's member. Its calls block.
pub struct GroupReader {
    consumer: BaseConsumer<Voice>,
}

impl fmt::Debug for GroupReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupReader")
    }
}

impl GroupReader {
    /// Joins a group; without a committed offset it begins at the oldest record.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn join(config: &KafkaConfig, group: &str, topics: &[&str]) -> Result<Self, KafkaError> {
        let mut settings = config.client();
        settings
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer<Voice> = settings.create_with_context(Voice::new("group"))?;
        consumer.subscribe(topics)?;
        Ok(Self { consumer })
    }

    /// Reads up to `at_most` records, or as many as come before `patience` is over, and commits
    /// them; returns how many. Blocks.
    ///
    /// # Errors
    /// When reading or committing fails.
    pub fn read(&self, at_most: usize, patience: Duration) -> Result<usize, KafkaError> {
        let deadline = Instant::now() + patience;
        let mut count = 0;
        while count < at_most {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if let Some(record) = self.consumer.poll(left) {
                record?;
                count += 1;
            }
        }
        if count > 0 {
            self.consumer.commit_consumer_state(CommitMode::Sync)?;
        }
        Ok(count)
    }
}
