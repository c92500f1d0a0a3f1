//! The connector against far sides that fail in every way they can.

use std::future::pending;
use std::time::{Duration, Instant};

use crate::support::{FarSide, evidence, person, question, within};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::post;
use futures_util::StreamExt;
use futures_util::future::join_all;
use lgsp_query::{Leave, UpstreamError};
use lgsp_sim::platform::{LOOK_UP_PATH, TOKEN_PATH};
use serde_json::{Value, json};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn grant(expires_in: u64) -> Json<Value> {
    Json(json!({"access_token": "canary-token", "token_type": "Bearer", "expires_in": expires_in}))
}

/// Grants tokens, and answers every look-up in the same way.
fn answering(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Router {
    Router::new()
        .route(TOKEN_PATH, post(|| async { grant(3600) }))
        .route(LOOK_UP_PATH, post(move || async move { answer() }))
}

async fn outcome(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> UpstreamError {
    let far_side = FarSide::serve(answering(answer)).await;
    let error = far_side.ask(&question(&person(1))).await.unwrap_err();
    assert_eq!(far_side.counts(), (1, 1), "nothing is asked again");
    error
}

fn message(xml: &str) -> Response {
    Json(json!({"error_code": "00", "message": xml})).into_response()
}

fn contract(path: &'static str) -> UpstreamError {
    UpstreamError::Contract { path: path.into() }
}

#[tokio::test]
async fn an_answer_that_is_no_json_breaks_the_contract() {
    for text in ["", "{\"error_code\":0,\"message\":\"<", "<html>502</html>"] {
        assert_eq!(outcome(move || (JSON, text).into_response()).await, contract("answer"));
    }
    assert_eq!(outcome(|| "{}".into_response()).await, contract("http/content-type"));
    assert_eq!(
        outcome(|| Redirect::temporary("/elsewhere").into_response()).await,
        contract("http/status")
    );
}

#[tokio::test]
async fn an_answer_with_bad_xml_breaks_the_contract() {
    assert_eq!(outcome(|| message("<soapenv:Envelope><soapenv:Bo")).await, contract("message/xml"));
    let bomb = "<!DOCTYPE b [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><b>&b;</b>";
    assert_eq!(outcome(move || message(bomb)).await, contract("message/xml"));
}

#[tokio::test]
async fn another_persons_record_is_never_released() {
    let record = "<Envelope><Body><CongdanCollection><CongDan><SoDinhDanh>086190000009</SoDinhDanh></CongDan>\
                  </CongdanCollection></Body></Envelope>";
    assert_eq!(outcome(move || message(record)).await, contract("CongDan/SoDinhDanh"));
}

#[tokio::test]
async fn a_far_side_that_is_down_says_when_to_come_back() {
    let down = |what, seconds: Option<u64>| UpstreamError::Unavailable {
        what,
        retry_after: seconds.map(Duration::from_secs),
    };
    let error = outcome(|| StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    assert_eq!(error, down("http status 5xx", None));
    let error =
        outcome(|| (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")]).into_response()).await;
    assert_eq!(error, down("http status 503", Some(7)));
    let error =
        outcome(|| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response()).await;
    assert_eq!(error, down("http status 429", Some(1)));
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_nothing_of_its_text() {
    let refusal =
        || Json(json!({"error_code": 12, "message": "canary 086190000001"})).into_response();
    assert_eq!(outcome(refusal).await, UpstreamError::Refused { code: "12".into() });
    let forbidden = || (StatusCode::FORBIDDEN, "canary").into_response();
    assert_eq!(outcome(forbidden).await, UpstreamError::Refused { code: "http_403".into() });
}

#[tokio::test]
async fn an_oversized_answer_is_not_read_to_its_end() {
    // Without a length: only counting while reading stops it.
    let endless = || {
        let chunks =
            futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65_536]))
                .boxed();
        (JSON, Body::from_stream(chunks)).into_response()
    };
    assert_eq!(outcome(endless).await, contract("http/body"));
}

#[tokio::test]
async fn a_slow_far_side_is_left_at_the_deadline() {
    let slow_look_up = Router::new()
        .route(TOKEN_PATH, post(|| async { grant(3600) }))
        .route(LOOK_UP_PATH, post(pending::<StatusCode>));
    let slow_token = Router::new().route(TOKEN_PATH, post(pending::<StatusCode>));
    for routes in [slow_look_up, slow_token] {
        let far_side = FarSide::serve(routes).await;
        let (proof, asked, began) = (evidence(), question(&person(1)), Instant::now());
        let (leave, deadline) = (Leave::Recorded(&proof), within(Duration::from_millis(150)));
        let answer = far_side.population().fetch(leave, &asked, deadline).await;
        assert!(answer == Err(UpstreamError::Timeout));
        assert!(began.elapsed() < Duration::from_secs(5));
        far_side.population().warm_up(within(Duration::from_millis(1))).await;
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_asked_once_for_all_who_wait() {
    let cases = [
        (
            StatusCode::SERVICE_UNAVAILABLE,
            UpstreamError::Unavailable { what: "http status 503", retry_after: None },
        ),
        (StatusCode::UNAUTHORIZED, UpstreamError::Refused { code: "token_401".into() }),
        (StatusCode::OK, contract("http/content-type")),
    ];
    for (status, error) in cases {
        let far_side =
            FarSide::serve(Router::new().route(TOKEN_PATH, post(move || async move { status })))
                .await;
        let asked = question(&person(1));
        let answers = join_all((0..16).map(|_| far_side.ask(&asked))).await;
        assert!(answers.iter().all(|answer| *answer == Err(error.clone())));
        assert_eq!(far_side.counts(), (1, 0), "{status}");
        assert!(far_side.ask(&asked).await.is_err());
        assert_eq!(far_side.counts(), (2, 0), "who comes later tries anew");
    }
}

#[tokio::test]
async fn a_request_carries_what_the_platform_demands() {
    let routes = Router::new().route(TOKEN_PATH, post(|| async { grant(3600) })).route(
        LOOK_UP_PATH,
        post(|headers: HeaderMap, Json(body): Json<Value>| async move {
            assert_eq!(headers["authorization"], "Bearer canary-token");
            assert!(headers.contains_key("lgspaccesstoken") && !headers.contains_key("cookie"));
            assert_eq!(body["MaYeuCau"], "00000000-0000-0000-0000-000000000001");
            assert_eq!(body["MaDVC"], "1.001612");
            Json(json!({"error_code": 11, "message": ""}))
        }),
    );
    let far_side = FarSide::serve(routes).await;
    assert!(far_side.ask(&question(&person(1))).await == Err(UpstreamError::NotFound));
}

#[tokio::test]
async fn a_token_without_life_serves_its_one_question() {
    // WSO2 hands out a token that is in force already, with whatever is left of its life.
    let routes = Router::new()
        .route(TOKEN_PATH, post(|| async { grant(0) }))
        .route(LOOK_UP_PATH, post(|| async { Json(json!({"error_code": 11})) }));
    let far_side = FarSide::serve(routes).await;
    for asked in 1..=3 {
        assert!(far_side.ask(&question(&person(1))).await == Err(UpstreamError::NotFound));
        assert_eq!(far_side.counts(), (asked, asked));
    }
}
