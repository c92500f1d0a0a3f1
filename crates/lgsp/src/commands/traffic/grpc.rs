//! Over gRPC: on streams, or one event a call.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use lgsp_proto::event::v1::cloud_event::Data;
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use lgsp_proto::event::v1::publish_events_response::Result as Outcome;
use lgsp_proto::event::v1::{CloudEvent, PublishEventRequest, PublishEventsRequest};
use lgsp_proto::fault::v1::Fault;
use lgsp_sim::day::Planned;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::fate::Fate;
use super::lane::{Deliver, Errand};
use super::sender::{CALL, Sender};

/// Puts a record into an event.
fn event(planned: &Planned) -> CloudEvent {
    CloudEvent {
        id: planned.id.clone(),
        source: planned.source.clone(),
        spec_version: "1.0".to_owned(),
        r#type: planned.event_type().to_owned(),
        attributes: HashMap::default(),
        data: Some(Data::BinaryData(Bytes::from(planned.data.clone()))),
    }
}

/// A line with the token of its sender.
struct Line {
    sender: Arc<Sender>,
    client: EventServiceClient<Channel>,
}

impl Line {
    fn new(sender: Arc<Sender>) -> Result<Self> {
        let client = EventServiceClient::new(sender.channel()?);
        Ok(Self { sender, client })
    }

    /// Makes a request with a token; `None` while there is none.
    async fn request<T>(&self, message: T) -> Option<(Request<T>, String)> {
        let token = self.sender.token().await?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().ok()?);
        request.set_timeout(CALL);
        Some((request, token))
    }

    /// Takes note of a refused token.
    async fn heed(&self, status: &Status, token: &str) {
        if status.code() == Code::Unauthenticated {
            self.sender.forget(token).await;
        }
    }
}

/// Events on streams: a new one for what has gathered since the last.
pub(super) struct Streams(Line);

impl Streams {
    pub(super) fn new(sender: Arc<Sender>) -> Result<Self> {
        Line::new(sender).map(Self)
    }

    /// Sends the records over one stream; what has no answer when it ends is unknown.
    async fn stream(&mut self, records: &[Errand]) -> Option<Vec<Fate>> {
        let events = records.iter().map(|errand| event(&errand.planned));
        let events =
            events.map(|event| PublishEventsRequest { event: Some(event), dry_run: false });
        let events = tokio_stream::iter(events.collect::<Vec<_>>());
        let (request, token) = self.0.request(events).await?;
        let mut answers = match self.0.client.publish_events(request).await {
            Ok(answers) => answers.into_inner(),
            Err(status) => {
                self.0.heed(&status, &token).await;
                return None;
            }
        };
        let mut fates = Vec::with_capacity(records.len());
        loop {
            match answers.message().await {
                Ok(Some(answer)) => fates.push(match answer.result {
                    Some(Outcome::Receipt(receipt)) => {
                        Fate::Recorded { duplicate: receipt.duplicate }
                    }
                    Some(Outcome::Fault(fault)) => told(fault),
                    _ => Fate::Unknown,
                }),
                Ok(None) => return Some(fates),
                Err(status) => {
                    self.0.heed(&status, &token).await;
                    return Some(fates);
                }
            }
        }
    }
}

fn told(fault: Fault) -> Fate {
    if fault.retryable {
        return Fate::Unknown;
    }
    let breaches = fault.violations.into_iter().map(|one| (one.pointer, one.rule)).collect();
    Fate::Refused { code: fault.code, breaches }
}

impl Deliver for Streams {
    const MOST: usize = 256;

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        self.stream(records).await.unwrap_or_default()
    }
}

/// One event a call.
pub(super) struct Calls(Line);

impl Calls {
    pub(super) fn new(sender: Arc<Sender>) -> Result<Self> {
        Line::new(sender).map(Self)
    }

    async fn call(&mut self, planned: &Planned) -> Option<Fate> {
        let message = PublishEventRequest { event: Some(event(planned)), dry_run: false };
        let (request, token) = self.0.request(message).await?;
        match self.0.client.publish_event(request).await {
            Ok(answer) => {
                let receipt = answer.into_inner().receipt?;
                Some(Fate::Recorded { duplicate: receipt.duplicate })
            }
            Err(status) => {
                self.0.heed(&status, &token).await;
                refused(&status)
            }
        }
    }
}

/// Reads a refusal from a status; `None` for what may pass.
fn refused(status: &Status) -> Option<Fate> {
    let details = status.get_error_details();
    // Only the bus itself says why; a status of the line alone has no details.
    let code = details.error_info()?.reason.to_lowercase();
    let known = lgsp_core::ErrorCode::ALL.iter().find(|known| known.as_str() == code)?;
    if known.is_retryable() || status.code() == Code::Unauthenticated {
        return None;
    }
    let broken = details.bad_request().map(|bad| bad.field_violations.as_slice());
    // The details name a rule by its code in capital letters.
    let breaches = broken.unwrap_or_default().iter();
    let breaches = breaches.map(|one| (one.field.clone(), one.reason.to_lowercase())).collect();
    Some(Fate::Refused { code, breaches })
}

impl Deliver for Calls {
    const MOST: usize = 1;

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        let mut fates = Vec::new();
        for errand in records {
            fates.push(self.call(&errand.planned).await.unwrap_or(Fate::Unknown));
        }
        fates
    }
}
