//! The block `x-lgsp` at the top of a schema: what the bus itself needs to know of an event type.

use serde::Deserialize;
use serde_json::Value;

use crate::kind::EventKind;

/// The name of the block.
pub(crate) const NAME: &str = "x-lgsp";

/// The block, as the file has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Annotation {
    r#type: String,
    version: String,
    topic: String,
    key: String,
    key_is_personal: bool,
}

/// A version, ordered as versions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let version = Self { major: major.parse().ok()?, minor: minor.parse().ok()? };
        // A version has one spelling, since it is part of a URI.
        (format!("{}.{}", version.major, version.minor) == text).then_some(version)
    }
}

/// Reads the block of a schema and checks it against the schema and the file's name.
///
/// # Errors
/// Every problem: the pointer within the file and what is wrong there.
pub(crate) fn read(
    file: &str,
    schema: &Value,
    text: &str,
) -> Result<(EventKind, Version), Vec<(String, String)>> {
    let block = schema.get(NAME).cloned().unwrap_or_default();
    let annotation: Annotation = serde_json::from_value(block).map_err(|error| {
        vec![(format!("/{NAME}"), format!("the block {NAME} is missing or malformed: {error}"))]
    })?;
    let mut problems = Vec::new();
    let mut check = |holds: bool, member: &str, problem: String| {
        if !holds {
            problems.push((format!("/{NAME}/{member}"), problem));
        }
    };

    let version = Version::parse(&annotation.version);
    check(version.is_some(), "version", "a version has the form <major>.<minor>".to_owned());
    let (stem, major) = annotation.r#type.rsplit_once(".v").unwrap_or_default();
    let same_major = version.is_some_and(|version| version.major.to_string() == major);
    check(
        is_dotted_name(stem) && same_major,
        "type",
        "a type has the form <name>.v<major> of the version".to_owned(),
    );
    let expected = format!("{stem}/v{}.json", annotation.version);
    check(file == expected, "type", format!("this type and version belong in the file {expected}"));
    check(
        is_dotted_name(&annotation.topic),
        "topic",
        "a topic is of a-z, 0-9 and . alone".to_owned(),
    );
    let key_problem = key_problem(schema, &annotation.key);
    check(key_problem.is_none(), "key", key_problem.unwrap_or_default().to_owned());

    match version {
        Some(version) if problems.is_empty() => Ok((
            EventKind {
                dataschema: format!("/v1/schemas/{}/{}", annotation.r#type, annotation.version),
                event_type: annotation.r#type,
                version: annotation.version,
                topic: annotation.topic,
                key: annotation.key,
                key_is_personal: annotation.key_is_personal,
                document: text.to_owned().into(),
            },
            version,
        )),
        _ => Err(problems),
    }
}

fn is_dotted_name(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// Says why a pointer is no key: each step must be required, and the last one a string.
fn key_problem(schema: &Value, pointer: &str) -> Option<&'static str> {
    let Some(path) = pointer.strip_prefix('/') else {
        return Some("a key is a JSON Pointer to a member");
    };
    let mut place = schema;
    for name in path.split('/') {
        let required = place.get("required").and_then(Value::as_array);
        if !required.is_some_and(|names| names.iter().any(|required| required == name)) {
            return Some("the key's member must be required");
        }
        match place.get("properties").and_then(|properties| properties.get(name)) {
            Some(inner) => place = inner,
            None => return Some("the key's member must be declared"),
        }
    }
    (place.get("type").and_then(Value::as_str) != Some("string"))
        .then_some("the key's member must be a string")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "x-lgsp": {"type": "lgsp.test.recorded.v1", "version": "1.0", "topic": "lgsp.test.v1", "key": "/Ma", "keyIsPersonal": false},
            "required": ["Ma", "So"],
            "properties": {"Ma": {"type": "string"}, "So": {"type": "number"}, "Khac": {"type": "string"}},
        })
    }

    fn problems(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut schema = schema();
        change(&mut schema["x-lgsp"]);
        let problems = read("lgsp.test.recorded/v1.0.json", &schema, "").err().unwrap_or_default();
        problems.into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn takes_a_whole_block() {
        let (kind, _) = read("lgsp.test.recorded/v1.0.json", &schema(), "text").unwrap();
        assert_eq!(kind.dataschema(), "/v1/schemas/lgsp.test.recorded.v1/1.0");
        assert_eq!(kind.key_pointer(), "/Ma");
        assert!(!kind.key_is_personal());
    }

    #[test]
    fn names_every_wrong_member() {
        assert_eq!(problems(|block| *block = Value::Null), ["/x-lgsp"]);
        assert_eq!(problems(|block| block["owner"] = json!("x")), ["/x-lgsp"]);
        assert_eq!(
            problems(|block| block["version"] = json!("1.00")),
            ["/x-lgsp/version", "/x-lgsp/type", "/x-lgsp/type"]
        );
        assert_eq!(problems(|block| block["version"] = json!("1.1")), ["/x-lgsp/type"]);
        assert_eq!(
            problems(|block| block["type"] = json!("lgsp.test.recorded.v2")),
            ["/x-lgsp/type"]
        );
        assert_eq!(problems(|block| block["topic"] = json!("Lgsp/Test")), ["/x-lgsp/topic"]);
        for key in ["", "Ma", "/", "/Khac", "/So", "/Ma/x", "/Nothing"] {
            assert_eq!(problems(|block| block["key"] = json!(key)), ["/x-lgsp/key"], "{key}");
        }
    }

    #[test]
    fn orders_versions_by_number() {
        assert!(Version::parse("1.10") > Version::parse("1.9"));
        for text in ["1", "1.", ".1", "v1.0", "01.0", "+1.0", "1.0.0"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
