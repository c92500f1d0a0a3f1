//! The population database's answer: `m` and the XML of its message; or the whole body.
#![no_main]

use lgsp_upstream::fuzzing::answer;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const NUMBER: &str = "086190000001";

fuzz_target!(|input: &[u8]| {
    let body = match input.split_first() {
        Some((b'm', xml)) => json!({"error_code": "0", "message": String::from_utf8_lossy(xml)})
            .to_string()
            .into_bytes(),
        _ => input.to_vec(),
    };
    if let Ok(fetched) = answer(&body, NUMBER, &["11".to_owned()]) {
        let number = fetched.record.get("personalNumber").and_then(serde_json::Value::as_str);
        assert_eq!(number, Some(NUMBER));
    }
});
