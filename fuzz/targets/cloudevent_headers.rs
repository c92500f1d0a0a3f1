//! A request for `POST /v1/events` as it comes: lines of headers, NUL, the body.
#![no_main]

use bytes::Bytes;
use lgsp_fuzz::{headers, parts, tells_no_attribute, tells_no_value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [head, body] = parts(input);
    let head = headers(head);
    match lgsp_gateway::fuzzing::events(&head, &Bytes::copy_from_slice(body)) {
        Ok(events) => {
            for event in &events {
                match event {
                    Ok(event) => {
                        tells_no_attribute(event);
                        let is_binary = event.data == body;
                        assert!(is_binary || event.data.len() < body.len());
                    }
                    Err(fault) => tells_no_value(fault),
                }
            }
        }
        Err(fault) => tells_no_value(&fault),
    }
});
