//! OAuth 2.0: the token endpoint, the key set, discovery.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lgsp_identity::OAuthError;

use crate::json;
use crate::routes::Gateway;

/// `POST /oauth2/token`.
pub(crate) async fn token(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let answer = match form {
        Ok(Form(form)) => gateway.identity.exchange_credentials(authorization(&headers), &form),
        Err(_) => Err(OAuthError::InvalidRequest(
            "the body must be a form: application/x-www-form-urlencoded",
        )),
    };
    let mut response = match answer {
        Ok(token) => match serde_json::to_vec(&token) {
            Ok(bytes) => json::respond(StatusCode::OK, bytes),
            Err(_) => {
                json::respond(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"server_error"}"#)
            }
        },
        Err(error) => refusal(&error),
    };
    // RFC 6749, section 5.1.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn refusal(error: &OAuthError) -> Response {
    let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json::respond(status, serde_json::to_vec(error).unwrap_or_default());
    if let Some(challenge) = error.www_authenticate() {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// `GET /oauth2/jwks`.
pub(crate) async fn jwks(State(gateway): State<Gateway>) -> Response {
    json::respond(StatusCode::OK, gateway.identity.jwks().to_string())
}

/// `GET /.well-known/openid-configuration`.
pub(crate) async fn discovery(State(gateway): State<Gateway>) -> Response {
    json::respond(StatusCode::OK, gateway.identity.discovery().to_string())
}

/// Returns the Authorization header where there is exactly one, in plain text.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
