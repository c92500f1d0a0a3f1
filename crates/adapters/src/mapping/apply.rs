//! Applying a mapping to a row.

use icu_normalizer::ComposingNormalizerBorrowed;
use lgsp_core::rule::{self, Rule};
use serde_json::{Map, Number, Value};

use super::node::{Field, Form, Node, Origin};
use super::{Mapped, Mapping, Misfit, Trace, Traced};

/// The place of the event's time: an attribute, no field of the data.
const TIME: &str = "time";

pub(super) fn apply(mapping: &Mapping, row: &Value) -> Result<Mapped, Vec<Misfit>> {
    let mut run = Run::new(false);
    let data = match &mapping.root {
        None => row.clone(),
        Some(root) => match run.make(root, row) {
            Made::Constant(data) | Made::Found(data) => data,
            // All is empty: the schema will say what is missing.
            Made::Absent => Value::Object(Map::new()),
        },
    };
    run.pointer.push_str(TIME);
    let time = mapping.time.as_ref().map(|time| run.field(time, row));
    let time = match time {
        Some(Made::Found(Value::String(text))) => Some(text),
        _ => None,
    };
    if run.misfits.is_empty() { Ok(Mapped { data, time }) } else { Err(run.misfits) }
}

pub(super) fn trace(mapping: &Mapping, row: &Value) -> Trace {
    let mut run = Run::new(true);
    match (&mapping.root, row) {
        (Some(root), _) => {
            run.make(root, row);
        }
        (None, Value::Object(members)) => {
            for (name, value) in members {
                let pointer = format!("/{}", escaped(name));
                let (column, source) = (name.clone(), shown(value));
                run.trace.push(Traced { pointer, column, source });
            }
        }
        (None, _) => {}
    }
    if let Some(time) = &mapping.time {
        run.pointer.push_str(TIME);
        run.field(time, row);
    }
    Trace(run.trace)
}

/// What became of one place.
enum Made {
    /// Nothing stands there.
    Absent,
    /// Something that the record has no part in.
    Constant(Value),
    /// Something of the record.
    Found(Value),
}

/// One row being mapped.
struct Run {
    misfits: Vec<Misfit>,
    /// JSON Pointer to the place being made.
    pointer: String,
    tracing: bool,
    trace: Vec<Traced>,
}

impl Run {
    fn new(tracing: bool) -> Self {
        Self { misfits: Vec::new(), pointer: String::new(), tracing, trace: Vec::new() }
    }

    fn make(&mut self, node: &Node, scope: &Value) -> Made {
        match node {
            Node::Constant(value) => Made::Constant(value.clone()),
            Node::Field(field) => self.field(field, scope),
            Node::Object(members) => self.object(node, members, scope),
            Node::List(items) => {
                let items = items.iter().map(|item| (item, scope));
                self.list(items, node.looks())
            }
            Node::Each(origin, item) => self.each(origin, item, scope),
        }
    }

    fn object(&mut self, node: &Node, members: &[(String, Node)], scope: &Value) -> Made {
        let mut object = Map::new();
        let mut any_found = !node.looks();
        for (name, member) in members {
            let made = self.within(&escaped(name), |run| run.make(member, scope));
            any_found |= matches!(made, Made::Found(_));
            if let Made::Constant(value) | Made::Found(value) = made {
                object.insert(name.clone(), value);
            }
        }
        match any_found {
            // The row itself is kept, so that the schema can say what it lacks.
            false if !self.pointer.is_empty() => Made::Absent,
            false => Made::Constant(Value::Object(object)),
            true if node.looks() => Made::Found(Value::Object(object)),
            true => Made::Constant(Value::Object(object)),
        }
    }

    fn each(&mut self, origin: &Origin, item: &Node, scope: &Value) -> Made {
        self.note(|| origin.name().to_owned(), std::slice::from_ref(origin), scope);
        match find(origin, scope).as_slice() {
            [] | [Value::Null] => Made::Absent,
            [Value::Array(entries)] => self.list(entries.iter().map(|entry| (item, entry)), true),
            _ => self.misfit(origin.name(), &rule::TYPE),
        }
    }

    fn list<'n>(
        &mut self,
        items: impl Iterator<Item = (&'n Node, &'n Value)>,
        looks: bool,
    ) -> Made {
        let mut list = Vec::new();
        let mut any_found = !looks;
        for (item, scope) in items {
            let made = self.within(&list.len().to_string(), |run| run.make(item, scope));
            any_found |= matches!(made, Made::Found(_));
            if let Made::Constant(value) | Made::Found(value) = made {
                list.push(value);
            }
        }
        match (any_found, looks) {
            (false, _) if list.is_empty() => Made::Absent,
            (true, true) => Made::Found(Value::Array(list)),
            _ => Made::Constant(Value::Array(list)),
        }
    }

    fn field(&mut self, field: &Field, scope: &Value) -> Made {
        self.note(|| field.name(), &field.origins, scope);
        let absent = || field.default.clone().map_or(Made::Absent, Made::Constant);
        if let Form::AsItIs = field.form {
            let found = field.origins.iter().flat_map(|origin| find(origin, scope));
            let found = found.into_iter().find(|value| !is_empty(value));
            return found.map_or_else(absent, |value| Made::Found(value.clone()));
        }
        let text = match self.text(field, scope) {
            Ok(text) => text,
            Err(misfit) => return misfit,
        };
        if text.is_empty() {
            return absent();
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text.len());
        if let Some(only) = &field.only_digits
            && !digits.is_some_and(|digits| only.contains(&digits))
        {
            return absent();
        }
        let text = match (&field.pad, digits) {
            (Some(pad), Some(digits)) if !pad.keep.contains(&digits) => {
                if digits < pad.from {
                    return self.misfit(&field.name(), &rule::SOURCE_NUMBER);
                }
                format!("{text:0>width$}", width = pad.to)
            }
            _ => text,
        };
        let (made, rule) = match &field.form {
            Form::Text | Form::AsItIs => (Some(Value::String(text)), &rule::TYPE),
            Form::Moment(moments) => (moments.turn(&text).map(Value::String), &rule::SOURCE_TIME),
            Form::Coded(codes) => (codes.get(&text).cloned(), &rule::CODE_LIST),
            Form::Integer => (text.parse::<i64>().ok().map(Value::from), &rule::SOURCE_NUMBER),
            Form::Number => (number(&text).map(Value::Number), &rule::SOURCE_NUMBER),
        };
        match made {
            Some(value) => Made::Found(value),
            None => self.misfit(&field.name(), rule),
        }
    }

    /// Gathers a field's text from its origins, trimmed and in NFC; empty if there is none.
    fn text(&mut self, field: &Field, scope: &Value) -> Result<String, Made> {
        let mut parts: Vec<String> = Vec::new();
        for origin in &field.origins {
            let found = find(origin, scope);
            if found.len() > 1 && field.join.is_none() {
                return Err(self.misfit(origin.name(), &rule::SOURCE_AMBIGUOUS));
            }
            for value in found {
                match plain(value) {
                    Some(text) if text.is_empty() => {}
                    Some(text) => parts.push(text),
                    None => return Err(self.misfit(origin.name(), &rule::TYPE)),
                }
            }
            if field.join.is_none() && !parts.is_empty() {
                break;
            }
        }
        Ok(parts.join(field.join.as_deref().unwrap_or_default()))
    }

    /// Notes a misfit at the present place, which then counts as filled.
    fn misfit(&mut self, column: &str, rule: &'static Rule) -> Made {
        let column = column.to_owned();
        self.misfits.push(Misfit { column, pointer: self.pointer.clone(), rule });
        Made::Found(Value::Null)
    }

    /// Notes, where that is asked for, from which column the present place is made.
    fn note(&mut self, column: impl FnOnce() -> String, origins: &[Origin], scope: &Value) {
        if self.tracing {
            let found = origins.iter().flat_map(|origin| find(origin, scope));
            let source = found.map(shown).collect::<Vec<_>>().join(" + ");
            let (pointer, column) = (self.pointer.clone(), column());
            self.trace.push(Traced { pointer, column, source });
        }
    }

    fn within<T>(&mut self, step: &str, make: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        let made = make(self);
        self.pointer.truncate(outer);
        made
    }
}

/// Finds what an origin names.
fn find<'v>(origin: &Origin, scope: &'v Value) -> Vec<&'v Value> {
    match origin {
        Origin::Column(name) => scope.get(name).into_iter().collect(),
        Origin::Path(_, path) => path.query(scope).all(),
    }
}

/// Writes a scalar as text; `None` for a list or an object.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(tidied(text)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Trims a text and brings it to NFC: columns and codes are compared so.
pub(crate) fn tidied(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()).into_owned()
}

/// Writes what stands at a place for a person.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Reads a number; `None` for a text that is none, and for one whose digits would not all be kept:
/// beyond integers of 64 bits a number is a binary fraction, which has some 16.
pub(crate) fn number(text: &str) -> Option<Number> {
    let number: Number = serde_json::from_str(text).ok()?;
    if keeps_digits(&number, text) {
        return Some(number);
    }
    // The nearest binary fraction, which the JSON reader misses by a hair at times.
    Number::from_f64(text.parse().ok()?).filter(|nearest| keeps_digits(nearest, text))
}

fn keeps_digits(number: &Number, text: &str) -> bool {
    let digits = |text: &str| {
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    };
    digits(&number.to_string()) == digits(text)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// Writes a member's name as a step of a JSON Pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
