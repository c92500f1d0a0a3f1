//! `/openapi.json`: valid OpenAPI 3.1, and true, as programs judge it that others wrote.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lgsp_gateway::ROUTES;
use lgsp_sim::enterprises::Enterprises;
use lgsp_sim::insurance::insurance_number;
use lgsp_sim::people::Population;
use lgsp_tests::place::{self, tool};
use lgsp_tests::process::wait_for;
use lgsp_tests::sample::{self, DOSSIER, SOURCE, new_id};
use lgsp_tests::{Answer, Bus};
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

/// An answer as `judge.py` reads it; the path is the document's.
fn line(path: &str, service: Option<&str>, answer: &Answer) -> String {
    let (status, headers, body) = (answer.status, &answer.headers, answer.text());
    json!({
        "method": "POST", "path": path, "service": service,
        "status": status, "headers": headers, "body": body,
    })
    .to_string()
}

/// Asks what a working day asks: events one by one and in batches, questions, packets.
fn answers(bus: &Bus) -> Vec<String> {
    let token = |client| bus.token(client).unwrap();
    let (publisher, officer) = (token("motcua"), token("tracuu"));
    let mut answers = Vec::new();
    let mut tell = |path: &str, service: Option<&str>, expected: u16, answer: &Answer| {
        assert_eq!(answer.status, expected, "{path}: {}", answer.text());
        answers.push(line(path, service, answer));
    };

    let event = |order: u32| {
        json!({
            "specversion": "1.0", "id": new_id(), "source": SOURCE, "type": DOSSIER,
            "data": sample::dossier(order),
        })
    };
    let (fine, mut broken) = (event(7001), event(7002));
    broken["data"]["MaHoSo"] = json!("x");
    let one = "application/cloudevents+json";
    let many = "application/cloudevents-batch+json";
    for (path, media, body, prefer, status) in [
        ("/v1/events", one, &fine, "", 200),
        ("/v1/events", one, &broken, "", 422),
        ("/v1/events", many, &json!([fine, event(7003)]), "", 200),
        ("/v1/events", many, &json!([event(7004), broken]), "handling=lenient", 207),
        ("/v1/events", many, &json!([event(7004), broken]), "handling=strict", 422),
        ("/v1/events/validate", one, &fine, "", 200),
        ("/v1/events/validate", many, &json!([fine]), "", 200),
        ("/v1/events/validate", many, &json!([fine, broken]), "", 422),
    ] {
        let answer = bus.post(path).bearer(&publisher).header("content-type", media);
        let answer = answer.header("prefer", prefer).body(body.to_string().as_bytes()).send();
        tell(path, None, status, &answer.unwrap());
    }

    let person = Population::new(2026).person(70_001).unwrap();
    let purpose = json!({
        "dossierCode": "H61.14-260703-0001", "procedureCode": "1.001612", "officerNumber": "CB0001",
    });
    let mut citizen = json!({
        "personalNumber": person.personal_number,
        "fullName": person.name.to_string(),
        "birthDate": person.birth.to_string(),
    });
    for (service, question) in [
        ("population", citizen.clone()),
        ("enterprise", json!({"taxCode": Enterprises::new(2026).enterprise(7).unwrap().tax_code})),
        ("enterprise-search", json!({"name": "Công ty", "limit": 3})),
        (
            "social-insurance-household",
            json!({"socialInsuranceNumber": insurance_number(person.index)}),
        ),
        ("catalogue", json!({"catalogue": "madantoc"})),
    ] {
        let body = json!({"purpose": purpose, "question": question});
        let answer = bus.post(&format!("/v1/queries/{service}")).bearer(&officer).json(&body);
        tell("/v1/queries/{service}", Some(service), 200, &answer.send().unwrap());
    }
    citizen["purpose"] = purpose;
    let look_up = "/v1/population/citizens:lookUp";
    tell(look_up, None, 200, &bus.post(look_up).bearer(&officer).json(&citizen).send().unwrap());

    let login = json!({"username": "motcua", "password": bus.secret("motcua").unwrap()});
    tell("/dvcqg/login", None, 200, &bus.post("/dvcqg/login").json(&login).send().unwrap());
    let list = json!([sample::dossier(7005), {"MaHoSo": "x"}]);
    let path = "/dvcqg/api/SynsTTHCC/DongBoHoSoMC";
    let answer = bus.post(&format!("{path}?MaDinhDanhDV=H61.14")).bearer(&publisher).json(&list);
    tell(path, None, 200, &answer.send().unwrap());
    let secret = bus.secret("motcua").unwrap();
    let answer = bus.post("/oauth2/token").user("motcua", &secret);
    let answer = answer.form("grant_type=client_credentials").send().unwrap();
    tell("/oauth2/token", None, 200, &answer);
    answers
}

#[test]
fn what_a_working_day_is_answered_has_the_documented_form() {
    let bus = &*BUS;
    let folder = tempfile::tempdir().unwrap();
    document(bus, folder.path());
    let lines = answers(bus);
    fs::write(folder.path().join("answers.jsonl"), lines.join("\n")).unwrap();
    let judged = tool(place::python().unwrap().to_str().unwrap(), 60)
        .arg(place::root().join("tests/openapi/judge.py"))
        .arg("openapi.json")
        .current_dir(folder.path())
        .stdin(fs::File::open(folder.path().join("answers.jsonl")).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
    assert_eq!(said.trim(), format!("{} answers are as documented", lines.len()));
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// On a bus of its own: other tests let the far sides fail, which nobody here should meet.
#[test]
fn schemathesis_finds_no_server_error_and_no_undocumented_answer_also_of_a_service_added_meanwhile()
{
    let (folder, work) = (place::scratch().unwrap(), tempfile::tempdir().unwrap());
    let (bundled, services) = (place::root().join("deploy/services"), folder.join("services"));
    for entry in fs::read_dir(&bundled).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            copy(&path, &services.join(path.file_name().unwrap()));
        }
    }
    let options = ["--services", services.to_str().unwrap()];
    let bus = Bus::start_at(&folder, (0, 0), "info", &options).unwrap();
    let added = "/components/schemas/service.one-more.request/properties/catalogue";
    assert_eq!(document(&bus, work.path()).pointer(added), None);
    copy(&bundled.join("catalogue"), &services.join("one-more"));
    wait_for("the new service is in the document", Duration::from_secs(30), || {
        document(&bus, work.path()).pointer(added).map(|_| ())
    })
    .unwrap();
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
