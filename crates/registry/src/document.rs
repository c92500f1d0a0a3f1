//! Reading a TOML file so that every fault is found and told with its place.
//!
//! serde stops at the first fault; these few types walk the parsed document instead. A
//! [`Section`] remembers which keys were asked for and reports the others. Other rooms read their
//! declarations with it too, so that a person is told everywhere in the same way.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::RegistryFault;

/// Every fault found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<RegistryFault>);

impl Faults {
    /// Reports that a place holds something else than expected, without telling what.
    pub fn expected(&mut self, place: &Place<'_>, expected: impl Into<String>) {
        self.push(place, expected.into(), None);
    }

    /// Reports that a place holds something else than expected, and what. Not for secrets.
    pub fn mismatch(&mut self, place: &Place<'_>, expected: impl Into<String>, found: &str) {
        const SHOWN_CHARACTERS: usize = 60;
        let shown: String = found.chars().take(SHOWN_CHARACTERS).collect();
        self.push(place, expected.into(), Some(format!("{shown:?}")));
    }

    /// Reports that an item has another type than expected.
    fn other_type(&mut self, item: &Item<'_>, expected: &str) {
        self.push(
            &item.place,
            expected.to_owned(),
            Some(format!("TOML type {}", item.value.type_str())),
        );
    }

    /// Reports a fault of a file as a whole.
    pub fn of_file(&mut self, file: &str, expected: impl Into<String>) {
        self.0.push(RegistryFault::of_file(file, expected));
    }

    /// Reports that a place of a JSON file holds something else than expected.
    pub(crate) fn of_json(&mut self, file: &str, line: usize, key: &str, expected: &str) {
        self.0.push(RegistryFault {
            file: file.to_owned(),
            line: Some(line),
            key: key.to_owned(),
            expected: expected.to_owned(),
            found: None,
        });
    }

    fn push(&mut self, place: &Place<'_>, expected: String, found: Option<String>) {
        let Place { source, at, key } = place;
        let line = Some(source.line(*at));
        self.0.push(RegistryFault {
            file: source.name.to_owned(),
            line,
            key: key.clone(),
            expected,
            found,
        });
    }

    /// Returns the faults by file and line; none is a success.
    ///
    /// # Errors
    /// Every fault, if there is one.
    pub fn into_result(mut self) -> Result<(), Vec<RegistryFault>> {
        self.0.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// A file's name and text.
#[derive(Debug, Clone, Copy)]
pub struct Source<'d> {
    /// The file's name, as a person is told it.
    pub name: &'d str,
    /// The file's text.
    pub text: &'d str,
}

impl<'d> Source<'d> {
    /// Parses the text; `None`, with the faults reported, where it is not TOML.
    pub fn parse(self, faults: &mut Faults) -> Option<Spanned<DeTable<'d>>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            // The message names what the grammar wants, never the text.
            faults.expected(
                &Place { source: self, at, key: String::new() },
                format!("valid TOML ({})", error.message()),
            );
        }
        errors.is_empty().then_some(table)
    }

    /// Opens the document's top level.
    pub fn root<'t>(self, table: &'t Spanned<DeTable<'t>>) -> Section<'t>
    where
        'd: 't,
    {
        Section {
            place: Place { source: self, at: 0, key: String::new() },
            table: table.get_ref(),
            asked: Vec::new(),
        }
    }

    fn line(self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// Where something stands.
#[derive(Debug, Clone)]
pub struct Place<'d> {
    source: Source<'d>,
    /// Offset in the text, in bytes.
    at: usize,
    key: String,
}

impl<'d> Place<'d> {
    /// Returns the place without its key, for keys that must not be told.
    pub fn hiding_key(&self) -> Self {
        Self { key: String::new(), ..self.clone() }
    }

    fn within(&self, key: &str, at: usize) -> Self {
        let is_bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let key = if is_bare { key.to_owned() } else { format!("{key:?}") };
        let key = if self.key.is_empty() { key } else { format!("{}.{key}", self.key) };
        Self { source: self.source, at, key }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Item<'d> {
    /// Where it stands.
    pub place: Place<'d>,
    value: &'d DeValue<'d>,
}

impl<'d> Item<'d> {
    /// Returns the text, if it is one.
    pub fn as_text(&self) -> Option<&'d str> {
        self.value.as_str()
    }

    /// Reads a text by a rule of its own.
    pub fn read<T>(
        &self,
        faults: &mut Faults,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.as_text().and_then(read);
        if value.is_none() {
            match self.as_text() {
                Some(text) => faults.mismatch(&self.place, expected, text),
                None => faults.other_type(self, expected),
            }
        }
        value
    }

    /// Returns a date's text, if it is one: TOML's own, or a string.
    pub fn as_date(&self) -> Option<String> {
        let own = self.value.as_datetime().map(ToString::to_string);
        own.or_else(|| self.as_text().map(str::to_owned))
    }

    /// Returns the value as it was parsed.
    pub fn value(&self) -> &'d DeValue<'d> {
        self.value
    }

    /// Reads a whole number within bounds.
    pub fn number(
        &self,
        faults: &mut Faults,
        expected: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let Some(integer) = self.value.as_integer() else {
            faults.other_type(self, expected);
            return None;
        };
        let digits = integer.as_str();
        let number = u64::from_str_radix(digits, integer.radix()).ok();
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            faults.mismatch(&self.place, expected, digits);
        }
        number
    }

    /// Reads true or false; anything else is reported and counts as false.
    pub fn flag(&self, faults: &mut Faults) -> bool {
        self.value.as_bool().unwrap_or_else(|| {
            faults.other_type(self, "true or false");
            false
        })
    }

    /// Returns the entries of a list; anything else is reported and counts as empty.
    pub fn entries(&self, faults: &mut Faults, expected: &str) -> Vec<Item<'d>> {
        let Some(array) = self.value.as_array() else {
            faults.other_type(self, expected);
            return Vec::new();
        };
        let item = |(index, value): (usize, &'d Spanned<DeValue<'d>>)| {
            let key = format!("{}[{}]", self.place.key, index + 1);
            Item {
                place: Place { source: self.place.source, at: value.span().start, key },
                value: value.get_ref(),
            }
        };
        array.iter().enumerate().map(item).collect()
    }

    /// Returns the entries of a list that must have some.
    pub fn some_entries(&self, faults: &mut Faults, expected: &str) -> Vec<Item<'d>> {
        let entries = self.entries(faults, expected);
        if entries.is_empty() && self.value.is_array() {
            faults.expected(&self.place, format!("{expected}, at least one"));
        }
        entries
    }

    /// Opens a table.
    pub fn section(&self, faults: &mut Faults, expected: &str) -> Option<Section<'d>> {
        let table = self.value.as_table();
        if table.is_none() {
            faults.other_type(self, expected);
        }
        table.map(|table| Section { place: self.place.clone(), table, asked: Vec::new() })
    }
}

/// A table that knows which of its keys were asked for.
#[derive(Debug)]
pub struct Section<'d> {
    /// Where it stands.
    pub place: Place<'d>,
    table: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// Returns the value of a key that may be absent.
    pub fn optional(&mut self, key: &'static str) -> Option<Item<'d>> {
        self.asked.push(key);
        self.all().into_iter().find_map(|(name, item)| (name == key).then_some(item))
    }

    /// Returns the value of a key that must be there.
    pub fn required(&mut self, key: &'static str, faults: &mut Faults) -> Option<Item<'d>> {
        let item = self.optional(key);
        if item.is_none() {
            faults.expected(&self.place.within(key, self.place.at), "this key, which is missing");
        }
        item
    }

    /// Returns the entries of a list of tables that may be absent.
    pub fn sections(
        &mut self,
        key: &'static str,
        faults: &mut Faults,
        expected: &str,
    ) -> Vec<Section<'d>> {
        let entries =
            self.optional(key).map(|item| item.entries(faults, expected)).unwrap_or_default();
        entries.iter().filter_map(|entry| entry.section(faults, expected)).collect()
    }

    /// Returns every key with its value.
    pub fn all(&self) -> Vec<(&'d str, Item<'d>)> {
        let item = |(name, value): (&'d Spanned<_>, &'d Spanned<DeValue<'d>>)| {
            let (at, name): (usize, &'d std::borrow::Cow<'d, str>) =
                (name.span().start, name.get_ref());
            (name.as_ref(), Item { place: self.place.within(name, at), value: value.get_ref() })
        };
        self.table.iter().map(item).collect()
    }

    /// Reports every key that was not asked for; its value is not told, it may be a secret.
    pub fn finish(self, faults: &mut Faults) {
        for (name, item) in self.all() {
            if !self.asked.contains(&name) {
                faults.expected(
                    &item.place,
                    format!("no such key (known are: {})", self.asked.join(", ")),
                );
            }
        }
    }
}
