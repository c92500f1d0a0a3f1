//! The bare append: a producer with the bus's settings, nothing before it, nothing behind it.

use anyhow::{Context, Result};
use rdkafka::client::ClientContext;
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use tokio::sync::oneshot;

use crate::kafka;

struct Tell;

impl ClientContext for Tell {}

impl ProducerContext for Tell {
    type DeliveryOpaque = Box<oneshot::Sender<bool>>;

    fn delivery(&self, report: &DeliveryResult<'_>, tell: Self::DeliveryOpaque) {
        // Who waited may have given up.
        tell.send(report.is_ok()).ok();
    }
}

/// Appends and waits for the acknowledgement.
pub(crate) struct Appender(ThreadedProducer<Tell>);

impl Appender {
    pub(crate) fn connect(bootstrap: &str, linger_ms: &str) -> Result<Self> {
        Ok(Self(kafka::producer(bootstrap, linger_ms).create_with_context(Tell)?))
    }

    pub(crate) async fn append(
        &self,
        topic: &str,
        key: &[u8],
        headers: OwnedHeaders,
        value: &[u8],
    ) -> Result<()> {
        let (tell, told) = oneshot::channel();
        let record = BaseRecord::with_opaque_to(topic, Box::new(tell))
            .key(key)
            .payload(value)
            .headers(headers);
        self.0.send(record).map_err(|(error, _)| error)?;
        let acknowledged = told.await.context("the producer ended")?;
        anyhow::ensure!(acknowledged, "kafka did not take a record");
        Ok(())
    }
}
