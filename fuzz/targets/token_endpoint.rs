//! The token endpoint: lines of headers, NUL, the form.
#![no_main]

use std::sync::{Arc, LazyLock, Once};

use bytes::Bytes;
use lgsp_core::SystemClock;
use lgsp_fuzz::{headers, parts, sample_registry, secret_of};
use lgsp_identity::{Identity, SigningKeys};
use libfuzzer_sys::fuzz_target;

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let keys = SigningKeys::load_or_create(folder.path()).unwrap();
    let issuer = "http://bus".to_owned();
    Identity::new(Arc::new(sample_registry()), keys, issuer, Arc::new(SystemClock))
});

fuzz_target!(|input: &[u8]| {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        let seed = include_bytes!("../seeds/token_endpoint/post");
        assert!(is_granted(seed), "some requests are granted");
    });
    is_granted(input);
});

fn is_granted(input: &[u8]) -> bool {
    let [head, body] = parts(input);
    let head = headers(head);
    let Some((authorization, form)) =
        lgsp_gateway::fuzzing::token_request(&head, Bytes::copy_from_slice(body))
    else {
        return false;
    };
    match IDENTITY.exchange_credentials(authorization, &form) {
        Ok(token) => {
            let value = |name| form.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            let secret = value("client_id").map(|id| secret_of(id));
            let in_form = value("client_secret") == secret.as_ref() && secret.is_some();
            assert!(in_form != authorization.is_some(), "one way, with the secret");
            assert!(form.contains(&("grant_type".to_owned(), "client_credentials".to_owned())));
            let token = format!("Bearer {}", token.access_token);
            IDENTITY.authenticate(Some(&token)).is_ok()
        }
        Err(error) => {
            assert!(matches!(error.http_status(), 400 | 401));
            false
        }
    }
}
