//! A record of evidence where it lies, and as a line of an export.

use std::fmt;

use lgsp_core::digest::hex;
use serde::{Deserialize, Serialize};

/// A record as it lies in the log, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When the log took it, milliseconds since 1970.
    pub unix_millis: i64,
    /// The record key: the writer's id.
    pub key: Vec<u8>,
    /// The headers; the chain needs none.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value: what the writer's next record holds the hash of.
    pub value: Vec<u8>,
}

impl fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = (&self.topic, self.partition, self.offset);
        f.debug_tuple("StoredRecord").field(&place).finish_non_exhaustive()
    }
}

/// A line of an export is none. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no line of an export of evidence")]
pub struct LineUnreadable;

/// A line: JSON, with the exact text of key and value as strings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    topic: String,
    partition: i32,
    offset: i64,
    unix_millis: i64,
    key: Bytes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, Bytes)>,
    value: Bytes,
}

/// Bytes as text where they are UTF-8, which all of ours are; else in hexadecimal digits, so that
/// a damaged record leaves as it is too.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Raw(Raw),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    hex: String,
}

impl StoredRecord {
    /// Writes the record as a line of JSON, without a line end.
    ///
    /// # Errors
    /// Those of serialising, which no record causes.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), text(value)));
        serde_json::to_string(&Line {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
            unix_millis: self.unix_millis,
            key: text(&self.key),
            headers: headers.collect(),
            value: text(&self.value),
        })
    }

    /// Reads a line that [`StoredRecord::to_line`] wrote.
    ///
    /// # Errors
    /// [`LineUnreadable`].
    pub fn from_line(line: &str) -> Result<Self, LineUnreadable> {
        let line: Line = serde_json::from_str(line).map_err(|_| LineUnreadable)?;
        let headers = line.headers.into_iter().map(|(name, value)| Ok((name, bytes(value)?)));
        Ok(Self {
            topic: line.topic,
            partition: line.partition,
            offset: line.offset,
            unix_millis: line.unix_millis,
            key: bytes(line.key)?,
            headers: headers.collect::<Result<_, LineUnreadable>>()?,
            value: bytes(line.value)?,
        })
    }
}

fn text(bytes: &[u8]) -> Bytes {
    match std::str::from_utf8(bytes) {
        Ok(text) => Bytes::Text(text.to_owned()),
        Err(_) => Bytes::Raw(Raw { hex: hex(bytes) }),
    }
}

fn bytes(written: Bytes) -> Result<Vec<u8>, LineUnreadable> {
    let hex = match written {
        Bytes::Text(text) => return Ok(text.into_bytes()),
        Bytes::Raw(Raw { hex }) => hex,
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(LineUnreadable);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(|pair| byte(pair).ok_or(LineUnreadable)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(key: &[u8], value: &[u8]) -> StoredRecord {
        StoredRecord {
            topic: "lgsp.audit.v1".to_owned(),
            partition: 2,
            offset: 17,
            unix_millis: 1_790_000_000_000,
            key: key.to_vec(),
            headers: vec![("name".to_owned(), value.to_vec())],
            value: value.to_vec(),
        }
    }

    #[test]
    fn a_line_tells_the_place_and_the_exact_text() {
        let line = StoredRecord { headers: vec![], ..record(b"key", br#"{"v":1}"#) };
        assert_eq!(
            line.to_line().unwrap(),
            r#"{"topic":"lgsp.audit.v1","partition":2,"offset":17,"unixMillis":1790000000000,"key":"key","value":"{\"v\":1}"}"#
        );
        let debug = format!("{line:?}");
        assert!(debug.contains("17") && !debug.contains("118"), "no value in {debug}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(key: Vec<u8>, value: Vec<u8>, text: String) {
            for value in [value.as_slice(), text.as_bytes()] {
                let record = record(&key, value);
                let line = record.to_line().unwrap();
                prop_assert!(!line.contains('\n'));
                prop_assert_eq!(StoredRecord::from_line(&line), Ok(record));
            }
        }

        #[test]
        fn whatever_is_read_can_be_written(line: String) {
            if let Ok(record) = StoredRecord::from_line(&line) {
                prop_assert_eq!(StoredRecord::from_line(&record.to_line().unwrap()), Ok(record));
            }
        }
    }

    #[test]
    fn refuses_what_is_no_line() {
        let good = record(b"\xff", b"{}").to_line().unwrap();
        assert!(StoredRecord::from_line(&good).is_ok());
        let short = good.replace(r#"{"hex":"ff"}"#, r#"{"hex":"f"}"#);
        let strange = good.replace(r#"{"hex":"ff"}"#, r#"{"hex":"fg"}"#);
        let more = good.replacen('{', r#"{"more":1,"#, 1);
        for line in ["", "{}", "[]", "x", &short, &strange, &more] {
            assert_eq!(StoredRecord::from_line(line), Err(LineUnreadable), "{line}");
        }
    }
}
