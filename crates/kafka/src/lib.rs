//! Everything of Kafka: producers, readers, topics, offsets, the supervised broker
