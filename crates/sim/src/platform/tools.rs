//! The simulator's own tools, on the same listener: rules of faults, and how many requests came.
//! Without any admission: they are served on a loopback address alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::put;
use serde_json::json;

use super::Platform;
use super::faults::FaultRule;
use super::paths::{FAULTS_PATH, REQUESTS_PATH};

/// How many requests came, by the path of the service; a catalogue's name is not told apart.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<BTreeMap<String, u64>>);

/// Makes the tools' routes.
pub(super) fn routes() -> Router<Arc<Platform>> {
    Router::new()
        .route(FAULTS_PATH, put(put_faults).get(get_faults).delete(delete_faults))
        .route(REQUESTS_PATH, axum::routing::get(get_requests).delete(delete_requests))
}

/// Counts a request, before anything can happen to it.
pub(super) async fn count(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        let mut counts = platform.requests.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(path.as_str().to_owned()).or_default() += 1;
    }
    next.run(request).await
}

async fn put_faults(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let fault = match serde_json::from_slice::<Vec<FaultRule>>(&body) {
        Err(error) => Some(error.to_string()),
        Ok(rules) if rules.len() > FaultRule::MOST => Some("there are too many rules".to_owned()),
        Ok(rules) => match rules.iter().find_map(FaultRule::fault) {
            Some(fault) => Some(fault.to_owned()),
            None => {
                platform.faults.replace(rules);
                None
            }
        },
    };
    match fault {
        Some(fault) => (StatusCode::BAD_REQUEST, Json(json!({"error": fault}))).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn get_faults(State(platform): State<Arc<Platform>>) -> Response {
    Json(platform.faults.list()).into_response()
}

async fn delete_faults(State(platform): State<Arc<Platform>>) -> StatusCode {
    platform.faults.replace(Vec::new());
    StatusCode::NO_CONTENT
}

async fn get_requests(State(platform): State<Arc<Platform>>) -> Response {
    let counts = platform.requests.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Json(counts).into_response()
}

async fn delete_requests(State(platform): State<Arc<Platform>>) -> StatusCode {
    platform.requests.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    StatusCode::NO_CONTENT
}
