//! Far sides fail: each declared service against a national platform that is down, slow or lying.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lgsp_audit::Entry;
use lgsp_sim::enterprises::Enterprises;
use lgsp_sim::insurance::insurance_number;
use lgsp_sim::people::{Gender, Population};
use lgsp_tests::curl::Curl;
use lgsp_tests::process::{wait_for, wait_until};
use lgsp_tests::sample::{self, new_id};
use lgsp_tests::{Answer, Bus, kcat, place};
use serde_json::{Value, json};

/// The dossier that every question names.
const DOSSIER: &str = "H61.14-260703-9001";

/// A service, a question that it answers, and what it says to it.
struct Asked {
    service: &'static str,
    /// The path at the far side.
    path: &'static str,
    procedure: &'static str,
    question: Value,
    /// The status where all is well: the simulator knows no dossier that nobody submitted.
    status: u16,
}

fn services() -> Vec<Asked> {
    let person = Population::new(2026).person(4_242).unwrap();
    let (name, birth) = (person.name.to_string(), person.birth.to_string());
    let gender = if person.gender == Gender::Male { "1" } else { "2" };
    let asked = |service, path, question| Asked {
        service,
        path,
        procedure: "1.001612",
        question,
        status: 200,
    };
    vec![
        asked(
            "population",
            "/dancu/1.0/traCuuThongTinCongDan",
            json!({"personalNumber": person.personal_number, "fullName": name, "birthDate": birth}),
        ),
        asked(
            "enterprise",
            "/apiCSDLDKDN/1.0/chiTietDoanhNghiep",
            json!({"taxCode": Enterprises::new(2026).enterprise(7).unwrap().tax_code}),
        ),
        asked(
            "enterprise-search",
            "/apiCSDLDKDN/1.0/danhSachDoanhNghiep",
            json!({"name": "Công ty", "limit": 3}),
        ),
        asked(
            "social-insurance-number",
            "/apiBHXH/1.0/getMaSoBhxhTheoTieuChi",
            json!({"fullName": name, "birthDate": birth, "gender": gender}),
        ),
        asked(
            "social-insurance-household",
            "/apiBHXH/1.0/getTraCuuTtHgdByMaSoBhxh",
            json!({"socialInsuranceNumber": insurance_number(person.index)}),
        ),
        Asked {
            status: 404,
            ..asked(
                "civil-status-status",
                "/apiHoTichTuPhap/1.0/traTrangThaiHoSo",
                json!({"registrationUnit": 12_345, "dossierCode": DOSSIER}),
            )
        },
        Asked {
            procedure: "2.000815",
            status: 404,
            ..asked(
                "judicial-record-status",
                "/apiLyLichTuPhap/1.0/traTrangThaiHs",
                json!({"requestCode": DOSSIER, "identityNumber": "086190000001", "infoType": "1"}),
            )
        },
    ]
}

struct Province {
    bus: Bus,
    platform: String,
    token: String,
}

impl Province {
    fn start() -> Self {
        let bus = Bus::start().unwrap();
        let run = fs::read(bus.data_dir().join("run.json")).unwrap();
        let run: Value = serde_json::from_slice(&run).unwrap();
        let platform = run["platform"].as_str().unwrap().to_owned();
        let mut dossier = sample::dossier(9001);
        dossier["MaHoSo"] = json!(DOSSIER);
        dossier["TrangThaiHoSo"] = json!("4");
        let sender = bus.token("motcua").unwrap();
        let data = dossier.to_string();
        let sent = bus.publish(&sender, &new_id(), sample::DOSSIER, data.as_bytes()).unwrap();
        assert_eq!(sent.status, 200, "{}", sent.text());
        let token = bus.token("tracuu").unwrap();
        Self { bus, platform, token }
    }

    fn prepared(&self, asked: &Asked) -> Curl {
        self.bus.post(&format!("/v1/queries/{}", asked.service)).bearer(&self.token).json(&json!({
            "purpose": {
                "dossierCode": DOSSIER, "procedureCode": asked.procedure, "officerNumber": "CB0001",
            },
            "question": asked.question,
        }))
    }

    fn ask(&self, asked: &Asked) -> Answer {
        self.prepared(asked).send().unwrap()
    }

    fn trouble(&self, path: &str, kind: &str, delay_ms: u32) {
        let rules = json!([{ "path": path, "kind": kind, "delay_ms": delay_ms }]);
        let set = Curl::new("PUT", &format!("{}/sim/faults", self.platform)).json(&rules);
        assert_eq!(set.send().unwrap().status, 204);
    }

    fn mend(&self) {
        let mended = Curl::new("DELETE", &format!("{}/sim/faults", self.platform)).send().unwrap();
        assert!(mended.status < 300, "{}", mended.text());
    }
}

fn code(answer: &Answer) -> String {
    answer.json().unwrap()["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_service_tells_what_became_of_its_far_side_and_answers_again_when_it_is_back() {
    let province = Province::start();
    // The trouble, and what the caller hears.
    let troubles = [
        ("http_500", 503, "upstream_unavailable"),
        ("maintenance", 503, "upstream_unavailable"),
        ("reset", 503, "upstream_unavailable"),
        ("malformed", 502, "upstream_contract"),
        ("truncated", 502, "upstream_contract"),
        ("wrong_content_type", 502, "upstream_contract"),
    ];
    for asked in services() {
        let well = province.ask(&asked);
        assert_eq!(well.status, asked.status, "{}: {}", asked.service, well.text());
        for (kind, status, expected) in troubles {
            province.trouble(asked.path, kind, 0);
            let answer = province.ask(&asked);
            let place = format!("{} {kind}: {}", asked.service, answer.text());
            assert_eq!((answer.status, code(&answer).as_str()), (status, expected), "{place}");
            let waits = answer.header("retry-after").is_some();
            assert_eq!(waits, status == 503, "{place}");
            province.mend();
            assert_eq!(province.ask(&asked).status, asked.status, "{place}");
        }
        // A far side's token that grew too old is renewed, and nobody hears of it.
        province.trouble(asked.path, "expired_token", 0);
        assert_eq!(code(&province.ask(&asked)), "upstream_refused", "{}", asked.service);
        province.trouble(asked.path, "latency", 3_000);
        let slow = province.prepared(&asked).header("grpc-timeout", "500m").send().unwrap();
        assert_eq!((slow.status, code(&slow).as_str()), (504, "upstream_timeout"));
        province.mend();
        assert_eq!(province.ask(&asked).status, asked.status);
    }
    every_fetch_has_an_earlier_intent(&province);
}

/// Compares what the simulated platform was asked with the evidence.
fn every_fetch_has_an_earlier_intent(province: &Province) {
    let counted = Curl::new("GET", &format!("{}/sim/requests", province.platform)).send().unwrap();
    let counted: BTreeMap<String, u64> = serde_json::from_slice(&counted.body).unwrap();
    let entries = wait_for("every intent has its outcome", Duration::from_secs(10), || {
        let records = kcat::read(province.bus.kafka(), "lgsp.audit.v1").unwrap();
        let (entries, broken) = lgsp_audit::verify(records.iter().map(|one| one.value.as_slice()));
        assert_eq!(broken, [], "the chain holds");
        let intents = entries.iter().filter(|entry| matches!(entry, Entry::Intent(_))).count();
        (intents * 2 == entries.len()).then_some(entries)
    })
    .unwrap();
    for asked in services() {
        let intents = entries.iter().filter(
            |entry| matches!(entry, Entry::Intent(intent) if intent.service == asked.service),
        );
        let (intents, fetches) = (intents.count() as u64, counted[asked.path]);
        // A refused token is renewed and the question sent once more, under the same intent.
        assert!(intents >= 10, "{}: {intents}", asked.service);
        assert!(fetches <= intents + 1, "{}: {fetches} of {intents}", asked.service);
    }
}

#[test]
fn a_far_side_that_hangs_fills_its_own_places_and_no_other_s() {
    let province = Province::start();
    let services = services();
    let find = |name| services.iter().find(|asked| asked.service == name).unwrap();
    let (hanging, other) = (find("social-insurance-household"), find("enterprise"));
    assert_eq!(province.ask(hanging).status, 200);
    province.trouble(hanging.path, "latency", 6_000);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // More callers than it has places, who never give up.
        for _ in 0..40 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    province.ask(hanging);
                }
            });
        }
        wait_until("its places are full", Duration::from_secs(40), || {
            let answer = province.prepared(hanging).header("grpc-timeout", "200m").send().unwrap();
            answer.status == 429 && answer.header("retry-after").is_some()
        })
        .unwrap();
        for _ in 0..20 {
            assert_eq!(province.ask(other).status, 200, "the others do not feel it");
        }
        over.store(true, Ordering::Relaxed);
    });
    province.mend();
    assert_eq!(province.ask(hanging).status, 200);
}

#[test]
fn a_catalogue_is_answered_from_before_where_its_far_side_is_down() {
    let province = Province::start();
    let ask = |catalogue: &str| {
        let body = json!({"question": {"catalogue": catalogue}});
        province
            .bus
            .post("/v1/queries/catalogue")
            .bearer(&province.token)
            .json(&body)
            .send()
            .unwrap()
    };
    let first = ask("madantoc").json().unwrap();
    assert_eq!(first["meta"]["cached"], false);
    province.trouble("/dmdc/", "http_500", 0);
    let second = ask("madantoc").json().unwrap();
    assert_eq!((&second["meta"]["cached"], &second["answer"]), (&json!(true), &first["answer"]));
    assert_eq!(second["meta"]["asOf"], first["meta"]["asOf"], "it says how old it is");
    assert_eq!(ask("matongiao").status, 503);
}

/// A simulated platform on its own; it ends with the value.
struct Platform {
    child: Child,
    folder: PathBuf,
    url: String,
}

impl Platform {
    fn start() -> Self {
        let folder = place::scratch().unwrap();
        let mut child = lgsp_tests::bus::lgsp()
            .unwrap()
            .args(["sim", "--port", "0", "--data-dir"])
            .arg(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("ready ").unwrap().to_owned();
        Self { child, folder, url }
    }

    /// Declares it as a carrier.
    fn declared(&self, name: &str) -> String {
        let file = |name: &str| self.folder.join("secrets").join(name);
        let secret = |name: &str| fs::read_to_string(file(name)).unwrap().trim_end().to_owned();
        format!(
            "[carriers.{name}]\nbase_url = \"{}\"\ntoken_path = \"/token\"\nconsumer_key = \"{}\"\n\
             consumer_secret_file = \"{}\"\naccess_key = \"{}\"\nsecret_key_file = \"{}\"\n\
             app_name = \"lgsp\"\npartner_code = \"H61\"\nunit = \"H61\"\n",
            self.url,
            secret("platform-consumer-key"),
            file("platform-consumer-secret").display(),
            secret("platform-access-key"),
            file("platform-secret-key").display(),
        )
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Copies the declared services of this repository.
fn copied_services() -> PathBuf {
    let folder = place::scratch().unwrap();
    let declared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/services");
    for entry in fs::read_dir(declared).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            let to = folder.join(entry.file_name());
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(entry.path()).unwrap().map(Result::unwrap) {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    folder
}

#[test]
fn another_carrier_takes_over_under_load_and_no_client_notices() {
    let (ndxp, ndop) = (Platform::start(), Platform::start());
    let folder = copied_services();
    let carriers = folder.join("carriers.toml");
    let declare = |chosen: &str| {
        let text =
            format!("carrier = \"{chosen}\"\n{}{}", ndxp.declared("ndxp"), ndop.declared("ndop"));
        fs::write(&carriers, text).unwrap();
    };
    declare("ndxp");
    let bus = Bus::start_in(&place::scratch().unwrap(), &["--services", folder.to_str().unwrap()])
        .unwrap();
    let token = bus.token("tracuu").unwrap();
    let services = services();
    let asked = services.iter().find(|asked| asked.service == "enterprise").unwrap();
    let body = json!({
        "purpose": {"procedureCode": "1.001612", "officerNumber": "CB0001"},
        "question": asked.question,
    });
    let ask = || {
        let answer = bus.post("/v1/queries/enterprise").bearer(&token).json(&body).send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json().unwrap()["meta"]["carrier"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(), "ndxp");
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    ask();
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // A file with a fault changes nothing, and neither does one that is half written.
        fs::write(&carriers, "carrier = \"ndop\"\n[carriers.nd").unwrap();
        wait_until("the fault is told", Duration::from_secs(20), || {
            bus.log().unwrap().contains("those before stay in force")
        })
        .unwrap();
        assert_eq!(ask(), "ndxp");
        declare("ndop");
        wait_until("the other carries", Duration::from_secs(20), || ask() == "ndop").unwrap();
        for _ in 0..20 {
            assert_eq!(ask(), "ndop");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) >= 20, "there was a load");
}
