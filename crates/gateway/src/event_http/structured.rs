//! Structured mode: attributes and data in one JSON object.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_ingest::Submission;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::event_grpc::assign;

/// How many members an envelope may have: attributes, extensions and the data.
const MAX_MEMBERS: usize = 32;

/// The members of the envelope, each as the text that stands there.
struct Envelope<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(12);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Envelope(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Reads an event; its data is the very bytes that stand in the envelope.
///
/// # Errors
/// `invalid_json`; `invalid_request` where an attribute has a wrong form.
pub(super) fn read(body: &Bytes) -> Result<Submission, Fault> {
    let not_json = || Fault::at(ErrorCode::InvalidJson, "", &rule::JSON_SYNTAX);
    let Envelope(members) = serde_json::from_slice(body).map_err(|_| not_json())?;
    if members.len() > MAX_MEMBERS {
        return Err(Fault::at(ErrorCode::InvalidRequest, "", &rule::ATTRIBUTE));
    }
    let mut event = Submission { adapter: "http", ..Submission::default() };
    let mut seen: Vec<&str> = Vec::with_capacity(members.len());
    let mut data = None;
    for (name, value) in &members {
        let wrong = || Fault::at(ErrorCode::InvalidRequest, shown(name), &rule::ATTRIBUTE);
        if seen.contains(&name.as_str()) {
            return Err(Fault::at(
                ErrorCode::InvalidJson,
                format!("/{}", shown(name)),
                &rule::JSON_DUPLICATE_MEMBER,
            ));
        }
        seen.push(name);
        match name.as_str() {
            "data" | "data_base64" if data.is_some() => return Err(wrong()),
            "data" => data = Some(body.slice_ref(value.get().as_bytes())),
            "data_base64" => {
                let text: String = serde_json::from_str(value.get()).map_err(|_| wrong())?;
                data = Some(Bytes::from(STANDARD.decode(text).map_err(|_| wrong())?));
            }
            "specversion" => event.spec_version = attribute(value).ok_or_else(wrong)?,
            "id" => event.id = attribute(value).ok_or_else(wrong)?,
            "source" => event.source = attribute(value).ok_or_else(wrong)?,
            "type" => event.event_type = attribute(value).ok_or_else(wrong)?,
            // A null attribute is an absent one (CloudEvents 1.0, JSON format).
            _ if value.get() == "null" => {}
            _ => assign(&mut event, name.clone(), attribute(value).ok_or_else(wrong)?),
        }
    }
    event.data =
        data.ok_or_else(|| Fault::at(ErrorCode::InvalidRequest, "data", &rule::ATTRIBUTE))?;
    Ok(event)
}

/// An attribute is a string, a boolean or a whole number.
fn attribute(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Bool(value) => Some(value.to_string()),
        serde_json::Value::Number(number) if number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// An attribute's name where it is one; anything may stand in its place.
fn shown(name: &str) -> &str {
    let plausible = (1..=20).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plausible { name } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_byte_for_byte_what_stands_in_the_envelope() {
        let body = Bytes::from(
            r#"{"specversion":"1.0","data": { "MaHoSo" : "x",  "a":1.0e2 } ,"id":"7","trace":true}"#,
        );
        let event = read(&body).unwrap();
        assert_eq!(event.data.as_ref(), br#"{ "MaHoSo" : "x",  "a":1.0e2 }"#);
        assert_eq!(event.extensions, vec![("trace".to_owned(), "true".to_owned())]);
    }

    #[test]
    fn refuses_a_member_twice_and_data_in_two_forms() {
        for body in [
            r#"{"id":"1","id":"2","data":{}}"#,
            r#"{"data":{},"data_base64":"e30="}"#,
            r#"{"id":"1"}"#,
            "[]",
            "{",
        ] {
            assert!(read(&Bytes::from(body)).is_err(), "{body}");
        }
        assert_eq!(read(&Bytes::from(r#"{"data_base64":"e30="}"#)).unwrap().data.as_ref(), b"{}");
    }
}
