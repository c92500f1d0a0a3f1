//! Tokens that must not be taken, each differing in one thing from one that is.

use std::fs;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use lgsp_core::ErrorCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{House, ISSUER, START, client};

/// The header of a good token.
fn header(house: &House) -> Value {
    json!({ "typ": "at+jwt", "alg": "ES256", "kid": house.identity.jwks()["keys"][0]["kid"] })
}

/// The claims of a good token.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "urn:lgsp:bus", "sub": "motcua", "client_id": "motcua", "agency": "H61.14",
        "iat": START, "exp": START + 600, "jti": "a-token",
    })
}

/// Sets one member, or removes it where the value is `null`.
fn with(mut object: Value, member: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
    }
    object
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Signs with the bus's own key: what is wrong is not the signature.
fn signed(house: &House, header: &Value, claims: &Value) -> String {
    let key = fs::read(house.folder.path().join("keys/token-signing-key.p8")).unwrap();
    signed_with(&EncodingKey::from_ec_der(&key), Algorithm::ES256, header, claims)
}

fn signed_with(key: &EncodingKey, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    let input = signing_input(header, claims);
    let signature = jsonwebtoken::crypto::sign(input.as_bytes(), key, algorithm).unwrap();
    format!("Bearer {input}.{signature}")
}

fn public_point(house: &House) -> Vec<u8> {
    let jwk = &house.identity.jwks()["keys"][0];
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    [vec![4], coordinate("x"), coordinate("y")].concat()
}

/// A key of the attacker's own.
fn foreign_key() -> EncodingKey {
    let folder = tempfile::tempdir().unwrap();
    let keys = crate::SigningKeys::load_or_create(folder.path()).unwrap();
    keys.signing.clone()
}

#[test]
fn takes_a_good_token_and_tells_who_calls() {
    let house = House::new();
    let principal =
        house.identity.authenticate(Some(&signed(&house, &header(&house), &claims()))).unwrap();
    assert_eq!((principal.client().as_str(), principal.agency().as_str()), ("motcua", "H61.14"));
    assert_eq!((principal.expires_unix_seconds(), principal.token_id()), (START + 600, "a-token"));
    let spelt = house.bearer("motcua").replacen("Bearer ", "bEARER  ", 1);
    assert_eq!(house.identity.authenticate(Some(&spelt)).unwrap().client().as_str(), "motcua");
}

#[test]
fn issues_tokens_in_the_form_of_rfc_9068() {
    let house = House::new();
    let response = house.identity.issue(&client("motcua")).unwrap();
    assert_eq!((response.token_type, response.expires_in), ("Bearer", 600));
    let parts: Vec<Value> = response
        .access_token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], header(&house));
    assert_eq!(with(parts[1].clone(), "jti", Value::Null), with(claims(), "jti", Value::Null));
    assert_ne!(house.principal("motcua").token_id(), house.principal("motcua").token_id());
    assert!(!format!("{response:?}").contains(&response.access_token));
    assert_eq!(house.identity.issue(&client("nobody")).unwrap_err().code(), "unknown_client");
}

#[test]
fn refuses_every_attack_in_the_same_way() {
    let house = House::new();
    let good = signed(&house, &header(&house), &claims());
    assert!(house.identity.authenticate(Some(&good)).is_ok(), "else the table proves nothing");

    let by_claim = |member: &str, value: Value| {
        signed(&house, &header(&house), &with(claims(), member, value))
    };
    let by_header = |member: &str, value: Value| {
        signed(&house, &with(header(&house), member, value), &claims())
    };
    let none = with(header(&house), "alg", json!("none"));
    let hs256 = with(header(&house), "alg", json!("HS256"));
    let public_key = EncodingKey::from_secret(&public_point(&house));
    let jwk = house.identity.jwks()["keys"][0].clone();
    let token = good.strip_prefix("Bearer ").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let tampered =
        URL_SAFE_NO_PAD.encode(with(claims(), "client_id", json!("vanhanh")).to_string());

    let attacks = [
        ("empty", String::new()),
        ("scheme alone", "Bearer".to_owned()),
        ("scheme and nothing", "Bearer ".to_owned()),
        ("no scheme", token.to_owned()),
        ("other scheme", format!("Basic {token}")),
        ("duplicate scheme", format!("Bearer {good}")),
        ("two tokens", format!("{good} {token}")),
        ("two values joined", format!("{good}, {good}")),
        ("huge token", format!("{good}{}", "A".repeat(8192))),
        ("huge token, signed here", by_claim("jti", json!("j".repeat(8192)))),
        ("huge header", by_header("typ", json!("at+jwt".repeat(2000)))),
        ("two parts", format!("Bearer {}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.{}", parts[2])),
        ("padding", format!("{good}=")),
        ("not base64", format!("Bearer {}.{}.%%%", parts[0], parts[1])),
        ("alg none, no signature", format!("Bearer {}.", signing_input(&none, &claims()))),
        (
            "alg none, old signature",
            format!("Bearer {}.{}", signing_input(&none, &claims()), parts[2]),
        ),
        ("alg None", by_header("alg", json!("None"))),
        (
            "HS256 with the public key",
            signed_with(&public_key, Algorithm::HS256, &hs256, &claims()),
        ),
        (
            "HS256 said to be ES256",
            signed_with(&public_key, Algorithm::HS256, &header(&house), &claims()),
        ),
        ("alg ES384", by_header("alg", json!("ES384"))),
        ("foreign key", signed_with(&foreign_key(), Algorithm::ES256, &header(&house), &claims())),
        ("foreign key brought along", {
            let header = with(header(&house), "jwk", jwk.clone());
            signed_with(&foreign_key(), Algorithm::ES256, &header, &claims())
        }),
        ("own key brought along", by_header("jwk", jwk)),
        ("key by address", by_header("jku", json!("https://evil.example/jwks"))),
        ("certificate by address", by_header("x5u", json!("https://evil.example/cert"))),
        ("certificate brought along", by_header("x5c", json!([]))),
        ("critical extension", by_header("crit", json!(["exp"]))),
        ("empty critical extension", by_header("crit", json!([]))),
        ("unencoded payload", by_header("b64", json!(false))),
        ("typ JWT", by_header("typ", json!("JWT"))),
        ("typ of an id token", by_header("typ", json!("id_token+jwt"))),
        ("no typ", by_header("typ", Value::Null)),
        ("unknown kid", by_header("kid", json!("another"))),
        ("no kid", by_header("kid", Value::Null)),
        ("no alg", by_header("alg", Value::Null)),
        ("tampered payload", format!("Bearer {}.{tampered}.{}", parts[0], parts[2])),
        ("no signature", format!("Bearer {}.{}.", parts[0], parts[1])),
        ("signature of zeros", {
            format!("Bearer {}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64]))
        }),
        ("wrong issuer", by_claim("iss", json!("https://evil.example"))),
        ("no issuer", by_claim("iss", Value::Null)),
        ("wrong audience", by_claim("aud", json!("urn:other"))),
        ("audience among others", by_claim("aud", json!(["urn:lgsp:bus", "urn:other"]))),
        ("no audience", by_claim("aud", Value::Null)),
        ("expired", by_claim("exp", json!(START))),
        ("no end", by_claim("exp", Value::Null)),
        ("end as text", by_claim("exp", json!("9999999999"))),
        ("not yet begun", by_claim("nbf", json!(START + 6))),
        ("issued in the future", by_claim("iat", json!(START + 6))),
        ("another subject", by_claim("sub", json!("vanhanh"))),
        ("no subject", by_claim("sub", Value::Null)),
        ("no client", by_claim("client_id", Value::Null)),
        ("a client that does not exist", {
            let claims = with(with(claims(), "sub", json!("nobody")), "client_id", json!("nobody"));
            signed(&house, &header(&house), &claims)
        }),
        ("a malformed client", {
            let claims = with(with(claims(), "sub", json!("../x")), "client_id", json!("../x"));
            signed(&house, &header(&house), &claims)
        }),
    ];
    let reference = house.identity.authenticate(None).unwrap_err();
    assert_eq!(reference.code, ErrorCode::Unauthenticated);
    for (attack, authorization) in attacks {
        assert_eq!(
            house.identity.authenticate(Some(&authorization)),
            Err(reference.clone()),
            "{attack}"
        );
    }
}

#[test]
fn a_token_ends_on_the_second() {
    let house = House::new();
    let bearer = house.bearer("motcua");
    house.clock.0.store(START + 599, Ordering::SeqCst);
    assert!(house.identity.authenticate(Some(&bearer)).is_ok());
    house.clock.0.store(START + 600, Ordering::SeqCst);
    assert!(house.identity.authenticate(Some(&bearer)).is_err());
}

#[test]
fn a_clock_that_is_five_seconds_behind_still_takes_new_tokens() {
    let house = House::new();
    let bearer = house.bearer("motcua");
    house.clock.0.store(START - 5, Ordering::SeqCst);
    assert!(house.identity.authenticate(Some(&bearer)).is_ok());
    house.clock.0.store(START - 6, Ordering::SeqCst);
    assert!(house.identity.authenticate(Some(&bearer)).is_err());
}

#[test]
fn the_registry_outranks_the_token() {
    let house = House::new();
    let (moved, left) = (house.bearer("motcua"), house.bearer("vanhanh"));
    let path = house.folder.path().join("registry/clients.toml");
    let clients = fs::read_to_string(&path).unwrap();
    let clients = clients
        .replacen("agency = \"H61.14\"", "agency = \"H61.36\"", 1)
        .replace("\"vanhanh\"", "\"another\"");
    fs::write(&path, clients).unwrap();
    let path = house.folder.path().join("registry/client-secrets.toml");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("vanhanh =", "another =")).unwrap();

    let identity = house.reopened();
    assert_eq!(identity.authenticate(Some(&moved)).unwrap().agency().as_str(), "H61.36");
    assert!(identity.authenticate(Some(&left)).is_err());
    // A caller of a stream that outlived its client's place in the registry.
    assert!(identity.permit_operate(&house.principal("vanhanh")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_taken_for_a_token(text in "\\PC{0,60}", at in 0usize..500) {
        let house = House::new();
        let mut broken: Vec<char> = house.bearer("motcua").chars().collect();
        let good = broken.clone();
        let at = at.min(broken.len());
        broken.splice(at..(at + 1).min(good.len()), text.chars());
        let (broken, good): (String, String) = (broken.into_iter().collect(), good.into_iter().collect());
        // White space around the token and the scheme's case are not part of it.
        prop_assume!(broken.split_whitespace().next_back() != good.split_whitespace().next_back());
        prop_assert!(house.identity.authenticate(Some(&broken)).is_err());
        prop_assert!(house.identity.authenticate(Some(&text)).is_err());
    }
}
