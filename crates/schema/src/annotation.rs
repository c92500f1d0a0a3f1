//! The block `x-lgsp` at the top of a schema: what the bus itself needs to know of an event type.

use lgsp_core::identifier::{CodeKind, FORMATS};
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{CodePlace, EventKind, KeyPrivacy};
use crate::oddity::Oddity;
use crate::place::Place;

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
    key_is_personal: KeyIsPersonal,
    /// Where the entity's state is, a short code.
    state: Option<Place>,
    /// Where codes are that a reorganisation may replace.
    #[serde(default)]
    codes: Vec<Code>,
    /// What is odd about a record as a whole.
    #[serde(default)]
    oddities: Vec<Oddity>,
}

/// Whether keys are personal data: all, none, or all but those that keep a named format.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeyIsPersonal {
    Whether(bool),
    Unless { unless: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    kind: String,
    at: Place,
    /// `dossier-code`, where the agency's code is the beginning of a dossier's.
    of: Option<String>,
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
    let key = key_place(schema, &annotation.key);
    check(key.is_ok(), "key", key.as_ref().err().copied().unwrap_or_default().to_owned());
    let key_privacy = key_privacy(&annotation.key_is_personal);
    check(key_privacy.is_some(), "keyIsPersonal", "no such format".to_owned());
    let undeclared = "the schema must declare text at this place".to_owned();
    let state = annotation.state.as_ref();
    check(state.is_none_or(|state| state.is_declared_text(schema)), "state", undeclared.clone());
    for (index, code) in annotation.codes.iter().enumerate() {
        let member = format!("codes/{index}");
        check(code.at.is_declared_text(schema), &member, undeclared.clone());
        check(code_place(code).is_some(), &member, CODE_PROBLEM.to_owned());
    }
    for (index, oddity) in annotation.oddities.iter().enumerate() {
        let declared = oddity.places().iter().all(|place| place.is_declared_text(schema));
        check(declared, &format!("oddities/{index}"), undeclared.clone());
    }

    match (version, key, key_privacy) {
        (Some(version), Ok(key), Some(key_privacy)) if problems.is_empty() => Ok((
            EventKind {
                dataschema: format!("/v1/schemas/{}/{}", annotation.r#type, annotation.version),
                event_type: annotation.r#type,
                version: annotation.version,
                topic: annotation.topic,
                key,
                key_privacy,
                state: annotation.state,
                codes: annotation.codes.iter().filter_map(code_place).collect(),
                oddities: annotation.oddities,
                document: text.to_owned().into(),
            },
            version,
        )),
        _ => Err(problems),
    }
}

const CODE_PROBLEM: &str = "a code is of the kind agency, province, district or commune; \
    an agency's may be of dossier-code";

fn code_place(code: &Code) -> Option<CodePlace> {
    let kind = CodeKind::parse(&code.kind)?;
    let within_dossier_code = match code.of.as_deref() {
        None => false,
        Some("dossier-code") if kind == CodeKind::Agency => true,
        Some(_) => return None,
    };
    Some(CodePlace { kind, place: code.at.clone(), within_dossier_code })
}

fn key_privacy(declared: &KeyIsPersonal) -> Option<KeyPrivacy> {
    match declared {
        KeyIsPersonal::Whether(true) => Some(KeyPrivacy::Personal),
        KeyIsPersonal::Whether(false) => Some(KeyPrivacy::Public),
        KeyIsPersonal::Unless { unless } => {
            let format = FORMATS.iter().find(|(name, _)| name == unless)?;
            Some(KeyPrivacy::PersonalUnless(*format))
        }
    }
}

fn is_dotted_name(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// Reads a key's place: each step must be required, and the last one a string.
fn key_place(schema: &Value, pointer: &str) -> Result<Place, &'static str> {
    let place = Place::try_from(pointer.to_owned())?;
    let (declared, required) = place.declared(schema).ok_or("the key's member must be declared")?;
    if !required {
        return Err("the key's member must be required");
    }
    match declared.get("type").and_then(Value::as_str) {
        Some("string") => Ok(place),
        _ => Err("the key's member must be a string"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "x-lgsp": {"type": "lgsp.test.recorded.v1", "version": "1.0", "topic": "lgsp.test.v1", "key": "/Ma", "keyIsPersonal": false},
            "required": ["Ma", "So"],
            "properties": {"Ma": {"type": "string"}, "So": {"type": "number"}, "Khac": {"type": ["string", "null"]}},
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
        assert!(!kind.is_personal_key("x"));
        assert_eq!(kind.state_pointer(), None);
    }

    #[test]
    fn takes_a_block_with_state_codes_and_oddities() {
        let mut schema = schema();
        schema["x-lgsp"]["keyIsPersonal"] = json!({"unless": "tax-code"});
        schema["x-lgsp"]["state"] = json!("/Khac");
        schema["x-lgsp"]["codes"] = json!([
            {"kind": "agency", "at": "/Ma", "of": "dossier-code"}, {"kind": "commune", "at": "/Khac"},
        ]);
        schema["x-lgsp"]["oddities"] =
            json!([{"rule": "missing_deadline", "at": "/Khac", "reception": "/Ma"}]);
        let (kind, _) = read("lgsp.test.recorded/v1.0.json", &schema, "text").unwrap();
        assert!(kind.is_personal_key("086190000001") && kind.is_personal_key("08619000000"));
        assert!(!kind.is_personal_key("1500999906"));
        assert_eq!(kind.state_pointer(), Some("/Khac"));
        let codes: Vec<_> = kind.codes().map(|(kind, at)| (kind.as_str(), at)).collect();
        assert_eq!(codes, [("agency", "/Ma"), ("commune", "/Khac")]);
        assert_eq!(kind.oddities.len(), 1);
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
        for unless in ["nothing", "Tax-code"] {
            let privacy = json!({ "unless": unless });
            assert_eq!(
                problems(|block| block["keyIsPersonal"] = privacy),
                ["/x-lgsp/keyIsPersonal"]
            );
        }
        for state in ["/So", "/Nothing"] {
            assert_eq!(problems(|block| block["state"] = json!(state)), ["/x-lgsp/state"]);
        }
        for code in [
            json!({"kind": "agency", "at": "/Nothing"}),
            json!({"kind": "village", "at": "/Khac"}),
            json!({"kind": "commune", "at": "/Khac", "of": "dossier-code"}),
            json!({"kind": "agency", "at": "/Khac", "of": "tax-code"}),
        ] {
            assert_eq!(problems(|block| block["codes"] = json!([code])), ["/x-lgsp/codes/0"]);
        }
        let nowhere = json!([{"rule": "missing_deadline", "at": "/Nothing", "reception": "/Ma"}]);
        assert_eq!(problems(|block| block["oddities"] = nowhere), ["/x-lgsp/oddities/0"]);
        // What cannot be read at all is told at the block.
        for (member, value) in [
            ("state", json!("Khac")),
            ("keyIsPersonal", json!("no")),
            ("codes", json!([{"kind": "agency", "at": "/Ma", "off": "x"}])),
            ("oddities", json!([{"rule": "missing_dedline", "at": "/Khac", "reception": "/Ma"}])),
            ("oddities", json!([{"rule": "missing_deadline", "at": "/Khac"}])),
        ] {
            assert_eq!(problems(|block| block[member] = value), ["/x-lgsp"], "{member}");
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
