//! Finds where a schema takes less than another: the places that break somebody.
//!
//! One direction at a time: is everything that is valid by the left schema valid by the right one?
//! A schema is taken apart until the judge can prove a part; what it cannot prove is a gap. Going
//! down is sound because every step is monotone (if each member's schema takes what the old one
//! took, so does the object), and keywords for which that is not so (`not`, `oneOf`, …) are never
//! entered. The same pair of schemas met again below itself is taken for granted, as in a proof by
//! induction over the value's size; met again at the same value it is not.

use std::sync::Arc;

use serde_json::Value;

use super::Side;
use super::document::{Place, join};
use super::judge::Judge;
use super::keywords::{self, Group, Part};

/// How many places a comparison looks at; beyond, it is a gap.
const MAX_PLACES: usize = 20_000;

/// How deep a comparison goes; beyond, it is a gap.
const MAX_DEPTH: usize = 100;

/// A place where the right schema is not known to take all that the left one takes.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    /// The document in which the place is.
    pub(super) side: Side,
    pub(super) pointer: String,
    /// The keyword that refuses, or `properties`.
    pub(super) keyword: String,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The right schema rules a member that the left one does not know.
    MemberOfRight,
    /// The left schema knows a member that the right one rules otherwise, or refuses.
    MemberOfLeft,
    /// The right schema requires a member.
    Required(String),
    /// A keyword, with its values on the left and on the right.
    Keyword(Option<Value>, Option<Value>),
    /// Which way it moves cannot be told.
    Unproven,
}

/// The comparison of one document with another, in one direction.
#[derive(Default)]
pub(super) struct Walk {
    judge: Judge,
    places: usize,
    /// The pairs that are being compared, and how deep in the value each was met.
    open: Vec<(Arc<str>, Arc<str>, usize)>,
}

impl Walk {
    /// Returns where `right` may refuse what `left` takes; nowhere means that it is proven that it
    /// refuses nothing.
    pub(super) fn gaps(&mut self, left: &Place<'_>, right: &Place<'_>) -> Vec<Gap> {
        self.compare(left.clone(), right.clone(), 0)
    }

    /// `level` counts the steps into the value.
    fn compare(&mut self, left: Place<'_>, right: Place<'_>, level: usize) -> Vec<Gap> {
        let (left, right) = (left.settled(), right.settled());
        self.places += 1;
        if self.places > MAX_PLACES || self.open.len() > MAX_DEPTH {
            return vec![unproven(&right, "")];
        }
        if left.says_the_same_as(&right) {
            return vec![];
        }
        let Some(keywords) = right.keywords() else {
            let refuses = right.schema == &Value::Bool(false)
                && !self.judge.proves(&left, right.document, right.schema);
            let (had, has) = (Some(left.schema.clone()), Some(right.schema.clone()));
            return Vec::from_iter(refuses.then(|| gap(&right, "", What::Keyword(had, has))));
        };
        let met =
            self.open.iter().rev().find(|(of_left, of_right, _)| {
                *of_left == left.pointer && *of_right == right.pointer
            });
        match met {
            Some((.., at)) if *at < level => return vec![],
            Some(_) => return vec![unproven(&right, "")],
            None => {}
        }
        self.open.push((Arc::clone(&left.pointer), Arc::clone(&right.pointer), level));
        let mut gaps = Vec::new();
        for part in keywords::parts(keywords) {
            if part.group != Group::Whole && left.says_the_same_by(&part.family, &right) {
                continue;
            }
            let found = self.part(&left, &right, &part, level);
            let whole = Value::Object(part.schema);
            if !found.is_empty() && !self.judge.proves(&left, right.document, &whole) {
                gaps.extend(found);
            }
        }
        self.open.pop();
        gaps
    }

    /// Returns the gaps of one part, as far as its own keywords show them.
    fn part(
        &mut self,
        left: &Place<'_>,
        right: &Place<'_>,
        part: &Part<'_>,
        level: usize,
    ) -> Vec<Gap> {
        match part.group {
            Group::Alone => alone(left, right, part.keyword),
            Group::Required => self.required(left, right),
            Group::Members => self.members(left, right, level),
            Group::Elements => self.elements(left, right, level),
            Group::Reference => self.reference(left, right, level),
            Group::AllOf => self.all_of(left, right, level),
            Group::AnyOf => self.any_of(left, right, level),
            Group::Conditional => self.conditional(left, right, level),
            Group::DependentSchemas => self.dependent_schemas(left, right, level),
            Group::Intricate | Group::Whole => vec![unproven(right, part.keyword)],
        }
    }

    fn required(&mut self, left: &Place<'_>, right: &Place<'_>) -> Vec<Gap> {
        let of_left = left.keyword("required").and_then(Value::as_array);
        let of_right = right.keyword("required").and_then(Value::as_array);
        let added = of_right
            .into_iter()
            .flatten()
            .filter(|name| !of_left.is_some_and(|known| known.contains(name)));
        let gaps = added.filter_map(|name| {
            let part = serde_json::json!({ "required": [name] });
            let what = What::Required(name.as_str()?.to_owned());
            (!self.judge.proves(left, right.document, &part)).then(|| gap(right, "required", what))
        });
        gaps.collect()
    }

    fn members(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        let patterns = |place: &Place<'_>| {
            place.map("patternProperties").map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        if patterns(left) != patterns(right) {
            // Which names are in which of two patterns nobody can say.
            return vec![unproven(right, "patternProperties")];
        }
        let with_patterns = !patterns(left).is_empty();
        let mut gaps = Vec::new();
        for (name, of_right) in right.map("patternProperties") {
            if let Some(of_left) = left.entry("patternProperties", name) {
                gaps.extend(self.compare(of_left, of_right, level + 1));
            }
        }
        for (name, of_right) in right.map("properties") {
            if let Some(of_left) = left.entry("properties", name) {
                gaps.extend(self.compare(of_left, of_right, level + 1));
                continue;
            }
            // A name that is in a pattern is none of the others.
            let of_left =
                if with_patterns { left.anything() } else { left.schema("additionalProperties") };
            let pointer = of_right.pointer.to_string();
            if !self.compare(of_left, of_right, level + 1).is_empty() {
                gaps.push(member(right.document.side, pointer, What::MemberOfRight));
            }
        }
        for (name, of_left) in left.map("properties") {
            if right.entry("properties", name).is_some() {
                continue;
            }
            let rules: Vec<_> = right
                .map("patternProperties")
                .map(|(_, rule)| rule)
                .chain([right.schema("additionalProperties")])
                .collect();
            let broken = rules
                .into_iter()
                .any(|rule| !self.compare(of_left.clone(), rule, level + 1).is_empty());
            if broken {
                let pointer = of_left.pointer.to_string();
                gaps.push(member(left.document.side, pointer, What::MemberOfLeft));
            }
        }
        gaps.extend(self.one(left, right, "additionalProperties", level + 1));
        gaps
    }

    /// Compares what a keyword holds; told as one gap where one of the two is `true` or `false`.
    fn one(
        &mut self,
        left: &Place<'_>,
        right: &Place<'_>,
        keyword: &str,
        level: usize,
    ) -> Vec<Gap> {
        let (of_left, of_right) = (left.schema(keyword), right.schema(keyword));
        let blunt = of_left.schema.is_boolean() || of_right.schema.is_boolean();
        let gaps = self.compare(of_left, of_right, level);
        if gaps.is_empty() || !blunt {
            return gaps;
        }
        alone(left, right, keyword)
    }

    fn elements(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        let (of_left, of_right) = (left.list("prefixItems"), right.list("prefixItems"));
        let mut gaps = Vec::new();
        for index in 0..of_left.len().max(of_right.len()) {
            let of_left = of_left.get(index).cloned().unwrap_or_else(|| left.schema("items"));
            let of_right = of_right.get(index).cloned().unwrap_or_else(|| right.schema("items"));
            gaps.extend(self.compare(of_left, of_right, level + 1));
        }
        gaps.extend(self.one(left, right, "items", level + 1));
        gaps
    }

    fn reference(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        let Some(of_right) = right.target() else { return vec![unproven(right, "$ref")] };
        self.compare(left.target().unwrap_or_else(|| left.clone()), of_right, level)
    }

    fn all_of(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        let (of_left, of_right) = (left.list("allOf"), right.list("allOf"));
        let same_length = of_left.len() == of_right.len();
        let mut gaps = Vec::new();
        for (index, rule) in of_right.into_iter().enumerate() {
            if of_left.iter().any(|known| known.says_the_same_as(&rule))
                || self.judge.proves(left, right.document, rule.schema)
            {
                continue;
            }
            let same_condition = |known: &&Place<'_>| {
                rule.keyword("if").is_some()
                    && known.schema("if").says_the_same_as(&rule.schema("if"))
            };
            let partner = of_left.iter().find(same_condition);
            match partner.or_else(|| of_left.get(index).filter(|_| same_length)) {
                Some(known) => gaps.extend(self.compare(known.clone(), rule, level)),
                None => {
                    let what = What::Keyword(None, Some(rule.schema.clone()));
                    gaps.push(Gap { keyword: "allOf".to_owned(), ..gap(&rule, "", what) });
                }
            }
        }
        gaps
    }

    fn any_of(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        let (of_left, of_right) = (left.list("anyOf"), right.list("anyOf"));
        if of_left.len() != of_right.len() {
            return alone(left, right, "anyOf");
        }
        let pairs = of_left.into_iter().zip(of_right);
        pairs.flat_map(|(left, right)| self.compare(left, right, level)).collect()
    }

    fn conditional(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        if left.keyword("if").is_none() || !left.schema("if").says_the_same_as(&right.schema("if"))
        {
            return vec![unproven(right, "if")];
        }
        let mut gaps = Vec::new();
        for keyword in ["then", "else"] {
            gaps.extend(self.one(left, right, keyword, level));
        }
        gaps
    }

    fn dependent_schemas(&mut self, left: &Place<'_>, right: &Place<'_>, level: usize) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (name, rule) in right.map("dependentSchemas") {
            let known = left.entry("dependentSchemas", name).unwrap_or_else(|| left.clone());
            gaps.extend(self.compare(known, rule, level));
        }
        gaps
    }
}

/// Compares a keyword that speaks for itself, by its value alone.
fn alone(left: &Place<'_>, right: &Place<'_>, keyword: &str) -> Vec<Gap> {
    let (had, has) = (left.keyword(keyword), right.keyword(keyword));
    if had == has {
        return vec![];
    }
    vec![gap(right, keyword, What::Keyword(had.cloned(), has.cloned()))]
}

fn unproven(right: &Place<'_>, keyword: &str) -> Gap {
    gap(right, keyword, What::Unproven)
}

fn gap(place: &Place<'_>, keyword: &str, what: What) -> Gap {
    let pointer = join(&place.pointer, Some(keyword).filter(|keyword| !keyword.is_empty()));
    Gap { side: place.document.side, pointer, keyword: keyword.to_owned(), what }
}

fn member(side: Side, pointer: String, what: What) -> Gap {
    Gap { side, pointer, keyword: "properties".to_owned(), what }
}
