//! Only what is granted leaves the bus.

use lgsp_identity::Released;
use serde_json::{Map, Value};

use crate::service::{Mask, Release};

/// Takes from a record what the grant does not release; returns what is left, and the names of the
/// fields that were there and are withheld, wholly or in part.
pub(crate) fn keep_granted(
    record: Map<String, Value>,
    declared: &Release,
    granted: &Released,
) -> (Map<String, Value>, Vec<String>) {
    let (mut kept, mut withheld) = (Map::new(), Vec::new());
    if *granted == Released::Existence {
        withheld.extend(record.into_iter().map(|(name, _)| name));
        kept.insert("exists".to_owned(), Value::Bool(true));
        return (kept, withheld);
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
    (kept, withheld)
}

impl Mask {
    fn apply(self, text: &str) -> String {
        match self {
            Self::LastThree => {
                let hidden = text.chars().count().saturating_sub(3);
                let shown = text.chars().skip(hidden);
                std::iter::repeat_n('*', hidden.max(1)).chain(shown.take(3)).collect()
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

    #[test]
    fn what_the_service_does_not_release_is_withheld_and_named() {
        let (kept, withheld) = keep_granted(record(), &declared(), &Released::Declared);
        assert_eq!(
            Value::from(kept),
            json!({"name": "Nguyễn Thị Mẫu", "number": "*********001", "born": "1990"})
        );
        assert_eq!(withheld, ["born", "number", "religion"]);
    }

    #[test]
    fn a_grant_of_fields_releases_these_and_no_other() {
        let fields = Released::Fields(BTreeSet::from(["religion".to_owned(), "gone".to_owned()]));
        let (kept, withheld) = keep_granted(record(), &declared(), &fields);
        assert_eq!(Value::from(kept), json!({"religion": "00"}));
        assert_eq!(withheld, ["born", "name", "number"]);
    }

    #[test]
    fn existence_releases_nothing_of_the_record() {
        let (kept, withheld) = keep_granted(record(), &declared(), &Released::Existence);
        assert_eq!(Value::from(kept), json!({"exists": true}));
        assert_eq!(withheld.len(), 4);
    }

    #[test]
    fn a_short_value_is_not_shown_by_its_mask() {
        for (text, masked) in [("", "*"), ("12", "*12"), ("123", "*123"), ("1234", "*234")] {
            assert_eq!(Mask::LastThree.apply(text), masked);
        }
    }
}
