//! An adapter's configuration.
#![no_main]

use std::path::Path;

use lgsp_adapters::AdapterConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match AdapterConfig::parse(text, "adapter.toml", Path::new("/nonexistent")) {
        Ok(config) => assert!(config.source().starts_with("/agencies/")),
        Err(faults) => {
            assert!(!faults.is_empty());
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            let own = faults.iter().filter(|fault| fault.file == "adapter.toml");
            assert!(own.filter_map(|fault| fault.line).all(|line| (1..=lines).contains(&line)));
        }
    }
});
