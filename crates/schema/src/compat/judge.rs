//! Asks the validator's own algebra whether one schema takes everything that another takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jsonschema::canonical::{self, CanonicalSchema, CanonicalizationError, Containment};
use jsonschema::{Draft, PatternOptions};
use serde_json::{Value, json};

use super::Side;
use super::document::{Document, Place};
use super::keywords::{self, Holds};

/// How many questions a comparison may ask; beyond, every answer is "not proven".
const MAX_QUESTIONS: usize = 1_000;

/// The definition under which a schema is put into its document to be judged there.
const JUDGED: &str = "lgsp-judged";

/// Answers, with a bound on the work.
#[derive(Default)]
pub(super) struct Judge {
    asked: usize,
    /// What was read of the left side, by its pointer: it is asked about again and again.
    left: BTreeMap<Arc<str>, Option<CanonicalSchema>>,
}

impl Judge {
    /// Tells whether it is proven that each value valid at `left` is valid by a part of `right`.
    pub(super) fn proves(&mut self, left: &Place<'_>, right: &Document<'_>, part: &Value) -> bool {
        self.asked += 1;
        if self.asked > MAX_QUESTIONS {
            return false;
        }
        let mut texts = Texts::default();
        texts.gather(left);
        texts.gather(&Place { document: right, pointer: JUDGED.into(), schema: part });
        if texts.may_meet_formats() {
            return false;
        }
        let Some(outer) = canonical(right, part) else { return false };
        let read = || canonical(left.document, left.schema);
        let Some(inner) = self.left.entry(Arc::clone(&left.pointer)).or_insert_with(read) else {
            return false;
        };
        matches!(outer.covers(inner), Ok(Containment::Yes))
    }
}

/// What schemas say of texts. The algebra does not know the formats of the bus: where it meets a
/// given text (a code, or with `propertyNames` a member's name), it takes it to keep any format,
/// and under a `not` or an `if` that proves what is not so. Such schemas are left unproven.
#[derive(Default)]
struct Texts {
    formats: bool,
    given: bool,
    /// Whether there is something whose meaning is elsewhere.
    unresolved: bool,
    /// What references have led to.
    seen: BTreeSet<(Side, Arc<str>)>,
}

impl Texts {
    fn may_meet_formats(&self) -> bool {
        self.unresolved || self.formats && self.given
    }

    fn gather(&mut self, place: &Place<'_>) {
        let Some(schema) = place.keywords() else { return };
        for (keyword, value) in schema {
            match keyword.as_str() {
                "format" => self.formats = true,
                "propertyNames" => self.given = true,
                "const" | "enum" => self.given |= holds_text(value),
                _ => {}
            }
            match keywords::known(keyword).map(|(_, holds)| holds) {
                Some(Holds::Schema) => self.gather(&place.schema(keyword)),
                Some(Holds::SchemaList) => {
                    place.list(keyword).iter().for_each(|inner| self.gather(inner));
                }
                Some(Holds::SchemaMap) => {
                    place.map(keyword).for_each(|(_, inner)| self.gather(&inner));
                }
                Some(Holds::Reference) => match place.target() {
                    Some(target) => {
                        let side = target.document.side;
                        if self.seen.insert((side, Arc::clone(&target.pointer))) {
                            self.gather(&target);
                        }
                    }
                    None => self.unresolved = true,
                },
                Some(Holds::Dark) => self.unresolved = true,
                Some(Holds::Plain) | None => {}
            }
        }
    }
}

fn holds_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(items) => items.iter().any(holds_text),
        Value::Object(members) => members.values().any(holds_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Reads a schema as a part of its document, so that its references keep their meaning.
fn canonical(document: &Document<'_>, schema: &Value) -> Option<CanonicalSchema> {
    let mut whole = document.root.as_object().cloned().unwrap_or_default();
    let mut schema = schema.clone();
    // Two versions may bear the same name, and the copy below would bear it a third time.
    whole.remove("$id");
    schema.as_object_mut().and_then(|schema| schema.remove("$id"));
    let definitions = whole.entry("$defs").or_insert_with(|| json!({}));
    definitions.as_object_mut()?.insert(JUDGED.to_owned(), schema);
    let pointer = format!("/$defs/{JUDGED}");
    options().prepare(&whole.into()).ok()?.canonicalize_at(&pointer).ok()
}

/// Finds out whether a document can be judged at all.
///
/// # Errors
/// Why not.
pub(super) fn readable(document: &Value) -> Result<(), CanonicalizationError> {
    options().canonicalize(document).map(|_| ())
}

/// As the bus reads schemas: formats are enforced, and patterns are those of the linear-time engine.
fn options() -> canonical::CanonicalizeOptions<'static> {
    canonical::options()
        .offline()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proves(left: &Value, right: &Value) -> bool {
        let (old, new) =
            (Document { side: Side::Old, root: left }, Document { side: Side::New, root: right });
        Judge::default().proves(&Place::root(&old), &new, right)
    }

    #[test]
    fn proves_what_is_so_and_nothing_else() {
        let (short, long) = (json!({"maxLength": 3}), json!({"maxLength": 4}));
        assert!(proves(&short, &long) && !proves(&long, &short));
        let (named, any) =
            (json!({"type": "string", "format": "tax-code"}), json!({"type": "string"}));
        assert!(proves(&named, &any) && !proves(&any, &named) && proves(&named, &named));
    }

    #[test]
    fn references_keep_their_meaning() {
        let of = |schema: Value| json!({"$ref": "#/$defs/a", "$defs": {"a": schema}});
        let (narrow, wide) = (of(json!({"maxLength": 1})), of(json!({"maxLength": 2})));
        assert!(!proves(&wide, &narrow) && proves(&wide, &wide));
    }

    #[test]
    fn a_given_text_is_not_taken_to_keep_a_format_of_the_bus() {
        let number = json!({"format": "personal-number"});
        let codes = json!({"enum": ["a"], "if": number, "then": {"type": "boolean"}});
        assert!(!proves(&codes, &json!({"const": null})), "it takes \"a\"");
        let fields = json!({"properties": {"a": number, "b": {"const": "b"}}});
        assert!(!proves(&fields, &json!({"properties": {"b": number}})));
        let names = json!({"properties": {"b": number}, "additionalProperties": false});
        assert!(!proves(&names, &json!({"propertyNames": number})));
        let through =
            json!({"properties": {"b": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"const": "b"}}});
        assert!(!proves(&through, &json!({"properties": {"b": number}})));
    }

    #[test]
    fn beyond_its_bound_it_proves_nothing() {
        let anything = json!(true);
        let document = Document { side: Side::Old, root: &anything };
        let mut judge = Judge { asked: MAX_QUESTIONS - 1, ..Judge::default() };
        assert!(judge.proves(&Place::root(&document), &document, &anything));
        assert!(!judge.proves(&Place::root(&document), &document, &anything));
    }
}
