//! A released schema never changes: clients have been told its `dataschema`, and records in the log
//! were judged by it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lgsp_core::digest::{hex, sha256};
use lgsp_schema::Schemas;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// Reads the list, which `sha256sum -c` understands too: file → digest.
fn released() -> BTreeMap<String, String> {
    let list = fs::read_to_string(folder().join("released.sha256")).unwrap();
    list.lines()
        .map(|line| {
            let (digest, file) = line.split_once("  ").unwrap();
            (file.to_owned(), digest.to_owned())
        })
        .collect()
}

#[test]
fn a_released_schema_has_not_changed() {
    let released = released();
    assert!(!released.is_empty());
    for (file, digest) in released {
        let content = fs::read(folder().join(&file));
        let unchanged = content.as_ref().is_ok_and(|content| hex(&sha256(content)) == digest);
        assert!(
            unchanged,
            "schemas/{file} was released and has changed or gone; restore it and make a new minor \
             version beside it"
        );
    }
}

#[test]
fn every_version_but_the_newest_is_released() {
    let released = released();
    let schemas = Schemas::bundled().unwrap();
    let kinds: Vec<_> = schemas.kinds().collect();
    for pair in kinds.windows(2) {
        let [older, newer] = pair else { continue };
        if older.event_type() == newer.event_type() {
            let (name, _) = older.event_type().rsplit_once(".v").unwrap();
            let file = format!("{name}/v{}.json", older.version());
            assert!(released.contains_key(&file), "{file} is not in schemas/released.sha256");
        }
    }
}
