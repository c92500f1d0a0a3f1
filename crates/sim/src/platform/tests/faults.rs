//! Lets the platform fail by rule, over real sockets where it matters.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::*;

const CATALOGUE: &str = "/dmdc/1.0/Category/madantoc";

async fn put(router: &Router, rules: Value) -> StatusCode {
    let request = Request::put(FAULTS_PATH).body(Body::from(rules.to_string())).unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

async fn tool(router: &Router, path: &str) -> Value {
    call(router, Request::get(path).body(Body::empty()).unwrap()).await.1
}

/// Fetches the catalogue with a rule in force: status, content type, body.
async fn with(kind: &str) -> (StatusCode, String, String) {
    let router = router(config(3600));
    let token = admitted(&router).await;
    assert_eq!(
        put(&router, json!([{"path": "/dmdc/", "kind": kind}])).await,
        StatusCode::NO_CONTENT
    );
    let reply = router.clone().oneshot(fetch_from(CATALOGUE, &token)).await.unwrap();
    let status = reply.status();
    let media_type = reply.headers().get("content-type");
    let media_type = media_type.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, media_type, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn an_answer_is_spoiled_in_every_way() {
    let (_, whole_type, whole) = with("latency").await;
    let (status, _, body) = with("http_500").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    );
    let (status, _, body) = with("error_200").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["Count"]), (StatusCode::OK, &json!(0)));
    assert_eq!(with("expired_token").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(with("maintenance").await.0, StatusCode::SERVICE_UNAVAILABLE);
    for kind in ["truncated", "truncated_xml"] {
        let (status, media_type, body) = with(kind).await;
        assert_eq!((status, &media_type), (StatusCode::OK, &whole_type));
        assert_eq!(body.as_bytes(), &whole.as_bytes()[..whole.len() / 2]);
    }
    let (status, media_type, body) = with("malformed").await;
    assert_eq!((status, &media_type), (StatusCode::OK, &whole_type));
    assert!(serde_json::from_str::<Value>(&body).is_err());
    let (_, media_type, body) = with("wrong_content_type").await;
    assert_eq!((media_type.as_str(), &body), ("text/html; charset=utf-8", &whole));
    assert_eq!(with("slow_bytes").await.2, whole);
    let (_, _, body) = with("changed_field").await;
    let records: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(records[0]["MaDanTocMoi"], "01");
}

#[tokio::test]
async fn the_xml_of_a_record_breaks_off() {
    let router = router(config(3600));
    let token = admitted(&router).await;
    put(&router, json!([{"path": "/dancu/", "kind": "truncated_xml"}])).await;
    let (_, answer) = ask(&router, &token, &question(400_000)).await;
    let xml = answer["message"].as_str().unwrap();
    assert!(xml.starts_with("<soapenv:Envelope") && !xml.contains("</soapenv:Envelope>"));
}

#[tokio::test]
async fn maintenance_says_when_to_come_back() {
    let rules = FaultRule { delay_ms: 89_500, ..FaultRule::new("/token", FaultKind::Maintenance) };
    let router = router(SimConfig { faults: vec![rules], ..config(3600) });
    let request = Request::post(TOKEN_PATH).body(Body::empty()).unwrap();
    let reply = router.oneshot(request).await.unwrap();
    assert_eq!(reply.headers()["retry-after"], "90");
}

#[tokio::test]
async fn rules_are_judged_told_and_withdrawn() {
    let router = router(config(3600));
    let token = admitted(&router).await;
    for wrong in [
        json!({"path": "/", "kind": "http_500"}),
        json!([{"path": "/", "kind": "no_such_kind"}]),
        json!([{"path": "/", "kind": "reset", "shore": 0.1}]),
        json!([{"path": "/", "kind": "reset", "share": 2}]),
        json!(vec![json!({"path": "/", "kind": "reset"}); 65]),
    ] {
        assert_eq!(put(&router, wrong).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(tool(&router, FAULTS_PATH).await, json!([]));
    put(&router, json!([{"path": "/dmdc/", "kind": "http_500", "share": 0.5}])).await;
    let mut failed = 0;
    for _ in 0..100 {
        let reply = router.clone().oneshot(fetch_from(CATALOGUE, &token)).await.unwrap();
        failed += u64::from(reply.status() == StatusCode::INTERNAL_SERVER_ERROR);
    }
    let told = tool(&router, FAULTS_PATH).await;
    assert!((20..80).contains(&failed), "{failed}");
    assert_eq!((&told[0]["matched"], &told[0]["struck"]), (&json!(100), &json!(failed)));
    let withdraw = Request::delete(FAULTS_PATH).body(Body::empty()).unwrap();
    router.clone().oneshot(withdraw).await.unwrap();
    assert_eq!(call(&router, fetch_from(CATALOGUE, &token)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn requests_are_counted_whatever_becomes_of_them() {
    let router = router(config(3600));
    let token = admitted(&router).await;
    put(&router, json!([{"path": "/dmdc/", "kind": "expired_token"}])).await;
    call(&router, fetch_from(CATALOGUE, &token)).await;
    ask(&router, "another", &question(1)).await;
    ask(&router, &token, &question(1)).await;
    let counted = json!({TOKEN_PATH: 1, LOOK_UP_PATH: 2, "/dmdc/1.0/Category/{name}": 1});
    assert_eq!(tool(&router, REQUESTS_PATH).await, counted);
    let forget = Request::delete(REQUESTS_PATH).body(Body::empty()).unwrap();
    router.clone().oneshot(forget).await.unwrap();
    assert_eq!(tool(&router, REQUESTS_PATH).await, json!({}));
}

/// Serves a platform whose token endpoint suffers a fault; returns what a socket receives.
async fn received(rule: FaultRule) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let (tracker, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let config = SimConfig { faults: vec![rule], ..config(3600) };
    tracker.spawn(serve(listener, config, shutdown.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {TOKEN_PATH} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\
                           content-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A connection that was reset tells the same as one that ended: nothing more comes.
    stream.read_to_end(&mut bytes).await.ok();
    shutdown.cancel();
    tracker.close();
    tracker.wait().await;
    bytes
}

#[tokio::test]
async fn a_reset_connection_brings_not_a_byte() {
    assert_eq!(received(FaultRule::new("/", FaultKind::Reset)).await, b"");
    let whole = received(FaultRule::new("/", FaultKind::Latency)).await;
    assert!(whole.starts_with(b"HTTP/1.1 415"), "{}", String::from_utf8_lossy(&whole));
}

#[tokio::test]
async fn a_slow_answer_takes_its_pauses() {
    let rule = FaultRule { delay_ms: 40, ..FaultRule::new("/", FaultKind::SlowBytes) };
    let before = Instant::now();
    let bytes = received(rule).await;
    // The sentence of HTTP 415 has more than one piece.
    assert!(before.elapsed().as_millis() >= 80);
    assert!(bytes.starts_with(b"HTTP/1.1 415"));
}
