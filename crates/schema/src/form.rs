//! A schema on its own: of a question, of an answer. It belongs to no event type.

use std::fmt;

use bytes::Bytes;
use jsonschema::Validator;
use lgsp_core::Violation;
use serde_json::Value;

use crate::compile::validator;
use crate::error::SchemaFault;
use crate::shape::Shape;
use crate::strict::parse_strict;
use crate::{dialect, explain};

/// A JSON Schema 2020-12 within the bus's dialect, compiled; judges values, never changes them.
///
/// ```
/// let text = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
///     "properties": {"taxCode": {"type": "string", "format": "tax-code"}}, "required": ["taxCode"]}"#;
/// let form = lgsp_schema::Form::compile("request.schema.json", text).unwrap();
/// assert!(form.judge(&serde_json::json!({"taxCode": "0100109106"})).is_ok());
/// let broken = form.judge(&serde_json::json!({"taxCode": "0100109107"})).unwrap_err();
/// assert_eq!(broken[0].pointer, "/taxCode");
/// ```
pub struct Form {
    validator: Validator,
    shape: Shape,
    document: Bytes,
    fields: Vec<String>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl Form {
    /// Checks and compiles a schema; `file` names it in faults.
    ///
    /// # Errors
    /// Every fault of the schema, also of its own examples.
    pub fn compile(file: &str, text: &str) -> Result<Self, Vec<SchemaFault>> {
        let fault = |(pointer, problem)| SchemaFault { file: file.to_owned(), pointer, problem };
        let schema = parse_strict(text.as_bytes()).map_err(|refusal| {
            let told =
                |violation: Violation| fault((violation.pointer, violation.rule.en.to_owned()));
            refusal.violations.into_iter().map(told).collect::<Vec<_>>()
        })?;
        let mut faults: Vec<_> = dialect::problems(&schema).into_iter().map(fault).collect();
        let compiled = validator(&schema);
        if let (Err(problem), true) = (&compiled, faults.is_empty()) {
            faults.push(fault(problem.clone()));
        }
        let (Ok(validator), true) = (compiled, faults.is_empty()) else { return Err(faults) };
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields = properties.into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let form = Self {
            validator,
            shape: Shape::of(&schema),
            document: Bytes::copy_from_slice(text.as_bytes()),
            fields,
        };
        let examples = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
        for (index, example) in examples.enumerate() {
            for Violation { pointer, rule } in form.judge(example).err().unwrap_or_default() {
                faults.push(fault((format!("/examples/{index}{pointer}"), rule.en.to_owned())));
            }
        }
        if faults.is_empty() { Ok(form) } else { Err(faults) }
    }

    /// Judges a value; returns what is odd about it, e.g. members that the schema does not know.
    ///
    /// # Errors
    /// Every violation: its place and its rule, never the value.
    pub fn judge(&self, value: &Value) -> Result<Vec<Violation>, Vec<Violation>> {
        if self.validator.is_valid(value) {
            Ok(self.shape.warnings(value))
        } else {
            Err(explain::violations(&self.validator, value))
        }
    }

    /// Returns the schema as it was written.
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// Lists the members that the schema declares at the top.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(rest: &str) -> String {
        format!(
            "{{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\"{rest}}}"
        )
    }

    #[test]
    fn tells_what_is_broken_and_what_is_odd() {
        let form = Form::compile(
            "f",
            &text(r#", "properties": {"name": {"type": "string"}}, "required": ["name"]"#),
        );
        let form = form.unwrap();
        assert_eq!(form.fields(), ["name"]);
        let odd = form.judge(&json!({"name": "x", "more": 1})).unwrap();
        assert_eq!(odd[0].pointer, "/more");
        assert_eq!(form.judge(&json!({})).unwrap_err()[0].pointer, "/name");
    }

    #[test]
    fn a_faulty_schema_is_refused_with_its_faults() {
        for (rest, at) in [
            (r#", "maxLenght": 3"#, "/maxLenght"),
            (
                r#", "properties": {"a": {"type": "integer"}}, "examples": [{"a": "x"}]"#,
                "/examples/0/a",
            ),
        ] {
            assert_eq!(Form::compile("f", &text(rest)).unwrap_err()[0].pointer, at);
        }
        assert!(!Form::compile("f", "{").unwrap_err().is_empty());
    }
}
