//! The keywords of JSON Schema 2020-12 that decide what is valid, and how each is compared.
//!
//! Whatever is not in the table is an annotation: by the specification it decides nothing.

use serde_json::{Map, Value};

/// What a keyword's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Plain,
    Reference,
    Schema,
    SchemaList,
    SchemaMap,
    /// Something whose meaning depends on more than its text.
    Dark,
}

/// Keywords that only mean something together, and how they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// One keyword that speaks for itself, as `maxLength`.
    Alone,
    Required,
    Members,
    Elements,
    Reference,
    AllOf,
    AnyOf,
    Conditional,
    DependentSchemas,
    /// Compared as a whole only: which way it moves cannot be read off its parts.
    Intricate,
    /// Depends on everything that stands beside it.
    Whole,
}

const TABLE: &[(&str, Group, Holds)] = &[
    ("type", Group::Alone, Holds::Plain),
    ("enum", Group::Alone, Holds::Plain),
    ("const", Group::Alone, Holds::Plain),
    ("format", Group::Alone, Holds::Plain),
    ("pattern", Group::Alone, Holds::Plain),
    ("minLength", Group::Alone, Holds::Plain),
    ("maxLength", Group::Alone, Holds::Plain),
    ("minimum", Group::Alone, Holds::Plain),
    ("maximum", Group::Alone, Holds::Plain),
    ("exclusiveMinimum", Group::Alone, Holds::Plain),
    ("exclusiveMaximum", Group::Alone, Holds::Plain),
    ("multipleOf", Group::Alone, Holds::Plain),
    ("minItems", Group::Alone, Holds::Plain),
    ("maxItems", Group::Alone, Holds::Plain),
    ("uniqueItems", Group::Alone, Holds::Plain),
    ("minProperties", Group::Alone, Holds::Plain),
    ("maxProperties", Group::Alone, Holds::Plain),
    ("dependentRequired", Group::Alone, Holds::Plain),
    ("required", Group::Required, Holds::Plain),
    ("properties", Group::Members, Holds::SchemaMap),
    ("patternProperties", Group::Members, Holds::SchemaMap),
    ("additionalProperties", Group::Members, Holds::Schema),
    ("prefixItems", Group::Elements, Holds::SchemaList),
    ("items", Group::Elements, Holds::Schema),
    ("$ref", Group::Reference, Holds::Reference),
    ("allOf", Group::AllOf, Holds::SchemaList),
    ("anyOf", Group::AnyOf, Holds::SchemaList),
    ("if", Group::Conditional, Holds::Schema),
    ("then", Group::Conditional, Holds::Schema),
    ("else", Group::Conditional, Holds::Schema),
    ("dependentSchemas", Group::DependentSchemas, Holds::SchemaMap),
    ("oneOf", Group::Intricate, Holds::SchemaList),
    ("not", Group::Intricate, Holds::Schema),
    ("propertyNames", Group::Intricate, Holds::Schema),
    ("contains", Group::Intricate, Holds::Schema),
    ("minContains", Group::Intricate, Holds::Plain),
    ("maxContains", Group::Intricate, Holds::Plain),
    ("unevaluatedProperties", Group::Whole, Holds::Schema),
    ("unevaluatedItems", Group::Whole, Holds::Schema),
    ("$dynamicRef", Group::Whole, Holds::Dark),
    // Names that references may mean: when one moves, they mean something else.
    ("$anchor", Group::Whole, Holds::Dark),
    ("$dynamicAnchor", Group::Whole, Holds::Dark),
    // Of earlier drafts, and still obeyed by validators.
    ("dependencies", Group::Whole, Holds::Dark),
    ("additionalItems", Group::Whole, Holds::Dark),
    ("$recursiveRef", Group::Whole, Holds::Dark),
];

/// Returns how a keyword is compared and what it holds; `None` for an annotation.
pub(super) fn known(keyword: &str) -> Option<(Group, Holds)> {
    TABLE.iter().find(|(name, ..)| *name == keyword).map(|(_, group, holds)| (*group, *holds))
}

/// Keywords that decide something only together.
const FAMILIES: [&[&str]; 4] = [
    &["properties", "patternProperties", "additionalProperties"],
    &["prefixItems", "items"],
    &["if", "then", "else"],
    &["contains", "minContains", "maxContains"],
];

/// A part of a schema that can be judged by itself.
#[derive(Debug)]
pub(super) struct Part<'s> {
    pub(super) group: Group,
    /// The keyword that names the part.
    pub(super) keyword: &'s str,
    /// Every keyword that may belong to the part.
    pub(super) family: Vec<&'s str>,
    /// The part's keywords alone: a schema that says this and nothing else.
    pub(super) schema: Map<String, Value>,
}

/// Takes a schema apart, so that a value is valid exactly if it is valid by every part.
pub(super) fn parts(schema: &Map<String, Value>) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for keyword in schema.keys() {
        let Some((group, _)) = known(keyword) else { continue };
        if parts.iter().any(|part| part.family.contains(&keyword.as_str())) {
            continue;
        }
        let family = FAMILIES.iter().find(|family| family.contains(&keyword.as_str()));
        let family: Vec<&str> = match (family, group) {
            (Some(family), _) => family.to_vec(),
            (None, Group::Whole) => vec![],
            (None, _) => vec![keyword],
        };
        let belongs = |name: &str| match group {
            Group::Whole => known(name).is_some(),
            _ => family.contains(&name),
        };
        let own = schema.iter().filter(|(name, _)| belongs(name));
        let own = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        parts.push(Part { group, keyword, family, schema: own });
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_means_something_only_together_stays_together() {
        let schema = json!({
            "additionalProperties": false, "properties": {}, "title": "t", "x-own": 1, "type": "object",
            "if": {}, "then": {}, "contains": {}, "maxContains": 2, "items": {}, "prefixItems": [],
        });
        let parts = parts(schema.as_object().unwrap());
        let mut shown: Vec<_> =
            parts.iter().map(|part| part.schema.keys().cloned().collect::<Vec<_>>()).collect();
        shown.sort();
        assert_eq!(
            shown,
            [
                vec!["additionalProperties", "properties"],
                vec!["contains", "maxContains"],
                vec!["if", "then"],
                vec!["items", "prefixItems"],
                vec!["type"],
            ]
        );
    }

    #[test]
    fn what_depends_on_everything_is_judged_with_everything() {
        let schema = json!({"properties": {"a": {}}, "unevaluatedProperties": false, "title": "t"});
        let parts = parts(schema.as_object().unwrap());
        let whole = parts.iter().find(|part| part.group == Group::Whole).unwrap();
        assert_eq!(whole.schema.len(), 2);
    }
}
