//! Declaration and schemas must speak of the same fields: what one names and the other does not
//! know would be asked, sent or released by nobody, silently.

use std::collections::{BTreeMap, BTreeSet};

use lgsp_query::PurposePart;
use lgsp_registry::document::{Faults, Place};
use lgsp_schema::Form;
use serde_json::Value;

use super::read::{Connector, Declared};
use crate::citizen;
use crate::rest::Plan;
use crate::rest::ask::Source;
use crate::rest::pointer::Pointer;

/// What a question's schema says of a member.
struct Member {
    is_required: bool,
    /// Whether it has a pattern or a list of values.
    is_bounded: bool,
    /// Whether it is always a text.
    is_text: bool,
}

/// What a connector takes from a question.
#[derive(Default)]
struct Taken {
    /// Members, each with whether it must be there.
    members: Vec<(String, bool)>,
    /// Members that stand in the path.
    in_path: Vec<String>,
    /// Parts of the purpose that must be there.
    purpose: BTreeSet<PurposePart>,
}

/// Tells of every field that only one of them knows.
pub(super) fn check(declared: &Declared<'_>, request: &Form, answer: &Form, faults: &mut Faults) {
    let given: BTreeSet<&str> = answer.fields().iter().map(String::as_str).collect();
    for (place, name) in &declared.released {
        if !given.contains(name.as_str()) {
            faults.mismatch(place, "a field that the answer's schema declares", name);
        }
    }
    let asked = members(request);
    // The evidence keeps the subject's digest: without a text there would be none to keep.
    let is_subject = |member: &Member| member.is_required && member.is_text;
    if let Some((place, at)) = &declared.subject
        && !first(at).and_then(|name| asked.get(&name)).is_some_and(is_subject)
    {
        let expected = "a member that the request's schema requires, of type string";
        faults.expected(place, expected);
    }
    let Some((place, connector)) = &declared.connector else { return };
    if let Connector::Rest(plan) = connector {
        for name in plan.answer.names().filter(|name| !given.contains(name)) {
            faults.mismatch(place, "an answer of fields that its schema declares", name);
        }
    }
    let mut taken = match connector {
        Connector::Population { .. } => Taken::by_population(),
        Connector::Rest(plan) => Taken::by_plan(plan),
    };
    if declared.is_open_data {
        // That it takes any is told already.
        taken.purpose.clear();
    }
    taken.check(place, &asked, &declared.purpose, faults);
}

impl Taken {
    fn by_population() -> Self {
        Self {
            members: citizen::MEMBERS.map(|name| (name.to_owned(), true)).to_vec(),
            in_path: Vec::new(),
            purpose: BTreeSet::from([PurposePart::Procedure, PurposePart::Officer]),
        }
    }

    fn by_plan(plan: &Plan) -> Self {
        let mut taken = Self::default();
        for (source, is_needed) in plan.request.sources() {
            match source {
                Source::Body(at) => taken.members.extend(first(at).map(|name| (name, is_needed))),
                Source::Purpose(part) if is_needed => {
                    taken.purpose.insert(*part);
                }
                Source::Purpose(_) | Source::Id | Source::Unit | Source::Constant(_) => {}
            }
        }
        taken.in_path = plan.request.path_members().filter_map(first).collect();
        let compared = plan.answer.compared().into_iter();
        let whole = compared.filter_map(first).chain(taken.in_path.iter().cloned());
        taken.members.extend(whole.map(|name| (name, true)));
        taken
    }

    fn check(
        &self,
        place: &Place<'_>,
        asked: &BTreeMap<String, Member>,
        purpose: &BTreeSet<PurposePart>,
        faults: &mut Faults,
    ) {
        let needs: BTreeSet<_> = self.members.iter().collect();
        for (name, is_needed) in needs {
            let expected = match asked.get(name) {
                None => "only members that the request's schema declares",
                Some(member) if *is_needed && !member.is_required => {
                    "only members that the request's schema requires, or else optional"
                }
                Some(_) => continue,
            };
            faults.mismatch(place, expected, name);
        }
        // Without a form of its own a caller would learn only from the far side's silence.
        for name in &self.in_path {
            if asked.get(name).is_some_and(|member| !member.is_bounded) {
                faults.mismatch(
                    place,
                    "a pattern or enum in the schema of what stands in the path",
                    name,
                );
            }
        }
        let used: BTreeSet<&String> = self.members.iter().map(|(name, _)| name).collect();
        for name in asked.keys().filter(|name| !used.contains(name)) {
            faults.mismatch(place, "a use of each member of the question", name);
        }
        for part in self.purpose.difference(purpose) {
            faults.mismatch(place, "only parts that the purpose demands", part.name());
        }
    }
}

/// Returns the member of the question that a place lies in.
fn first(at: &Pointer) -> Option<String> {
    at.names().first().cloned()
}

fn members(form: &Form) -> BTreeMap<String, Member> {
    let schema: Value = serde_json::from_slice(form.document()).unwrap_or_default();
    let required = schema.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").and_then(Value::as_object);
    let member = |(name, declared): (&String, &Value)| {
        let is_required = required.is_some_and(|names| names.iter().any(|one| one == name));
        let is_bounded = declared.get("pattern").is_some() || declared.get("enum").is_some();
        let is_text = declared.get("type").and_then(Value::as_str) == Some("string");
        (name.clone(), Member { is_required, is_bounded, is_text })
    };
    properties.into_iter().flatten().map(member).collect()
}
