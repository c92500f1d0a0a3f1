//! From a broken schema to violations: the pointer of each offending field and its rule.
//!
//! The validator's own messages quote the record and are never used.

use std::collections::HashSet;

use jsonschema::error::{ValidationError, ValidationErrorKind};
use jsonschema::paths::LocationSegment;
use lgsp_core::Violation;
use lgsp_core::identifier::FORMATS;
use lgsp_core::rule::{self, Rule};
use serde_json::Value;

use crate::pointer::{self, Step};

/// How many values a record may hold for all its violations to be explained. The validator
/// gathers every error in memory, some 400 bytes each: a megabyte of wrong items would take
/// hundreds. Beyond this only the first violation is told.
const MAX_EXPLAINED_VALUES: usize = 20_000;

/// Returns the violations of a record that is not valid, sorted by pointer; never empty.
pub(crate) fn violations(validator: &jsonschema::Validator, record: &Value) -> Vec<Violation> {
    let mut violations: Vec<_> = if holds_more_than(MAX_EXPLAINED_VALUES, record) {
        validator.validate(record).err().iter().map(violation).collect()
    } else {
        validator.iter_errors(record).map(|error| violation(&error)).collect()
    };
    if violations.is_empty() {
        // Cannot be, and must not become an acceptance.
        violations.push(Violation::new("", &rule::SCHEMA));
    }
    violations.sort_by(|left, right| {
        (&left.pointer, left.rule.code).cmp(&(&right.pointer, right.rule.code))
    });
    violations.dedup();
    // That a value of the wrong type is not in the code list either helps nobody.
    let mistyped: HashSet<_> = violations
        .iter()
        .filter(|violation| violation.rule == &rule::TYPE)
        .map(|violation| violation.pointer.clone())
        .collect();
    violations.retain(|violation| {
        violation.rule == &rule::TYPE || !mistyped.contains(&violation.pointer)
    });
    violations
}

fn violation(error: &ValidationError<'_>) -> Violation {
    let missing = match error.kind() {
        ValidationErrorKind::Required { property } => property.as_str(),
        _ => None,
    };
    let place: Vec<_> = error.instance_path().segments().collect();
    let steps = place.iter().map(|segment| match segment {
        LocationSegment::Property(name) => Step::Member(name),
        LocationSegment::Index(index) => Step::Item(*index),
    });
    Violation::new(pointer::render(steps.chain(missing.map(Step::Member))), rule_of(error))
}

fn rule_of(error: &ValidationError<'_>) -> &'static Rule {
    match error.kind() {
        ValidationErrorKind::Required { .. } => &rule::REQUIRED,
        ValidationErrorKind::Type { .. } => &rule::TYPE,
        ValidationErrorKind::Enum { .. } => &rule::ENUM,
        ValidationErrorKind::MinLength { .. } => &rule::MIN_LENGTH,
        ValidationErrorKind::MaxLength { .. } => &rule::MAX_LENGTH,
        ValidationErrorKind::Pattern { .. } => &rule::PATTERN,
        ValidationErrorKind::Format { format } => broken_format(format, error.instance()),
        _ => &rule::SCHEMA,
    }
}

/// Asks the format itself which rule the value breaks.
fn broken_format(format: &str, value: &Value) -> &'static Rule {
    let check = FORMATS.iter().find(|(name, _)| *name == format).map(|(_, check)| check);
    check.zip(value.as_str()).and_then(|(check, text)| check(text).err()).unwrap_or(&rule::SCHEMA)
}

/// Tells whether a document holds more values than a number, without counting on.
fn holds_more_than(limit: usize, document: &Value) -> bool {
    let mut open = vec![document];
    let mut count = 0_usize;
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            _ if count + open.len() > limit => return true,
            Value::Array(items) => open.extend(items),
            Value::Object(object) => open.extend(object.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn broken(schema: &Value, record: &Value) -> Vec<(String, &'static str)> {
        let validator = jsonschema::validator_for(schema).unwrap();
        violations(&validator, record)
            .into_iter()
            .map(|violation| (violation.pointer, violation.rule.code))
            .collect()
    }

    #[test]
    fn a_mistyped_value_breaks_its_type_only() {
        let schema = json!({"properties": {"a": {"type": "string", "enum": ["1"]}}});
        assert_eq!(broken(&schema, &json!({"a": 1})), [("/a".to_owned(), "type")]);
        assert_eq!(broken(&schema, &json!({"a": "2"})), [("/a".to_owned(), "enum")]);
    }

    #[test]
    fn other_keywords_are_told_as_a_breach_of_the_schema() {
        let schema = json!({"properties": {"a": {"minimum": 1}, "b": {"maxItems": 1}, "c": {"not": {}}, "d": {"const": 1}}});
        let record = json!({"a": 0, "b": [1, 2], "c": 1, "d": 2});
        assert_eq!(
            broken(&schema, &record),
            ["/a", "/b", "/c", "/d"].map(|place| (place.to_owned(), "schema"))
        );
    }

    #[test]
    fn a_record_of_very_many_values_is_explained_by_its_first_violation() {
        let schema = json!({"properties": {"a": {"items": {"type": "string"}}}});
        assert_eq!(broken(&schema, &json!({"a": vec![1; 19_998]})).len(), 19_998);
        assert_eq!(broken(&schema, &json!({"a": vec![1; 19_999]})), [("/a/0".to_owned(), "type")]);
    }
}
