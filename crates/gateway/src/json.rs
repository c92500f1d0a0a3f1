//! Messages as JSON: ProtoJSON by the same descriptors that reflection serves.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use lgsp_core::{ErrorCode, Fault, rule};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, SerializeOptions};
use serde::ser::{Error, Serialize, Serializer};
use serde_json::Value;

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(lgsp_proto::DESCRIPTORS).ok());

fn descriptor(name: &str) -> Result<prost_reflect::MessageDescriptor, Fault> {
    POOL.as_ref()
        .and_then(|pool| pool.get_message_by_name(name))
        .ok_or_else(|| ErrorCode::Internal.into())
}

/// Reads a message from JSON; the name is its full one, e.g. `lgsp.query.v1.LookUpCitizenRequest`.
///
/// # Errors
/// `invalid_json`, or `invalid_request` where members do not fit the message.
pub(crate) fn read<M: Message + Default>(name: &str, bytes: &[u8]) -> Result<M, Fault> {
    message(name, lgsp_schema::parse_strict(bytes)?)
}

/// Reads a message from a JSON value; the name is its full one.
///
/// # Errors
/// `invalid_request` where members do not fit the message.
pub(crate) fn message<M: Message + Default>(name: &str, value: Value) -> Result<M, Fault> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    // The library's text quotes values, so it goes nowhere.
    let message = DynamicMessage::deserialize_with_options(descriptor(name)?, value, &options)
        .map_err(|_| Fault::at(ErrorCode::InvalidRequest, "", &rule::REQUEST))?;
    message.transcode_to().map_err(|_| ErrorCode::Internal.into())
}

/// A message that serializes as ProtoJSON; the name is its full one.
pub(crate) struct Written<'a, M>(pub(crate) &'static str, pub(crate) &'a M);

impl<M: Message> Serialize for Written<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Neither error can be but for a message that is not among the descriptors.
        let unknown = |_| S::Error::custom("unknown message");
        let mut dynamic = DynamicMessage::new(descriptor(self.0).map_err(unknown)?);
        dynamic.transcode_from(self.1).map_err(|_| S::Error::custom("another message"))?;
        // Offset 0 and "not a duplicate" are answers too; what is optional and absent stays absent.
        let options = SerializeOptions::new().skip_default_fields(false);
        dynamic.serialize_with_options(serializer, &options)
    }
}

/// Writes a message as JSON.
///
/// # Errors
/// `internal`, for a message that is not among the descriptors.
pub(crate) fn write<M: Message>(name: &'static str, message: &M) -> Result<Response, Fault> {
    answer(StatusCode::OK, &Written(name, message))
}

/// Writes an answer as JSON.
///
/// # Errors
/// `internal`, as [`write()`].
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Result<Response, Fault> {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, body).map_err(|_| Fault::new(ErrorCode::Internal))?;
    Ok(respond(status, bytes))
}

/// Makes a response of JSON bytes.
pub(crate) fn respond(status: StatusCode, bytes: impl Into<Body>) -> Response {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// How much of a body that is too large is read and thrown away, so that its sender hears why: who
/// still sends when the connection closes may never see the answer.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// `payload_too_large`; `invalid_request` when the body breaks off.
pub(crate) async fn body(mut body: Body, limit: usize) -> Result<Bytes, Fault> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut taken = BytesMut::with_capacity(announced.min(limit));
    let mut count = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::new(ErrorCode::InvalidRequest))?;
        let Ok(data) = frame.into_data() else { continue };
        count = count.saturating_add(data.len());
        if count > limit.saturating_add(DISCARDED_BYTES) {
            break;
        }
        if count <= limit {
            taken.extend_from_slice(&data);
        }
    }
    if count > limit { Err(ErrorCode::PayloadTooLarge.into()) } else { Ok(taken.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_up_to_the_limit_and_no_further() {
        let of = |count: usize| Body::from(vec![b'x'; count]);
        assert_eq!(body(of(10), 10).await.unwrap().len(), 10);
        assert_eq!(body(of(11), 10).await.unwrap_err().code, ErrorCode::PayloadTooLarge);
        assert_eq!(body(Body::empty(), 10).await.unwrap().len(), 0);
    }
}
