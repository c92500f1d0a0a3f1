//! Lets in who bears a token in force and the keys of the known system: before every service.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use super::trouble::{self, Trouble};
use super::{Platform, tokens};

/// Refuses a bad token with HTTP 401, an unknown system with HTTP 200 in the service's own form.
pub(super) async fn admit(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    platform.hold_back().await;
    if !platform.tokens.admit(request.headers()) {
        return refuse_token();
    }
    if !tokens::is_known_system(&platform.config, request.headers()) {
        let path = request.uri().path();
        return Json(trouble::in_own_form(path, Trouble::UnknownSystem)).into_response();
    }
    next.run(request).await
}

/// Refuses a token that is unknown or too old.
pub(super) fn refuse_token() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    (StatusCode::UNAUTHORIZED, challenge, Json(json!({"error": "invalid_token"}))).into_response()
}
