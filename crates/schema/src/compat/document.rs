//! Two documents side by side: places in them, what a reference names, and whether two places
//! say the same.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::keywords::{self, Holds};
use super::{Side, judge};
use crate::error::SchemaFault;

/// The dialect that is understood; a document need not name it.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How many references to references are followed.
const MAX_REFERENCES: usize = 32;

/// How many schemas are looked at to find that two places say the same; beyond, they do not.
const MAX_COMPARED: usize = 50_000;

/// What an absent schema says.
static ANYTHING: Value = Value::Bool(true);

/// A schema file, as the old or the new one of a comparison.
#[derive(Debug)]
pub(super) struct Document<'d> {
    pub(super) side: Side,
    pub(super) root: &'d Value,
}

/// A schema within a document.
#[derive(Debug, Clone)]
pub(super) struct Place<'d> {
    pub(super) document: &'d Document<'d>,
    /// JSON Pointer to it; to where it would stand, if it is absent.
    pub(super) pointer: Arc<str>,
    pub(super) schema: &'d Value,
}

/// Returns why a document cannot be judged.
pub(super) fn faults(document: &Document<'_>) -> Vec<SchemaFault> {
    let fault = |pointer: String, problem: String| SchemaFault {
        file: document.side.as_str().to_owned(),
        pointer,
        problem,
    };
    let dialect = document.root.get("$schema");
    if dialect.is_some_and(|dialect| dialect != DIALECT) {
        return vec![fault("/$schema".to_owned(), format!("only {DIALECT} can be judged"))];
    }
    let mut inner = Vec::new();
    inner_names(document.root, "", &mut inner);
    let mut faults: Vec<_> = inner
        .into_iter()
        .map(|pointer| {
            fault(pointer, "a schema within a schema may not have its own name".to_owned())
        })
        .collect();
    if faults.is_empty()
        && let Err(error) = judge::readable(document.root)
    {
        faults.push(fault(String::new(), format!("no schema that can be judged: {error}")));
    }
    faults
}

/// Finds `$id` below the root: references there would mean something else.
fn inner_names(schema: &Value, at: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { return };
    if !at.is_empty() && keywords.contains_key("$id") {
        found.push(join(at, ["$id"]));
    }
    for (keyword, value) in keywords {
        let here = join(at, [keyword.as_str()]);
        let holds = match keyword.as_str() {
            "$defs" | "definitions" => Some(Holds::SchemaMap),
            _ => keywords::known(keyword).map(|(_, holds)| holds),
        };
        let mut each = |step: &str, inner| inner_names(inner, &join(&here, [step]), found);
        match (holds, value) {
            (Some(Holds::Schema), _) => inner_names(value, &here, found),
            (Some(Holds::SchemaList), Value::Array(items)) => {
                items.iter().enumerate().for_each(|(index, inner)| each(&index.to_string(), inner));
            }
            (Some(Holds::SchemaMap), Value::Object(map)) => {
                map.iter().for_each(|(name, inner)| each(name, inner));
            }
            _ => {}
        }
    }
}

impl<'d> Place<'d> {
    /// Returns the whole document.
    pub(super) fn root(document: &'d Document<'d>) -> Self {
        Self { document, pointer: "".into(), schema: document.root }
    }

    /// Returns the keywords; none for `true` and `false`.
    pub(super) fn keywords(&self) -> Option<&'d Map<String, Value>> {
        self.schema.as_object()
    }

    /// Returns a keyword's value.
    pub(super) fn keyword(&self, name: &str) -> Option<&'d Value> {
        self.keywords()?.get(name)
    }

    /// Returns the schema that a keyword holds, or the one that takes anything.
    pub(super) fn schema(&self, keyword: &str) -> Self {
        self.at([keyword], self.keyword(keyword).unwrap_or(&ANYTHING))
    }

    /// Returns each schema of a keyword that holds a map: its name and itself.
    pub(super) fn map(&self, keyword: &str) -> impl Iterator<Item = (&'d str, Self)> {
        let entries = self.keyword(keyword).and_then(Value::as_object).into_iter().flatten();
        entries.map(move |(name, schema)| (name.as_str(), self.at([keyword, name], schema)))
    }

    /// Returns one schema of a keyword that holds a map.
    pub(super) fn entry(&self, keyword: &str, name: &str) -> Option<Self> {
        let schema = self.keyword(keyword)?.get(name)?;
        Some(self.at([keyword, name], schema))
    }

    /// Returns each schema of a keyword that holds a list.
    pub(super) fn list(&self, keyword: &str) -> Vec<Self> {
        let items = self.keyword(keyword).and_then(Value::as_array).into_iter().flatten();
        let place = |(index, schema): (usize, &'d Value)| {
            self.at([keyword, index.to_string().as_str()], schema)
        };
        items.enumerate().map(place).collect()
    }

    /// Returns the schema that takes anything, as if it stood in the same document.
    pub(super) fn anything(&self) -> Self {
        // No JSON Pointer, so that it is nobody's place.
        Self { document: self.document, pointer: "anything".into(), schema: &ANYTHING }
    }

    fn at<'a>(&self, steps: impl IntoIterator<Item = &'a str>, schema: &'d Value) -> Self {
        let pointer = join(&self.pointer, steps).into();
        Self { document: self.document, pointer, schema }
    }

    /// Returns what `$ref` names, if it is a JSON Pointer into the same document.
    pub(super) fn target(&self) -> Option<Self> {
        let pointer = self.keyword("$ref")?.as_str()?.strip_prefix('#')?;
        // A percent-encoded pointer is left to the judge, which resolves what it must.
        let plain = pointer.is_empty() || pointer.starts_with('/') && !pointer.contains('%');
        let schema = plain.then(|| self.document.root.pointer(pointer)).flatten()?;
        Some(Self { document: self.document, pointer: pointer.into(), schema })
    }

    /// Follows references that nothing but annotations stands beside.
    pub(super) fn settled(self) -> Self {
        let mut place = self;
        for _ in 0..MAX_REFERENCES {
            let alone = |schema: &Map<String, Value>| {
                schema.keys().filter(|name| keywords::known(name).is_some()).count() == 1
            };
            match place.target() {
                Some(target) if place.keywords().is_some_and(alone) => place = target,
                _ => break,
            }
        }
        place
    }

    /// Tells whether two places say the same, word for word but for annotations and the names of
    /// what they refer to. `false` proves nothing.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        Sameness::default().holds(self, other)
    }

    /// Tells the same of some keywords alone.
    pub(super) fn says_the_same_by(&self, keywords: &[&str], other: &Self) -> bool {
        let mut sameness = Sameness::default();
        keywords.iter().all(|keyword| sameness.of_keyword(self, other, keyword))
    }
}

/// The comparison of two places, word for word.
#[derive(Default)]
struct Sameness {
    compared: usize,
    /// Pairs of what references name: two schemas that differ nowhere on the way round a circle
    /// are equal.
    assumed: Vec<(Arc<str>, Arc<str>)>,
}

impl Sameness {
    fn holds(&mut self, left: &Place<'_>, right: &Place<'_>) -> bool {
        self.compared += 1;
        if self.compared > MAX_COMPARED {
            return false;
        }
        let (Some(of_left), Some(of_right)) = (left.keywords(), right.keywords()) else {
            return left.schema == right.schema;
        };
        let deciding = |keywords: &Map<String, Value>| {
            keywords.keys().filter(|name| keywords::known(name).is_some()).count()
        };
        deciding(of_left) == deciding(of_right)
            && of_left.keys().all(|keyword| self.of_keyword(left, right, keyword))
    }

    fn of_keyword(&mut self, left: &Place<'_>, right: &Place<'_>, keyword: &str) -> bool {
        let Some((_, holds)) = keywords::known(keyword) else { return true };
        let (of_left, of_right) = (left.keyword(keyword), right.keyword(keyword));
        if of_left.is_none() || of_right.is_none() {
            return of_left == of_right;
        }
        match holds {
            Holds::Dark => false,
            Holds::Plain => of_left == of_right,
            Holds::Schema => self.holds(&left.schema(keyword), &right.schema(keyword)),
            Holds::SchemaList => {
                let (lefts, rights) = (left.list(keyword), right.list(keyword));
                lefts.len() == rights.len()
                    && lefts.iter().zip(&rights).all(|(left, right)| self.holds(left, right))
            }
            Holds::SchemaMap => {
                left.map(keyword).count() == right.map(keyword).count()
                    && left.map(keyword).all(|(name, left)| {
                        let right = right.entry(keyword, name);
                        right.is_some_and(|right| self.holds(&left, &right))
                    })
            }
            Holds::Reference => {
                let (Some(left), Some(right)) = (left.target(), right.target()) else {
                    return false;
                };
                let pair = (Arc::clone(&left.pointer), Arc::clone(&right.pointer));
                self.assumed.contains(&pair) || {
                    self.assumed.push(pair);
                    self.holds(&left, &right)
                }
            }
        }
    }
}

/// Lengthens a JSON Pointer.
pub(super) fn join<'a>(pointer: &str, steps: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = pointer.to_owned();
    for step in steps {
        joined.push('/');
        joined.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    joined
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn same_documents(left: &Value, right: &Value) -> bool {
        let (left, right) =
            (Document { side: Side::Old, root: left }, Document { side: Side::New, root: right });
        Place::root(&left).says_the_same_as(&Place::root(&right))
    }

    #[test]
    fn annotations_and_the_names_of_definitions_do_not_count() {
        let old = json!({"title": "a", "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}});
        let new =
            json!({"x-a": 1, "$ref": "#/$defs/b", "$defs": {"b": {"type": "string"}, "c": false}});
        assert!(same_documents(&old, &new));
    }

    #[test]
    fn what_a_reference_names_counts() {
        let with = |length: u32| json!({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"maxLength": length}}});
        assert!(same_documents(&with(1), &with(1)));
        assert!(!same_documents(&with(1), &with(2)));
        let far = json!({"$ref": "https://far.example/schema"});
        assert!(!same_documents(&far, &far), "nobody knows what is there");
    }

    #[test]
    fn circles_end() {
        let tree = |length: u32| {
            json!({"$ref": "#/$defs/t", "$defs": {"t": {"properties": {
                "next": {"$ref": "#/$defs/t"}, "name": {"maxLength": length},
            }}}})
        };
        assert!(same_documents(&tree(1), &tree(1)));
        assert!(!same_documents(&tree(1), &tree(2)));
        let itself = json!({"$ref": "#"});
        let document = Document { side: Side::Old, root: &itself };
        assert_eq!(&*Place::root(&document).settled().pointer, "");
    }
}
