//! `GET /openapi.json`: every HTTP route with all that it takes and answers, in OpenAPI 3.1.
//!
//! Made at the start, and again when services are replaced, from what the bus does anyway: the table
//! of operations, the one table of statuses, the descriptors of messages, the schemas of events and
//! of services. What no table holds stands in `components.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use lgsp_core::ErrorCode;
use lgsp_proto::status::row;
use lgsp_query::{Query, Service};
use lgsp_schema::{EventKind, Schemas};
use serde_json::{Map, Value, json};

use crate::json;
use crate::routes::Gateway;

mod declared;
mod message;
mod operations;

use declared::{Declared, component};
use operations::{Answer, DOOR, OPERATIONS, Operation, Proof};

const INTRODUCTION: &str = "Trục tích hợp, chia sẻ dữ liệu cấp tỉnh: nhận sự kiện, tra cứu cơ sở dữ liệu quốc gia.\n\nThe province's integration bus: events in, queries out.\n\nEvery answer carries `X-Request-Id`: the caller's own where it sent a UUID. A fault is `application/problem+json` (RFC 9457) with a stable `code` and sentences in Vietnamese and English. The header `grpc-timeout` (gRPC over HTTP/2, e.g. `5S`) names how long the caller waits, 10 seconds at most. A path without a route is 404, a route with another method 405, both as problems. The same is offered over gRPC, on the same port.";

/// The document, ready to be sent, of the services that are in force.
#[derive(Debug)]
pub(crate) struct Document {
    schemas: Arc<Schemas>,
    written: Mutex<Written>,
}

/// The document as it was written last, and of which services. They are not kept alive: what was
/// replaced lets go of its connections.
#[derive(Debug)]
struct Written {
    services: Vec<Weak<Service>>,
    bytes: Bytes,
}

impl Document {
    /// Writes the document of this bus.
    pub(crate) fn of(schemas: &Arc<Schemas>, query: &Query) -> Arc<Self> {
        let written = Mutex::new(Written::of(schemas, &query.all_services()));
        Arc::new(Self { schemas: Arc::clone(schemas), written })
    }

    /// Returns the document; writes it anew where services were replaced.
    fn current(&self, services: &[Arc<Service>]) -> Bytes {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.is_of(services) {
            *written = Written::of(&self.schemas, services);
        }
        written.bytes.clone()
    }
}

impl Written {
    fn of(schemas: &Schemas, services: &[Arc<Service>]) -> Self {
        let declared: Vec<_> = services.iter().map(|service| Declared::from(&**service)).collect();
        let bytes = document(schemas, &declared).to_string().into();
        Self { services: services.iter().map(Arc::downgrade).collect(), bytes }
    }

    fn is_of(&self, services: &[Arc<Service>]) -> bool {
        let same = |(one, other): (&Weak<Service>, &Arc<Service>)| {
            std::ptr::eq(one.as_ptr(), Arc::as_ptr(other))
        };
        self.services.len() == services.len() && self.services.iter().zip(services).all(same)
    }
}

/// `GET /openapi.json`.
pub(crate) async fn serve(
    State(gateway): State<Gateway>,
    Extension(document): Extension<Arc<Document>>,
) -> Response {
    json::respond(StatusCode::OK, document.current(&gateway.query.all_services()))
}

/// Writes the document.
fn document(schemas: &Schemas, services: &[Declared]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in OPERATIONS {
        let method = operation.method.to_ascii_lowercase();
        let told = described(operation, schemas, services);
        paths.entry(operation.path).or_default().insert(method, told);
    }
    let tags: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.tag).collect();
    let tags: Vec<_> = tags.into_iter().map(|tag| json!({ "name": tag })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LGSP",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": components(schemas, services),
    })
}

fn components(schemas: &Schemas, services: &[Declared]) -> Value {
    // It is compiled in; a test reads it.
    let mut components: Value =
        serde_json::from_str(include_str!("openapi/components.json")).unwrap_or_default();
    if let Some(Value::Object(all)) = components.get_mut("schemas") {
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        let told = "A stable code; new ones may come.";
        all.insert("ErrorCode".to_owned(), json!({"description": told, "enum": codes}));
        message::add_all(all);
        declared::add_events(all, schemas);
        declared::add_services(all, services);
    }
    let names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
    let types: BTreeSet<_> = schemas.kinds().map(EventKind::event_type).collect();
    for (parameter, examples) in [("service", json!(names)), ("type", json!(types))] {
        let place = format!("/parameters/{parameter}/schema");
        if let Some(Value::Object(schema)) = components.pointer_mut(&place) {
            schema.insert("examples".to_owned(), examples);
        }
    }
    components
}

fn described(operation: &Operation, schemas: &Schemas, services: &[Declared]) -> Value {
    let (vi, en) = operation.told;
    let mut told = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": en.split(['.', ':', ';']).next(),
        "description": format!("{vi}\n\n{en}"),
        "security": security(operation.proof),
        "responses": responses(operation),
    });
    if let Value::Object(members) = &mut told {
        if !operation.parameters.is_empty() {
            let refer = |name: &&str| json!({"$ref": format!("#/components/parameters/{name}")});
            let parameters: Vec<_> = operation.parameters.iter().map(refer).collect();
            members.insert("parameters".to_owned(), parameters.into());
        }
        if !operation.body.is_empty() {
            let form = |(media, schema): &(&str, &str)| {
                let mut form = json!({"schema": component(schema)});
                if let (Some(examples), Value::Object(form)) =
                    (examples(schema, schemas, services), &mut form)
                {
                    form.insert("examples".to_owned(), examples.into());
                }
                ((*media).to_owned(), form)
            };
            let content: Map<_, _> = operation.body.iter().map(form).collect();
            let body = json!({"required": true, "content": content});
            members.insert("requestBody".to_owned(), body);
        }
    }
    told
}

fn examples(schema: &str, schemas: &Schemas, services: &[Declared]) -> Option<Map<String, Value>> {
    let all = match schema {
        "CloudEvent" => declared::event_examples(schemas),
        "CloudEvents" => {
            let events = declared::event_examples(schemas).into_iter();
            let events: Vec<_> =
                events.filter_map(|(_, event)| event.get("value").cloned()).collect();
            Map::from_iter([("all".to_owned(), json!({ "value": events }))])
        }
        "QueryRequest" => declared::question_examples(services),
        "lgsp.query.v1.LookUpCitizenRequest" => {
            let value = json!({
                "purpose": declared::purpose(),
                "personalNumber": "086190000001",
                "fullName": "Nguyễn Thị Mẫu",
                "birthDate": "1990-01-15",
            });
            Map::from_iter([("one".to_owned(), json!({ "value": value }))])
        }
        _ => return None,
    };
    (!all.is_empty()).then_some(all)
}

fn security(proof: Proof) -> Value {
    match proof {
        Proof::None => json!([]),
        Proof::Bearer => json!([{"bearer": []}]),
        Proof::BearerElsewhere => json!([{}, {"bearer": []}]),
        Proof::Client => json!([{"client": []}, {}]),
        Proof::Session => json!([{"bearer": []}, {"session": []}]),
    }
}

/// Describes every answer, by its status.
fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for answer in operation.answers {
        responses.insert(answer.status.to_string(), succeeded(answer));
    }
    let mut faults: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in operation.codes.iter().chain(DOOR) {
        faults.entry(row(*code).http.as_u16()).or_default().push(*code);
    }
    for (status, codes) in faults {
        // A status with an answer of its own, such as the token endpoint's, keeps that form.
        responses
            .entry(status.to_string())
            .or_insert_with(|| refused(operation.problem, status, &codes));
    }
    responses.into()
}

fn headers<'a>(named: impl IntoIterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    let refer = |(name, header): (&str, &str)| {
        (name.to_owned(), json!({"$ref": format!("#/components/headers/{header}")}))
    };
    [("X-Request-Id", "RequestId")].into_iter().chain(named).map(refer).collect()
}

fn succeeded(answer: &Answer) -> Value {
    let headers = headers(answer.headers.iter().copied());
    let mut told = json!({"description": answer.told, "headers": headers});
    if let (Value::Object(members), Some((media, schema))) = (&mut told, answer.content) {
        let form = json!({"schema": component(schema)});
        members.insert("content".to_owned(), json!({ media: form }));
    }
    told
}

/// Describes the problems of one status.
fn refused(problem: &str, status: u16, codes: &[ErrorCode]) -> Value {
    let sentence = |code: &ErrorCode| {
        let (vi, en) = code.sentences();
        format!("`{}`: {vi} · {en}", code.as_str())
    };
    let sentences: Vec<_> = codes.iter().map(sentence).collect();
    let mut named = Vec::new();
    match codes.iter().filter(|code| code.is_retryable()).count() {
        0 => {}
        retryable if retryable == codes.len() => named.push(("Retry-After", "RetryAfter")),
        _ => named.push(("Retry-After", "RetryAfterWhereItHelps")),
    }
    if codes.contains(&ErrorCode::Unauthenticated) {
        named.push(("WWW-Authenticate", "WwwAuthenticate"));
    }
    let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let narrowed = json!({
        "type": "object",
        "properties": {"status": {"const": status}, "code": {"enum": codes}},
    });
    json!({
        "description": sentences.join("\n\n"),
        "headers": headers(named),
        "content": {"application/problem+json": {"schema": {"allOf": [component(problem), narrowed]}}},
    })
}

#[cfg(test)]
mod tests;
