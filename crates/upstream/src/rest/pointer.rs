//! A place in a question or an answer, as a declaration names it.

use std::fmt;

use serde_json::{Map, Value};

/// A JSON Pointer of member names; the empty one is the whole. Names are declared, never received,
/// so that a pointer may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: String,
    names: Vec<String>,
}

impl Pointer {
    /// What a declaration must hold for one.
    pub(crate) const EXPECTED: &str = "a JSON Pointer of member names, e.g. \"/Status\"";

    /// Reads a pointer; names are 1 to 64 of `A-Za-z0-9_.-`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let names: Vec<String> = match text.strip_prefix('/') {
            None if text.is_empty() => Vec::new(),
            None => return None,
            Some(path) => path.split('/').map(str::to_owned).collect(),
        };
        names.iter().all(|name| is_name(name)).then(|| Self { text: text.to_owned(), names })
    }

    /// Returns the value at this place, if there is one.
    pub(crate) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.names.iter().try_fold(value, |value, name| value.as_object()?.get(name))
    }

    /// Returns the value at this place of an object's members, if there is one.
    pub(crate) fn find_in<'v>(&self, members: &'v Map<String, Value>) -> Option<&'v Value> {
        let (first, rest) = self.names.split_first()?;
        rest.iter().try_fold(members.get(first)?, |value, name| value.as_object()?.get(name))
    }

    /// Returns the names on the way, outermost first.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Tells whether a text can be a member's name.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

/// Returns a scalar's text without the space around it: a text, a number's digits.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leads_to_a_value_or_nowhere() {
        let value = json!({"a": {"b": 1}, "l": [2]});
        let find = |text: &str| Pointer::parse(text).unwrap().find(&value);
        assert_eq!(find(""), Some(&value));
        assert_eq!(find("/a/b"), Some(&json!(1)));
        assert_eq!((find("/a/c"), find("/l/0"), find("/a/b/c")), (None, None, None));
        let members = value.as_object().unwrap();
        assert_eq!(Pointer::parse("/a/b").unwrap().find_in(members), Some(&json!(1)));
        assert_eq!(Pointer::parse("").unwrap().find_in(members), None);
        for text in ["a", "/", "/a/", "//", "/a b", "/ă", "/a~1b"] {
            assert!(Pointer::parse(text).is_none(), "{text}");
        }
    }
}
