//! Reads JSON once, and refuses a member name that occurs twice in one object.
//!
//! RFC 8259 leaves open which of two equal members counts: the bus would judge one value and a
//! consumer might read the other.

use std::fmt;

use lgsp_core::{ErrorCode, Fault, rule};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::pointer::{self, Step};

/// Reads a JSON text (UTF-8, nested at most 127 deep) whose objects have no duplicate members.
///
/// # Errors
/// [`ErrorCode::InvalidJson`] with one violation: [`rule::JSON_SYNTAX`] at the root, or
/// [`rule::JSON_DUPLICATE_MEMBER`] at the duplicate (or at its nearest ancestor that can be shown).
pub fn parse_strict(bytes: &[u8]) -> Result<Value, Fault> {
    let mut duplicate = Trail::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = Strict { duplicate: &mut duplicate }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|_syntax| match duplicate.found {
        false => Fault::at(ErrorCode::InvalidJson, "", &rule::JSON_SYNTAX),
        true => {
            Fault::at(ErrorCode::InvalidJson, duplicate.pointer(), &rule::JSON_DUPLICATE_MEMBER)
        }
    })
}

/// The way to a duplicate member, gathered from the inside out while its error passes upwards:
/// a record without duplicates pays nothing for it.
#[derive(Default)]
struct Trail {
    found: bool,
    upwards: Vec<OwnedStep>,
}

enum OwnedStep {
    Member(String),
    Item(usize),
}

impl Trail {
    fn pointer(&self) -> String {
        pointer::render(self.upwards.iter().rev().map(|step| match step {
            OwnedStep::Member(name) => Step::Member(name),
            OwnedStep::Item(index) => Step::Item(*index),
        }))
    }

    fn passes(&mut self, step: impl FnOnce() -> OwnedStep) {
        if self.found {
            self.upwards.push(step());
        }
    }
}

struct Strict<'t> {
    duplicate: &'t mut Trail,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            match items.next_element_seed(Strict { duplicate: &mut *self.duplicate }) {
                Ok(Some(item)) => array.push(item),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    self.duplicate.passes(|| OwnedStep::Item(array.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Vacant(place) => {
                    match members.next_value_seed(Strict { duplicate: &mut *self.duplicate }) {
                        Ok(value) => {
                            place.insert(value);
                        }
                        Err(error) => {
                            self.duplicate.passes(|| OwnedStep::Member(place.key().clone()));
                            return Err(error);
                        }
                    }
                }
                Entry::Occupied(first) => {
                    self.duplicate.found = true;
                    self.duplicate.passes(|| OwnedStep::Member(first.key().clone()));
                    return Err(A::Error::custom("duplicate member"));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn broken(text: &str) -> (String, &'static str) {
        let fault = parse_strict(text.as_bytes()).unwrap_err();
        assert_eq!((fault.code, fault.violations.len()), (ErrorCode::InvalidJson, 1));
        (fault.violations[0].pointer.clone(), fault.violations[0].rule.code)
    }

    #[test]
    fn finds_a_duplicate_wherever_it_hides() {
        let code = rule::JSON_DUPLICATE_MEMBER.code;
        assert_eq!(broken(r#"{"a":1,"a":1}"#), ("/a".into(), code));
        assert_eq!(broken(r#"{"a":[0,{"b":{"c":1,"d":2,"c":3}}]}"#), ("/a/1/b/c".into(), code));
        assert_eq!(broken(r#"[{"x":{}},{"a":{"b":1},"a":2}]"#), ("/1/a".into(), code));
        // The same name, spelt with an escape.
        assert_eq!(broken("{\"ab\":1,\"\\u0061b\":2}"), ("/ab".into(), code));
        // A name that may be personal data is not repeated.
        assert_eq!(broken(r#"{"a":{"086190000001":1,"086190000001":2}}"#), ("/a".into(), code));
    }

    #[test]
    fn equal_names_in_different_objects_are_no_duplicates() {
        assert!(parse_strict(br#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn refuses_what_is_not_json() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        let texts = [
            "",
            " ",
            "{",
            "{}x",
            "{} {}",
            "\u{feff}{}",
            "{'a':1}",
            "[1,]",
            "NaN",
            "1e999",
            "\"\\ud800\"",
            "\"\n\"",
            &deep,
        ];
        for text in texts {
            assert_eq!(broken(text), (String::new(), rule::JSON_SYNTAX.code), "{text:?}");
        }
        assert!(parse_strict(b"{\"a\":\"\xff\"}").is_err());
        assert!(parse_strict(format!("{}{}", "[".repeat(127), "]".repeat(127)).as_bytes()).is_ok());
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-c]{0,2}|.{0,4}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_where_nothing_is_twice(value in document(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            let expected: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(parse_strict(&text).unwrap(), expected);
        }

        #[test]
        fn takes_nothing_that_serde_json_refuses(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse_strict(&bytes) {
                prop_assert_eq!(value, serde_json::from_slice::<Value>(&bytes).unwrap());
            }
        }

        #[test]
        fn json_like_text_never_makes_it_panic(text in r#"[\[\]{}",:0-9aeu\\ .+-]{0,60}"#) {
            let strict = parse_strict(text.as_bytes());
            let lax = serde_json::from_str::<Value>(&text);
            prop_assert!(strict.is_err() || lax.is_ok());
        }

        #[test]
        fn an_added_duplicate_is_always_found(value in document(), name in "[a-z]{1,5}") {
            let text = format!(r#"{{"{name}":{value},"outer":[{{"{name}":1,"other":{value},"{name}":{value}}}]}}"#);
            prop_assume!(name != "outer" && name != "other");
            let fault = parse_strict(text.as_bytes()).unwrap_err();
            prop_assert_eq!(&fault.violations[0].pointer, &format!("/outer/0/{name}"));
        }
    }
}
