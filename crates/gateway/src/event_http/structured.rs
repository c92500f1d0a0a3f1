//! Structured mode: attributes and data in one JSON object; and batches of such objects.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_ingest::Submission;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::event_grpc::assign;

/// How many members an envelope may have: attributes, extensions and the data.
const MAX_MEMBERS: usize = 32;

/// How many events a batch may have.
pub(super) const MAX_BATCH: usize = 1000;

/// Reads an event; its data is the very bytes that stand in the envelope.
///
/// # Errors
/// `invalid_json`; `invalid_request` where an attribute has a wrong form.
pub(super) fn read(body: &Bytes) -> Result<Submission, Fault> {
    let envelope: Envelope = parse(body)?;
    envelope.submission(body)
}

/// An event of a batch, or why it is none.
#[derive(Debug)]
pub(super) struct Arrived {
    /// The id that stands there, also where the rest is malformed.
    pub(super) id: Option<String>,
    pub(super) event: Result<Submission, Fault>,
}

/// Reads a batch, a JSON array of envelopes. The data of each event are the very bytes that stand
/// in the batch, and nothing of the batch is copied for them.
///
/// # Errors
/// `invalid_json` where the batch as a whole is none; `payload_too_large` for more than
/// [`MAX_BATCH`] events.
pub(super) fn read_batch(body: &Bytes) -> Result<Vec<Arrived>, Fault> {
    let Batch { envelopes, is_longer } = parse(body)?;
    if is_longer {
        return Err(Fault::at(ErrorCode::PayloadTooLarge, "", &rule::BATCH_SIZE));
    }
    let arrived = |envelope: &Envelope<'_>| match envelope.submission(body) {
        Ok(event) => Arrived { id: Some(event.id.clone()), event: Ok(event) },
        Err(fault) => Arrived { id: envelope.id(), event: Err(fault) },
    };
    Ok(envelopes.iter().map(arrived).collect())
}

fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Fault> {
    // Of what it passes over the library would read bytes alone.
    let text = std::str::from_utf8(body).map_err(|_| not_json())?;
    serde_json::from_str(text).map_err(|_| not_json())
}

fn not_json() -> Fault {
    Fault::at(ErrorCode::InvalidJson, "", &rule::JSON_SYNTAX)
}

/// The members of an envelope, each as the text that stands there.
enum Envelope<'a> {
    Members(Vec<(String, &'a RawValue)>),
    /// An object with more members than an envelope has.
    TooLarge,
    /// Some other JSON value.
    NoObject,
}

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
                    if members.len() == MAX_MEMBERS {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        return Ok(Envelope::TooLarge);
                    }
                    members.push(member);
                }
                Ok(Envelope::Members(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Envelope::NoObject)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Envelope::NoObject)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Envelope::NoObject)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Envelope::NoObject)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Envelope::NoObject)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Envelope::NoObject)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Envelope::NoObject)
            }
        }
        deserializer.deserialize_any(Members)
    }
}

/// The envelopes of a batch, and whether it goes on beyond [`MAX_BATCH`].
struct Batch<'a> {
    envelopes: Vec<Envelope<'a>>,
    is_longer: bool,
}

impl<'de> Deserialize<'de> for Batch<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Envelopes;
        impl<'de> Visitor<'de> for Envelopes {
            type Value = Batch<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut envelopes = Vec::new();
                while envelopes.len() < MAX_BATCH {
                    match items.next_element()? {
                        Some(envelope) => envelopes.push(envelope),
                        None => return Ok(Batch { envelopes, is_longer: false }),
                    }
                }
                let mut is_longer = false;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    is_longer = true;
                }
                Ok(Batch { envelopes, is_longer })
            }
        }
        deserializer.deserialize_seq(Envelopes)
    }
}

impl Envelope<'_> {
    fn id(&self) -> Option<String> {
        let Self::Members(members) = self else { return None };
        members.iter().find(|(name, _)| name == "id").and_then(|(_, value)| attribute(value))
    }

    /// Makes an event of the envelope, which stands somewhere in `body`.
    fn submission(&self, body: &Bytes) -> Result<Submission, Fault> {
        let members = match self {
            Self::Members(members) => members,
            Self::TooLarge => {
                return Err(Fault::at(ErrorCode::InvalidRequest, "", &rule::ATTRIBUTE));
            }
            Self::NoObject => return Err(not_json()),
        };
        let mut event = Submission { adapter: "http", ..Submission::default() };
        let mut seen: Vec<&str> = Vec::with_capacity(members.len());
        let mut data = None;
        for (name, value) in members {
            let wrong = || Fault::at(ErrorCode::InvalidRequest, shown(name), &rule::ATTRIBUTE);
            if seen.contains(&name.as_str()) {
                let pointer = match shown(name) {
                    "" => String::new(),
                    name => format!("/{name}"),
                };
                let rule = &rule::JSON_DUPLICATE_MEMBER;
                return Err(Fault::at(ErrorCode::InvalidJson, pointer, rule));
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

/// An attribute's name where it can be told: anything may stand in its place, also a citizen's
/// number.
pub(super) fn shown(name: &str) -> &str {
    let plausible = (1..=20).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
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
            "7",
            "{",
        ] {
            assert!(read(&Bytes::from(body)).is_err(), "{body}");
        }
        assert_eq!(read(&Bytes::from(r#"{"data_base64":"e30="}"#)).unwrap().data.as_ref(), b"{}");
    }

    #[test]
    fn a_name_that_may_be_somebody_s_number_is_not_repeated() {
        let pointer = |body: &'static str| {
            read(&Bytes::from(body)).unwrap_err().violations.swap_remove(0).pointer
        };
        assert_eq!(pointer(r#"{"086190000001":{},"data":{}}"#), "");
        assert_eq!(pointer(r#"{"086190000001":1,"086190000001":1,"data":{}}"#), "");
        assert_eq!(pointer(r#"{"traced":{},"data":{}}"#), "traced");
        assert_eq!(pointer(r#"{"traced":1,"traced":1,"data":{}}"#), "/traced");
    }

    #[test]
    fn an_envelope_has_few_members() {
        let of = |count: usize| {
            let members: Vec<_> = (1..count).map(|number| format!("\"x{number}\":1")).collect();
            read(&Bytes::from(format!("{{\"data\":{{}},{}}}", members.join(","))))
        };
        assert!(of(MAX_MEMBERS).is_ok());
        assert_eq!(of(MAX_MEMBERS + 1).unwrap_err().code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn a_batch_gives_each_event_its_own_bytes_without_copying_them() {
        let body =
            Bytes::from(r#"[ {"id":"1","data": {"a" : 1}} ,7,{"data":[]}, {"id":"4"} ,[{}]]"#);
        let events = read_batch(&body).unwrap();
        let data: Vec<_> = events
            .iter()
            .map(|arrived| {
                let event = arrived.event.as_ref();
                event.map(|event| event.data.as_ref()).map_err(|fault| fault.code)
            })
            .collect();
        let expected: [Result<&[u8], _>; 5] = [
            Ok(br#"{"a" : 1}"#),
            Err(ErrorCode::InvalidJson),
            Ok(b"[]"),
            Err(ErrorCode::InvalidRequest),
            Err(ErrorCode::InvalidJson),
        ];
        assert_eq!(data, expected);
        let first = events[0].event.as_ref().unwrap();
        assert!(body.as_ptr_range().contains(&first.data.as_ptr()));
        let ids: Vec<_> = events.iter().map(|arrived| arrived.id.as_deref()).collect();
        assert_eq!(ids, [Some("1"), None, Some(""), Some("4"), None]);
    }

    #[test]
    fn a_batch_is_an_array_of_at_most_so_many() {
        let of = |count: usize| {
            let one = r#"{"data":{}}"#;
            read_batch(&Bytes::from(format!("[{}]", vec![one; count].join(","))))
        };
        assert_eq!(of(0).unwrap().len(), 0);
        assert_eq!(of(MAX_BATCH).unwrap().len(), MAX_BATCH);
        assert_eq!(of(MAX_BATCH + 1).unwrap_err().code, ErrorCode::PayloadTooLarge);
        let bodies = [&b""[..], b"{}", b"[", b"[{},]", b"[{}] x", b"[{\"id\":}]", b"[[\"\xff\"]]"];
        for body in bodies {
            let fault = read_batch(&Bytes::from_static(body)).unwrap_err();
            assert_eq!(fault.code, ErrorCode::InvalidJson, "{body:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_looks_like_json_makes_it_panic(body in r#"[\[\]{}:,"id0\\ \PC]{0,80}"#) {
            let body = Bytes::from(body);
            read(&body).ok();
            read_batch(&body).ok();
        }
    }
}
