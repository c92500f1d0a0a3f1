//! A schema, told to a person: its fields with their rules, what holds only under a condition,
//! and what is merely odd.

use std::collections::BTreeMap;

use lgsp_core::identifier::FORMATS;
use lgsp_core::rule::{self, Rule};
use serde_json::{Map, Value};

use crate::annotation;
use crate::dialect;

/// How deep fields are told; deeper ones belong to a definition that contains itself.
const MAX_DEPTH: usize = 8;

/// How long a rule's value is shown at most, in characters.
const MAX_SHOWN: usize = 200;

/// What a schema says.
#[derive(Debug, Default)]
pub struct Outline {
    /// Each field, a list's fields behind the list.
    pub fields: Vec<Field>,
    /// What holds only under a condition.
    pub conditions: Vec<Condition>,
    /// The named formats that occur, each with its rule.
    pub formats: BTreeMap<String, &'static Rule>,
    /// What is accepted with a warning, if it is found where the pointers say.
    pub oddities: Vec<(&'static Rule, Vec<String>)>,
}

/// One declared field.
#[derive(Debug)]
pub struct Field {
    /// JSON Pointer into a record, with `*` for each item of a list.
    pub path: String,
    /// The field's name.
    pub name: String,
    /// How many objects and lists it lies in.
    pub depth: usize,
    /// The JSON types that it may have.
    pub types: Vec<String>,
    /// Whether the object that it belongs to must have it.
    pub required: bool,
    /// Every other rule, as a short text.
    pub rules: Vec<String>,
    /// What it is, in Vietnamese.
    pub title: Option<String>,
    /// What it is, in English.
    pub description: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
}

/// A rule that holds only where another one does.
#[derive(Debug)]
pub struct Condition {
    /// JSON Pointer to the object, with `*` for each item of a list; empty for the record.
    pub path: String,
    /// When it applies.
    pub when: String,
    /// What holds then.
    pub then: String,
    /// What holds otherwise.
    pub otherwise: Option<String>,
}

/// Outlines a schema of the bus's dialect.
pub fn outline(schema: &Value) -> Outline {
    let mut outline = Outline { oddities: oddities(schema), ..Outline::default() };
    add_formats(schema, &mut outline.formats);
    outline.add_members(schema, schema, "", 0);
    outline
}

impl Outline {
    fn add_members(&mut self, schema: &Value, root: &Value, path: &str, depth: usize) {
        let layers = layers(schema, root);
        for layer in &layers {
            self.add_condition(layer, path);
            let required = layer.get("required").and_then(Value::as_array);
            for (name, inner) in
                layer.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                let required = required.is_some_and(|names| names.iter().any(|one| one == name));
                self.add_field(name, inner, root, &format!("{path}/{name}"), depth, required);
            }
        }
    }

    fn add_field(
        &mut self,
        name: &str,
        schema: &Value,
        root: &Value,
        path: &str,
        depth: usize,
        required: bool,
    ) {
        let layers = layers(schema, root);
        let text = |keyword: &str| {
            layers.iter().find_map(|layer| layer.get(keyword)?.as_str()).map(str::to_owned)
        };
        let item = layers.iter().find_map(|layer| layer.get("items"));
        self.fields.push(Field {
            path: path.to_owned(),
            name: name.to_owned(),
            depth,
            types: layers.iter().find_map(|layer| layer.get("type")).map(types).unwrap_or_default(),
            required,
            rules: layers.iter().flat_map(|layer| rules(layer)).collect(),
            title: text("title"),
            description: text("description"),
            source: text("x-source"),
        });
        if depth < MAX_DEPTH {
            self.add_members(schema, root, path, depth + 1);
            if let Some(item) = item {
                self.add_members(item, root, &format!("{path}/*"), depth + 1);
            }
        }
    }

    fn add_condition(&mut self, layer: &Map<String, Value>, path: &str) {
        let told = |keyword: &str| layer.get(keyword).map(terse);
        if let Some(when) = told("if") {
            let then = told("then").unwrap_or_default();
            self.conditions.push(Condition {
                path: path.to_owned(),
                when,
                then,
                otherwise: told("else"),
            });
        }
    }
}

/// Returns a schema and those that always apply beside it: what it refers to, and `allOf`.
fn layers<'s>(schema: &'s Value, root: &'s Value) -> Vec<&'s Map<String, Value>> {
    let mut layers: Vec<&Map<String, Value>> = Vec::new();
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        let Some(keywords) = schema.as_object() else { continue };
        if layers.len() > MAX_DEPTH || layers.iter().any(|known| std::ptr::eq(*known, keywords)) {
            continue;
        }
        layers.push(keywords);
        open.extend(keywords.get("allOf").and_then(Value::as_array).into_iter().flatten().rev());
        open.extend(
            keywords.get("$ref").and_then(|reference| dialect::definition(root, reference)),
        );
    }
    layers
}

fn types(value: &Value) -> Vec<String> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Returns the rules of one layer, but for its type, its members and its conditions.
fn rules(layer: &Map<String, Value>) -> Vec<String> {
    let plain = layer.iter().filter_map(|(keyword, value)| match keyword.as_str() {
        "enum" => {
            let codes = value.as_array().into_iter().flatten().map(Value::to_string);
            Some(format!("one of {}", codes.collect::<Vec<_>>().join(", ")))
        }
        "const" => Some(format!("= {value}")),
        "format" | "pattern" => Some(format!("{keyword} {}", value.as_str().unwrap_or_default())),
        "anyOf" | "oneOf" | "not" => Some(format!("{keyword} {value}")),
        "deprecated" => (value == &Value::Bool(true)).then(|| keyword.clone()),
        "minLength" | "maxLength" | "minimum" | "maximum" | "exclusiveMinimum"
        | "exclusiveMaximum" | "minItems" | "maxItems" => Some(format!("{keyword} {value}")),
        _ => None,
    });
    plain.map(|rule| shortened(&rule)).collect()
}

/// Says a condition in few words, e.g. `LoaiDinhDanh = "1"`; in JSON where that is not so simple.
fn terse(schema: &Value) -> String {
    let simple = schema.as_object().filter(|keywords| {
        keywords.keys().all(|keyword| matches!(keyword.as_str(), "properties" | "required"))
    });
    let Some(keywords) = simple else { return shortened(&schema.to_string()) };
    let properties = keywords.get("properties").and_then(Value::as_object);
    let mut words: Vec<String> = Vec::new();
    for (name, inner) in properties.into_iter().flatten() {
        let layer = inner.as_object().cloned().unwrap_or_default();
        let kinds = layer.get("type").map(|value| types(value).join(" or "));
        let told: Vec<_> = kinds.into_iter().chain(rules(&layer)).collect();
        words.push(format!("{name} {}", told.join(" and ")));
    }
    let required = keywords.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<_> = required.filter_map(Value::as_str).collect();
    if !required.is_empty() {
        words.push(format!("required {}", required.join(", ")));
    }
    words.join("; ")
}

/// Finds each named format, wherever it stands but in the examples.
fn add_formats(schema: &Value, found: &mut BTreeMap<String, &'static Rule>) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords.iter().filter(|(keyword, _)| *keyword != "examples") {
                let rule = value.as_str().filter(|_| keyword == "format").and_then(format_rule);
                found
                    .extend(rule.map(|rule| (value.as_str().unwrap_or_default().to_owned(), rule)));
                add_formats(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| add_formats(item, found)),
        _ => {}
    }
}

fn format_rule(name: &str) -> Option<&'static Rule> {
    let (_, check) = FORMATS.iter().find(|(known, _)| *known == name)?;
    // Texts that hardly any format takes: nothing, a control character, a letter in two parts.
    ["?", "", "\u{0}", "e\u{301}"].into_iter().find_map(|text| check(text).err())
}

fn oddities(schema: &Value) -> Vec<(&'static Rule, Vec<String>)> {
    let declared = schema.get(annotation::NAME).and_then(|block| block.get("oddities"));
    let declared = declared.and_then(Value::as_array).into_iter().flatten();
    let told = declared.filter_map(|oddity| {
        let code = oddity.get("rule")?.as_str()?;
        let rule = rule::ALL.iter().find(|rule| rule.code == code)?;
        let members = oddity.as_object()?.values().flat_map(|value| match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        });
        let places = members.filter_map(Value::as_str).filter(|text| text.starts_with('/'));
        Some((rule, places.map(str::to_owned).collect()))
    });
    told.collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_fields_of_lists_and_definitions_with_their_rules() {
        let schema = json!({
            "required": ["Ma"],
            "properties": {
                "Ma": {"type": "string", "format": "dossier-code", "title": "Mã", "description": "Code", "x-source": "S"},
                "Ds": {"type": ["array", "null"], "maxItems": 3, "items": {"required": ["So"], "properties": {"So": {"enum": ["1", "2"]}}}},
                "Noi": {"title": "Nơi", "$ref": "#/$defs/d"},
            },
            "$defs": {"d": {"type": "object", "title": "Definition", "properties": {"X": {"minLength": 1, "maxLength": 5}}}},
        });
        let outline = outline(&schema);
        let told: Vec<_> = outline
            .fields
            .iter()
            .map(|field| {
                let kind =
                    format!("{}{}", field.types.join("|"), if field.required { "!" } else { "" });
                format!("{} {} {kind} {}", field.depth, field.path, field.rules.join(", "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "0 /Ds array|null maxItems 3",
                "1 /Ds/*/So ! one of \"1\", \"2\"",
                "0 /Ma string! format dossier-code",
                "0 /Noi object ",
                "1 /Noi/X  maxLength 5, minLength 1",
            ]
        );
        assert_eq!(
            outline.fields[3].title.as_deref(),
            Some("Nơi"),
            "the field's own words come first"
        );
        assert_eq!(outline.formats.keys().collect::<Vec<_>>(), ["dossier-code"]);
    }

    #[test]
    fn tells_conditions_in_few_words() {
        let schema = json!({
            "properties": {"Ds": {"items": {
                "properties": {"Loai": {}, "So": {}},
                "allOf": [{
                    "if": {"properties": {"Loai": {"const": "1"}}},
                    "then": {"properties": {"So": {"format": "personal-number"}}, "required": ["So"]},
                }],
            }}},
        });
        let outline = outline(&schema);
        assert!(outline.formats.contains_key("personal-number"));
        let condition = &outline.conditions[0];
        assert_eq!((condition.path.as_str(), condition.when.as_str()), ("/Ds/*", "Loai = \"1\""));
        assert_eq!(condition.then, "So format personal-number; required So");
    }

    #[test]
    fn a_definition_within_itself_ends() {
        let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}});
        assert_eq!(outline(&schema).fields.len(), MAX_DEPTH + 1);
    }

    #[test]
    fn every_format_has_its_rule() {
        for (name, _) in FORMATS {
            assert!(format_rule(name).is_some(), "{name}");
        }
    }
}
