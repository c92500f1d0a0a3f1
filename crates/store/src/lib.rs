//! Local projections of Kafka kept in SQLite: receipts
