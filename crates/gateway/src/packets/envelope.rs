//! The envelope of a packet, and the records in it: each the very bytes that stand there.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, Violation, rule};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How many records a packet may have.
pub(super) const MAX_RECORDS: usize = 1_000;

/// How many members an envelope may have beside those that are known.
const MAX_OTHERS: usize = 64;

/// The longest text of the envelope but the session, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// The longest session, in bytes.
const MAX_SESSION_BYTES: usize = 8 * 1024;

/// What a packet says beside its records. Not `Debug`: it holds the session.
#[derive(Default)]
pub(super) struct Envelope<'a> {
    /// `session`.
    pub(super) session: Option<Cow<'a, str>>,
    /// `madonvi`.
    pub(super) agency: Option<Cow<'a, str>>,
    /// `service`.
    pub(super) service: Option<Cow<'a, str>>,
    /// `isUpdating`.
    pub(super) updating: Option<bool>,
    /// `maTTHC`.
    pub(super) procedure: Option<Cow<'a, str>>,
    /// `mahoso`.
    pub(super) dossier: Option<Cow<'a, str>>,
    /// `data`.
    pub(super) data: Option<Records<'a>>,
}

/// The members that are known. Vendors write them in more than one case.
const NAMES: [&str; 6] = ["session", "madonvi", "service", "isUpdating", "maTTHC", "mahoso"];
const DATA: &str = "data";

impl<'a> Envelope<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// `invalid_json`; `invalid_request` with every member that has a wrong form;
    /// `payload_too_large` for too many records.
    pub(super) fn read(body: &'a Bytes) -> Result<Self, Fault> {
        let Members { texts, data, twice, others } = parse(body)?;
        if let Some(name) = twice {
            let pointer = format!("/{name}");
            return Err(Fault::at(ErrorCode::InvalidJson, pointer, &rule::JSON_DUPLICATE_MEMBER));
        }
        let mut violations = Vec::new();
        if others > MAX_OTHERS {
            violations.push(Violation::new("", &rule::REQUEST));
        }
        let [session, agency, service, updating, procedure, dossier] = texts;
        let mut text = |at: usize, value: Option<&'a RawValue>, most| {
            // Clients write null and "" where they have nothing.
            let value = value.filter(|value| !matches!(value.get(), "null" | "\"\""))?;
            let text = serde_json::from_str::<Text<'a>>(value.get()).ok();
            let rule = match &text {
                None => &rule::TYPE,
                Some(Text(text)) if text.len() > most => &rule::MAX_LENGTH,
                Some(_) => return text.map(|Text(text)| text),
            };
            let name = NAMES.get(at).copied().unwrap_or_default();
            violations.push(Violation::new(format!("/{name}"), rule));
            None
        };
        let mut envelope = Self {
            session: text(0, session, MAX_SESSION_BYTES),
            agency: text(1, agency, MAX_TEXT_BYTES),
            service: text(2, service, MAX_TEXT_BYTES),
            procedure: text(4, procedure, MAX_TEXT_BYTES),
            dossier: text(5, dossier, MAX_TEXT_BYTES),
            updating: None,
            data,
        };
        envelope.updating = match updating.map(RawValue::get) {
            None | Some("null" | "\"\"") => None,
            Some(value) => match flag(value.trim_matches('"')) {
                Ok(updating) => Some(updating),
                Err(fault) => {
                    violations.extend(fault.violations);
                    None
                }
            },
        };
        match violations.is_empty() {
            true => Ok(envelope),
            false => Err(Fault::with(ErrorCode::InvalidRequest, violations)),
        }
    }
}

/// Reads `isUpdating`, as text or as a boolean.
///
/// # Errors
/// `invalid_request`.
pub(super) fn flag(text: &str) -> Result<bool, Fault> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Fault::at(ErrorCode::InvalidRequest, "/isUpdating", &rule::ENUM)),
    }
}

/// A text, borrowed where nothing in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// The records of a packet.
#[derive(Default)]
pub(super) struct Records<'a> {
    list: Vec<&'a RawValue>,
    count: usize,
    is_list: bool,
}

impl<'a> Records<'a> {
    /// Reads a bare list.
    ///
    /// # Errors
    /// `invalid_json`.
    pub(super) fn read(body: &'a Bytes) -> Result<Self, Fault> {
        parse(body)
    }

    /// Cuts the records out of the body, each as it stands there.
    ///
    /// # Errors
    /// `invalid_request` where there is no list of records; `payload_too_large` for too many.
    pub(super) fn within(self, body: &Bytes) -> Result<Vec<Bytes>, Fault> {
        let wrong = |rule| Err(Fault::at(ErrorCode::InvalidRequest, "/data", rule));
        match self.count {
            _ if !self.is_list => wrong(&rule::TYPE),
            0 => wrong(&rule::MIN_LENGTH),
            1..=MAX_RECORDS => {
                let slice = |record: &&RawValue| body.slice_ref(record.get().as_bytes());
                Ok(self.list.iter().map(slice).collect())
            }
            _ => Err(Fault::at(ErrorCode::PayloadTooLarge, "/data", &rule::MAX_LENGTH)),
        }
    }
}

impl<'de> Deserialize<'de> for Records<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Records<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut records = Records { is_list: true, ..Records::default() };
                while records.count < MAX_RECORDS {
                    let Some(record) = list.next_element()? else { return Ok(records) };
                    records.list.push(record);
                    records.count += 1;
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    records.count += 1;
                }
                Ok(records)
            }

            // Anything else is JSON as well, and told as a wrong type.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Records::default())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Records::default())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Records::default())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Records::default())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Records::default())
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Records::default())
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Records::default())
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// The members of an envelope as they stand there.
#[derive(Default)]
struct Members<'a> {
    texts: [Option<&'a RawValue>; NAMES.len()],
    data: Option<Records<'a>>,
    /// A known member that occurs twice.
    twice: Option<&'static str>,
    others: usize,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(Text(name)) = map.next_key()? {
                    if name.eq_ignore_ascii_case(DATA) {
                        if members.data.replace(map.next_value()?).is_some() {
                            members.twice = Some(DATA);
                        }
                        continue;
                    }
                    let known = |(known, _): &(&&'static str, _)| name.eq_ignore_ascii_case(known);
                    match NAMES.iter().zip(&mut members.texts).find(known) {
                        Some((known, text)) => {
                            if text.replace(map.next_value()?).is_some() {
                                members.twice = Some(known);
                            }
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                            members.others += 1;
                        }
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Fault> {
    // The library's text may quote the packet; and of what it passes over it reads bytes alone.
    let broken = || Fault::at(ErrorCode::InvalidJson, "", &rule::JSON_SYNTAX);
    let text = std::str::from_utf8(body).map_err(|_| broken())?;
    serde_json::from_str(text).map_err(|_| broken())
}

#[cfg(test)]
mod tests;
