//! Only what is granted leaves the bus.

use lgsp_core::Violation;
use lgsp_identity::Released;
use serde_json::{Map, Value};

use crate::service::{Mask, Release};

/// What of a record leaves the bus.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    pub(crate) record: Map<String, Value>,
    /// The names of the fields that were there and are withheld, wholly or in part. Of existence
    /// alone nothing is named: that a person has a spouse is of the record.
    pub(crate) withheld: Vec<String>,
    /// What is odd about the fields that are released in full.
    pub(crate) warnings: Vec<Violation>,
}

/// Takes from a record what the grant does not release.
pub(crate) fn keep_granted(
    record: Map<String, Value>,
    mut warnings: Vec<Violation>,
    declared: &Release,
    granted: &Released,
) -> Granted {
    let (mut kept, mut withheld) = (Map::new(), Vec::new());
    if *granted == Released::Existence {
        kept.insert("exists".to_owned(), Value::Bool(true));
        return Granted { record: kept, ..Granted::default() };
    }
    for (name, value) in record {
        let in_full = match granted {
            Released::Fields(fields) => fields.contains(&name),
            Released::Declared => declared.fields.contains(&name),
            Released::Existence => false,
        };
        if in_full {
            kept.insert(name, value);
            continue;
        }
        // A grant that lists its fields says all of it: what it leaves out is not even masked.
        let mask = match granted {
            Released::Declared => declared.masked.get(&name),
            Released::Fields(_) | Released::Existence => None,
        };
        withheld.push(name.clone());
        if let Some(masked) = mask.zip(value.as_str()).map(|(mask, text)| mask.apply(text)) {
            kept.insert(name, Value::String(masked));
        }
    }
    warnings.retain(|odd| {
        let field = odd.pointer.split('/').nth(1).unwrap_or_default();
        kept.contains_key(field) && !withheld.iter().any(|name| name == field)
    });
    Granted { record: kept, withheld, warnings }
}

/// A shorter text is not shown at all by its last characters: they would be most of it.
const SHORTEST_SHOWN: usize = 6;

impl Mask {
    fn apply(self, text: &str) -> String {
        match self {
            Self::LastThree => {
                let length = text.chars().count();
                let shown = if length < SHORTEST_SHOWN { 0 } else { 3 };
                let hidden = length.saturating_sub(shown);
                std::iter::repeat_n('*', hidden).chain(text.chars().skip(hidden)).collect()
            }
            Self::Year => text.chars().take(4).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;

    fn record() -> Map<String, Value> {
        let record = json!({"name": "Nguyễn Thị Mẫu", "number": "086190000001", "born": "1990-01-15", "religion": "00"});
        record.as_object().cloned().unwrap()
    }

    fn declared() -> Release {
        Release {
            fields: BTreeSet::from(["name".to_owned()]),
            masked: BTreeMap::from([
                ("number".to_owned(), Mask::LastThree),
                ("born".to_owned(), Mask::Year),
            ]),
        }
    }

    /// Everything is odd.
    fn odd() -> Vec<Violation> {
        let odd = |field| Violation::new(format!("/{field}"), &lgsp_core::rule::NAME_NOT_NFC);
        ["name", "number", "born/year", "religion"].map(odd).into()
    }

    fn kept_of(granted: &Released) -> (Value, Vec<String>, Vec<String>) {
        let Granted { record, withheld, warnings } =
            keep_granted(record(), odd(), &declared(), granted);
        let warned = warnings.into_iter().map(|odd| odd.pointer).collect();
        (record.into(), withheld, warned)
    }

    #[test]
    fn what_the_service_does_not_release_is_withheld_and_named() {
        let (kept, withheld, warned) = kept_of(&Released::Declared);
        assert_eq!(
            kept,
            json!({"name": "Nguyễn Thị Mẫu", "number": "*********001", "born": "1990"})
        );
        assert_eq!(withheld, ["born", "number", "religion"]);
        assert_eq!(warned, ["/name"], "what is odd about the rest would tell of it");
    }

    #[test]
    fn a_grant_of_fields_releases_these_and_no_other() {
        let fields = Released::Fields(BTreeSet::from(["religion".to_owned(), "gone".to_owned()]));
        let (kept, withheld, warned) = kept_of(&fields);
        assert_eq!(kept, json!({"religion": "00"}));
        assert_eq!((withheld.len(), warned), (3, vec!["/religion".to_owned()]));
    }

    #[test]
    fn existence_tells_nothing_of_the_record_not_even_which_fields_it_has() {
        let (kept, withheld, warned) = kept_of(&Released::Existence);
        assert_eq!(kept, json!({"exists": true}));
        assert!(withheld.is_empty() && warned.is_empty());
    }

    #[test]
    fn a_short_value_is_not_shown_by_its_mask() {
        for (text, masked) in [("", ""), ("12345", "*****"), ("123456", "***456")] {
            assert_eq!(Mask::LastThree.apply(text), masked);
        }
    }
}
