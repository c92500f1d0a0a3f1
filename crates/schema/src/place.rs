//! A place that a schema's block names, taken apart once, at the start.

use serde::Deserialize;
use serde_json::Value;

use crate::dialect;
use crate::pointer::is_field_name;

/// A JSON Pointer of member names, ready to be followed without an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Place {
    pointer: String,
    names: Box<[Box<str>]>,
}

impl Place {
    /// Returns the JSON Pointer.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns the value at this place of a record.
    pub(crate) fn find<'r>(&self, record: &'r Value) -> Option<&'r Value> {
        self.names.iter().try_fold(record, |value, name| value.as_object()?.get(&**name))
    }

    /// Returns the text at this place of a record; `None` where it is empty.
    pub(crate) fn text<'r>(&self, record: &'r Value) -> Option<&'r str> {
        self.find(record)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns what a schema declares for this place, and whether each step is required.
    pub(crate) fn declared<'s>(&self, root: &'s Value) -> Option<(&'s Value, bool)> {
        let mut required = true;
        let mut schema = root;
        for name in &self.names {
            let names = schema.get("required").and_then(Value::as_array);
            required &= names.is_some_and(|names| names.iter().any(|one| one == &**name));
            schema = schema.get("properties")?.get(&**name)?;
            if let Some(reference) = schema.get("$ref")
                && schema.get("properties").is_none()
            {
                schema = dialect::definition(root, reference)?;
            }
        }
        Some((schema, required))
    }

    /// Tells whether a schema declares text for this place, maybe among other types.
    pub(crate) fn is_declared_text(&self, root: &Value) -> bool {
        self.declared(root).and_then(|(schema, _)| schema.get("type")).is_some_and(|declared| {
            declared == "string"
                || declared.as_array().is_some_and(|types| types.iter().any(|one| one == "string"))
        })
    }
}

impl TryFrom<String> for Place {
    type Error = &'static str;

    fn try_from(pointer: String) -> Result<Self, Self::Error> {
        let path = pointer.strip_prefix('/').ok_or("a place is a JSON Pointer to a member")?;
        let names: Box<[Box<str>]> = path.split('/').map(Into::into).collect();
        if !names.iter().all(|name| is_field_name(name)) {
            return Err("a place is made of field names");
        }
        Ok(Self { pointer, names })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(pointer: &str) -> Place {
        Place::try_from(pointer.to_owned()).unwrap()
    }

    #[test]
    fn leads_to_the_value_or_nowhere() {
        let record = json!({"a": {"b": "x", "c": "", "d": 1}, "e": null});
        assert_eq!(place("/a/b").text(&record), Some("x"));
        for nowhere in ["/a", "/a/c", "/a/d", "/a/b/c", "/e", "/f"] {
            assert_eq!(place(nowhere).text(&record), None, "{nowhere}");
        }
        for text in ["", "a", "/", "/a/", "/a//b", "/a/0", "/a~1b"] {
            assert!(Place::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_what_a_schema_declares_there() {
        let schema = json!({
            "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/d"}, "x": {"type": "string"}},
            "$defs": {"d": {"required": ["b"], "properties": {
                "b": {"type": ["string", "null"]}, "c": {"type": "integer"},
            }}},
        });
        let required = |pointer| place(pointer).declared(&schema).map(|(_, required)| required);
        assert_eq!(required("/a/b"), Some(true));
        assert_eq!(required("/a/c"), Some(false));
        assert_eq!(required("/x"), Some(false));
        assert_eq!(required("/a/z"), None);
        let text: Vec<_> = ["/a/b", "/a/c", "/x", "/a", "/y"]
            .map(|pointer| place(pointer).is_declared_text(&schema))
            .into();
        assert_eq!(text, [true, false, true, false, false]);
    }
}
