//! gRPC by a Rust client: with the generated messages, or as bytes at any path.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BufMut};
use lgsp_proto::event::v1::event_service_client::EventServiceClient;
use lgsp_proto::event::v1::{CloudEvent, PublishEventsRequest, Receipt, publish_events_response};
use lgsp_proto::fault::v1::Fault;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a channel to a bus.
///
/// # Errors
/// When it does not answer.
pub async fn channel(base_url: &str) -> Result<Channel> {
    let endpoint = Channel::from_shared(base_url.to_owned())?;
    Ok(endpoint.connect_timeout(Duration::from_secs(5)).connect().await?)
}

/// Opens a client of the event service.
///
/// # Errors
/// When the bus does not answer.
pub async fn events(base_url: &str) -> Result<EventServiceClient<Channel>> {
    Ok(EventServiceClient::new(channel(base_url).await?))
}

/// Puts a token to a request.
///
/// # Errors
/// When it is no header's value.
pub fn with_token<T>(token: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}

/// Publishes events over one stream; returns the result of each, in their order. Blocks.
///
/// # Errors
/// When the stream breaks before its last result.
pub fn publish_all(
    base_url: &str,
    token: &str,
    events: Vec<CloudEvent>,
) -> Result<Vec<Result<Receipt, Fault>>> {
    let count = events.len();
    let requests =
        events.into_iter().map(|event| PublishEventsRequest { event: Some(event), dry_run: false });
    let requests = with_token(token, tokio_stream::iter(requests.collect::<Vec<_>>()))?;
    runtime()?.block_on(async {
        let mut client = self::events(base_url).await?;
        let mut answers = client.publish_events(requests).await?.into_inner();
        let mut results = Vec::with_capacity(count);
        while let Some(answer) = answers.message().await? {
            results.push(match answer.result.context("an answer says nothing")? {
                publish_events_response::Result::Receipt(receipt) => Ok(receipt),
                publish_events_response::Result::Fault(fault) => Err(fault),
                publish_events_response::Result::Verdict(_) => {
                    bail!("a verdict where none was asked")
                }
            });
        }
        ensure!(results.len() == count, "{} results for {count} events", results.len());
        Ok(results)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Calls any method with the bytes of one message; returns the status, and the bytes of the first
/// message of the answer if there is one. Blocks.
///
/// # Errors
/// When the bus cannot be asked; a refusal is an answer.
pub fn call(
    base_url: &str,
    path: &'static str,
    message: &[u8],
    authorization: Option<&str>,
) -> Result<(Code, Option<Vec<u8>>)> {
    let mut request = Request::new(message.to_vec());
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", authorization.parse()?);
    }
    request.set_timeout(PATIENCE);
    let called = runtime()?.block_on(async {
        let mut client = tonic::client::Grpc::new(channel(base_url).await?);
        client.ready().await?;
        let path = http::uri::PathAndQuery::from_static(path);
        // A unary answer is a stream of one.
        let answered: Result<_, Status> = async {
            let mut answers = client.server_streaming(request, path, AsBytes).await?.into_inner();
            answers.message().await
        }
        .await;
        anyhow::Ok(answered)
    })?;
    Ok(match called {
        Ok(message) => (Code::Ok, message),
        Err(status) => (status.code(), None),
    })
}

/// Messages as they are on the wire.
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsBytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for AsBytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
