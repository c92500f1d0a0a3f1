//! Speaks with the platform as a system of a province would.

mod faults;
mod services;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::folding;
use crate::people::Birth;

fn config(token_seconds: u64) -> SimConfig {
    SimConfig {
        consumer_key: "province".into(),
        consumer_secret: "s3cret".into(),
        access_key: "access".into(),
        secret_key: "keys3cret".into(),
        seed: 7,
        latency_ms: 0,
        token_seconds,
        faults: Vec::new(),
    }
}

fn keys(secret_key: &str) -> String {
    STANDARD.encode(
        json!({"AccessKey": "access", "SecretKey": secret_key, "AppName": "lgsp"}).to_string(),
    )
}

async fn call(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let reply = router.clone().oneshot(request).await.unwrap();
    let status = reply.status();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn token(router: &Router, basic: &str, keys: &str) -> (StatusCode, Value) {
    let request = Request::post(TOKEN_PATH)
        .header("authorization", format!("Basic {}", STANDARD.encode(basic)))
        .header("lgspaccesstoken", keys)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials".into());
    call(router, request.unwrap()).await
}

async fn ask(router: &Router, token: &str, body: &Value) -> (StatusCode, Value) {
    call(router, question_to(LOOK_UP_PATH, token, body)).await
}

fn question_to(path: &str, token: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("lgspaccesstoken", keys("keys3cret"))
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap()
}

fn fetch_from(path: &str, token: &str) -> Request<Body> {
    Request::get(path)
        .header("authorization", format!("Bearer {token}"))
        .header("lgspaccesstoken", keys("keys3cret"))
        .body(Body::empty())
        .unwrap()
}

async fn admitted(router: &Router) -> String {
    let (status, reply) = token(router, "province:s3cret", &keys("keys3cret")).await;
    assert_eq!(
        (status, &reply["token_type"], &reply["expires_in"]),
        (StatusCode::OK, &json!("Bearer"), &json!(3600))
    );
    reply["access_token"].as_str().unwrap().to_owned()
}

fn question(index: u32) -> Value {
    let person = Population::new(7).person(index).unwrap();
    let (day, year) = match person.birth {
        Birth::Day(day) => (day.strftime("%Y%m%d").to_string(), String::new()),
        Birth::Year(year) => (String::new(), year.to_string()),
    };
    let name = person.name;
    json!({
        "HoVaTen": folding::letters(&format!("{name}")), "SoDinhDanh": person.personal_number, "SoCMND": "",
        "NgayThangNam": day, "Nam": year, "MaTichHop": "037", "MaDVC": "1.004227", "MaCanBo": "086190000001",
        "MaYeuCau": "0190b6ae-0000-7000-8000-000000000001",
    })
}

#[tokio::test]
async fn answers_with_the_record_as_xml_within_json() {
    let router = router(config(3600));
    let token = admitted(&router).await;
    let mut codes = Vec::new();
    for index in 0..60 {
        let question = question(index * 16_001);
        let (status, reply) = ask(&router, &token, &question).await;
        assert_eq!(status, StatusCode::OK);
        let xml = reply["message"].as_str().unwrap();
        let number = question["SoDinhDanh"].as_str().unwrap();
        assert!(xml.contains(&format!("<ns1:SoDinhDanh>{number}</ns1:SoDinhDanh>")), "{reply}");
        let mut reader = quick_xml::NsReader::from_str(xml);
        while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
        codes.push(reply["error_code"].clone());
    }
    for code in [json!(0), json!("0"), json!("00")] {
        assert!(codes.contains(&code), "{code}");
    }
}

#[tokio::test]
async fn refuses_with_http_200_and_a_code_of_its_own() {
    let router = router(config(3600));
    let token = admitted(&router).await;
    let cases = [
        ("SoDinhDanh", json!("062190000001"), error_code::NOT_FOUND),
        ("HoVaTen", json!("NGUOIKHAC"), error_code::NOT_FOUND),
        ("HoVaTen", json!("Nguyễn Thị Mẫu"), error_code::NOT_FOUND),
        ("MaDVC", json!(""), error_code::BAD_FIELD),
        ("MaDVC", json!("1.001612.000.00.00.H48"), error_code::BAD_FIELD),
        ("MaCanBo", json!(""), error_code::BAD_FIELD),
        ("MaTichHop", json!("038"), error_code::UNKNOWN_INTEGRATION),
    ];
    for (field, value, code) in cases {
        let mut question = question(400_000);
        question[field] = value;
        let (status, reply) = ask(&router, &token, &question).await;
        assert_eq!((status, reply["error_code"].as_str()), (StatusCode::OK, Some(code)), "{field}");
    }
    let mut reborn = question(400_001);
    reborn["NgayThangNam"] = json!("19000101");
    assert_eq!(ask(&router, &token, &reborn).await.1["error_code"], error_code::NOT_FOUND);
}

#[tokio::test]
async fn a_name_may_keep_its_spaces() {
    let router = router(config(3600));
    let token = admitted(&router).await;
    let mut question = question(400_000);
    let name = question["HoVaTen"].as_str().unwrap().to_owned();
    question["HoVaTen"] = json!(format!("{} {}", &name[..3], &name[3..]));
    assert!(
        ask(&router, &token, &question).await.1["message"]
            .as_str()
            .unwrap()
            .starts_with("<soapenv:")
    );
}

#[tokio::test]
async fn knows_its_callers() {
    let router = router(config(3600));
    for (basic, key) in [("province:wrong", "keys3cret"), ("province:s3cret", "wrong"), ("", "")] {
        assert_eq!(token(&router, basic, &keys(key)).await.0, StatusCode::UNAUTHORIZED);
    }
    let (status, _) = ask(&router, "00000000-0000-4000-8000-000000000000", &question(1)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_grows_too_old() {
    let router = router(config(0));
    let (_, reply) = token(&router, "province:s3cret", &keys("keys3cret")).await;
    let (status, _) = ask(&router, reply["access_token"].as_str().unwrap(), &question(1)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn serves_until_the_shutdown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    serve(listener, config(3600), shutdown).await.unwrap();
}

#[tokio::test]
async fn is_served_on_a_loopback_address_alone() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(listener, config(3600), CancellationToken::new()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AddrNotAvailable);
}

#[test]
fn keys_are_hidden_in_debug() {
    let shown = format!("{:?}", config(3600));
    assert!(shown.contains("seed: 7"));
    for secret in ["province", "s3cret", "access"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
