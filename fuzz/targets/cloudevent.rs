//! One CloudEvent in the structured form.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;
use lgsp_fuzz::{content_type, is_what_stands_in, tells_no_value};
use libfuzzer_sys::fuzz_target;

static HEADERS: LazyLock<HeaderMap> =
    LazyLock::new(|| content_type("application/cloudevents+json"));

fuzz_target!(|body: &[u8]| {
    let events = lgsp_gateway::fuzzing::events(&HEADERS, &Bytes::copy_from_slice(body)).unwrap();
    assert_eq!(events.len(), 1);
    for event in events {
        match event {
            Ok(event) => is_what_stands_in(&event, body),
            Err(fault) => tells_no_value(&fault),
        }
    }
});
