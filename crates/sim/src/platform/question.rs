//! Reads the JSON body of a question: absent, `null` and empty are alike, and a number may come
//! as text, as callers do not agree on it.

use serde_json::{Map, Value};

/// The body of a question.
pub(super) struct Question(Map<String, Value>);

impl Question {
    /// Reads a body; `None` for what is no JSON object.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().map(Self)
    }

    /// Returns a field's text without the space around it; empty for what is none.
    pub(super) fn text(&self, field: &str) -> String {
        match self.0.get(field) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Returns the object within a field.
    pub(super) fn group(&self, field: &str) -> Option<Self> {
        self.0.get(field)?.as_object().cloned().map(Self)
    }

    /// Returns those of the fields that are absent or empty.
    pub(super) fn missing<'a>(&self, fields: &[&'a str]) -> Vec<&'a str> {
        fields.iter().copied().filter(|field| self.text(field).is_empty()).collect()
    }
}
