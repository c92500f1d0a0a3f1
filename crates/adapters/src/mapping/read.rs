//! Reading a mapping from TOML, with every fault.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lgsp_registry::document::{Faults, Item, Section, Source};
use serde_json::Value;
use serde_json_path::JsonPath;
use toml::de::DeValue;

use super::Mapping;
use super::moment::{Moments, PORTAL, RFC_3339};
use super::node::{CodeList, Field, Form, Node, Origin, Pad};

/// How many fields a mapping may have.
const MAX_FIELDS: usize = 2000;
/// How many codes its code lists may have together.
const MAX_CODES: usize = 50_000;
/// How many digits a number is filled up to at most.
const MAX_DIGITS: u64 = 64;

/// What a table of one place says; any other key is the name of a field of an object.
const KEYS: [&str; 12] = [
    "from", "path", "value", "list", "each", "item", "join", "default", "date", "to", "codes", "as",
];
const MORE_KEYS: [&str; 5] = ["pad", "from_digits", "keep_digits", "only_digits", "optional"];

pub(super) fn mapping(
    mut section: Section<'_>,
    alone: bool,
    folder: Option<&Path>,
    faults: &mut Faults,
) -> Option<Mapping> {
    let event_type = if alone {
        let item = section.required("type", faults);
        item.and_then(|item| event_type(&item, faults))
    } else {
        None
    };
    let mut reader = Reader { codes: BTreeMap::new(), count: 0, fields: 0, faults };
    reader.code_lists(&mut section, folder);
    let root = section.required("fields", reader.faults).and_then(|item| reader.members(&item));
    let time = section.optional("time").and_then(|item| reader.time(&item));
    section.finish(reader.faults);
    Some(Mapping { event_type, root: Some(root?), time })
}

/// Reads an event type's name; whether there is such a type is not known here.
pub(crate) fn event_type(item: &Item<'_>, faults: &mut Faults) -> Option<String> {
    item.read(faults, "an event type such as \"lgsp.dossier.recorded.v1\"", |text| {
        let fits = (1..=100).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        fits.then(|| text.to_owned())
    })
}

struct Reader<'f> {
    codes: BTreeMap<String, Arc<CodeList>>,
    count: usize,
    fields: usize,
    faults: &'f mut Faults,
}

impl Reader<'_> {
    /// Reads the code lists of the mapping itself and of the files that it names.
    fn code_lists(&mut self, section: &mut Section<'_>, folder: Option<&Path>) {
        if let Some(item) = section.optional("codes") {
            self.named_lists(&item);
        }
        let Some(item) = section.optional("code_files") else { return };
        for entry in item.entries(self.faults, "a list of file names") {
            let Some(folder) = folder else {
                self.faults.expected(&entry.place, "no other files here");
                continue;
            };
            let Some(name) = entry.read(self.faults, "a file's name", |text| Some(text.to_owned()))
            else {
                continue;
            };
            match crate::config::read_text(&folder.join(&name), Mapping::MAX_FILE_BYTES) {
                Err(expected) => self.faults.mismatch(&entry.place, expected, &name),
                Ok(text) => self.code_file(Source { name: &name, text: &text }),
            }
        }
    }

    fn code_file(&mut self, source: Source<'_>) {
        let Some(table) = source.parse(self.faults) else { return };
        let mut root = source.root(&table);
        if let Some(item) = root.required("codes", self.faults) {
            self.named_lists(&item);
        }
        root.finish(self.faults);
    }

    fn named_lists(&mut self, item: &Item<'_>) {
        let Some(lists) = item.section(self.faults, "named code lists") else { return };
        for (name, item) in lists.all() {
            let Some(list) = self.code_list(&item) else { continue };
            if self.codes.insert(name.to_owned(), Arc::new(list)).is_some() {
                self.faults.mismatch(&item.place, "each code list once", name);
            }
        }
    }

    fn code_list(&mut self, item: &Item<'_>) -> Option<CodeList> {
        let section = item.section(self.faults, "a code list, e.g. { receiving = \"1\" }")?;
        let mut list = CodeList::new();
        for (code, item) in section.all() {
            self.count += 1;
            let code = super::apply::tidied(code);
            let value = self.scalar(&item)?;
            if list.insert(code, value).is_some() {
                self.faults.expected(&item.place, "each code once (after trimming)");
            }
        }
        if self.count > MAX_CODES {
            self.faults.expected(&item.place, format!("at most {MAX_CODES} codes in all"));
            return None;
        }
        if list.is_empty() {
            self.faults.expected(&item.place, "a code list with at least one code");
        }
        Some(list)
    }

    fn members(&mut self, item: &Item<'_>) -> Option<Node> {
        let section = item.section(self.faults, "a table of fields")?;
        let mut members = Vec::new();
        for (name, item) in section.all() {
            let node = self.node(&item);
            members.extend(node.map(|node| (name.to_owned(), node)));
        }
        if section.all().is_empty() {
            self.faults.expected(&item.place, "a table of at least one field");
        }
        Some(Node::Object(members))
    }

    fn node(&mut self, item: &Item<'_>) -> Option<Node> {
        let section = item.section(
            self.faults,
            "a table such as { from = \"column\" }, { value = \"0\" } or { list = [ … ] }",
        )?;
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            if self.fields == MAX_FIELDS + 1 {
                self.faults.expected(&item.place, format!("at most {MAX_FIELDS} fields"));
            }
            return None;
        }
        let has = |key: &str| section.all().iter().any(|(name, _)| *name == key);
        if !KEYS.iter().chain(&MORE_KEYS).any(|key| has(key)) {
            return self.members(item);
        }
        let kinds = ["from", "path", "value", "list", "each"];
        let named: Vec<_> = kinds.into_iter().filter(|kind| has(kind)).collect();
        match named.as_slice() {
            ["value"] => self.constant(section),
            ["list"] => self.list(section),
            ["each"] => self.each(section),
            ["from" | "path"] => self.field(section).map(Node::Field),
            _ => {
                let one = format!("exactly one of {}", kinds.join(", "));
                self.faults.expected(&item.place, one);
                None
            }
        }
    }

    fn constant(&mut self, mut section: Section<'_>) -> Option<Node> {
        let item = section.required("value", self.faults)?;
        section.finish(self.faults);
        self.scalar(&item).map(Node::Constant)
    }

    fn list(&mut self, mut section: Section<'_>) -> Option<Node> {
        let item = section.required("list", self.faults)?;
        section.finish(self.faults);
        let entries = item.some_entries(self.faults, "a list of tables");
        let nodes: Vec<_> = entries.iter().filter_map(|entry| self.node(entry)).collect();
        Some(Node::List(nodes))
    }

    fn each(&mut self, mut section: Section<'_>) -> Option<Node> {
        let each = section.required("each", self.faults);
        let item = section.required("item", self.faults);
        section.finish(self.faults);
        let origin = each.and_then(|each| {
            let named = |text: &str| Some(text.to_owned());
            let text = each.read(self.faults, "a column, or a path that begins with $", named)?;
            if text.starts_with('$') { self.path(&each, &text) } else { Some(Origin::Column(text)) }
        });
        let inner = item.and_then(|item| self.node(&item));
        Some(Node::Each(origin?, Box::new(inner?)))
    }

    fn time(&mut self, item: &Item<'_>) -> Option<Field> {
        let section = item.section(self.faults, "a table with from or path, and date")?;
        let field = self.field_to(section, RFC_3339)?;
        if !matches!(field.form, Form::Moment(_)) {
            self.faults.expected(&item.place, "a time's form in date");
            return None;
        }
        Some(field)
    }

    fn field(&mut self, section: Section<'_>) -> Option<Field> {
        self.field_to(section, PORTAL)
    }

    fn field_to(&mut self, mut section: Section<'_>, to: &str) -> Option<Field> {
        let origins = self.origins(&mut section);
        let text = |item: Item<'_>, faults: &mut Faults| {
            item.read(faults, "a text", |text| Some(text.to_owned()))
        };
        let join = section.optional("join").and_then(|item| text(item, self.faults));
        let default = section.optional("default").and_then(|item| self.scalar(&item));
        let pad = self.pad(&mut section);
        let only_digits = section.optional("only_digits").map(|item| self.numbers_of_digits(&item));
        let optional = section.optional("optional").is_some_and(|item| item.flag(self.faults));
        let form = self.form(&mut section, to);
        section.finish(self.faults);
        Some(Field { origins: origins?, join, default, pad, only_digits, optional, form: form? })
    }

    fn pad(&mut self, section: &mut Section<'_>) -> Option<Pad> {
        let to = section.optional("pad");
        let from = section.optional("from_digits");
        let keep = section.optional("keep_digits");
        let Some(to) = to else {
            for item in [from, keep].into_iter().flatten() {
                self.faults.expected(&item.place, "a pad beside it");
            }
            return None;
        };
        let to = self.digits(&to)?;
        let from = match from {
            Some(item) => self.digits(&item)?,
            None => 1,
        };
        let keep = keep.map(|item| self.numbers_of_digits(&item)).unwrap_or_default();
        Some(Pad { to, from, keep })
    }

    fn numbers_of_digits(&mut self, item: &Item<'_>) -> Vec<usize> {
        let entries = item.some_entries(self.faults, "a list of numbers of digits");
        entries.iter().filter_map(|entry| self.digits(entry)).collect()
    }

    fn digits(&mut self, item: &Item<'_>) -> Option<usize> {
        let digits = item.number(self.faults, "a number of digits, 1 to 64", 1..=MAX_DIGITS)?;
        usize::try_from(digits).ok()
    }

    fn origins(&mut self, section: &mut Section<'_>) -> Option<Vec<Origin>> {
        let from = section.optional("from");
        let path = section.optional("path");
        let item = from.as_ref().or(path.as_ref())?;
        let expected = "a text, or a list of texts";
        let items = match item.as_text() {
            Some(_) => vec![item.clone()],
            None => item.some_entries(self.faults, expected),
        };
        let mut origins = Vec::new();
        for item in items {
            let text = item.read(self.faults, expected, |text| {
                (!text.trim().is_empty()).then(|| text.to_owned())
            })?;
            let origin = if from.is_some() {
                Some(Origin::Column(super::apply::tidied(&text)))
            } else {
                self.path(&item, &text)
            };
            origins.push(origin?);
        }
        (!origins.is_empty()).then_some(origins)
    }

    fn path(&mut self, item: &Item<'_>, text: &str) -> Option<Origin> {
        match JsonPath::parse(text) {
            Ok(path) => Some(Origin::Path(text.to_owned(), path)),
            Err(_) => {
                let expected = "a JSONPath (RFC 9535) such as \
                                \"$.procedure.translate[?@.languageId==228].name\"";
                self.faults.mismatch(&item.place, expected, text);
                None
            }
        }
    }

    fn form(&mut self, section: &mut Section<'_>, to: &str) -> Option<Form> {
        let date = section.optional("date");
        let to_item = section.optional("to");
        let codes = section.optional("codes");
        let kind = section.optional("as");
        if let (Some(item), None) = (&to_item, &date) {
            self.faults.expected(&item.place, "a date beside it");
        }
        match (date, codes, kind) {
            (None, None, None) => Some(Form::Text),
            (Some(date), None, None) => self.moments(&date, to_item.as_ref(), to),
            (None, Some(codes), None) => self.codes(&codes).map(Form::Coded),
            (None, None, Some(kind)) => {
                let names = "one of \"text\", \"integer\", \"number\", \"json\"";
                kind.read(self.faults, names, |text| match text {
                    "text" => Some(Form::Text),
                    "integer" => Some(Form::Integer),
                    "number" => Some(Form::Number),
                    "json" => Some(Form::AsItIs),
                    _ => None,
                })
            }
            _ => {
                self.faults.expected(&section.place, "at most one of date, codes, as");
                None
            }
        }
    }

    fn moments(&mut self, date: &Item<'_>, to: Option<&Item<'_>>, usual: &str) -> Option<Form> {
        let expected = "a form such as \"%d/%m/%Y %H:%M\", \"iso\" or \"unix-millis\", or a list";
        let items = match date.as_text() {
            Some(_) => vec![date.clone()],
            None => date.some_entries(self.faults, expected),
        };
        let mut forms = Vec::new();
        for item in &items {
            let is_form = |text: &str| Moments::new(&[text], PORTAL).map(|_| text.to_owned());
            forms.push(item.read(self.faults, expected, is_form)?);
        }
        let to = match to {
            Some(item) => {
                let is_form = |text: &str| Moments::new(&["iso"], text).map(|_| text.to_owned());
                item.read(self.faults, "a form such as \"%Y-%m-%d\"", is_form)?
            }
            None => usual.to_owned(),
        };
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        Moments::new(&forms, &to).map(Form::Moment)
    }

    fn codes(&mut self, item: &Item<'_>) -> Option<Arc<CodeList>> {
        if item.as_text().is_none() {
            return self.code_list(item).map(Arc::new);
        }
        let known: Vec<_> = self.codes.keys().cloned().collect();
        let expected = format!("a code list, or the name of one (known are: {})", known.join(", "));
        item.read(self.faults, &expected, |name| self.codes.get(name).cloned())
    }

    /// Reads a text, a number or a truth value.
    fn scalar(&mut self, item: &Item<'_>) -> Option<Value> {
        let value = match item.value() {
            DeValue::String(text) => Some(Value::String(text.as_ref().to_owned())),
            DeValue::Boolean(truth) => Some(Value::Bool(*truth)),
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Value::from)
            }
            DeValue::Float(float) => float.as_str().parse::<f64>().ok().map(Value::from),
            _ => None,
        };
        if value.is_none() {
            self.faults.expected(&item.place, "a text, a number, true or false");
        }
        value
    }
}
