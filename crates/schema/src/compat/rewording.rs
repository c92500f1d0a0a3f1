//! Changes that break nobody: annotations, and other words for the same.

use serde_json::Value;

use super::document::{Document, join};
use super::finding::{Breaks, Change, Finding};
use super::keywords::{self, Holds};

/// Names of keywords that hold schemas and decide nothing by themselves.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// Tells whether two documents are the same but for their annotations.
pub(super) fn same_text(old: &Value, new: &Value) -> bool {
    let mut differences = Differences::default();
    differences.of_schemas(old, new, "");
    differences.found.iter().all(|(.., change)| *change == Change::Annotation)
}

/// Returns the changes that no finding covers.
pub(super) fn harmless(
    old: &Document<'_>,
    new: &Document<'_>,
    breaking: &[Finding],
) -> Vec<Finding> {
    let mut differences = Differences::default();
    differences.of_schemas(old.root, new.root, "");
    let told = |pointer: &str| {
        breaking
            .iter()
            .any(|finding| within(pointer, &finding.pointer) || within(&finding.pointer, pointer))
    };
    let untold = differences
        .found
        .into_iter()
        .filter(|(pointer, _, _, change)| *change == Change::Annotation || !told(pointer));
    let findings = untold.map(|(pointer, keyword, in_new, change)| Finding {
        breaks: Breaks::Nobody,
        pointer,
        side: if in_new { new.side } else { old.side },
        keyword,
        change,
        detail: None,
    });
    findings.collect()
}

/// Tells whether a pointer leads to a place or into it.
fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Where two documents differ: the pointer, the keyword, whether the new one has it, the change.
#[derive(Default)]
struct Differences {
    found: Vec<(String, String, bool, Change)>,
}

impl Differences {
    fn of_schemas(&mut self, old: &Value, new: &Value, at: &str) {
        let (Value::Object(of_old), Value::Object(of_new)) = (old, new) else {
            if old != new {
                self.found.push((at.to_owned(), String::new(), true, Change::Rewritten));
            }
            return;
        };
        let of_new_alone = of_new.keys().filter(|keyword| !of_old.contains_key(*keyword));
        for keyword in of_old.keys().chain(of_new_alone) {
            self.of_keyword(of_old.get(keyword), of_new.get(keyword), keyword, at);
        }
    }

    fn of_keyword(&mut self, old: Option<&Value>, new: Option<&Value>, keyword: &str, at: &str) {
        if old == new {
            return;
        }
        let here = join(at, [keyword]);
        let holds = match keywords::known(keyword) {
            Some((_, holds)) => holds,
            None if DEFINITIONS.contains(&keyword) => Holds::SchemaMap,
            None => {
                self.found.push((here, keyword.to_owned(), new.is_some(), Change::Annotation));
                return;
            }
        };
        match (holds, old, new) {
            (Holds::Schema, Some(old), Some(new)) => self.of_schemas(old, new, &here),
            (Holds::SchemaList, Some(Value::Array(old)), Some(Value::Array(new)))
                if old.len() == new.len() =>
            {
                for (index, (old, new)) in old.iter().zip(new).enumerate() {
                    self.of_schemas(old, new, &join(&here, [index.to_string().as_str()]));
                }
            }
            (Holds::SchemaMap, Some(Value::Object(old)), Some(Value::Object(new))) => {
                let of_new_alone = new.keys().filter(|name| !old.contains_key(*name));
                for name in old.keys().chain(of_new_alone) {
                    let there = join(&here, [name.as_str()]);
                    match (old.get(name), new.get(name)) {
                        (Some(old), Some(new)) => self.of_schemas(old, new, &there),
                        (_, new) => {
                            let change = match (keyword, new.is_some()) {
                                ("properties", true) => Change::PropertyAdded,
                                ("properties", false) => Change::PropertyRemoved,
                                _ => Change::Rewritten,
                            };
                            self.found.push((there, keyword.to_owned(), new.is_some(), change));
                        }
                    }
                }
            }
            _ => self.found.push((here, keyword.to_owned(), new.is_some(), Change::Rewritten)),
        }
    }
}
