//! A question about a citizen, ProtoJSON.
#![no_main]

use lgsp_fuzz::tells_no_value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match lgsp_gateway::fuzzing::look_up(body) {
        Ok(question) => assert_eq!(question.personal_number.as_str().len(), 12),
        Err(fault) => tells_no_value(&fault),
    }
});
