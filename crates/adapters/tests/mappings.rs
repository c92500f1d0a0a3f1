//! The worked mappings of `deploy/adapters/` do what they say, and what they make is valid.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lgsp_adapters::files::{Format, sample};
use lgsp_adapters::{AdapterConfig, Mapping};
use lgsp_schema::Schemas;
use serde_json::{Value, json};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/adapters")
}

fn load(name: &str) -> Mapping {
    let path = deploy().join("mappings").join(name);
    Mapping::load(&path).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn json_file(path: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn sample_of(name: &str, mapping: &Mapping) -> Vec<Value> {
    let json = deploy().join(format!("mappings/{name}.sample.json"));
    if json.exists() {
        return json_file(&json);
    }
    let path = json.with_extension("csv");
    let format = Format::Csv { separator: b',', header_row: 1 };
    let rows = sample(&path, &format, mapping, 100).unwrap();
    rows.into_iter().map(|(_, row)| row.unwrap()).collect()
}

#[test]
fn each_mapping_makes_of_its_sample_what_is_expected_and_valid() {
    let schemas = Schemas::bundled().unwrap();
    let mut names: Vec<_> = fs::read_dir(deploy().join("mappings"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["opencps", "vnpt-igate"]);
    for name in names {
        let mapping = load(&format!("{name}.toml"));
        let event_type = mapping.event_type().unwrap().to_owned();
        let made: Vec<_> = sample_of(&name, &mapping)
            .iter()
            .map(|record| mapping.apply(record).unwrap_or_else(|misfits| panic!("{misfits:?}")))
            .map(|mapped| mapped.data)
            .collect();
        let expected = json_file(&deploy().join(format!("mappings/{name}.expected.json")));
        assert_eq!(made, expected, "{name}");
        for record in made {
            let judged = schemas.judge(&event_type, None, Bytes::from(record.to_string())).unwrap();
            assert_eq!(judged.warnings(), [], "{name}");
        }
    }
}

#[test]
fn each_state_of_opencps_has_its_code_and_two_have_none() {
    let mapping = load("opencps.toml");
    let state = |state: &str| {
        let misfit =
            |misfits: Vec<lgsp_adapters::Misfit>| (misfits[0].column.clone(), misfits[0].rule.code);
        let mapped = mapping.apply(&json!({"Trạng thái": state}));
        mapped
            .map(|mapped| mapped.data["TrangThaiHoSo"].as_str().unwrap().to_owned())
            .map_err(misfit)
    };
    for (name, code) in [
        ("receiving", "1"),
        ("new", "2"),
        ("denied", "3"),
        ("processing", "4"),
        ("waiting", "5"),
        ("paying", "6"),
        ("cancelled", "7"),
        ("unresolved", "8"),
        ("releasing", "9"),
        ("done", "10"),
    ] {
        assert_eq!(state(name).as_deref(), Ok(code));
    }
    for name in ["interoperating", "posting", "0", "DONE"] {
        assert_eq!(state(name), Err(("Trạng thái".to_owned(), "code_list")), "{name}");
    }
}

#[test]
fn the_sample_configuration_has_no_faults() {
    let config = AdapterConfig::load(&deploy().join("files/so-ho-so.toml"));
    let config = config.unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(config.event_type, "lgsp.dossier.recorded.v1");
    assert_eq!(config.source(), "/agencies/H61.14/systems/motcua");
}

#[test]
fn a_configuration_tells_all_its_faults_at_once() {
    let text = r#"
[adapter]
name = "Sổ"
type = "lgsp.dossier.recorded.v1"
agency = "61"
colour = "red"
[files]
folder = ""
format = "xls"
settle_seconds = "5"
[mapping.fields]
MaHoSo = { from = 5 }
[more]
"#;
    let faults = AdapterConfig::parse(text, "so.toml", Path::new(".")).unwrap_err();
    let found = faults.iter().map(|fault| (fault.line.unwrap(), fault.key.as_str()));
    // What is missing is told at its table.
    let expected = [
        (2, "adapter.client"),
        (3, "adapter.name"),
        (5, "adapter.agency"),
        (6, "adapter.colour"),
        (8, "files.folder"),
        (9, "files.format"),
        (10, "files.settle_seconds"),
        (12, "mapping.fields.MaHoSo.from"),
        (13, "more"),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected, "{faults:#?}");
}
