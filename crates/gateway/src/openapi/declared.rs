//! What this bus declares: event types and services, each with its own schemas.

use lgsp_query::Service;
use lgsp_schema::{EventKind, Schemas};
use serde_json::{Map, Value, json};

/// A service as the document tells of it.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) title: (String, String),
    pub(super) request: Value,
    pub(super) answer: Value,
    /// The fields that are shown in part to those to whom they are not granted.
    pub(super) masked: Vec<String>,
}

impl From<&Service> for Declared {
    fn from(service: &Service) -> Self {
        // They were compiled from these very bytes.
        let parsed = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        Self {
            name: service.name.clone(),
            title: (service.title.vi.clone(), service.title.en.clone()),
            request: parsed(service.request.document()),
            answer: parsed(service.answer.document()),
            masked: service.release.masked.keys().cloned().collect(),
        }
    }
}

/// Refers to a component.
pub(super) fn component(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Adds the schemas of all events, and the envelope in which they come.
pub(super) fn add_events(components: &mut Map<String, Value>, schemas: &Schemas) {
    let name = |kind: &EventKind| format!("event.{}.{}", kind.event_type(), kind.version());
    for kind in schemas.kinds() {
        let document = serde_json::from_slice(kind.document()).unwrap_or_default();
        components.insert(name(kind), moved(document, &name(kind)));
    }
    let records: Vec<_> = schemas.kinds().map(|kind| component(&name(kind))).collect();
    components.insert(
        "Record".to_owned(),
        json!({
            "description": "The data of an event, 1 MiB at most, of the schema that its type names.",
            "anyOf": records,
        }),
    );
    let mut types: Vec<_> = schemas.kinds().map(EventKind::event_type).collect();
    types.dedup();
    let fits = schemas.kinds().map(|kind| {
        json!({"properties": {"type": {"const": kind.event_type()}, "data": component(&name(kind))}})
    });
    let fits: Vec<_> = fits.collect();
    components.insert(
        "CloudEvent".to_owned(),
        json!({
            "description": "An event (CloudEvents 1.0, JSON format). Further members are extension attributes: names of 1 to 20 of a-z and 0-9.",
            "type": "object",
            "required": ["specversion", "id", "source", "type"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"description": "Unique among the events of one source; kept for every repeat.", "type": "string", "minLength": 1},
                "source": {
                    "description": "The sender's own: `/agencies/<agency code>/systems/<client id>`.",
                    "type": "string",
                    "pattern": "^/agencies/[0-9A-Z.]{1,35}/systems/[a-z0-9-]{1,40}$",
                },
                "type": {"enum": types},
                "subject": {"description": "The record's own key, or absent.", "type": ["string", "null"]},
                "time": {"type": ["string", "null"], "format": "date-time"},
                "dataschema": {"type": ["string", "null"], "format": "uri-reference"},
                "datacontenttype": {"enum": ["application/json", null]},
                "data": {"description": "The record.", "type": "object"},
                "data_base64": {"description": "The record's bytes, instead of `data`.", "type": "string", "contentEncoding": "base64"},
            },
            "oneOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
            "anyOf": fits,
        }),
    );
}

/// Makes an example of each event type, by its place among the media type's examples.
pub(super) fn event_examples(schemas: &Schemas) -> Map<String, Value> {
    let example = |kind: &EventKind| {
        let document: Value = serde_json::from_slice(kind.document()).ok()?;
        let data = document.pointer("/examples/0")?.clone();
        let value = json!({
            "specversion": "1.0",
            "id": format!("example-{}", kind.event_type()),
            "source": "/agencies/H61.14/systems/motcua",
            "type": kind.event_type(),
            "data": data,
        });
        Some((kind.event_type().to_owned(), json!({ "value": value })))
    };
    schemas.kinds().filter_map(example).collect()
}

/// Adds the schemas of all services, and the forms in which any is asked and answers.
pub(super) fn add_services(components: &mut Map<String, Value>, services: &[Declared]) {
    let named = |service: &Declared, part: &str| format!("service.{}.{part}", service.name);
    for service in services {
        let (request, answer) = (named(service, "request"), named(service, "answer"));
        components.insert(request.clone(), moved(service.request.clone(), &request));
        components.insert(answer.clone(), moved(released(service), &answer));
    }
    let each = |part: &str| -> Vec<Value> {
        services.iter().map(|service| component(&named(service, part))).collect()
    };
    // Two services may be asked in the same form, so this is not `oneOf`.
    let mut questions = json!({"description": "What the service asks for.", "type": "object"});
    let mut answers = each("answer");
    answers.push(component("Existence"));
    if let (Value::Object(question), false) = (&mut questions, services.is_empty()) {
        question.insert("anyOf".to_owned(), each("request").into());
    }
    components.insert("ServiceQuestion".to_owned(), questions);
    components.insert(
        "ServiceAnswer".to_owned(),
        json!({"description": "What is granted of the service's answer.", "type": "object", "anyOf": answers}),
    );
    components.insert(
        "QueryRequest".to_owned(),
        json!({
            "description": "A question, 16 KiB at most, and why it is asked.",
            "type": "object",
            "properties": {
                "purpose": component("lgsp.query.v1.Purpose"),
                "question": component("ServiceQuestion"),
            },
            "additionalProperties": false,
        }),
    );
}

/// Makes examples of questions, one for each service.
pub(super) fn question_examples(services: &[Declared]) -> Map<String, Value> {
    let example = |service: &Declared| {
        let question = service.request.pointer("/examples/0")?;
        let summary = format!("{} · {}", service.title.0, service.title.1);
        let value = json!({"purpose": purpose(), "question": question});
        Some((service.name.clone(), json!({"summary": summary, "value": value})))
    };
    services.iter().filter_map(example).collect()
}

/// A purpose of nobody: codes of procedures are real, dossier and officer are made up.
pub(super) fn purpose() -> Value {
    json!({
        "dossierCode": "H61.14-260703-0001",
        "procedureCode": "1.004227",
        "officerNumber": "CB0001",
        "reason": "Thẩm định hồ sơ",
    })
}

/// Makes of the schema of what a far side answers that of what leaves the bus: any member may be
/// withheld, and a masked one has another form.
fn released(service: &Declared) -> Value {
    let mut schema = service.answer.clone();
    let Value::Object(members) = &mut schema else { return schema };
    // They may speak of members that are withheld.
    for keyword in
        ["required", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentRequired"]
    {
        members.remove(keyword);
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        for name in &service.masked {
            if let Some(property) = properties.get_mut(name) {
                let whole = property.take();
                let masked = json!({"description": "Masked.", "type": "string"});
                *property = json!({"anyOf": [whole, masked]});
            }
        }
    }
    schema
}

/// Moves a schema among the components: what it refers to within itself moves with it.
fn moved(mut schema: Value, name: &str) -> Value {
    if let Value::Object(members) = &mut schema {
        members.remove("$schema");
        members.remove("$id");
    }
    rebase(&mut schema, &format!("#/components/schemas/{name}"));
    schema
}

fn rebase(value: &mut Value, base: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        if let Some(within) = target.strip_prefix('#') {
                            *target = format!("{base}{within}");
                        }
                    }
                    other => rebase(other, base),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, base)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_bus_may_lack_any_member_and_have_it_masked() {
        let service = Declared {
            name: "x".to_owned(),
            title: ("X".to_owned(), "X".to_owned()),
            request: json!({}),
            answer: json!({
                "required": ["number"],
                "properties": {"number": {"type": "string", "pattern": "^[0-9]{12}$"}, "a": {"$ref": "#/$defs/a"}},
                "$defs": {"a": {"type": "string"}},
            }),
            masked: vec!["number".to_owned()],
        };
        let released = moved(released(&service), "service.x.answer");
        assert_eq!(released.get("required"), None);
        assert_eq!(released["properties"]["number"]["anyOf"][1]["type"], "string");
        assert_eq!(
            released["properties"]["a"]["$ref"],
            "#/components/schemas/service.x.answer/$defs/a"
        );
    }
}
