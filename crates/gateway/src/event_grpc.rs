//! Events in over gRPC.

use std::pin::Pin;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::Stream;
use lgsp_core::{ErrorCode, Fault, Position, Receipt, rule};
use lgsp_identity::Principal;
use lgsp_ingest::{Letter, Pending, Submission, Turns, Verdict};
use lgsp_proto::event::v1::cloud_event::cloud_event_attribute_value::Attr;
use lgsp_proto::event::v1::cloud_event::{CloudEventAttributeValue, Data};
use lgsp_proto::event::v1::event_service_server::EventService;
use lgsp_proto::event::v1::{
    CloudEvent, GetReceiptRequest, GetReceiptResponse, PublishEventRequest, PublishEventResponse,
    PublishEventsRequest, PublishEventsResponse, SetAsideRequest, SetAsideResponse,
    publish_events_response,
};
use lgsp_proto::{event::v1 as wire, status::status};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use self::outgoing::Outgoing;
use crate::deadline;
use crate::problem::told;
use crate::routes::{Gateway, caller};

mod outgoing;

/// How many events of one stream may wait for their acknowledgement.
const STREAM_WINDOW: usize = 1024;

/// Which adapters may set records aside: those behind whom nobody waits for an answer.
const LETTER_ADAPTERS: [&str; 2] = ["files", "database"];

/// How long one event of a stream waits before its outcome is told as unknown, and how long a
/// stream that ended waits for a client that does not read.
const STREAM_PATIENCE: Duration = Duration::from_secs(10);

#[tonic::async_trait]
impl EventService for Gateway {
    async fn publish_event(
        &self,
        request: Request<PublishEventRequest>,
    ) -> Result<Response<PublishEventResponse>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let deadline = deadline::of(request.metadata().as_ref());
        let answer = async {
            let PublishEventRequest { event, dry_run } = request.into_inner();
            let event = submission(event)?;
            if dry_run {
                let verdict = self.ingest.consider(&caller, &event).await?;
                return Ok(PublishEventResponse {
                    receipt: None,
                    verdict: Some(wire_verdict(verdict)),
                });
            }
            let receipt = self.ingest.accept(&caller, event, deadline).await?;
            Ok(PublishEventResponse { receipt: Some(wire_receipt(receipt)), verdict: None })
        };
        answer.await.map(Response::new).map_err(|fault| told(&fault, &extensions))
    }

    type PublishEventsStream =
        Pin<Box<dyn Stream<Item = Result<PublishEventsResponse, Status>> + Send>>;

    async fn publish_events(
        &self,
        request: Request<Streaming<PublishEventsRequest>>,
    ) -> Result<Response<Self::PublishEventsStream>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let (tell, told) = mpsc::channel(STREAM_WINDOW);
        let (this, events) = (self.clone(), request.into_inner());
        self.tasks.spawn(async move { this.take_stream(&caller, events, tell).await });
        Ok(Response::new(Box::pin(ReceiverStream::new(told).then(settle))))
    }

    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let GetReceiptRequest { source, id } = request.into_inner();
        let receipt = self
            .ingest
            .receipt(&caller, &source, &id)
            .await
            .map_err(|fault| told(&fault, &extensions))?;
        Ok(Response::new(GetReceiptResponse { receipt: Some(wire_receipt(receipt)) }))
    }

    async fn set_aside(
        &self,
        request: Request<SetAsideRequest>,
    ) -> Result<Response<SetAsideResponse>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let deadline = deadline::of(request.metadata().as_ref());
        let place = async {
            let letter = letter(request.into_inner())?;
            self.ingest.set_aside(&caller, letter, deadline).await
        };
        let Position { topic, partition, offset } =
            place.await.map_err(|fault| told(&fault, &extensions))?;
        Ok(Response::new(SetAsideResponse { topic, partition, offset }))
    }
}

/// One event of a stream on its way.
enum Underway {
    Event {
        id: String,
        pending: Result<Box<Pending>, Fault>,
        deadline: Instant,
    },
    /// The answer to a dry run.
    Considered {
        id: String,
        verdict: Result<Box<Verdict>, Fault>,
    },
    /// The stream ends for a reason of ours.
    End(Fault),
}

impl Gateway {
    /// Reads a stream as long as its window has room, its token lives and the bus runs.
    async fn take_stream(
        &self,
        caller: &Principal,
        mut events: Streaming<PublishEventsRequest>,
        tell: mpsc::Sender<Underway>,
    ) {
        let lifetime = caller.expires_unix_seconds().saturating_sub(self.clock.unix_seconds());
        let lifetime = Duration::from_secs(u64::try_from(lifetime).unwrap_or(0));
        let token_ends = tokio::time::sleep(lifetime);
        tokio::pin!(token_ends);
        let mut outgoing = Outgoing::new();
        let mut turns = Turns::default();
        let end = loop {
            // Whether or not the client reads: what was begun goes on, and an end is heard.
            let next = tokio::select! {
                next = events.next(), if outgoing.has_room() => next.transpose(),
                Some(underway) = outgoing.answered(), if outgoing.is_asking() => {
                    match know(&mut outgoing, underway) {
                        Some(fault) => break Some(fault),
                        None => continue,
                    }
                }
                room = tell.reserve(), if outgoing.has_known() => {
                    let Ok(room) = room else { return };
                    if let Some(underway) = outgoing.take() {
                        room.send(underway);
                    }
                    continue;
                }
                () = self.stopping.cancelled() => break Some(ErrorCode::ShuttingDown.into()),
                () = &mut token_ends => break Some(ErrorCode::Unauthenticated.into()),
            };
            let (event, dry_run) = match next {
                Ok(Some(PublishEventsRequest { event, dry_run })) => (event, dry_run),
                // The client ended the stream: what was taken is answered.
                Ok(None) => break None,
                // Too large, or no such message; of a client that went away nobody hears.
                Err(broken) if broken.code() == Code::OutOfRange => {
                    break Some(ErrorCode::PayloadTooLarge.into());
                }
                Err(_) => break Some(ErrorCode::InvalidRequest.into()),
            };
            let deadline = Instant::now() + STREAM_PATIENCE;
            let id = event.as_ref().map(|event| event.id.clone()).unwrap_or_default();
            let bytes = event.as_ref().map_or(0, Message::encoded_len);
            let event = submission(event);
            let known = if dry_run {
                let considering = async move {
                    let verdict = match event {
                        Ok(event) => self.ingest.consider(caller, &event).await.map(Box::new),
                        Err(fault) => Err(fault),
                    };
                    Underway::Considered { id, verdict }
                };
                if self.ingest.asks_others() {
                    outgoing.ask(bytes, considering);
                    continue;
                }
                considering.await
            } else if self.ingest.asks_others() {
                let judged = event.and_then(|event| self.ingest.judge(caller, event));
                let judged = judged.map(|judged| (judged, turns.following()));
                let entering = async move {
                    let pending = match judged {
                        Ok((judged, turn)) => {
                            self.ingest.enter_in_turn(judged, deadline, turn).await.map(Box::new)
                        }
                        Err(fault) => Err(fault),
                    };
                    Underway::Event { id, pending, deadline }
                };
                outgoing.ask(bytes, entering);
                continue;
            } else {
                let pending = match event {
                    Ok(event) => self.ingest.submit(caller, event, deadline).await.map(Box::new),
                    Err(fault) => Err(fault),
                };
                Underway::Event { id, pending, deadline }
            };
            if let Some(fault) = know(&mut outgoing, known) {
                break Some(fault);
            }
        };
        tell_rest(outgoing, end, &tell).await;
    }
}

/// Tells what a stream that ended has on its way, and why it ended, while the client reads.
async fn tell_rest(
    mut outgoing: Outgoing<'_, Underway>,
    mut end: Option<Fault>,
    tell: &mpsc::Sender<Underway>,
) {
    while outgoing.is_asking() || outgoing.has_known() {
        tokio::select! {
            Some(underway) = outgoing.answered(), if outgoing.is_asking() => {
                end = know(&mut outgoing, underway).or(end);
            }
            room = tokio::time::timeout(STREAM_PATIENCE, tell.reserve()), if outgoing.has_known() => {
                let Ok(Ok(room)) = room else { return };
                if let Some(underway) = outgoing.take() {
                    room.send(underway);
                }
            }
        }
    }
    if let Some(fault) = end {
        tell.send_timeout(Underway::End(fault), STREAM_PATIENCE).await.ok();
    }
}

/// Notes what is to be told next; returns why nothing behind it is to be taken, if so.
fn know(outgoing: &mut Outgoing<'_, Underway>, underway: Underway) -> Option<Fault> {
    let end = match &underway {
        // What was not taken now may come later: nothing of its entity may overtake it.
        Underway::Event { pending: Err(fault), .. } if fault.code.is_retryable() => {
            outgoing.forget_asked();
            Some(fault.clone())
        }
        _ => None,
    };
    outgoing.know(underway);
    end
}

async fn settle(underway: Underway) -> Result<PublishEventsResponse, Status> {
    match underway {
        Underway::End(fault) => Err(status(&fault)),
        Underway::Considered { id, verdict } => {
            let result = match verdict {
                Ok(verdict) => publish_events_response::Result::Verdict(wire_verdict(*verdict)),
                Err(fault) => publish_events_response::Result::Fault((&fault).into()),
            };
            Ok(PublishEventsResponse { id, result: Some(result) })
        }
        Underway::Event { id, pending, deadline } => {
            let receipt = match pending {
                Ok(pending) => pending.receipt(deadline).await,
                Err(fault) => Err(fault),
            };
            let result = match receipt {
                Ok(receipt) => publish_events_response::Result::Receipt(wire_receipt(receipt)),
                Err(fault) => publish_events_response::Result::Fault((&fault).into()),
            };
            Ok(PublishEventsResponse { id, result: Some(result) })
        }
    }
}

/// Reads an event from its protobuf form.
pub(crate) fn submission(event: Option<CloudEvent>) -> Result<Submission, Fault> {
    let missing = |pointer: &str| Fault::at(ErrorCode::InvalidRequest, pointer, &rule::ATTRIBUTE);
    let event = event.ok_or_else(|| missing("event"))?;
    let data = match event.data.ok_or_else(|| missing("data"))? {
        Data::BinaryData(bytes) => bytes,
        Data::TextData(text) => Bytes::from(text),
        Data::ProtoData(_) => return Err(missing("proto_data")),
    };
    let mut submission = Submission {
        spec_version: event.spec_version,
        id: event.id,
        source: event.source,
        event_type: event.r#type,
        data,
        adapter: "grpc",
        ..Submission::default()
    };
    for (name, value) in event.attributes {
        let value = text(value)
            .ok_or_else(|| Fault::at(ErrorCode::InvalidRequest, "attributes", &rule::ATTRIBUTE))?;
        assign(&mut submission, name, value);
    }
    Ok(submission)
}

/// Reads a dead letter from its protobuf form.
pub(crate) fn letter(request: SetAsideRequest) -> Result<Letter, Fault> {
    let SetAsideRequest { event, code, violations, origin, attempt, adapter } = request;
    let known = LETTER_ADAPTERS.into_iter().find(|known| *known == adapter);
    let adapter =
        known.ok_or_else(|| Fault::at(ErrorCode::InvalidRequest, "adapter", &rule::REQUEST))?;
    let event = Submission { adapter, ..submission(event)? };
    let breaches = violations.into_iter().map(|violation| (violation.pointer, violation.rule));
    Ok(Letter { event, code, breaches: breaches.collect(), origin, attempt })
}

/// Puts an optional attribute in its place; what has none is an extension.
pub(crate) fn assign(submission: &mut Submission, name: String, value: String) {
    match name.as_str() {
        "subject" => submission.subject = Some(value),
        "time" => submission.time = Some(value),
        "dataschema" => submission.data_schema = Some(value),
        "datacontenttype" => submission.content_type = Some(value),
        _ => submission.extensions.push((name, value)),
    }
}

/// Writes an attribute's value as CloudEvents does in text.
fn text(value: CloudEventAttributeValue) -> Option<String> {
    Some(match value.attr? {
        Attr::CeString(text) | Attr::CeUri(text) | Attr::CeUriRef(text) => text,
        Attr::CeBoolean(value) => value.to_string(),
        Attr::CeInteger(value) => value.to_string(),
        Attr::CeBytes(bytes) => {
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
        }
        Attr::CeTimestamp(time) => jiff::Timestamp::new(time.seconds, time.nanos).ok()?.to_string(),
    })
}

/// Writes a verdict in its protobuf form.
pub(crate) fn wire_verdict(verdict: Verdict) -> wire::Verdict {
    let Verdict { source, id, duplicate, warnings } = verdict;
    wire::Verdict { source, id, duplicate, warnings: warnings.iter().map(Into::into).collect() }
}

/// Writes a receipt in its protobuf form.
pub(crate) fn wire_receipt(receipt: Receipt) -> wire::Receipt {
    let recorded = UNIX_EPOCH
        + Duration::from_millis(u64::try_from(receipt.recorded_unix_millis).unwrap_or(0));
    wire::Receipt {
        source: receipt.source,
        id: receipt.id,
        topic: receipt.position.topic,
        partition: receipt.position.partition,
        offset: receipt.position.offset,
        recorded_time: Some(recorded.into()),
        duplicate: receipt.duplicate,
        warnings: receipt.warnings.iter().map(Into::into).collect(),
    }
}
