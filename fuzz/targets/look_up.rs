//! A question about a citizen, ProtoJSON; and one to any declared service.
#![no_main]

use lgsp_fuzz::tells_no_value;
use lgsp_gateway::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match fuzzing::look_up(body) {
        Ok(question) => assert!(question.body.values().all(serde_json::Value::is_string)),
        Err(fault) => tells_no_value(&fault),
    }
    if let Err(fault) = fuzzing::query(body) {
        tells_no_value(&fault);
    }
});
