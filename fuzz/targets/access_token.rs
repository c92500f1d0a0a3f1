//! The `Authorization` header. `0…`: anything. `1header NUL claims`: a token with a right signature
//! over them, `KID` standing for the key's id. `2…`: a good token, changed.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use lgsp_core::Clock;
use lgsp_identity::{AUDIENCE, Identity, Principal, SigningKeys};
use lgsp_registry::Registry;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const ISSUER: &str = "http://bus";
const NOW: i64 = 1_782_000_000;

#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())
    }
}

struct Bed {
    identity: Identity,
    key: EncodingKey,
    key_id: String,
    good: String,
}

static BED: LazyLock<Bed> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let keys = SigningKeys::load_or_create(folder.path()).unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let key = EncodingKey::from_ec_der(&std::fs::read(file).unwrap());
    let key_id = keys.key_id().to_owned();
    let registry: Registry = lgsp_fuzz::sample_registry();
    let client = registry.clients().next().unwrap().id().clone();
    let identity = Identity::new(Arc::new(registry), keys, ISSUER.to_owned(), Arc::new(Standing));
    let good = identity.issue(&client).unwrap().access_token;
    assert!(identity.authenticate(Some(&format!("Bearer {good}"))).is_ok());
    let bed = Bed { identity, key, key_id, good };
    let seed = include_bytes!("../seeds/access_token/good");
    assert!(bed.caller(&seed[1..]).is_some(), "some signed claims are taken");
    bed
});

impl Bed {
    /// Signs a header and claims, and returns what was signed, with the caller if it is taken.
    fn caller(&self, input: &[u8]) -> Option<(String, Principal)> {
        let [header, claims] = lgsp_fuzz::parts(input);
        let header = String::from_utf8_lossy(header).replace("KID", &self.key_id);
        let [first, second] = [header.as_bytes(), claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{first}.{second}");
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, Algorithm::ES256);
        let token = format!("Bearer {message}.{}", signature.unwrap());
        self.identity.authenticate(Some(&token)).ok().map(|caller| (header, caller))
    }
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'1', input)) => signed(input),
        Some((b'2', changes)) => changed(changes),
        Some((_, input)) => {
            if let Ok(text) = std::str::from_utf8(input) {
                assert!(BED.identity.authenticate(Some(text)).is_err());
            }
        }
        None => {}
    }
});

fn signed(input: &[u8]) {
    let Some((header, caller)) = BED.caller(input) else { return };
    let [_, claims] = lgsp_fuzz::parts(input);
    let header: Value = serde_json::from_str(&header).unwrap();
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "ES256", "kid": BED.key_id}));
    let claims: Value = serde_json::from_slice(claims).unwrap();
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some(AUDIENCE)));
    let id = caller.client().as_str();
    assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some(id), Some(id)));
    let at = |name: &str| claims[name].as_i64();
    assert!(at("exp").unwrap() > NOW && at("exp") == Some(caller.expires_unix_seconds()));
    assert!(at("iat").unwrap() <= NOW + 5 && at("nbf").is_none_or(|begins| begins <= NOW + 5));
}

/// Changes are pairs: a place, and what is added to the byte there.
fn changed(changes: &[u8]) {
    let mut token = BED.good.clone().into_bytes();
    for change in changes.chunks_exact(2) {
        let at = usize::from(change[0]) * token.len() / 256;
        token[at] = token[at].wrapping_add(change[1]);
    }
    if token != BED.good.as_bytes()
        && let Ok(token) = std::str::from_utf8(&token)
        && token.trim_matches(' ') != BED.good
    {
        assert!(BED.identity.authenticate(Some(&format!("Bearer {token}"))).is_err());
    }
}
