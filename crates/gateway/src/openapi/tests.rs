use std::collections::HashSet;

use lgsp_schema::parse_strict;

use super::*;
use crate::problem::Problem;
use crate::routes::{ROUTES, Who};

fn whole() -> Value {
    let declared = |name: &str| Declared {
        name: name.to_owned(),
        title: ("Mẫu".to_owned(), "Sample".to_owned()),
        request: json!({"type": "object", "properties": {"code": {"$ref": "#/$defs/code"}}, "$defs": {"code": {"type": "string"}}, "examples": [{"code": "1"}]}),
        answer: json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}),
        masked: vec!["name".to_owned()],
    };
    document(&Schemas::bundled().unwrap(), &[declared("one"), declared("two")])
}

/// Visits every value with its place.
fn visit(value: &Value, at: &str, look: &mut impl FnMut(&str, &Value)) {
    look(at, value);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                visit(member, &format!("{at}/{name}"), look);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &format!("{at}/{index}"), look);
            }
        }
        _ => {}
    }
}

#[test]
fn has_every_route_and_no_other() {
    let document = whole();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    let routes = ROUTES.iter().filter(|route| route.method != "gRPC");
    let routes: BTreeSet<_> =
        routes.map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(described, routes);
    assert_eq!(OPERATIONS.len(), routes.len(), "each has one row");
}

#[test]
fn says_of_each_route_what_proves_the_caller() {
    for route in ROUTES.iter().filter(|route| route.method != "gRPC") {
        let is_it = |row: &&Operation| (row.method, row.path) == (route.method, route.path);
        let operation = OPERATIONS.iter().find(is_it).unwrap();
        let fits = match route.who {
            Who::Public => matches!(operation.proof, Proof::None | Proof::Client),
            Who::Loopback => operation.proof == Proof::BearerElsewhere,
            Who::Granted => operation.proof == Proof::Bearer,
            // Its session may stand within the packet.
            Who::Session => matches!(operation.proof, Proof::None | Proof::Session),
        };
        assert!(fits, "{route:?}");
        let refuses = operation.codes.contains(&ErrorCode::Unauthenticated);
        assert_eq!(refuses, matches!(route.who, Who::Granted | Who::Loopback), "{route:?}");
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let names: HashSet<_> = OPERATIONS.iter().map(|operation| operation.id).collect();
    assert_eq!(names.len(), OPERATIONS.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())));
}

#[test]
fn whatever_is_referred_to_is_there_and_whatever_is_there_is_referred_to() {
    let document = whole();
    let mut targets = HashSet::new();
    visit(&document, "", &mut |at, value| {
        if let Some(Value::String(target)) = value.get("$ref") {
            let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{at}: {target}"));
            assert!(document.pointer(pointer).is_some(), "{at}: {target}");
            targets.insert(target.clone());
        }
    });
    assert!(targets.len() > 50, "{targets:?}");
    for section in ["schemas", "parameters", "headers"] {
        for name in document["components"][section].as_object().unwrap().keys() {
            let target = format!("#/components/{section}/{name}");
            assert!(targets.contains(&target), "{target} is used nowhere");
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            assert!(name.bytes().all(fits), "{name}");
        }
    }
}

#[test]
fn the_parameters_of_a_path_are_those_in_its_braces() {
    let document = whole();
    for operation in OPERATIONS {
        let within = operation.path.split('/').filter_map(|part| part.strip_prefix('{'));
        let within: BTreeSet<_> =
            within.map(|part| part.trim_end_matches('}').to_owned()).collect();
        let declared = operation.parameters.iter().filter_map(|name| {
            let parameter = &document["components"]["parameters"][name];
            (parameter["in"] == "path").then(|| parameter["name"].as_str().unwrap().to_owned())
        });
        assert_eq!(declared.collect::<BTreeSet<_>>(), within, "{}", operation.path);
    }
}

#[test]
fn the_written_components_are_whole_json_without_a_member_twice() {
    parse_strict(include_bytes!("components.json")).unwrap();
}

#[test]
fn the_same_status_is_told_once_with_every_code() {
    let document = whole();
    let refused = &document["paths"]["/v1/queries/{service}"]["post"]["responses"]["503"];
    let narrowed = &refused["content"]["application/problem+json"]["schema"]["allOf"][1];
    assert_eq!(
        narrowed["properties"]["code"]["enum"],
        json!(["log_unavailable", "audit_unavailable", "upstream_unavailable"])
    );
    assert_eq!(refused["headers"]["Retry-After"]["$ref"], "#/components/headers/RetryAfter");
    // Readiness has its own form of 503, and an answer at the door has the problem's.
    let ready = &document["paths"]["/readyz"]["get"]["responses"];
    assert_eq!(
        ready["503"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/Readiness"
    );
    assert!(ready["504"]["content"]["application/problem+json"].is_object());
}

#[tokio::test]
async fn a_problem_has_the_members_that_are_told_of_it() {
    use axum::response::IntoResponse;

    let fault =
        lgsp_core::Fault::at(ErrorCode::LogUnavailable, "/MaHoSo", &lgsp_core::rule::REQUIRED);
    let response = Problem::new(fault, "id").into_response();
    let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
    let sent: Value = serde_json::from_slice(&body).unwrap();
    let document = whole();
    let schemas = &document["components"]["schemas"];
    let told = [&schemas["Fault"], &schemas["Problem"]["allOf"][1]]
        .map(|schema| schema["properties"].as_object().unwrap().keys().cloned());
    let told: BTreeSet<_> = told.into_iter().flatten().collect();
    let sent_names: BTreeSet<_> = sent.as_object().unwrap().keys().cloned().collect();
    assert_eq!(sent_names, told);
    let told: BTreeSet<_> =
        schemas["Violation"]["properties"].as_object().unwrap().keys().cloned().collect();
    let sent: BTreeSet<_> = sent["violations"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(sent, told);
}
