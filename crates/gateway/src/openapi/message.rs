//! Messages as JSON Schemas: what ProtoJSON makes of a descriptor.

use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// On which side of a call a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It is asked with: nothing of it is mandatory for its form, and unknown members are refused.
    Request,
    /// It is answered with: what has no notion of absence is always there.
    Answer,
}

/// The messages that operations name, each with those that it holds.
const ROOTS: &[(&str, Side)] = &[
    ("lgsp.event.v1.Receipt", Side::Answer),
    ("lgsp.event.v1.Verdict", Side::Answer),
    ("lgsp.query.v1.ListServicesResponse", Side::Answer),
    ("lgsp.query.v1.AnswerMeta", Side::Answer),
    ("lgsp.query.v1.Purpose", Side::Request),
    ("lgsp.query.v1.LookUpCitizenRequest", Side::Request),
    ("lgsp.query.v1.LookUpCitizenResponse", Side::Answer),
    ("lgsp.ops.v1.GetLagResponse", Side::Answer),
    ("lgsp.ops.v1.ListTopicsResponse", Side::Answer),
];

/// Adds the schema of every message that operations name, by its full name.
pub(super) fn add_all(schemas: &mut Map<String, Value>) {
    // The descriptors are compiled in; a test reads what becomes of them.
    let Ok(pool) = DescriptorPool::decode(lgsp_proto::DESCRIPTORS) else { return };
    for (name, side) in ROOTS {
        if let Some(message) = pool.get_message_by_name(name) {
            add(schemas, &message, *side);
        }
    }
}

fn add(schemas: &mut Map<String, Value>, message: &MessageDescriptor, side: Side) {
    if schemas.contains_key(message.full_name()) {
        return;
    }
    // Entered before its fields are looked at: a message may hold itself.
    schemas.insert(message.full_name().to_owned(), Value::Null);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in message.fields() {
        if side == Side::Answer && !field.supports_presence() {
            required.push(field.json_name().to_owned());
        }
        properties.insert(field.json_name().to_owned(), of_field(schemas, &field, side));
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if let Value::Object(members) = &mut schema {
        if !required.is_empty() {
            members.insert("required".to_owned(), required.into());
        }
        if side == Side::Request {
            members.insert("additionalProperties".to_owned(), false.into());
        }
    }
    schemas.insert(message.full_name().to_owned(), schema);
}

fn of_field(schemas: &mut Map<String, Value>, field: &FieldDescriptor, side: Side) -> Value {
    if field.is_map() {
        let entry = match field.kind() {
            Kind::Message(entry) => entry.map_entry_value_field(),
            _ => return Value::Bool(true),
        };
        return json!({"type": "object", "additionalProperties": of_kind(schemas, &entry.kind(), side)});
    }
    let one = of_kind(schemas, &field.kind(), side);
    match field.cardinality() {
        Cardinality::Repeated => json!({"type": "array", "items": one}),
        Cardinality::Optional | Cardinality::Required => one,
    }
}

/// Writes what ProtoJSON makes of a value (protobuf.dev, "ProtoJSON Format").
fn of_kind(schemas: &mut Map<String, Value>, kind: &Kind, side: Side) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            json!({"type": "integer", "format": "int32"})
        }
        Kind::Uint32 | Kind::Fixed32 => {
            json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
        }
        // A number of JSON readers holds 53 bits only, so these are texts.
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({"type": "string", "pattern": "^-?[0-9]{1,19}$"})
        }
        Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "pattern": "^[0-9]{1,20}$"}),
        Kind::Double | Kind::Float => {
            json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
        Kind::Enum(values) => {
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            json!({"type": "string", "enum": names})
        }
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
            name => {
                let pointer = format!("#/components/schemas/{name}");
                add(schemas, message, side);
                json!({ "$ref": pointer })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_form_that_is_sent() {
        let mut schemas = Map::new();
        add_all(&mut schemas);
        for (name, _) in ROOTS {
            assert!(schemas[*name].is_object(), "{name}");
        }
        let receipt = &schemas["lgsp.event.v1.Receipt"];
        assert_eq!(receipt["properties"]["offset"]["type"], "string", "64 bits");
        assert_eq!(receipt["properties"]["partition"]["type"], "integer");
        assert_eq!(receipt["properties"]["recordedTime"]["format"], "date-time");
        let warnings = &receipt["properties"]["warnings"];
        assert_eq!(warnings["items"]["$ref"], "#/components/schemas/lgsp.fault.v1.Violation");
        assert_eq!(
            receipt["required"],
            json!(["source", "id", "topic", "partition", "offset", "duplicate", "warnings"])
        );
        let purpose = &schemas["lgsp.query.v1.Purpose"];
        assert_eq!(purpose["additionalProperties"], false);
        assert_eq!(purpose.get("required"), None);
        let gender = &schemas["lgsp.query.v1.Citizen"]["properties"]["gender"];
        assert_eq!(gender["enum"][1], "GENDER_MALE");
    }

    #[test]
    fn what_is_always_there_is_always_sent() {
        let receipt = lgsp_proto::event::v1::Receipt::default();
        let written = crate::json::Written("lgsp.event.v1.Receipt", &receipt);
        let written = serde_json::to_value(written).unwrap();
        let mut schemas = Map::new();
        add_all(&mut schemas);
        let required = schemas["lgsp.event.v1.Receipt"]["required"].as_array().unwrap();
        let required: Vec<_> = required.iter().map(|name| name.as_str().unwrap()).collect();
        let mut sent: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
        sent.sort_by_key(|name| required.iter().position(|one| one == name));
        assert_eq!(sent, required);
    }
}
