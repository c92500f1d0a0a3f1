//! Reads a declared far side from TOML, with every fault.

use lgsp_query::PurposePart;
use lgsp_registry::document::{Faults, Item, Section};
use reqwest::Method;
use serde_json::Value;

use super::Plan;
use super::ask::{Absent, Expression, PathPart, Request, Source};
use super::day::DAY_FORMS;
use super::form::{FORMS, Form};
use super::given::Given;
use super::pointer::{Pointer, is_name};
use super::shape::{Field, Fields, What};
use super::verdict::{Condition, Sought, Verdict};
use crate::carrier::{PATH, is_path};

/// How deep objects and lists of an answer may lie within each other.
const MAX_DEPTH: usize = 8;

/// The parts of a purpose by the names that declarations use.
pub(crate) const PURPOSE_PARTS: [(&str, PurposePart); 4] = [
    ("dossier", PurposePart::Dossier),
    ("procedure", PurposePart::Procedure),
    ("officer", PurposePart::Officer),
    ("reason", PurposePart::Reason),
];

/// What a part of a purpose must be.
pub(crate) const PURPOSE_PART: &str = "dossier, procedure, officer or reason";

/// Reads the rest of a `[connector]` whose kind is `rest`.
pub(crate) fn plan(mut section: Section<'_>, faults: &mut Faults) -> Option<Plan> {
    let request = request(&mut section, faults);
    let verdict = verdict(&mut section, faults);
    let ignored = ignored(&mut section, faults);
    let answer = section.required("answer", faults).and_then(|item| fields(&item, 0, faults));
    section.finish(faults);
    let verdict = verdict?;
    let answer = answer?.knowing(verdict.places().chain(&ignored));
    Some(Plan { request: request?, verdict, answer })
}

fn request(section: &mut Section<'_>, faults: &mut Faults) -> Option<Request> {
    let method = section.required("method", faults);
    let method = method.as_ref().and_then(|item| {
        item.read(faults, "GET or POST", |text| match text {
            "GET" => Some(Method::GET),
            "POST" => Some(Method::POST),
            _ => None,
        })
    });
    let path = section.required("path", faults).and_then(|item| {
        let expected = format!("{PATH}; a member of the question stands in it as {{member}}");
        item.read(faults, &expected, path_parts)
    });
    let query = expressions(section.optional("query"), faults);
    let body = section.optional("body");
    if let (Some(item), Some(&Method::GET)) = (&body, method.as_ref()) {
        faults.expected(&item.place, "no body with the method GET");
    }
    let body = expressions(body, faults);
    Some(Request { method: method?, path: path?, query: query?, body: body? })
}

/// Takes a path apart at its `{member}`s.
fn path_parts(text: &str) -> Option<Vec<PathPart>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((fixed, after)) = rest.split_once('{') {
        let (member, after) = after.split_once('}')?;
        parts.push(PathPart::Fixed(fixed.to_owned()));
        parts.push(PathPart::Member(Pointer::parse(&format!("/{member}"))?));
        rest = after;
    }
    parts.push(PathPart::Fixed(rest.to_owned()));
    let plain = |part: &PathPart| match part {
        PathPart::Fixed(text) => !text.contains(['{', '}']),
        PathPart::Member(_) => true,
    };
    (is_path(text) && !text.contains("..") && parts.iter().all(plain)).then_some(parts)
}

fn expressions(item: Option<Item<'_>>, faults: &mut Faults) -> Option<Vec<(String, Expression)>> {
    let Some(item) = item else { return Some(Vec::new()) };
    let section = item.section(faults, "a table of the far side's fields")?;
    let mut fields = Vec::new();
    for (name, item) in section.all() {
        let expression = expression(&item, faults);
        fields.extend(expression.map(|expression| (name.to_owned(), expression)));
    }
    Some(fields)
}

fn expression(item: &Item<'_>, faults: &mut Faults) -> Option<Expression> {
    let mut section = item.section(faults, "a table such as { from = \"/member\" }")?;
    let mut sources = Vec::new();
    let from = section.optional("from").map(|item| pointer(&item, faults).map(Source::Body));
    let purpose = section.optional("purpose").map(|item| {
        let part = item.read(faults, PURPOSE_PART, |text| named(&PURPOSE_PARTS, text));
        part.map(Source::Purpose)
    });
    let id = section.optional("id").map(|item| only_true(&item, faults).map(|()| Source::Id));
    let unit = section.optional("unit").map(|item| only_true(&item, faults).map(|()| Source::Unit));
    let value = section.optional("value").map(|item| constant(&item, faults).map(Source::Constant));
    for source in [from, purpose, id, unit, value] {
        sources.extend(source);
    }
    let form = section.optional("form");
    let form = form.map_or(Some(Form::Text), |item| {
        let days = DAY_FORMS.map(|(name, _)| name).join(", ");
        let expected = format!("{} or a day as {days}", FORMS.map(|(name, _)| name).join(", "));
        item.read(faults, &expected, |text| {
            named(&FORMS, text).or_else(|| named(&DAY_FORMS, text).map(Form::Day))
        })
    });
    let absent = section.optional("optional").map_or(Some(Absent::Refused), |item| {
        match (item.value().as_bool(), item.as_text()) {
            (Some(true), _) => Some(Absent::LeftOut),
            (Some(false), _) => Some(Absent::Refused),
            (None, Some("empty")) => Some(Absent::Empty),
            _ => {
                faults.expected(&item.place, "true (left out), \"empty\" or false");
                None
            }
        }
    });
    section.finish(faults);
    if sources.len() != 1 {
        faults.expected(&item.place, "exactly one of from, purpose, id, unit and value");
        return None;
    }
    Some(Expression { source: sources.pop()??, form: form?, absent: absent? })
}

fn verdict(section: &mut Section<'_>, faults: &mut Faults) -> Option<Verdict> {
    let success = section.required("success", faults).and_then(|item| condition(&item, faults));
    let mut maybe = |key, faults: &mut Faults| {
        section.optional(key).map_or(Some(None), |item| condition(&item, faults).map(Some))
    };
    let not_found = maybe("not_found", faults);
    let unavailable = maybe("unavailable", faults);
    let code_at =
        section.optional("code_at").map_or(Some(None), |item| pointer(&item, faults).map(Some));
    Some(Verdict {
        success: success?,
        not_found: not_found?,
        unavailable: unavailable?,
        code_at: code_at?,
    })
}

fn condition(item: &Item<'_>, faults: &mut Faults) -> Option<Condition> {
    let mut section = item.section(faults, "a table such as { at = \"/Status\", is = [\"1\"] }")?;
    let at = section.required("at", faults).and_then(|item| pointer(&item, faults));
    let is = section.required("is", faults).and_then(|item| match item.as_text() {
        Some("list") => Some(Sought::List),
        Some("object") => Some(Sought::Object),
        _ => {
            let expected = "\"list\", \"object\" or a list of texts and numbers";
            let entries = item.some_entries(faults, expected);
            let texts = entries.iter().map(|entry| match constant(entry, faults)? {
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            });
            let texts: Vec<_> = texts.collect();
            texts.into_iter().collect::<Option<Vec<_>>>().map(Sought::OneOf)
        }
    });
    section.finish(faults);
    Some(Condition { at: at?, is: is? })
}

/// Reads the fields of an object of the answer.
fn fields(item: &Item<'_>, depth: usize, faults: &mut Faults) -> Option<Fields> {
    let section = item.section(faults, "a table of our fields")?;
    if depth > MAX_DEPTH {
        faults.expected(&item.place, format!("at most {MAX_DEPTH} objects within each other"));
        return None;
    }
    let mut members = Vec::new();
    for (name, item) in section.all() {
        if !is_name(name) {
            faults.expected(&item.place, "a field's name, e.g. taxCode");
        }
        let field = field(&item, depth, faults);
        members.extend(field.map(|field| (name.to_owned(), field)));
    }
    if section.all().is_empty() {
        faults.expected(&item.place, "at least one field");
    }
    Some(Fields::new(members))
}

fn field(item: &Item<'_>, depth: usize, faults: &mut Faults) -> Option<Field> {
    let expected = "a table such as { at = \"/NAME\", form = \"text\" }";
    let mut section = item.section(faults, expected)?;
    let at = section.required("at", faults).and_then(|item| pointer(&item, faults));
    let form = section
        .optional("form")
        .map(|item| item.read(faults, Given::EXPECTED, Given::parse).map(What::Value));
    let object =
        section.optional("fields").map(|item| fields(&item, depth + 1, faults).map(What::Object));
    let each =
        section.optional("each").map(|item| fields(&item, depth + 1, faults).map(What::Each));
    let ignored = ignored(&mut section, faults);
    let equals =
        section.optional("equals").map_or(Some(None), |item| pointer(&item, faults).map(Some));
    section.finish(faults);
    let mut whats: Vec<_> = [form, object, each].into_iter().flatten().collect();
    let what = match whats.len() {
        0 => Some(What::Value(Given::Text)),
        1 => whats.pop()?.map(|what| match what {
            What::Object(fields) => What::Object(fields.knowing(&ignored)),
            What::Each(fields) => What::Each(fields.knowing(&ignored)),
            value => value,
        }),
        _ => {
            faults.expected(&item.place, "at most one of form, fields and each");
            None
        }
    };
    Some(Field { at: at?, what: what?, equals: equals? })
}

/// Reads which places are known and left out.
fn ignored(section: &mut Section<'_>, faults: &mut Faults) -> Vec<Pointer> {
    let Some(item) = section.optional("ignored") else { return Vec::new() };
    let entries = item.entries(faults, "a list of JSON Pointers");
    entries.iter().filter_map(|entry| pointer(entry, faults)).collect()
}

/// Reads a JSON Pointer.
pub(crate) fn pointer(item: &Item<'_>, faults: &mut Faults) -> Option<Pointer> {
    item.read(faults, Pointer::EXPECTED, Pointer::parse)
}

/// Finds what a name means.
pub(crate) fn named<T: Copy>(names: &[(&str, T)], text: &str) -> Option<T> {
    names.iter().find_map(|(name, meant)| (*name == text).then_some(*meant))
}

fn only_true(item: &Item<'_>, faults: &mut Faults) -> Option<()> {
    let is_true = item.value().as_bool() == Some(true);
    if !is_true {
        faults.expected(&item.place, "true");
    }
    is_true.then_some(())
}

fn constant(item: &Item<'_>, faults: &mut Faults) -> Option<Value> {
    let value = item.value();
    let integer = value.as_integer().and_then(|number| {
        i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from)
    });
    let text = || value.as_str().map(Value::from);
    let constant = integer.or_else(text).or_else(|| value.as_bool().map(Value::from));
    if constant.is_none() {
        faults.expected(&item.place, "a text, a whole number, true or false");
    }
    constant
}
