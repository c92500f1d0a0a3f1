//! What a schema declares, laid out for the hot path: finds what is odd in a valid record, field
//! by field.
//!
//! Odd is a field that the schema does not know, and a value of a named format that breaks the
//! oddity of the same name (a personal number whose first three digits are no known province).
//! What is odd about a record as a whole is found by `oddity`.

use std::collections::BTreeMap;
use std::ops::Bound;

use lgsp_core::identifier::{FORMATS, Format, ODDITIES};
use lgsp_core::rule::{self, Rule};
use lgsp_core::{Fault, Violation};
use serde_json::{Map, Value};

use crate::dialect;
use crate::pointer::{self, Step};

type Check = fn(&str) -> Result<(), &'static Rule>;

/// What a schema declares about one place of a record.
#[derive(Default)]
pub(crate) struct Shape {
    /// The declared members; `None` where the schema declares none and so knows nothing.
    members: Option<BTreeMap<Box<str>, Shape>>,
    item: Option<Box<Shape>>,
    /// The format's own check and its oddity's.
    oddity: Option<(Check, Check)>,
}

impl Shape {
    /// Lays out a whole schema.
    pub(crate) fn of(root: &Value) -> Self {
        let mut shape = Self::default();
        shape.absorb(root, root, &mut Vec::new());
        shape
    }

    /// Adds what a schema and those that apply beside it declare. A branch that does not apply
    /// to a record adds its fields all the same: they are known, if not in this combination.
    fn absorb<'s>(&mut self, schema: &'s Value, root: &'s Value, within: &mut Vec<&'s Value>) {
        let Value::Object(keywords) = schema else { return };
        if let Some(Value::Object(properties)) = keywords.get("properties") {
            let members = self.members.get_or_insert_default();
            for (name, inner) in properties {
                members.entry(name.as_str().into()).or_default().absorb(inner, root, within);
            }
        }
        if let Some(inner) = keywords.get("items") {
            self.item.get_or_insert_default().absorb(inner, root, within);
        }
        if let Some(name) = keywords.get("format").and_then(Value::as_str) {
            self.oddity =
                self.oddity.or_else(|| Some((named(FORMATS, name)?, named(ODDITIES, name)?)));
        }
        for inner in beside(keywords) {
            self.absorb(inner, root, within);
        }
        if let Some(reference) = keywords.get("$ref")
            && !within.contains(&reference)
            && let Some(definition) = dialect::definition(root, reference)
        {
            // A definition within itself is left out: what lies deeper is judged, not warned about.
            within.push(reference);
            self.absorb(definition, root, within);
            within.pop();
        }
    }

    /// Returns what is odd about a record, sorted by pointer, at most [`Fault::MAX_VIOLATIONS`].
    pub(crate) fn warnings(&self, record: &Value) -> Vec<Violation> {
        let mut warnings = Vec::new();
        self.warn(record, &mut Vec::new(), &mut warnings);
        warnings.sort_by(|left, right| left.pointer.cmp(&right.pointer));
        // Names that cannot be shown share their parent's pointer.
        warnings.dedup();
        warnings
    }

    fn warn<'r>(&self, value: &'r Value, path: &mut Vec<Step<'r>>, warnings: &mut Vec<Violation>) {
        match value {
            Value::Object(object) => self.warn_members(object, path, warnings),
            Value::Array(items) => {
                let Some(item) = &self.item else { return };
                for (index, value) in items.iter().enumerate() {
                    path.push(Step::Item(index));
                    item.warn(value, path, warnings);
                    path.pop();
                }
            }
            Value::String(text) => {
                // Only a value that the format takes can be odd in the format's way: a branch may
                // name a format for a field that holds something else in this record.
                if let Some((check, odd)) = self.oddity
                    && check(text).is_ok()
                    && let Err(rule) = odd(text)
                {
                    add(warnings, path.iter().copied(), rule);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn warn_members<'r>(
        &self,
        object: &'r Map<String, Value>,
        path: &mut Vec<Step<'r>>,
        warnings: &mut Vec<Violation>,
    ) {
        let Some(members) = &self.members else { return };
        // Both sides are sorted by name, so the next declared member is mostly the one looked for.
        let mut expected = members.range::<str, _>(..);
        for (name, value) in object {
            let declared = match expected.next() {
                Some((next, shape)) if **next == **name => Some(shape),
                _ => {
                    expected =
                        members.range::<str, _>((Bound::Excluded(name.as_str()), Bound::Unbounded));
                    members.get(name.as_str())
                }
            };
            match declared {
                Some(shape) if shape.is_silent() => {}
                Some(shape) => {
                    path.push(Step::Member(name));
                    shape.warn(value, path, warnings);
                    path.pop();
                }
                None => add(
                    warnings,
                    path.iter().copied().chain([Step::Member(name)]),
                    &rule::UNKNOWN_FIELD,
                ),
            }
        }
    }

    fn is_silent(&self) -> bool {
        self.members.is_none() && self.item.is_none() && self.oddity.is_none()
    }
}

fn add<'r>(
    warnings: &mut Vec<Violation>,
    steps: impl Iterator<Item = Step<'r>>,
    rule: &'static Rule,
) {
    if warnings.len() < Fault::MAX_VIOLATIONS {
        warnings.push(Violation::new(pointer::render(steps), rule));
    }
}

fn named(formats: &[Format], name: &str) -> Option<Check> {
    formats.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

/// Returns the schemas that apply to the same value.
fn beside(keywords: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| keywords.get(keyword)?.as_array())
        .flatten();
    lists.chain(["if", "then", "else"].into_iter().filter_map(|keyword| keywords.get(keyword)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn warned(schema: &Value, record: &Value) -> Vec<(String, &'static str)> {
        let warnings = Shape::of(schema).warnings(record);
        warnings.into_iter().map(|warning| (warning.pointer, warning.rule.code)).collect()
    }

    fn unknown(pointer: &str) -> (String, &'static str) {
        (pointer.to_owned(), rule::UNKNOWN_FIELD.code)
    }

    #[test]
    fn finds_unknown_fields_at_every_depth_that_is_declared() {
        let schema = json!({
            "properties": {"a": {"$ref": "#/$defs/d"}, "l": {"items": {"properties": {"x": {}}}}, "free": {}},
            "allOf": [{"properties": {"b": {}}}],
            "if": {"properties": {"c": {}}},
            "$defs": {"d": {"properties": {"y": {}, "again": {"$ref": "#/$defs/d"}}}},
        });
        let record = json!({
            "a": {"y": 1, "z": 2, "again": {"deeper": 1}}, "b": 1, "c": 1, "l": [{"x": 1}, {"w": 1}, 7], "free": {"any": 1},
            "086190000001": 1, "b c": 1, "Mahoso": "x",
        });
        assert_eq!(
            warned(&schema, &record),
            [unknown(""), unknown("/Mahoso"), unknown("/a/z"), unknown("/l/1/w")]
        );
    }

    #[test]
    fn an_oddity_belongs_only_to_values_of_its_format() {
        let schema = json!({"properties": {"So": {"format": "personal-number"}}});
        let code = rule::PERSONAL_NUMBER_PREFIX.code;
        assert_eq!(warned(&schema, &json!({"So": "999190000001"})), [("/So".to_owned(), code)]);
        for usual in [json!("086190000001"), json!("330000001"), json!(""), json!(null)] {
            assert_eq!(warned(&schema, &json!({ "So": usual })), []);
        }
    }

    #[test]
    fn warnings_are_bounded() {
        let record: Value = (0..5_000)
            .map(|index| (format!("f{index}"), Value::Null))
            .collect::<Map<_, _>>()
            .into();
        assert_eq!(
            Shape::of(&json!({"properties": {}})).warnings(&record).len(),
            Fault::MAX_VIOLATIONS
        );
    }
}
