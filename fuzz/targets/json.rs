//! Strict JSON: it takes what serde_json takes, as it takes it, but for members that occur twice.
#![no_main]

use lgsp_core::rule;
use lgsp_fuzz::{has_a_member_twice, tells_no_value};
use lgsp_schema::parse_strict;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let lax = serde_json::from_slice::<Value>(text);
    match parse_strict(text) {
        Ok(value) => {
            assert_eq!(Some(value), lax.ok());
            assert!(!has_a_member_twice(text));
        }
        Err(fault) => {
            tells_no_value(&fault);
            let is_twice = fault.violations[0].rule.code == rule::JSON_DUPLICATE_MEMBER.code;
            assert!(is_twice || lax.is_err());
        }
    }
});
