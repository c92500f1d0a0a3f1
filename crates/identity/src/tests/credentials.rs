//! The token endpoint, as RFC 6749 asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{House, ISSUER, secret_of};
use crate::OAuthError;

fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{}", secret.replace(' ', "+"))))
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn a_secret_in_the_header_gets_a_token() {
    let house = House::new();
    let header = basic("motcua", &secret_of("motcua"));
    for pairs in
        [&[GRANT][..], &[GRANT, ("client_id", "motcua")], &[GRANT, ("scope", ""), ("unknown", "x")]]
    {
        let response = house.identity.exchange_credentials(Some(&header), &form(pairs)).unwrap();
        let bearer = format!("Bearer {}", response.access_token);
        assert_eq!(house.identity.authenticate(Some(&bearer)).unwrap().client().as_str(), "motcua");
        let body = serde_json::to_value(&response).unwrap();
        assert_eq!(
            body,
            json!({ "access_token": response.access_token, "token_type": "Bearer", "expires_in": 600 })
        );
    }
}

#[test]
fn a_secret_in_the_form_gets_a_token() {
    let house = House::new();
    let secret = secret_of("tracuu");
    let pairs = form(&[GRANT, ("client_id", "tracuu"), ("client_secret", &secret)]);
    assert!(house.identity.exchange_credentials(None, &pairs).is_ok());
}

#[test]
fn wrong_secret_unknown_client_and_no_credentials_look_the_same() {
    let house = House::new();
    let secret = secret_of("motcua");
    let of_another = secret_of("tracuu");
    let requests = [
        (None, form(&[GRANT])),
        (None, form(&[GRANT, ("client_id", "motcua")])),
        (None, form(&[GRANT, ("client_id", "motcua"), ("client_secret", "")])),
        (None, form(&[GRANT, ("client_id", "motcua"), ("client_secret", &of_another)])),
        (None, form(&[GRANT, ("client_id", "nobody"), ("client_secret", &secret)])),
        (None, form(&[GRANT, ("client_id", "../x"), ("client_secret", &secret)])),
        (Some(basic("motcua", "wrong")), form(&[GRANT])),
        (Some(basic("motcua", "")), form(&[GRANT])),
        (Some(basic("nobody", &secret)), form(&[GRANT])),
        (Some(format!("Basic {}", "A".repeat(9000))), form(&[GRANT])),
        (Some(house.bearer("motcua")), form(&[GRANT])),
        (Some(String::new()), form(&[GRANT])),
    ];
    for (header, pairs) in requests {
        let error = house.identity.exchange_credentials(header.as_deref(), &pairs).unwrap_err();
        assert_eq!(error, OAuthError::InvalidClient, "{header:?} {pairs:?}");
        assert_eq!(error.http_status(), 401);
        assert!(error.www_authenticate().is_some_and(|value| value.starts_with("Basic ")));
    }
}

#[test]
fn malformed_requests_are_told_what_is_wrong() {
    let house = House::new();
    let secret = secret_of("motcua");
    let header = basic("motcua", &secret);
    let credentials = [("client_id", "motcua"), ("client_secret", secret.as_str())];
    let all = |more: &[(&str, &str)]| form(&[&credentials[..], more].concat());
    let requests = [
        ("invalid_request", None, all(&[])),
        ("invalid_request", None, all(&[("grant_type", "")])),
        ("invalid_request", None, all(&[GRANT, GRANT])),
        ("invalid_request", None, all(&[GRANT, ("x", "1"), ("x", "2")])),
        ("invalid_request", None, all(&[GRANT, ("client_secret", "other")])),
        ("invalid_request", None, form(&[GRANT, ("client_secret", &secret)])),
        ("invalid_request", Some(&header), all(&[GRANT])),
        ("invalid_request", Some(&header), form(&[GRANT, ("client_id", "tracuu")])),
        ("unsupported_grant_type", None, all(&[("grant_type", "password")])),
        ("unsupported_grant_type", None, all(&[("grant_type", "CLIENT_CREDENTIALS")])),
        ("invalid_scope", None, all(&[GRANT, ("scope", "everything")])),
    ];
    for (code, header, pairs) in requests {
        let error =
            house.identity.exchange_credentials(header.map(String::as_str), &pairs).unwrap_err();
        assert_eq!(error.code(), code, "{pairs:?}");
        assert_eq!((error.http_status(), error.www_authenticate()), (400, None));
        let body = serde_json::to_value(error).unwrap();
        assert_eq!(body, json!({ "error": code, "error_description": error.to_string() }));
        assert!(!body.to_string().contains(&secret));
    }
}

#[test]
fn discovery_names_the_configured_issuer() {
    let house = House::new();
    let document = house.identity.discovery();
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["token_endpoint"], format!("{ISSUER}/oauth2/token"));
    assert_eq!(document["jwks_uri"], format!("{ISSUER}/oauth2/jwks"));
    assert!(house.identity.jwks()["keys"][0]["d"].is_null(), "the private part stays here");
    assert!(!format!("{:?}", house.identity).contains("secret"));
}
