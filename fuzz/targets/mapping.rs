//! A mapping, NUL, a record that it is applied to.
#![no_main]

use lgsp_adapters::Mapping;
use lgsp_fuzz::parts;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let [mapping, row] = parts(input);
    let Ok(text) = std::str::from_utf8(mapping) else { return };
    let mapping = match Mapping::parse(text) {
        Ok(mapping) => mapping,
        Err(faults) => {
            assert!(!faults.is_empty());
            return;
        }
    };
    mapping.columns();
    let Ok(row) = serde_json::from_slice::<Value>(row) else { return };
    let applied = mapping.apply(&row);
    assert!(applied == mapping.apply(&row), "the same again");
    let trace = mapping.trace(&row);
    match applied {
        Ok(mapped) => {
            for field in trace.fields().iter().filter(|field| field.pointer != "time") {
                assert_eq!(
                    trace.column(&field.pointer),
                    trace.column(&format!("{}/x", field.pointer))
                );
            }
            assert!(mapped.time.is_none_or(|time| time.len() >= 10));
        }
        Err(misfits) => assert!(!misfits.is_empty()),
    }
});
