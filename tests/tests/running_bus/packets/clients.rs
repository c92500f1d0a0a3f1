//! Existing software, as a client in Python that needs nothing but Python's own library.

use std::process::{Command, Output};

use lgsp_tests::{place, sample};
use serde_json::{Value, json};

use super::{step, stored};
use crate::BUS;

/// Runs the client on files with these records.
fn run(style: &str, agency: &str, dossiers: &[Value], steps: &[Value]) -> Output {
    let (bus, folder) = (&*BUS, tempfile::tempdir().unwrap());
    let write = |name: &str, records: &[Value]| {
        let path = folder.path().join(name);
        std::fs::write(&path, json!(records).to_string()).unwrap();
        path
    };
    Command::new(place::python().unwrap())
        .arg(place::root().join("tests/clients/dvcqg.py"))
        .args(["--url", &format!("{}/dvcqg", bus.base_url()), "--username", "motcua"])
        .args(["--agency", agency, "--style", style, "--password-file"])
        .arg(bus.secret_file("motcua"))
        .arg("--dossiers-file")
        .arg(write("dossiers.json", dossiers))
        .arg("--progress-file")
        .arg(write("steps.json", steps))
        .output()
        .unwrap()
}

/// Lists the calls: service, `isUpdating`, code.
fn calls(output: &Output) -> Vec<(String, String, String)> {
    let calls: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let call = |call: &Value| {
        (text(&call["service"]), text(&call["isUpdating"]), text(&call["answer"]["error_code"]))
    };
    calls.iter().map(call).collect()
}

fn told<'a>(calls: &'a [(String, String, String)]) -> Vec<(&'a str, &'a str, &'a str)> {
    let texts = |(a, b, c): &'a (String, String, String)| (a.as_str(), b.as_str(), c.as_str());
    calls.iter().map(texts).collect()
}

#[test]
fn software_that_asks_first_chooses_between_new_and_update() {
    let (bus, code) = (&*BUS, sample::dossier_code(5021));
    let mut later = sample::dossier(5021);
    later["TrangThaiHoSo"] = json!("9");
    let output = run("ask", "H61.14", &[sample::dossier(5021), later], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        told(&calls(&output)),
        [
            ("TraCuuHoSo", "", "0"),
            ("LayThuTuc", "", "0"),
            ("DongBoHoSoMC", "False", "0"),
            ("TraCuuHoSo", "", "0"),
            ("LayThuTuc", "", "0"),
            ("DongBoHoSoMC", "True", "0"),
        ]
    );
    assert_eq!(stored(bus, &code).len(), 2);
}

#[test]
fn software_that_tries_sends_what_exists_as_an_update_and_progress_in_tens() {
    let bus = &*BUS;
    for (style, order) in [("try", 5022), ("list", 5023)] {
        let mut later = sample::dossier(order);
        later["TrangThaiHoSo"] = json!("9");
        let steps: Vec<_> =
            (1..=23).map(|number| step(order, "4", &format!("bước {number}"))).collect();
        let output = run(style, "H61.14", &[sample::dossier(order), later], &steps);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(
            told(&calls(&output)),
            [
                ("DongBoHoSoMC", "False", "0"),
                ("DongBoHoSoMC", "False", "3"),
                ("DongBoHoSoMC", "True", "0"),
                ("CapNhatTienDoHoSoMC", "", "0"),
                ("CapNhatTienDoHoSoMC", "", "0"),
                ("CapNhatTienDoHoSoMC", "", "0"),
            ],
            "{style}"
        );
        let records = stored(bus, &sample::dossier_code(order));
        assert_eq!(records.len(), 25, "{style}");
        let texts = records.iter().skip(2).map(|record| {
            serde_json::from_slice::<Value>(&record.value).unwrap()["NoiDungXuLy"].clone()
        });
        let expected = (1..=23).map(|number| json!(format!("bước {number}")));
        assert!(texts.eq(expected), "in order, {style}");
    }
}

#[test]
fn software_is_told_what_is_wrong_with_a_record() {
    let mut broken = sample::dossier(5024);
    broken["MaHoSo"] = json!("5024");
    let output = run("try", "H61.14", &[broken], &[]);
    assert_eq!(output.status.code(), Some(1));
    let calls: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answer = &calls[0]["answer"];
    assert_eq!(answer["error_code"], "422");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("/MaHoSo: ") && message.contains("YYMMDD"), "{message}");
    assert_eq!(answer["result"][0]["MaHoSo"], "", "a malformed code is not repeated");
}
