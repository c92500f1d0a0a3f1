//! The house in order: who depends on whom, where a status is chosen, how long files are.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lgsp_tests::{golden, place};

/// The longest a Rust file may be, in lines.
const LONGEST: usize = 500;

/// The rooms by layer; a room knows those before it, and of its own layer only where that is said.
const LAYERS: [&[&str]; 5] = [
    &["core", "telemetry"],
    &["proto", "schema", "registry", "identity", "lag", "audit"],
    &["ingest", "query"],
    &["kafka", "store", "upstream", "adapters", "gateway", "sim"],
    &["lgsp"],
];

/// Within its own layer a room knows no other, but for these.
const NEIGHBOURS: [(&str, &str); 1] = [("identity", "registry")];

/// What each room depends on, by the names of rooms.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms = BTreeMap::new();
    for folder in fs::read_dir(place::root().join("crates")).unwrap() {
        let manifest = fs::read_to_string(folder.unwrap().path().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let room = |name: &str| name.strip_prefix("lgsp-").unwrap_or(name).to_owned();
        let known = manifest.get("dependencies").and_then(toml::Value::as_table);
        let known = known.into_iter().flat_map(|known| known.keys());
        let known = known.filter(|name| name.starts_with("lgsp-")).map(|name| room(name)).collect();
        rooms.insert(room(manifest["package"]["name"].as_str().unwrap()), known);
    }
    rooms
}

#[test]
fn rooms_know_whom_they_should_and_nobody_else() {
    let lines = rooms().into_iter().map(|(room, known)| {
        format!("{room}: {}\n", known.into_iter().collect::<Vec<_>>().join(" "))
    });
    golden::compare("rooms.txt", &lines.collect::<String>()).unwrap();
}

#[test]
fn no_room_knows_a_later_layer_or_its_neighbour() {
    let layer = |room: &str| {
        let found = LAYERS.iter().position(|layer| layer.contains(&room));
        found.unwrap_or_else(|| panic!("{room} is new: give it its layer"))
    };
    let rooms = rooms();
    assert_eq!(rooms.len(), LAYERS.concat().len());
    for (room, known) in &rooms {
        for other in known {
            let allowed = layer(other) < layer(room) || NEIGHBOURS.contains(&(room, other));
            assert!(allowed, "{room} must not know {other}");
        }
    }
}

/// Every Rust file that people write.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<_> =
        ["crates", "proto", "tests"].map(|name| place::root().join(name)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("generated") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(place::root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 100, "{} files", found.len());
    found
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = sources()
        .iter()
        .map(|(path, text)| (path.clone(), text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .collect();
    assert_eq!(long, [], "more than {LONGEST} lines: split them by what they are about");
}

#[test]
fn a_grpc_status_is_chosen_in_one_place() {
    let constructors = [
        "ok",
        "cancelled",
        "unknown",
        "invalid_argument",
        "deadline_exceeded",
        "not_found",
        "already_exists",
        "permission_denied",
        "resource_exhausted",
        "failed_precondition",
        "aborted",
        "out_of_range",
        "unimplemented",
        "internal",
        "unavailable",
        "data_loss",
        "unauthenticated",
        "new",
        "with_details",
        "with_metadata",
        "from_error",
    ];
    // Tests play servers of all kinds.
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests");
    let is_elsewhere = |path: &Path| !path.starts_with("crates/proto") && !is_test(path);
    let mut checked = 0;
    for (path, text) in sources().iter().filter(|(path, _)| is_elsewhere(path)) {
        checked += 1;
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            let converts = line.contains(" for tonic::Status") || line.contains(" for Status ");
            assert!(!(line.contains("impl From<") && converts), "{place}: use lgsp_proto::status");
            for word in line.split("Status::").skip(1) {
                // `std::process::ExitStatus`, `lgsp_lag::Status` and the like have other words.
                let called = constructors.iter().any(|name| word.starts_with(&format!("{name}(")));
                let foreign = line.contains("ExitStatus::") || line.contains("ServingStatus::");
                assert!(!called || foreign, "{place}: use lgsp_proto::status");
            }
        }
    }
    assert!(checked > 50);
    let table = fs::read_to_string(place::root().join("crates/proto/src/status.rs")).unwrap();
    assert!(table.contains("Status::with_details("), "this is what the search would find");
}
