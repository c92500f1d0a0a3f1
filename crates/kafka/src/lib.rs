//! Everything of Kafka: producers, readers, topics, offsets, the supervised broker.
//!
//! **For:** the corridors' ports on a real cluster ([`KafkaEventLog`], [`KafkaEvidenceLog`]),
//! reading topics again at a start ([`mod@replay`]), declared topics ([`Topics`]), the lag poller
//! ([`LagPoller`]), and the sandbox's broker as a supervised child ([`Broker`]).
//!
//! **Must never know:** HTTP, gRPC, tokens, what is in a payload.
//!
//! Everything of rdkafka stays behind this crate's door. Calls that block librdkafka run on
//! blocking threads; nothing here logs a key, a header or a value.
//!
//! **Start reading** at [`event_log`], then [`broker`].

pub mod broker;
mod client;
pub mod cluster;
pub mod error;
pub mod event_log;
pub mod event_reader;
pub mod evidence_log;
pub mod evidence_reader;
mod group_offsets;
pub mod group_reader;
pub mod health;
pub mod offsets;
mod producer;
pub mod replay;
pub mod topics;

#[cfg(test)]
mod on_a_broker;

pub use broker::{Broker, BrokerConfig, BrokerError};
pub use client::KafkaConfig;
pub use cluster::cluster_id;
pub use error::KafkaError;
pub use event_log::KafkaEventLog;
pub use event_reader::KafkaEventReader;
pub use evidence_log::KafkaEvidenceLog;
pub use evidence_reader::KafkaEvidenceReader;
pub use group_reader::GroupReader;
pub use health::Health;
pub use offsets::{LagPoller, LagReader};
pub use replay::{ReplayedRecord, replay};
pub use topics::{Drift, Topics, TopicsError};
