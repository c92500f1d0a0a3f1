//! A record before its schema: a digit that chooses the event type, `j` and the record, or `e` and
//! changes to the schema's own example, one a line: a JSON Pointer, a space, and the JSON to put
//! there, or nothing, to take away what is there.
//!
//! The judgement must agree with the plain validator, and what it takes stays as it is.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use jsonschema::{Draft, PatternOptions, Validator};
use lgsp_core::ErrorCode;
use lgsp_core::identifier::FORMATS;
use lgsp_fuzz::{has_a_member_twice, tells_no_value};
use lgsp_schema::Schemas;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Plain {
    event_type: String,
    key_pointer: String,
    validator: Validator,
    example: Value,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::bundled().unwrap());

static PLAIN: LazyLock<Vec<Plain>> = LazyLock::new(|| {
    let plain = SCHEMAS.kinds().map(|kind| {
        let schema: Value = serde_json::from_slice(kind.document()).unwrap();
        let mut options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex());
        for (name, check) in FORMATS {
            options =
                options.with_format(*name, move |text| text.is_empty() || check(text).is_ok());
        }
        Plain {
            event_type: kind.event_type().to_owned(),
            key_pointer: kind.key_pointer().to_owned(),
            validator: options.build(&schema).unwrap(),
            example: schema["examples"][0].clone(),
        }
    });
    plain.collect()
});

fuzz_target!(|input: &[u8]| {
    let [choice, form, rest @ ..] = input else { return };
    let plain = &PLAIN[usize::from(*choice) % PLAIN.len()];
    let record = match form {
        b'e' => changed(&plain.example, rest).to_string().into_bytes(),
        _ => rest.to_vec(),
    };
    let lax = serde_json::from_slice::<Value>(&record);
    match SCHEMAS.judge(&plain.event_type, None, Bytes::copy_from_slice(&record)) {
        Ok(event) => {
            assert_eq!(event.data(), &record);
            let lax = lax.unwrap();
            assert!(plain.validator.is_valid(&lax));
            assert_eq!(
                lax.pointer(&plain.key_pointer).and_then(Value::as_str),
                Some(event.entity_key())
            );
            assert!(!event.entity_key().is_empty());
            assert!(event.warnings().iter().all(|warning| warning.rule.is_warning()));
        }
        Err(fault) => {
            tells_no_value(&fault);
            match fault.code {
                ErrorCode::InvalidJson => assert!(lax.is_err() || has_a_member_twice(&record)),
                ErrorCode::SchemaViolation => {
                    let lax = lax.unwrap();
                    let key = lax.pointer(&plain.key_pointer).and_then(Value::as_str);
                    assert!(!plain.validator.is_valid(&lax) || key.is_none_or(str::is_empty));
                    assert!(!fault.violations.is_empty());
                    for violation in &fault.violations {
                        assert!(!violation.rule.is_warning());
                        let around =
                            violation.pointer.rsplit_once('/').map_or("", |(around, _)| around);
                        assert!(lax.pointer(around).is_some(), "{}", violation.pointer);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
});

fn changed(example: &Value, changes: &[u8]) -> Value {
    let mut record = example.clone();
    for change in changes.split(|byte| *byte == b'\n').take(32) {
        let change = String::from_utf8_lossy(change);
        let (pointer, value) = change.split_once(' ').unwrap_or((&change, ""));
        let (around, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        let value = match value {
            "" => None,
            text => Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))),
        };
        match (record.pointer_mut(around), value) {
            (Some(Value::Object(members)), Some(value)) => {
                members.insert(name.to_owned(), value);
            }
            (Some(Value::Object(members)), None) => {
                members.remove(name);
            }
            (Some(Value::Array(items)), value) => {
                match (name.parse::<usize>().ok().and_then(|at| items.get_mut(at)), value) {
                    (Some(item), Some(value)) => *item = value,
                    (None, Some(value)) => items.push(value),
                    (_, None) => drop(items.pop()),
                }
            }
            (Some(other), Some(value)) => *other = value,
            _ => {}
        }
    }
    record
}
