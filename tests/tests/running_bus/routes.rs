//! Every way in, by the gateway's own list: strangers are refused, and so are those without a grant.

use std::collections::BTreeSet;

use lgsp_gateway::{ROUTES, Route, Who};
use lgsp_proto::audit::v1::{ExportEvidenceRequest, SearchEvidenceRequest};
use lgsp_proto::event::v1::{
    GetReceiptRequest, PublishEventRequest, PublishEventsRequest, PublishEventsResponse,
    SetAsideRequest, publish_events_response::Result as Outcome,
};
use lgsp_proto::ops::v1::{GetLagRequest, ListTopicsRequest};
use lgsp_proto::query::v1::{ListServicesRequest, LookUpCitizenRequest, Purpose, QueryRequest};
use lgsp_tests::grpc;
use lgsp_tests::sample::{self, DOSSIER, SOURCE, new_id};
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::BUS;
use crate::packets::session;

fn granted() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.who == Who::Granted)
}

fn look_up() -> LookUpCitizenRequest {
    LookUpCitizenRequest {
        purpose: Some(Purpose {
            dossier_code: Some("H61.14-260703-0001".to_owned()),
            procedure_code: Some("1.004227".to_owned()),
            officer_number: Some("CB0001".to_owned()),
            reason: None,
        }),
        personal_number: Some("086190000001".to_owned()),
        full_name: Some("Nguyễn Thị Mẫu".to_owned()),
        birth_date: Some("1990".to_owned()),
    }
}

/// What a request came to.
#[derive(Debug, PartialEq)]
enum Answered {
    Http(u16),
    Grpc(Code),
}

/// Makes the body of a request that would be served if its caller were permitted.
fn body(route: &Route) -> Vec<u8> {
    let dossier = sample::dossier(200).to_string();
    let event = Some(sample::event(&new_id(), &dossier));
    match (route.method, route.path) {
        ("POST", "/v1/events" | "/v1/events/validate") => format!(
            r#"{{"specversion":"1.0","id":"{}","source":"{SOURCE}","type":"{DOSSIER}","data":{dossier}}}"#,
            new_id()
        )
        .into_bytes(),
        ("POST", "/v1/population/citizens:lookUp") => json!({
            "purpose": {
                "dossierCode": "H61.14-260703-0001",
                "procedureCode": "1.004227",
                "officerNumber": "CB0001",
            },
            "personalNumber": "086190000001",
            "fullName": "Nguyễn Thị Mẫu",
            "birthDate": "1990",
        })
        .to_string()
        .into_bytes(),
        ("POST", "/v1/queries/{service}") => json!({
            "purpose": {"procedureCode": "1.004227", "officerNumber": "CB0001"},
            "question": {"taxCode": "1500999906"},
        })
        .to_string()
        .into_bytes(),
        ("GET", "/v1/queries" | "/v1/receipts" | "/v1/ops/lag" | "/v1/ops/topics") => Vec::new(),
        ("gRPC", "/lgsp.event.v1.EventService/PublishEvent") => {
            PublishEventRequest { event, dry_run: false }.encode_to_vec()
        }
        ("gRPC", "/lgsp.event.v1.EventService/PublishEvents") => {
            PublishEventsRequest { event, dry_run: false }.encode_to_vec()
        }
        ("gRPC", "/lgsp.event.v1.EventService/GetReceipt") => {
            GetReceiptRequest { source: SOURCE.to_owned(), id: "x".to_owned() }.encode_to_vec()
        }
        ("gRPC", "/lgsp.event.v1.EventService/SetAside") => SetAsideRequest {
            event,
            code: "schema_violation".to_owned(),
            violations: Vec::new(),
            origin: "routes.csv:1".to_owned(),
            attempt: 1,
            adapter: "files".to_owned(),
        }
        .encode_to_vec(),
        ("gRPC", "/lgsp.query.v1.QueryService/Query") => QueryRequest {
            service: Some("enterprise".to_owned()),
            purpose: look_up().purpose,
            question: br#"{"taxCode":"1500999906"}"#[..].into(),
        }
        .encode_to_vec(),
        ("gRPC", "/lgsp.query.v1.QueryService/ListServices") => {
            ListServicesRequest {}.encode_to_vec()
        }
        ("gRPC", "/lgsp.query.v1.PopulationService/LookUpCitizen") => look_up().encode_to_vec(),
        ("gRPC", "/lgsp.ops.v1.OpsService/GetLag") => GetLagRequest {}.encode_to_vec(),
        ("gRPC", "/lgsp.ops.v1.OpsService/ListTopics") => ListTopicsRequest {}.encode_to_vec(),
        ("gRPC", "/lgsp.audit.v1.AuditService/SearchEvidence") => {
            SearchEvidenceRequest::default().encode_to_vec()
        }
        ("gRPC", "/lgsp.audit.v1.AuditService/ExportEvidence") => {
            ExportEvidenceRequest::default().encode_to_vec()
        }
        other => panic!("{other:?} is new: say here what a request of it looks like"),
    }
}

/// Sends a request; for gRPC also gives the first message that came back.
fn send(route: &Route, authorization: Option<&str>) -> (Answered, Option<Vec<u8>>) {
    let (bus, body) = (&*BUS, body(route));
    let mut curl = match route.method {
        "gRPC" => {
            let (code, message) =
                grpc::call(bus.base_url(), route.path, &body, authorization).unwrap();
            return (Answered::Grpc(code), message);
        }
        "POST" => {
            let media_type = match route.path {
                "/v1/events" | "/v1/events/validate" => "application/cloudevents+json",
                _ => "application/json",
            };
            let path = route.path.replace("{service}", "enterprise");
            bus.post(&path).header("content-type", media_type).body(&body)
        }
        _ if route.path == "/v1/receipts" => {
            bus.get(&format!("{}?source={SOURCE}&id=x", route.path))
        }
        _ => bus.get(route.path),
    };
    if let Some(authorization) = authorization {
        curl = curl.header("authorization", authorization);
    }
    let answer = curl.send().unwrap();
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{route:?}");
    }
    (Answered::Http(answer.status), None)
}

/// The client that may, and one that is known and may not.
fn callers(route: &Route) -> (&'static str, &'static str) {
    match route.path {
        path if path.contains("/ops") || path.contains(".ops.") => ("vanhanh", "motcua"),
        path if path.contains(".audit.") => ("kiemtoan", "tracuu"),
        path if path.contains("opulation") || path.contains("quer") => ("tracuu", "kiemtoan"),
        _ => ("motcua", "tracuu"),
    }
}

fn refusal(route: &Route, http: u16, grpc: Code) -> Answered {
    if route.method == "gRPC" { Answered::Grpc(grpc) } else { Answered::Http(http) }
}

#[test]
fn every_granted_route_refuses_strangers() {
    assert!(granted().count() >= 11, "the list is whole");
    for route in granted() {
        for stranger in [None, Some("Bearer rubbish"), Some("Basic bW90Y3Vh")] {
            let expected = refusal(route, 401, Code::Unauthenticated);
            assert_eq!(send(route, stranger), (expected, None), "{route:?} {stranger:?}");
        }
    }
}

#[test]
fn every_granted_route_refuses_a_client_without_the_grant_and_serves_one_with_it() {
    let bus = &*BUS;
    let bearer = |client| format!("Bearer {}", bus.token(client).unwrap());
    for route in granted() {
        let (may, may_not) = callers(route);
        let (answered, message) = send(route, Some(&bearer(may_not)));
        if route.path.ends_with("/PublishEvents") {
            // A stream goes on: the refusal is the event's result.
            let result = PublishEventsResponse::decode(message.unwrap().as_slice()).unwrap().result;
            let Some(Outcome::Fault(fault)) = result else { panic!("{result:?}") };
            assert_eq!(fault.code, "permission_denied");
        } else {
            assert_eq!(answered, refusal(route, 403, Code::PermissionDenied), "{route:?}");
        }
        let (answered, message) = send(route, Some(&bearer(may)));
        // The sample's receipt and citizen do not exist, which only a permitted caller learns.
        let served = [
            Answered::Grpc(Code::Ok),
            Answered::Grpc(Code::NotFound),
            Answered::Http(200),
            Answered::Http(404),
        ];
        assert!(served.contains(&answered), "{route:?}: {answered:?}");
        if route.path.ends_with("/PublishEvents") {
            let result = PublishEventsResponse::decode(message.unwrap().as_slice()).unwrap().result;
            assert!(matches!(result, Some(Outcome::Receipt(_))), "{result:?}");
        }
    }
}

#[test]
fn every_route_of_packets_refuses_a_stranger_and_serves_a_session_with_the_grant() {
    let bus = &*BUS;
    let (may, may_not) = (session(bus, "motcua"), session(bus, "tracuu"));
    let routes: Vec<_> = ROUTES.iter().filter(|route| route.who == Who::Session).collect();
    assert!(routes.len() >= 3, "the list is whole");
    for route in routes {
        let service = route.path.rsplit('/').next().unwrap();
        let (service, record) = match service {
            "CapNhatTienDoHoSoMC" => (
                service,
                json!({
                    "MaHoSo": "H61.14-260703-0201", "NguoiXuLy": "Cán bộ Mẫu",
                    "ThoiDiemXuLy": "20260703103000", "TrangThai": "4",
                }),
            ),
            _ => ("DongBoHoSoMC", sample::dossier(201)),
        };
        let send = |session: Option<&str>| {
            let answer = match route.path {
                "/dvcqg/service" => bus.post(route.path).json(&json!({
                    "session": session, "madonvi": "H61.14", "service": service, "data": [record],
                })),
                path => {
                    let curl =
                        bus.post(&format!("{path}?MaDinhDanhDV=H61.14")).json(&json!([record]));
                    match session {
                        Some(session) => curl.bearer(session),
                        None => curl,
                    }
                }
            };
            let answer = answer.send().unwrap();
            assert_eq!(answer.status, 200, "{route:?}");
            answer.json().unwrap()["error_code"].as_str().unwrap().to_owned()
        };
        for (session, code) in
            [(None, "401"), (Some("rubbish"), "401"), (Some(&*may_not), "403"), (Some(&*may), "0")]
        {
            assert_eq!(send(session), code, "{route:?} {}", session.is_some());
        }
    }
}

#[test]
fn every_public_route_answers_a_stranger() {
    let bus = &*BUS;
    for route in ROUTES.iter().filter(|route| matches!(route.who, Who::Public | Who::Loopback)) {
        match route.method {
            "GET" => {
                let path = route.path.replace("{type}/{version}", &format!("{DOSSIER}/1.0"));
                assert_eq!(bus.get(&path).send().unwrap().status, 200, "{route:?}");
            }
            "POST" if route.path == "/dvcqg/login" => {
                let answer = bus.post(route.path).json(&json!({})).send().unwrap();
                assert_eq!(
                    (answer.status, &answer.json().unwrap()["error_code"]),
                    (200, &json!(400))
                );
            }
            "POST" => {
                // Asked for nothing, the token endpoint refuses in its own form.
                let answer = bus.post(route.path).form("").send().unwrap();
                assert!(answer.json().unwrap()["error"].is_string(), "{route:?}");
            }
            _ => {
                let (code, _) = grpc::call(bus.base_url(), route.path, &[], None).unwrap();
                assert!(
                    !matches!(code, Code::Unimplemented | Code::Unauthenticated),
                    "{route:?}: {code:?}"
                );
            }
        }
    }
}

#[test]
fn the_list_of_routes_has_every_grpc_method() {
    let pool = prost_reflect::DescriptorPool::decode(lgsp_proto::DESCRIPTORS).unwrap();
    let described: BTreeSet<String> = pool
        .services()
        .flat_map(|service| {
            let methods: Vec<_> = service.methods().collect();
            methods
                .into_iter()
                .map(move |method| format!("/{}/{}", service.full_name(), method.name()))
        })
        .collect();
    let listed: BTreeSet<String> = ROUTES
        .iter()
        .filter(|route| route.path.starts_with("/lgsp."))
        .map(|route| route.path.to_owned())
        .collect();
    assert!(described.len() >= 6, "{described:?}");
    assert_eq!(described, listed);
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/lgsp.")) {
        assert_eq!(route.who, Who::Granted, "{route:?}: only what is none of ours may be public");
    }
}
