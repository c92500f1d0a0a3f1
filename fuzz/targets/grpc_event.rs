//! gRPC's messages: `0`: an event; else a dead letter.
#![no_main]

use bytes::Bytes;
use lgsp_fuzz::{tells_no_attribute, tells_no_value};
use lgsp_gateway::fuzzing::{grpc_event, grpc_letter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, message)) = input.split_first() else { return };
    let message = Bytes::copy_from_slice(message);
    let fault = match kind {
        b'0' => match grpc_event(message) {
            Some(Ok(event)) => {
                assert_eq!(event.adapter, "grpc");
                tells_no_attribute(&event);
                None
            }
            Some(Err(fault)) => Some(fault),
            None => None,
        },
        _ => grpc_letter(message).and_then(Result::err),
    };
    if let Some(fault) = fault {
        tells_no_value(&fault);
    }
});
