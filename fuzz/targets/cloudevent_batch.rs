//! A batch of CloudEvents: each must be read as if it had come alone.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;
use lgsp_core::Fault;
use lgsp_fuzz::{content_type, is_what_stands_in, tells_no_value};
use lgsp_gateway::fuzzing::events;
use lgsp_ingest::Submission;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

static BATCH: LazyLock<HeaderMap> =
    LazyLock::new(|| content_type("application/cloudevents-batch+json"));
static ONE: LazyLock<HeaderMap> = LazyLock::new(|| content_type("application/cloudevents+json"));

fuzz_target!(|body: &[u8]| {
    let found = match events(&BATCH, &Bytes::copy_from_slice(body)) {
        Ok(found) => found,
        Err(fault) => {
            tells_no_value(&fault);
            let is_batch =
                serde_json::from_slice::<Vec<Value>>(body).is_ok_and(|all| all.len() <= 1000);
            assert!(!is_batch, "{:?}", fault.code);
            return;
        }
    };
    let elements: Vec<Box<RawValue>> = serde_json::from_slice(body).expect("a list");
    assert_eq!(elements.len(), found.len());
    for (element, found) in elements.iter().zip(found) {
        let element = element.get().as_bytes();
        let alone = events(&ONE, &Bytes::copy_from_slice(element)).unwrap().pop().unwrap();
        match (found, alone) {
            (Ok(found), Ok(alone)) => {
                is_what_stands_in(&found, element);
                assert_eq!(told(&found), told(&alone));
            }
            (Err(found), Err(alone)) => {
                tells_no_value(&found);
                assert_eq!(code(&found), code(&alone));
            }
            (found, alone) => panic!("{:?}, alone {:?}", found.is_ok(), alone.is_ok()),
        }
    }
});

fn told(event: &Submission) -> impl PartialEq + std::fmt::Debug {
    let Submission { spec_version, id, source, event_type, subject, .. } = event.clone();
    let Submission { time, data_schema, content_type, extensions, data, .. } = event.clone();
    let first = (spec_version, id, source, event_type, subject);
    (first, (time, data_schema, content_type, extensions, data))
}

fn code(fault: &Fault) -> impl PartialEq + std::fmt::Debug {
    let violations = fault.violations.iter().map(|it| (it.pointer.clone(), it.rule.code));
    (fault.code, violations.collect::<Vec<_>>())
}
