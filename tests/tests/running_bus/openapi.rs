//! `/openapi.json`: valid OpenAPI 3.1, and true, as programs judge it that others wrote.

use std::fs;
use std::path::Path;

use lgsp_gateway::ROUTES;
use lgsp_tests::Bus;
use lgsp_tests::place::{self, tool};
use serde_json::{Value, json};

use crate::BUS;

/// How many seconds schemathesis may take; alone it needs some 50.
const SECONDS: u32 = 240;

/// Gets the document and puts it into a folder.
fn document(bus: &Bus, folder: &Path) -> Value {
    let answer = bus.get("/openapi.json").send().unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    fs::write(folder.join("openapi.json"), &answer.body).unwrap();
    answer.json().unwrap()
}

#[test]
fn the_document_is_valid_and_names_every_route_and_every_service() {
    let bus = &*BUS;
    let folder = tempfile::tempdir().unwrap();
    let document = document(bus, folder.path());
    assert_eq!(document["openapi"], "3.1.0");
    let judged = tool(place::python().unwrap().to_str().unwrap(), 60)
        .args(["-m", "openapi_spec_validator", "openapi.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));

    let listed = bus.get("/v1/queries").bearer(&bus.token("tracuu").unwrap()).send().unwrap();
    let listed = listed.json().unwrap();
    let services = listed["services"].as_array().unwrap();
    assert!(services.len() >= 6, "{listed}");
    for service in services {
        for part in ["request", "answer"] {
            let name = format!("service.{}.{part}", service["name"].as_str().unwrap());
            assert!(document["components"]["schemas"][&name].is_object(), "{name}");
        }
    }
}

#[test]
fn a_service_s_name_that_is_no_text_is_refused_as_documented() {
    let bus = &*BUS;
    let token = bus.token("tracuu").unwrap();
    let answer = bus.post("/v1/queries/%FF").bearer(&token).json(&json!({})).send().unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

/// On a bus of its own: other tests let the far sides fail, which nobody here should meet.
#[test]
fn schemathesis_finds_no_server_error_and_no_undocumented_answer() {
    let folder = place::scratch().unwrap();
    let bus = Bus::start_at(&folder, (0, 0), "info", &[]).unwrap();
    let work = tempfile::tempdir().unwrap();
    document(&bus, work.path());
    let schemathesis = place::python().unwrap().with_file_name("st");
    let mut command = tool(schemathesis.to_str().unwrap(), SECONDS);
    for (name, client) in [
        ("LGSP_TOKEN_MOTCUA", "motcua"),
        ("LGSP_TOKEN_TRACUU", "tracuu"),
        ("LGSP_TOKEN_VANHANH", "vanhanh"),
    ] {
        command.env(name, bus.token(client).unwrap());
    }
    let judged = command
        .arg("--config-file")
        .arg(place::root().join("tests/openapi/schemathesis.toml"))
        .args(["run", "openapi.json", "--url", bus.base_url()])
        // The same requests in every run. Several workers at once make Python 3.11 stumble.
        .args(["--generation-deterministic", "--max-examples", "15", "--workers", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-shrink"])
        .args(["--warnings", "off", "--report", "json", "--report-json-path", "report.json"])
        .current_dir(work.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{told}\n{}", String::from_utf8_lossy(&judged.stderr));

    let report = fs::read(work.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let routes = ROUTES.iter().filter(|route| route.method != "gRPC").count();
    assert_eq!(report["complete"], true, "{told}");
    assert_eq!(report["operations"]["tested"], routes, "{told}");
    assert!(report["test_cases"]["generated"].as_u64().unwrap() > 1_000, "{told}");
    // Something was at stake: requests were also accepted where a grant and a record are needed.
    for operation in [
        "POST /v1/events",
        "POST /v1/events/validate",
        "POST /v1/queries/{service}",
        "GET /v1/receipts",
    ] {
        let phases = report["valid_rates"][operation].as_object().unwrap();
        let accepted = phases.values().filter_map(|phase| phase["accepted"].as_u64());
        assert!(accepted.sum::<u64>() > 0, "{operation}: {phases:?}");
    }
    assert!(bus.stop().unwrap().success());
    fs::remove_dir_all(folder).unwrap();
}
