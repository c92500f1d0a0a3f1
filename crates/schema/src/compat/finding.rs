//! What a comparison found: each change, whom it breaks, and what to do about it.

use std::fmt;

use serde_json::Value;

use super::Side;
use super::walk::{Gap, What};

/// How long a keyword's value is shown at most, in characters.
const MAX_SHOWN: usize = 60;

/// Whom a change breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breaks {
    /// Readers with the old schema, of new data, and readers with the new schema, of old data.
    Both,
    /// Readers with the new schema, of old data.
    Backward,
    /// Readers with the old schema, of new data.
    Forward,
    /// Nobody.
    Nobody,
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A member was declared that was not before.
    PropertyAdded,
    /// A member is no longer declared.
    PropertyRemoved,
    /// Less is valid than before.
    Narrowed,
    /// More is valid than before.
    Widened,
    /// Some of what was valid no longer is, and the other way round.
    Replaced,
    /// What it means for data cannot be proven, so it counts as breaking.
    Unproven,
    /// Written in another way, with the same meaning.
    Rewritten,
    /// Something for people, which decides nothing.
    Annotation,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $type {
            /// Returns the stable machine-readable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

names!(Breaks { Both = "both", Backward = "backward", Forward = "forward", Nobody = "none" });
names!(Change {
    PropertyAdded = "property_added",
    PropertyRemoved = "property_removed",
    Narrowed = "narrowed",
    Widened = "widened",
    Replaced = "replaced",
    Unproven = "unproven",
    Rewritten = "rewritten",
    Annotation = "annotation",
});

/// One change between two versions of a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whom it breaks.
    pub breaks: Breaks,
    /// JSON Pointer to the place within the schema; where the place exists in one of the two
    /// alone, [`Finding::side`] says in which.
    pub pointer: String,
    /// In which document the pointer leads somewhere for sure.
    pub side: Side,
    /// The keyword that changed, e.g. `maxLength`; empty for a whole schema.
    pub keyword: String,
    /// What kind of change it is.
    pub change: Change,
    /// What changed, of the schema's own text: the old value and the new one, or a member's name.
    pub detail: Option<String>,
}

/// Puts the gaps of both directions together: a gap is one of the change's two faces.
pub(super) fn of_gaps(backward: Vec<Gap>, forward: Vec<Gap>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let told = backward.into_iter().map(|gap| (Breaks::Backward, gap));
    for (breaks, gap) in told.chain(forward.into_iter().map(|gap| (Breaks::Forward, gap))) {
        let finding = of_gap(breaks, gap);
        let same_place = |known: &&mut Finding| {
            known.pointer == finding.pointer
                && known.keyword == finding.keyword
                && (known.keyword != "required" || known.detail == finding.detail)
        };
        match findings.iter_mut().find(same_place) {
            Some(known) if known.breaks != finding.breaks => known.take_in(finding),
            Some(_) => {}
            None => findings.push(finding),
        }
    }
    findings
}

fn of_gap(breaks: Breaks, gap: Gap) -> Finding {
    let backward = breaks == Breaks::Backward;
    let (change, detail) = match gap.what {
        // What the right schema alone knows was added, if the right one is the new one.
        What::MemberOfRight if backward => (Change::PropertyAdded, None),
        What::MemberOfRight => (Change::PropertyRemoved, None),
        What::MemberOfLeft if backward => (Change::PropertyRemoved, None),
        What::MemberOfLeft => (Change::PropertyAdded, None),
        What::Unproven => (Change::Unproven, None),
        What::Required(name) => (direction(backward), Some(name)),
        What::Keyword(left, right) => {
            let (old, new) = if backward { (left, right) } else { (right, left) };
            (direction(backward), Some(difference(old.as_ref(), new.as_ref())))
        }
    };
    Finding { breaks, pointer: gap.pointer, side: gap.side, keyword: gap.keyword, change, detail }
}

fn direction(backward: bool) -> Change {
    if backward { Change::Narrowed } else { Change::Widened }
}

impl Finding {
    /// Adds the other direction's face of the same change.
    fn take_in(&mut self, other: Self) {
        self.breaks = Breaks::Both;
        self.change = match (self.change, other.change) {
            (Change::Unproven, _) | (_, Change::Unproven) => Change::Unproven,
            (Change::Narrowed, Change::Widened) | (Change::Widened, Change::Narrowed) => {
                Change::Replaced
            }
            (change, _) => change,
        };
        self.detail = self.detail.take().or(other.detail);
    }
}

/// Shows what became of a value: of a list its changes, else both values.
fn difference(old: Option<&Value>, new: Option<&Value>) -> String {
    if let (Some(Value::Array(old)), Some(Value::Array(new))) = (old, new)
        && old.iter().chain(new).all(|item| !item.is_object() && !item.is_array())
    {
        let removed = old.iter().filter(|item| !new.contains(item)).map(|item| format!("-{item}"));
        let added = new.iter().filter(|item| !old.contains(item)).map(|item| format!("+{item}"));
        return shortened(&removed.chain(added).collect::<Vec<_>>().join(" "));
    }
    let shown = |value: Option<&Value>| {
        value.map_or_else(|| "-".to_owned(), |value| shortened(&value.to_string()))
    };
    format!("{} → {}", shown(old), shown(new))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_shown_by_its_changes_and_a_value_by_both() {
        assert_eq!(difference(Some(&json!(["1", "2"])), Some(&json!(["2", "3"]))), r#"-"1" +"3""#);
        assert_eq!(difference(Some(&json!(5)), None), "5 → -");
        assert_eq!(
            difference(Some(&json!("string")), Some(&json!(["string", "null"]))),
            r#""string" → ["string","null"]"#
        );
        let long = difference(None, Some(&json!("ế".repeat(100))));
        assert!(long.ends_with('…') && long.chars().count() == MAX_SHOWN + 5, "{long}");
    }
}
