//! How work with a cluster fails.

/// Work with a Kafka cluster failed. Texts name topics, partitions and groups, never a key, a
/// header or a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// A client could not be set up: a setting is wrong.
    #[error("the kafka client cannot be set up: {0}")]
    Setup(String),
    /// The cluster did not answer, or refused.
    #[error("kafka failed to {what}: {why}")]
    Request {
        /// What was asked, e.g. `list consumer groups`.
        what: &'static str,
        /// The client library's or the broker's error.
        why: String,
    },
    /// A topic could not be made.
    #[error("kafka failed to create topic {topic}: {why}")]
    CreateTopic {
        /// The topic.
        topic: String,
        /// The broker's error.
        why: String,
    },
    /// Topics are declared with one replica on a cluster that could keep more.
    #[error(
        "the cluster has {brokers} brokers, and topics with replication = 1 would keep each record on one disk only: declare `replication = 3` and `min_insync_replicas = 2` in a topics file and name it with `--topics FILE`"
    )]
    OneReplica {
        /// How many brokers the cluster has.
        brokers: usize,
    },
    /// A topic that must be read does not exist.
    #[error("kafka has no topic {topic}")]
    NoSuchTopic {
        /// The topic.
        topic: String,
    },
    /// A checkpoint lies beyond the end of its partition: the topic was made anew.
    #[error(
        "checkpoint {checkpoint} of {topic} partition {partition} is beyond its end {end}: the topic was made anew"
    )]
    CheckpointBeyondEnd {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset not covered.
        checkpoint: i64,
        /// Where the partition ends.
        end: i64,
    },
    /// Reading came to a halt.
    #[error("reading {topic} came to a halt with {left} partitions not read to their end")]
    Stalled {
        /// The topic.
        topic: String,
        /// How many partitions were not read to their end.
        left: usize,
    },
    /// Whoever wanted records took none for too long.
    #[error("records were read and not taken in time")]
    NotTaken,
}

impl KafkaError {
    pub(crate) fn request(what: &'static str) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        move |error| Self::Request { what, why: error.to_string() }
    }

    /// Returns a stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setup(_) => "kafka_setup",
            Self::Request { .. } => "kafka_request",
            Self::CreateTopic { .. } => "kafka_create_topic",
            Self::OneReplica { .. } => "kafka_one_replica",
            Self::NoSuchTopic { .. } => "kafka_no_such_topic",
            Self::CheckpointBeyondEnd { .. } => "kafka_checkpoint_beyond_end",
            Self::Stalled { .. } => "kafka_stalled",
            Self::NotTaken => "kafka_not_taken",
        }
    }

    /// Tells whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Request { .. }
            | Self::CreateTopic { .. }
            | Self::Stalled { .. }
            | Self::NotTaken => true,
            Self::Setup(_)
            | Self::OneReplica { .. }
            | Self::NoSuchTopic { .. }
            | Self::CheckpointBeyondEnd { .. } => false,
        }
    }
}

impl From<rdkafka::error::KafkaError> for KafkaError {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        Self::Setup(error.to_string())
    }
}
