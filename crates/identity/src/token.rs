//! Access tokens: made in the form of RFC 9068, judged as RFC 8725 asks.
//!
//! The bus takes its own tokens only, and therefore takes them literally: one algorithm, one
//! header form, one audience. The judgement has one outcome for every cause of refusal.

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use lgsp_core::identifier::ClientId;
use lgsp_registry::Client;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::IdentityError;
use crate::identity::AUDIENCE;
use crate::keys::SigningKeys;

/// How long an access token lasts, in seconds.
pub const TOKEN_LIFETIME_SECONDS: i64 = 600;

/// How long a session of the packet protocol lasts, in seconds. One-stop software keeps a session
/// for ten minutes from when it got it, by its own clock, and does not try again: the session must
/// outlast that.
pub const SESSION_LIFETIME_SECONDS: i64 = 900;

/// How far the clocks of two machines of the bus may be apart, in seconds.
///
/// It applies to the beginning of a token. Its end is exact: callers count on it.
const CLOCK_SKEW_SECONDS: i64 = 5;

/// Larger values of the Authorization header are refused unread.
pub(crate) const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;

/// The media type of a JWT access token (RFC 9068, 2.1).
const TOKEN_TYPE: &str = "at+jwt";

/// The answer of the token endpoint (RFC 6749, 5.1). `Debug` hides the token.
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    /// The token, to be sent as `Authorization: Bearer <token>`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds until the token ends.
    pub expires_in: i64,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// The claims of RFC 9068, 2.2, and the client's agency for whoever reads a token elsewhere.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    agency: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: String,
}

/// The header that the bus writes. Any other parameter is refused, whatever it means: `crit`,
/// and above all those that bring a key along (`jwk`, `jku`, `x5c`, `x5u`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnHeader {
    typ: String,
    alg: String,
    kid: String,
}

/// What a token says that was made here and is in its time.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) client: ClientId,
    pub(crate) expires_unix_seconds: i64,
    pub(crate) token_id: String,
}

/// Makes a token for a client.
pub(crate) fn mint(
    keys: &SigningKeys,
    issuer: &str,
    client: &Client,
    now: i64,
    lifetime_seconds: i64,
) -> Result<TokenResponse, IdentityError> {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(keys.key_id().to_owned());
    let claims = Claims {
        iss: issuer.to_owned(),
        aud: AUDIENCE.to_owned(),
        // A client acts for nobody but itself (RFC 9068, 2.2).
        sub: client.id().as_str().to_owned(),
        client_id: client.id().as_str().to_owned(),
        agency: client.agency().as_str().to_owned(),
        iat: now,
        exp: now.saturating_add(lifetime_seconds),
        nbf: None,
        jti: Uuid::new_v4().to_string(),
    };
    let access_token = jsonwebtoken::encode(&header, &claims, &keys.signing)
        .map_err(|_| IdentityError::Signing)?;
    Ok(TokenResponse { access_token, token_type: "Bearer", expires_in: lifetime_seconds })
}

/// Judges a token; `None` whatever is wrong with it.
pub(crate) fn verify(
    keys: &SigningKeys,
    validation: &Validation,
    token: &str,
    now: i64,
) -> Option<Verified> {
    let header = own_header(token)?;
    if header.typ != TOKEN_TYPE || header.alg != "ES256" || header.kid != keys.key_id() {
        return None;
    }
    let claims = jsonwebtoken::decode::<Claims>(token, &keys.verifying, validation).ok()?.claims;
    let latest_beginning = now.saturating_add(CLOCK_SKEW_SECONDS);
    let has_begun = claims.iat <= latest_beginning
        && claims.nbf.is_none_or(|begins| begins <= latest_beginning);
    if !has_begun || claims.exp <= now || claims.sub != claims.client_id {
        return None;
    }
    let client = ClientId::parse(&claims.client_id).ok()?;
    Some(Verified { client, expires_unix_seconds: claims.exp, token_id: claims.jti })
}

/// Says what jsonwebtoken is to check: signature, algorithm, issuer, audience.
///
/// It asks the machine's clock for the time, so its check is off and [`verify`] does it.
pub(crate) fn validation(issuer: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    validation.required_spec_claims =
        HashSet::from(["iss", "aud", "sub", "exp"].map(str::to_owned));
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

/// Reads the token of an `Authorization: Bearer <token>` (RFC 6750, 2.1).
pub(crate) fn bearer(authorization: &str) -> Option<&str> {
    if authorization.len() > MAX_AUTHORIZATION_BYTES {
        return None;
    }
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

fn own_header(token: &str) -> Option<OwnHeader> {
    let mut parts = token.split('.');
    let (header, _claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}
