//! One schema file, checked and compiled.

use std::sync::Arc;

use bytes::Bytes;
use jsonschema::{Draft, PatternOptions, Validator};
use lgsp_core::identifier::{CodeKind, FORMATS};
use lgsp_core::{ErrorCode, Fault, Violation, rule};
use serde_json::Value;

use crate::annotation::{self, Version};
use crate::entity::MAX_STATE_BYTES;
use crate::error::SchemaFault;
use crate::kind::EventKind;
use crate::oddity;
use crate::shape::Shape;
use crate::strict::parse_strict;
use crate::validated::ValidatedEvent;
use crate::{dialect, explain};

/// A schema file as it was read.
pub(crate) struct Source {
    /// Its path within the schemas' folder, with `/`.
    pub(crate) file: String,
    /// Its content.
    pub(crate) text: String,
}

/// A schema, ready to judge.
pub(crate) struct Compiled {
    pub(crate) kind: Arc<EventKind>,
    pub(crate) version: Version,
    validator: Validator,
    shape: Shape,
}

impl Compiled {
    /// Checks and compiles a file.
    ///
    /// # Errors
    /// Every fault of the file.
    pub(crate) fn new(source: &Source) -> Result<Self, Vec<SchemaFault>> {
        let fault =
            |(pointer, problem)| SchemaFault { file: source.file.clone(), pointer, problem };
        let schema = parse_strict(source.text.as_bytes()).map_err(|refusal| {
            let told =
                |violation: Violation| fault((violation.pointer, violation.rule.en.to_owned()));
            refusal.violations.into_iter().map(told).collect::<Vec<_>>()
        })?;

        let mut faults: Vec<_> = dialect::problems(&schema).into_iter().map(fault).collect();
        let kind = annotation::read(&source.file, &schema, &source.text);
        let validator = validator(&schema);
        if let Err(problems) = &kind {
            faults.extend(problems.iter().cloned().map(fault));
        }
        if let Err((pointer, problem)) = &validator {
            // The compiler may find again what the dialect found.
            if faults.iter().all(|known| known.pointer != *pointer) {
                faults.push(fault((pointer.clone(), problem.clone())));
            }
        }
        let (Ok((kind, version)), Ok(validator), true) = (kind, validator, faults.is_empty())
        else {
            return Err(faults);
        };
        let compiled = Self { kind: Arc::new(kind), version, validator, shape: Shape::of(&schema) };
        faults.extend(compiled.broken_examples(&schema).map(fault));
        if faults.is_empty() { Ok(compiled) } else { Err(faults) }
    }

    /// Judges a record.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidJson`], or [`ErrorCode::SchemaViolation`] with every violation.
    pub(crate) fn judge(&self, data: Bytes) -> Result<ValidatedEvent, Fault> {
        let record = parse_strict(&data)?;
        if !self.validator.is_valid(&record) {
            return Err(Fault::with(
                ErrorCode::SchemaViolation,
                explain::violations(&self.validator, &record),
            ));
        }
        // Every schema requires its key; this is the last guard of that.
        let key_fault = |rule| Fault::at(ErrorCode::SchemaViolation, self.kind.key.pointer(), rule);
        let entity_key = self.kind.key.find(&record).and_then(Value::as_str);
        let entity_key = entity_key.ok_or_else(|| key_fault(&rule::REQUIRED))?;
        if entity_key.is_empty() {
            return Err(key_fault(&rule::MIN_LENGTH));
        }
        let mut warnings = self.shape.warnings(&record);
        oddity::add(&self.kind.oddities, &record, &mut warnings);
        Ok(ValidatedEvent {
            entity_key: entity_key.into(),
            state: self.state(&record).map(Into::into),
            codes: self.codes(&record),
            kind: Arc::clone(&self.kind),
            data,
            warnings,
        })
    }

    fn state<'r>(&self, record: &'r Value) -> Option<&'r str> {
        self.kind.state.as_ref()?.text(record).filter(|state| state.len() <= MAX_STATE_BYTES)
    }

    fn codes(&self, record: &Value) -> Vec<(CodeKind, Box<str>)> {
        let mut codes: Vec<(CodeKind, Box<str>)> = Vec::new();
        for declared in &self.kind.codes {
            if codes.iter().all(|(kind, _)| *kind != declared.kind)
                && let Some(code) = declared.read(record)
            {
                codes.push((declared.kind, code.into()));
            }
        }
        codes
    }

    /// A schema whose own examples break it misleads its readers.
    fn broken_examples(&self, schema: &Value) -> impl Iterator<Item = (String, String)> {
        let examples = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
        examples.enumerate().flat_map(|(index, example)| {
            let fault = self.judge(example.to_string().into()).err();
            fault.into_iter().flat_map(|fault| fault.violations).map(move |violation| {
                (format!("/examples/{index}{}", violation.pointer), violation.rule.en.to_owned())
            })
        })
    }
}

pub(crate) fn validator(schema: &Value) -> Result<Validator, (String, String)> {
    let mut options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        // The linear-time engine: a sender's text cannot make a pattern backtrack.
        .with_pattern_options(PatternOptions::regex());
    for (name, check) in FORMATS {
        // Systems send an empty text for what they do not have; where there must be something,
        // the schema says so by `minLength`.
        options = options.with_format(*name, move |text| text.is_empty() || check(text).is_ok());
    }
    options.build(schema).map_err(|error| {
        (error.instance_path().to_string(), format!("does not compile: {}", error.masked()))
    })
}
