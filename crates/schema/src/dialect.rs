//! The part of JSON Schema 2020-12 that schemas of the bus may use.
//!
//! JSON Schema ignores keywords and formats that it does not know, so that a slip of the pen
//! (`maxLenght`) would check nothing, silently. Here a schema names only what is known to be
//! enforced and what `shape` and `explain` understand. Keywords that make names up to the sender
//! (`patternProperties`, `additionalProperties`, …) are left out: content models are open, and
//! the pointer of a violation then never holds a name that the schema did not choose.

use lgsp_core::identifier::FORMATS;
use serde_json::{Map, Value};

use crate::pointer::is_field_name;

/// The dialect that each file must state.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What a keyword's value is.
enum Holds {
    Plain,
    Schema,
    SchemaList,
    SchemaMap,
}

const KEYWORDS: &[(&str, Holds)] = &[
    ("$schema", Holds::Plain),
    ("$comment", Holds::Plain),
    ("$defs", Holds::SchemaMap),
    ("$ref", Holds::Plain),
    ("title", Holds::Plain),
    ("description", Holds::Plain),
    ("examples", Holds::Plain),
    ("deprecated", Holds::Plain),
    ("type", Holds::Plain),
    ("enum", Holds::Plain),
    ("const", Holds::Plain),
    ("format", Holds::Plain),
    ("pattern", Holds::Plain),
    ("minLength", Holds::Plain),
    ("maxLength", Holds::Plain),
    ("minimum", Holds::Plain),
    ("maximum", Holds::Plain),
    ("exclusiveMinimum", Holds::Plain),
    ("exclusiveMaximum", Holds::Plain),
    ("required", Holds::Plain),
    ("properties", Holds::SchemaMap),
    ("items", Holds::Schema),
    ("minItems", Holds::Plain),
    ("maxItems", Holds::Plain),
    ("allOf", Holds::SchemaList),
    ("anyOf", Holds::SchemaList),
    ("oneOf", Holds::SchemaList),
    ("not", Holds::Schema),
    ("if", Holds::Schema),
    ("then", Holds::Schema),
    ("else", Holds::Schema),
];

/// Returns every breach of the dialect: the pointer within the file and what is wrong there.
pub(crate) fn problems(root: &Value) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    if root.get("$schema").and_then(Value::as_str) != Some(DIALECT) {
        problems.push(("/$schema".to_owned(), format!("the schema must state {DIALECT}")));
    }
    if root.get("type").and_then(Value::as_str) != Some("object") {
        problems.push(("/type".to_owned(), "a record is of type object".to_owned()));
    }
    visit(root, root, "", &mut problems);
    problems
}

fn visit(schema: &Value, root: &Value, at: &str, problems: &mut Vec<(String, String)>) {
    // Whether other values may be schemas is for the compiler to say.
    let Value::Object(keywords) = schema else { return };
    check_names(keywords, at, problems);
    for (keyword, value) in keywords {
        let here = format!("{at}/{keyword}");
        if keyword.starts_with("x-") {
            continue;
        }
        let Some((_, holds)) = KEYWORDS.iter().find(|(known, _)| known == keyword) else {
            problems.push((here, "schemas of the bus may not use this keyword".to_owned()));
            continue;
        };
        match holds {
            Holds::Plain if keyword == "format" && !is_format(value) => {
                problems.push((here, format!("no such format; there are {}", format_names())));
            }
            Holds::Plain if keyword == "$ref" && definition(root, value).is_none() => {
                problems.push((
                    here,
                    "a reference has the form #/$defs/<name> and must exist".to_owned(),
                ));
            }
            Holds::Plain => {}
            Holds::Schema => visit(value, root, &here, problems),
            Holds::SchemaList => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    visit(inner, root, &format!("{here}/{index}"), problems);
                }
            }
            Holds::SchemaMap => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    visit(inner, root, &format!("{here}/{name}"), problems);
                }
            }
        }
    }
}

/// Names of members must be field names, or violations could not show them.
fn check_names(keywords: &Map<String, Value>, at: &str, problems: &mut Vec<(String, String)>) {
    let declared =
        keywords.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let required = keywords
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for name in declared.map(String::as_str).chain(required).filter(|name| !is_field_name(name)) {
        problems.push((
            at.to_owned(),
            format!("{name:?} is no field name: [A-Za-z_][A-Za-z0-9_]{{0,63}}"),
        ));
    }
}

fn is_format(value: &Value) -> bool {
    FORMATS.iter().any(|(name, _)| value == name)
}

fn format_names() -> String {
    FORMATS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Returns the definition that a `$ref` names.
pub(crate) fn definition<'s>(root: &'s Value, reference: &Value) -> Option<&'s Value> {
    root.get("$defs")?.get(reference.as_str()?.strip_prefix("#/$defs/")?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(schema: &Value) -> Vec<String> {
        problems(schema).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn refuses_what_would_silently_check_nothing() {
        let schema = json!({
            "$schema": DIALECT, "type": "object", "maxProperites": 3,
            "properties": {
                "a": {"format": "dosier-code"},
                "b": {"type": "array", "items": {"anyOf": [{"maxLenght": 3}, {"format": 7}]}},
                "c": {"$ref": "#/$defs/nothing"},
                "d": {"$ref": "https://far.example/schema"},
                "e": {"format": "date"},
            },
            "if": {"properties": {"a": {"format": "x"}}}, "then": {"additionalProperties": false},
        });
        assert_eq!(
            places(&schema),
            [
                "/if/properties/a/format",
                "/maxProperites",
                "/properties/a/format",
                "/properties/b/items/anyOf/0/maxLenght",
                "/properties/b/items/anyOf/1/format",
                "/properties/c/$ref",
                "/properties/d/$ref",
                "/properties/e/format",
                "/then/additionalProperties",
            ]
        );
    }

    #[test]
    fn a_field_may_be_named_like_a_keyword_and_an_example_may_hold_anything() {
        let schema = json!({
            "$schema": DIALECT, "type": "object", "x-own": {"format": "x"},
            "properties": {"format": {"type": "string"}, "foo": {"const": {"format": "x"}}},
            "examples": [{"format": "x", "b c": 1}],
        });
        assert_eq!(places(&schema), Vec::<String>::new());
    }

    #[test]
    fn names_of_members_must_be_presentable() {
        let schema = json!({"$schema": DIALECT, "type": "object", "properties": {"Mã": {}}, "required": ["a/b"]});
        assert_eq!(places(&schema), ["", ""]);
        assert_eq!(places(&json!({})), ["/$schema", "/type"]);
    }
}
