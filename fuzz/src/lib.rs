//! What the targets share: how an input is taken apart, and what holds for every answer.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use lgsp_core::Fault;
use lgsp_core::digest::{hex, sha256};
use lgsp_ingest::Submission;
use lgsp_registry::{Registry, write_sample};
use serde_json::value::RawValue;

/// Returns the secret of a client of the sample registry.
pub fn secret_of(client: &str) -> String {
    format!("bi-mat-cua-{client}")
}

/// Splits an input at its NULs, which none of the formats has, into parts; the last one takes
/// the rest.
pub fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = input.splitn(COUNT, |byte| *byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Reads lines `name: value`; those that are no headers are left out.
pub fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = halves.next().and_then(|name| HeaderName::from_bytes(name).ok());
        let value =
            halves.next().and_then(|value| HeaderValue::from_bytes(value.trim_ascii()).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Returns headers that name a media type.
pub fn content_type(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
}

/// Makes the sample registry.
pub fn sample_registry() -> Registry {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("registry");
    write_sample(&folder, &|id| hex(&sha256(secret_of(id.as_str()).as_bytes()))).unwrap();
    Registry::load(&folder).unwrap()
}

/// Makes a file of bytes, in the place of the one before.
pub fn file(bytes: &[u8]) -> File {
    thread_local! {
        static FILE: File = tempfile::tempfile().unwrap();
    }
    FILE.with(|mut file| {
        file.set_len(0).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.try_clone().unwrap()
    })
}

/// Demands of a fault that it says where and why, and repeats nothing that a sender made up.
pub fn tells_no_value(fault: &Fault) {
    assert!(fault.total_violations >= fault.violations.len());
    assert!(fault.violations.len() <= Fault::MAX_VIOLATIONS);
    for violation in &fault.violations {
        for step in violation.pointer.split('/') {
            let step = step.strip_prefix("ce-").unwrap_or(step);
            let is_index = step.len() <= 7 && step.bytes().all(|byte| byte.is_ascii_digit());
            let is_name = step.len() <= 64
                && step.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            assert!(is_index || is_name, "{:?}", violation.pointer);
        }
    }
}

/// Looks at an event's attributes as the corridor does; a fault repeats none of them.
pub fn tells_no_attribute(event: &Submission) {
    if let Err(fault) = lgsp_ingest::fuzzing::well_formed(event) {
        tells_no_value(&fault);
    }
}

/// Demands of an event in the structured form that it says what the JSON text says.
pub fn is_what_stands_in(event: &Submission, envelope: &[u8]) {
    tells_no_attribute(event);
    let members = members(envelope).expect("an object");
    let text = |name: &str| {
        let (_, value) = members.iter().find(|(member, _)| member == name)?;
        serde_json::from_str::<String>(value.get()).ok()
    };
    for (name, value) in [("id", &event.id), ("source", &event.source), ("type", &event.event_type)]
    {
        if let Some(text) = text(name) {
            assert_eq!(&text, value);
        }
    }
    match members.iter().find(|(name, _)| name == "data") {
        Some((_, data)) => assert_eq!(data.get().as_bytes(), event.data),
        None => {
            use base64::Engine;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&event.data);
            assert_eq!(text("data_base64"), Some(encoded));
        }
    }
    let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), members.len(), "a member twice was taken");
}

/// Demands of the records of a packet that they are the list's elements, byte for byte.
pub fn are_the_elements(records: &[Bytes], list: &[u8]) {
    let elements: Vec<Box<RawValue>> = serde_json::from_slice(list).expect("a list");
    assert_eq!(elements.len(), records.len());
    for (element, record) in elements.iter().zip(records) {
        assert_eq!(element.get().as_bytes(), record);
    }
}

/// Reads the members of a JSON object in their order, also those that occur twice.
pub fn members(object: &[u8]) -> Option<Vec<(String, Box<RawValue>)>> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(object);
    let members = serde::Deserializer::deserialize_map(&mut reader, Members).ok()?;
    reader.end().ok()?;
    Some(members)
}

/// Tells whether any object of a JSON text has a member twice.
pub fn has_a_member_twice(text: &[u8]) -> bool {
    if let Some(members) = members(text) {
        let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        return names.windows(2).any(|pair| pair[0] == pair[1])
            || members.iter().any(|(_, value)| has_a_member_twice(value.get().as_bytes()));
    }
    let items: Result<Vec<Box<RawValue>>, _> = serde_json::from_slice(text);
    items.is_ok_and(|items| items.iter().any(|item| has_a_member_twice(item.get().as_bytes())))
}
