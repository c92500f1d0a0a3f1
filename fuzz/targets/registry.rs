//! A registry's files, which NULs separate: agencies, clients, secrets, codes, procedures.
#![no_main]

use lgsp_core::identifier::CodeKind;
use lgsp_fuzz::parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let texts: [&[u8]; 5] = parts(input.as_bytes());
    let texts = texts.map(|text| Some(String::from_utf8_lossy(text).into_owned()));
    let [agencies, clients, secrets, codes, procedures] = texts;
    let optional = |text: Option<String>| text.filter(|text| !text.is_empty());
    let texts = [agencies, clients, secrets, optional(codes), optional(procedures)];
    match lgsp_registry::fuzzing::registry(texts) {
        Ok(registry) => {
            for client in registry.clients() {
                assert!(registry.agency(client.agency()).is_some());
                assert!(client.secret().is_some() || client.password().is_some());
            }
            for code in ["000.00.25.H61", "86", "H61.14", "28750"] {
                for kind in CodeKind::ALL {
                    registry.current_code(*kind, code, 1_782_000_000_000);
                }
            }
        }
        Err(faults) => assert!(!faults.is_empty()),
    }
});
