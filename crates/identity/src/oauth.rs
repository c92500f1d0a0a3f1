//! The token request: RFC 6749, sections 2.3.1 (client authentication), 3.2 and 5.2 (errors).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::token::MAX_AUTHORIZATION_BYTES;

/// Base64 of the Basic scheme; some clients leave the padding out.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A refusal of the token endpoint (RFC 6749, 5.2). Serializes as its JSON body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The request is malformed; carries what about it.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The client is unknown, its secret is wrong or none was sent.
    #[error("client authentication failed")]
    InvalidClient,
    /// Another grant type than `client_credentials`.
    #[error("the only grant type is client_credentials")]
    UnsupportedGrantType,
    /// A scope was asked for; grants stand in the registry instead.
    #[error("there are no scopes; leave the parameter out")]
    InvalidScope,
    /// The bus could not sign the token.
    #[error("the token could not be made; try again")]
    ServerError,
}

impl OAuthError {
    /// Returns the value of `error`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
        }
    }

    /// Tells whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::ServerError)
    }

    /// Returns the HTTP status that the RFC prescribes.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::InvalidRequest(_) | Self::UnsupportedGrantType | Self::InvalidScope => 400,
            Self::InvalidClient => 401,
            Self::ServerError => 500,
        }
    }

    /// Returns the value of the `WWW-Authenticate` header, which a 401 must have.
    pub const fn www_authenticate(&self) -> Option<&'static str> {
        match self {
            Self::InvalidClient => Some("Basic realm=\"lgsp\", charset=\"UTF-8\""),
            Self::InvalidRequest(_)
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::ServerError => None,
        }
    }
}

impl Serialize for OAuthError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(Some(2))?;
        body.serialize_entry("error", self.code())?;
        // The RFC allows printable ASCII without quotes and backslashes, so no Vietnamese.
        body.serialize_entry("error_description", &self.to_string())?;
        body.end()
    }
}

/// How many parameters a token request may have; those of all grants together are fewer.
const MAX_PARAMETERS: usize = 16;

/// What a client sent to prove who it is. Not `Debug`: it holds a secret.
pub(crate) struct Presented {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// Reads a token request up to, and without, the judgement of the secret.
pub(crate) fn read_request(
    authorization: Option<&str>,
    form: &[(String, String)],
) -> Result<Presented, OAuthError> {
    if form.len() > MAX_PARAMETERS {
        return Err(OAuthError::InvalidRequest("too many parameters"));
    }
    for (index, (name, _)) in form.iter().enumerate() {
        if form.iter().skip(index + 1).any(|(other, _)| other == name) {
            return Err(OAuthError::InvalidRequest("a parameter occurs more than once"));
        }
    }
    let presented = presented(authorization, form)?;
    match parameter(form, "grant_type") {
        None => return Err(OAuthError::InvalidRequest("grant_type is missing")),
        Some("client_credentials") => {}
        Some(_) => return Err(OAuthError::UnsupportedGrantType),
    }
    if parameter(form, "scope").is_some() {
        return Err(OAuthError::InvalidScope);
    }
    Ok(presented)
}

/// Returns a parameter; one without a value counts as left out (RFC 6749, 3.2).
fn parameter<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}

/// Takes the credentials from the header or from the form, not from both.
fn presented(
    authorization: Option<&str>,
    form: &[(String, String)],
) -> Result<Presented, OAuthError> {
    let (id, secret) = (parameter(form, "client_id"), parameter(form, "client_secret"));
    match (authorization, secret) {
        (Some(_), Some(_)) => {
            Err(OAuthError::InvalidRequest("the client authenticates in two ways; use one"))
        }
        (Some(header), None) => {
            let presented = basic(header).ok_or(OAuthError::InvalidClient)?;
            // An id alone is no second way, but it must not name another client.
            match id {
                Some(id) if id != presented.client_id => Err(OAuthError::InvalidRequest(
                    "client_id names another client than the Authorization header",
                )),
                _ => Ok(presented),
            }
        }
        (None, Some(secret)) => {
            let id = id.ok_or(OAuthError::InvalidRequest("client_id is missing"))?;
            Ok(Presented { client_id: id.to_owned(), client_secret: secret.to_owned() })
        }
        (None, None) => Err(OAuthError::InvalidClient),
    }
}

/// Reads `Basic <base64>`, whose halves are form-encoded before they are joined (RFC 6749, 2.3.1).
fn basic(header: &str) -> Option<Presented> {
    if header.len() > MAX_AUTHORIZATION_BYTES {
        return None;
    }
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(BASIC.decode(encoded.trim_matches(' ')).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some(Presented { client_id: form_decoded(id)?, client_secret: form_decoded(secret)? })
}

/// Decodes `application/x-www-form-urlencoded` text; `None` where a `%` lacks its two digits.
fn form_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decodes_both_halves_of_the_basic_scheme() {
        let header = format!("bAsIc  {}", BASIC.encode("mot%2Dcua:a%3Ab+c%25"));
        let presented = basic(&header).unwrap();
        assert_eq!(
            (presented.client_id.as_str(), presented.client_secret.as_str()),
            ("mot-cua", "a:b c%")
        );
    }

    #[test]
    fn refuses_broken_percent_encoding_and_broken_base64() {
        for text in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(form_decoded(text), None, "{text}");
        }
        for header in ["Basic", "Basic ", "Basic !!", "Basic bW90Y3Vh", "Bearer bW90Y3Vh", ""] {
            assert!(basic(header).is_none(), "{header}");
        }
        assert!(
            basic(&format!("Basic {}", BASIC.encode(format!("id:{}", "s".repeat(8192))))).is_none()
        );
    }

    #[test]
    fn descriptions_keep_to_the_characters_of_the_rfc() {
        let errors = [
            OAuthError::InvalidRequest(
                "client_id names another client than the Authorization header",
            ),
            OAuthError::InvalidClient,
            OAuthError::UnsupportedGrantType,
            OAuthError::InvalidScope,
            OAuthError::ServerError,
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && !b"\"\\".contains(&byte)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_request_makes_the_reader_panic(header in "(Basic )?\\PC{0,60}", names in prop::collection::vec("\\PC{0,12}", 0..6)) {
            let form: Vec<_> = names.into_iter().map(|name| (name.clone(), name)).collect();
            drop(read_request(Some(&header), &form));
            drop(form_decoded(&header));
            drop(basic(&format!("Basic {}", BASIC.encode(&header))));
        }
    }
}
