//! Bad input over HTTP: a clear answer for each, and the whole body as clients hold on to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lgsp_core::identifier::ClientId;
use lgsp_core::{Clock, SystemClock};
use lgsp_identity::{Identity, SigningKeys};
use lgsp_registry::Registry;
use lgsp_tests::sample::{self, DOSSIER, SOURCE, new_id};
use lgsp_tests::{Answer, Bus, golden, grpc, place};
use serde_json::{Value, json};
use tonic::Code;

use crate::BUS;

/// A clock that stands some time before now.
#[derive(Debug)]
struct Late(Duration);

impl Clock for Late {
    fn now(&self) -> SystemTime {
        SystemClock.now() - self.0
    }
}

/// Makes a token by the bus's own registry.
fn forged(bus: &Bus, keys: SigningKeys, issuer: &str, age: Duration) -> String {
    let registry = Arc::new(Registry::load(&bus.data_dir().join("registry")).unwrap());
    let identity = Identity::new(registry, keys, issuer.to_owned(), Arc::new(Late(age)));
    identity.issue(&ClientId::parse("motcua").unwrap()).unwrap().access_token
}

/// A dossier in binary mode, to be spoiled.
struct Draft {
    headers: BTreeMap<&'static str, String>,
    token: Option<String>,
    body: Vec<u8>,
}

impl Draft {
    fn new(token: &str) -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", &new_id()),
            ("ce-source", SOURCE),
            ("ce-type", DOSSIER),
        ];
        Self {
            headers: headers.map(|(name, value)| (name, value.to_owned())).into(),
            token: Some(token.to_owned()),
            body: sample::dossier(100).to_string().into_bytes(),
        }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.to_owned());
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    fn token(mut self, token: Option<&str>) -> Self {
        self.token = token.map(str::to_owned);
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn change(self, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Self {
        let mut dossier = sample::dossier(100);
        change(dossier.as_object_mut().unwrap());
        self.body(dossier.to_string())
    }

    fn send(self, bus: &Bus) -> Answer {
        let mut curl = bus.post("/v1/events").body(&self.body);
        for (name, value) in &self.headers {
            curl = curl.header(name, value);
        }
        if let Some(token) = &self.token {
            curl = curl.bearer(token);
        }
        curl.send().unwrap()
    }
}

/// What is expected: status, code, and every place with the rule broken there.
type Refusal = (u16, &'static str, &'static [(&'static str, &'static str)]);

/// Checks a refusal and returns its body without what changes from call to call.
fn judge(name: &str, answer: &Answer, (status, code, violations): Refusal) -> Value {
    let text = answer.text();
    assert_eq!(answer.status, status, "{name}: {text}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{name}");
    let mut problem = answer.json().unwrap();
    assert_eq!(problem["code"], code, "{name}: {text}");
    let found: Vec<_> = problem["violations"].as_array().unwrap().iter().collect();
    let mut places: Vec<_> = found
        .iter()
        .map(|one| (one["pointer"].as_str().unwrap(), one["rule"].as_str().unwrap()))
        .collect();
    places.sort_unstable();
    let mut expected = violations.to_vec();
    expected.sort_unstable();
    assert_eq!(places, expected, "{name}: {text}");
    assert_eq!(problem["totalViolations"], violations.len(), "{name}");
    for one in found.into_iter().chain([&problem]) {
        for language in ["vi", "en"] {
            let sentence = one["message"][language].as_str().unwrap();
            assert!(sentence.len() >= 10 && sentence.ends_with('.'), "{name}: {one}");
        }
    }
    let request_id = problem["requestId"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("x-request-id"), Some(request_id.as_str()), "{name}");
    problem["requestId"] = json!("<masked>");
    problem
}

#[test]
fn every_fault_has_its_clear_answer() {
    let bus = &*BUS;
    let token = bus.token("motcua").unwrap();
    let draft = || Draft::new(&token);
    let own_keys = || SigningKeys::load(&bus.data_dir().join("keys")).unwrap();
    let foreign_keys =
        SigningKeys::load_or_create(&place::scratch().unwrap().join("keys")).unwrap();
    let hour = Duration::from_secs(3600);
    let expired = forged(bus, own_keys(), bus.base_url(), hour);
    let foreign_issuer = forged(bus, own_keys(), "http://127.0.0.1:1", Duration::ZERO);
    let foreign_key = forged(bus, foreign_keys, bus.base_url(), Duration::ZERO);
    let envelope =
        |body: &str| draft().header("content-type", "application/cloudevents+json").body(body);
    let twice = sample::dossier(100).to_string().replacen('{', "{\"MaHoSo\":\"x\",", 1);
    let nested_twice = sample::dossier(100).to_string().replacen(
        '{',
        "{\"DinhDanhCHS\":[{\"LoaiDinhDanh\":\"1\",\"LoaiDinhDanh\":\"2\"}],",
        1,
    );
    // Valid, and larger than allowed by its one long note.
    let large = draft().change(|dossier| {
        dossier.insert("GhiChu".to_owned(), json!("x".repeat(1024 * 1024)));
    });
    let many_broken = draft().change(|dossier| {
        dossier.insert("MaHoSo".to_owned(), json!("H61.14-260230-0001"));
        dossier.remove("MaTTHC");
        dossier.insert("TrangThaiHoSo".to_owned(), json!("11"));
        dossier.insert("NgayTiepNhan".to_owned(), json!("20260230093000"));
        dossier.insert("TenTTHC".to_owned(), json!(7));
    });
    let unauthenticated: Refusal = (401, "unauthenticated", &[]);
    let denied: Refusal = (403, "permission_denied", &[]);
    let tax_code = r#"{"ENTERPRISE_GDT_CODE":"1500999907","NAME":"CÔNG TY TNHH MẪU"}"#;

    let cases: Vec<(&str, Answer, Refusal)> = vec![
        (
            "broken JSON",
            draft().body("{\"MaHoSo\":").send(bus),
            (400, "invalid_json", &[("", "json_syntax")]),
        ),
        (
            "no JSON at all",
            draft().body("").send(bus),
            (400, "invalid_json", &[("", "json_syntax")]),
        ),
        (
            "not UTF-8",
            draft().body(b"{\"MaHoSo\":\"\xff\"}".as_slice()).send(bus),
            (400, "invalid_json", &[("", "json_syntax")]),
        ),
        (
            "a duplicate member",
            draft().body(twice).send(bus),
            (400, "invalid_json", &[("/MaHoSo", "json_duplicate_member")]),
        ),
        (
            "a nested duplicate member",
            draft().body(nested_twice).send(bus),
            (400, "invalid_json", &[("/DinhDanhCHS/0/LoaiDinhDanh", "json_duplicate_member")]),
        ),
        (
            "an unknown type",
            draft().header("ce-type", "lgsp.dossier.recorded.v9").send(bus),
            (422, "unknown_event_type", &[("type", "event_type")]),
        ),
        (
            "many rules broken at once",
            many_broken.send(bus),
            (
                422,
                "schema_violation",
                &[
                    ("/MaHoSo", "dossier_code"),
                    ("/MaTTHC", "required"),
                    ("/TrangThaiHoSo", "enum"),
                    ("/NgayTiepNhan", "portal_time"),
                    ("/TenTTHC", "type"),
                ],
            ),
        ),
        (
            "a wrong check digit",
            draft().header("ce-type", sample::ENTERPRISE).body(tax_code).send(bus),
            (422, "schema_violation", &[("/ENTERPRISE_GDT_CODE", "enterprise_code")]),
        ),
        (
            "an unknown schema version",
            draft().header("ce-dataschema", "urn:lgsp:schema:lgsp.dossier.recorded:9.9").send(bus),
            (422, "unknown_event_type", &[("dataschema", "event_type")]),
        ),
        (
            "no attributes",
            draft()
                .without("ce-specversion")
                .without("ce-id")
                .without("ce-source")
                .without("ce-type")
                .send(bus),
            (
                400,
                "invalid_request",
                &[
                    ("specversion", "attribute"),
                    ("id", "attribute"),
                    ("source", "source"),
                    ("type", "attribute"),
                ],
            ),
        ),
        (
            "a time that is none",
            draft().header("ce-time", "yesterday").send(bus),
            (400, "invalid_request", &[("time", "attribute")]),
        ),
        (
            "a reserved attribute",
            draft().header("ce-agency", "H61.25").send(bus),
            (400, "invalid_request", &[("agency", "attribute_reserved")]),
        ),
        (
            "a subject that may name a citizen",
            draft()
                .header("ce-type", sample::CITIZEN)
                .header("ce-subject", "x")
                .body(r#"{"SoDinhDanh":"086190000001","HoVaTen":"Nguyễn Thị Mẫu"}"#)
                .send(bus),
            (400, "invalid_request", &[("subject", "attribute")]),
        ),
        (
            "a source of another form",
            draft().header("ce-source", "urn:motcua").send(bus),
            (400, "invalid_request", &[("source", "source")]),
        ),
        (
            "a foreign agency",
            draft().header("ce-source", "/agencies/H61.99/systems/motcua").send(bus),
            denied,
        ),
        (
            "a foreign client",
            draft().header("ce-source", "/agencies/H61.14/systems/tracuu").send(bus),
            denied,
        ),
        ("no token", draft().token(None).send(bus), unauthenticated),
        ("a rubbish token", draft().token(Some("rubbish")).send(bus), unauthenticated),
        (
            "a secret instead of a token",
            draft().token(Some(&bus.secret("motcua").unwrap())).send(bus),
            unauthenticated,
        ),
        ("an expired token", draft().token(Some(&expired)).send(bus), unauthenticated),
        (
            "a token of another issuer",
            draft().token(Some(&foreign_issuer)).send(bus),
            unauthenticated,
        ),
        (
            "a token signed by another key",
            draft().token(Some(&foreign_key)).send(bus),
            unauthenticated,
        ),
        (
            "a token with its end cut off",
            draft().token(Some(&token[..token.len() - 4])).send(bus),
            unauthenticated,
        ),
        ("data larger than 1 MiB", large.send(bus), (413, "payload_too_large", &[])),
        (
            "a body far too large",
            draft().body(vec![b' '; 4 * 1024 * 1024]).send(bus),
            (413, "payload_too_large", &[]),
        ),
        (
            "plain text",
            draft().header("content-type", "text/plain").send(bus),
            (415, "unsupported_media_type", &[]),
        ),
        (
            "no content type",
            draft().header("content-type", "").send(bus),
            (415, "unsupported_media_type", &[]),
        ),
        (
            "a batch that is none",
            draft()
                .header("content-type", "application/cloudevents-batch+json")
                .body("{}")
                .send(bus),
            (400, "invalid_json", &[("", "json_syntax")]),
        ),
        (
            "an envelope that is no JSON",
            envelope("<event/>").send(bus),
            (400, "invalid_json", &[("", "json_syntax")]),
        ),
        (
            "an envelope with a member twice",
            envelope(r#"{"id":"1","id":"2","data":{}}"#).send(bus),
            (400, "invalid_json", &[("/id", "json_duplicate_member")]),
        ),
        (
            "an envelope without data",
            envelope(r#"{"specversion":"1.0","id":"1"}"#).send(bus),
            (400, "invalid_request", &[("data", "attribute")]),
        ),
        (
            "a wrong method",
            bus.get("/v1/events").bearer(&token).send().unwrap(),
            (405, "method_not_allowed", &[]),
        ),
        (
            "an unknown path",
            bus.get("/v1/nothing").bearer(&token).send().unwrap(),
            (404, "not_found", &[]),
        ),
        (
            "a receipt of nothing",
            bus.get("/v1/receipts").bearer(&token).send().unwrap(),
            (400, "invalid_request", &[("source, id", "request")]),
        ),
        (
            "an unknown receipt",
            bus.get(&format!("/v1/receipts?source={SOURCE}&id=none"))
                .bearer(&token)
                .send()
                .unwrap(),
            (404, "not_found", &[]),
        ),
    ];
    let mut problems = serde_json::Map::new();
    for (name, answer, expected) in &cases {
        if expected.0 == 401 {
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{name}");
        }
        problems.insert((*name).to_owned(), judge(name, answer, *expected));
    }
    assert_eq!(problems.len(), cases.len(), "names are unique");
    golden::compare("problems.json", &format!("{:#}\n", Value::Object(problems))).unwrap();
}

#[test]
fn the_token_endpoint_refuses_as_the_standard_says() {
    let bus = &*BUS;
    let secret = bus.secret("motcua").unwrap();
    let grant = "grant_type=client_credentials";
    let ask = |id: &str, secret: &str, form: &str| {
        bus.post("/oauth2/token").user(id, secret).form(form).send().unwrap()
    };
    let both = format!("{grant}&client_id=motcua&client_secret={secret}");
    let cases = [
        ("a wrong secret", ask("motcua", "wrong", grant), 401, "invalid_client"),
        ("an unknown client", ask("nobody", &secret, grant), 401, "invalid_client"),
        ("another's secret", ask("tracuu", &secret, grant), 401, "invalid_client"),
        (
            "another grant",
            ask("motcua", &secret, "grant_type=password"),
            400,
            "unsupported_grant_type",
        ),
        ("no grant", ask("motcua", &secret, "x=1"), 400, "invalid_request"),
        ("a scope", ask("motcua", &secret, &format!("{grant}&scope=all")), 400, "invalid_scope"),
        ("two ways at once", ask("motcua", &secret, &both), 400, "invalid_request"),
        ("nobody", bus.post("/oauth2/token").form(grant).send().unwrap(), 401, "invalid_client"),
    ];
    for (name, answer, status, error) in cases {
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(answer.json().unwrap()["error"], error, "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert!(!answer.text().contains(&secret), "{name}");
    }
}

#[test]
fn an_unknown_grpc_method_is_unimplemented() {
    let bus = &*BUS;
    for path in ["/lgsp.event.v1.EventService/Nothing", "/lgsp.nothing.v1.Service/Nothing"] {
        let (code, _) = grpc::call(bus.base_url(), path, &[], None).unwrap();
        assert_eq!(code, Code::Unimplemented, "{path}");
    }
}
