//! The loader: whole declarations, and every fault of broken ones.

mod limits;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::Carrier;

/// Carriers that are open and lead nowhere; the secrets end with the folder.
pub(crate) fn carriers() -> (Carriers, TempDir) {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "canary-secret\n").unwrap();
    let carrier = |name: &str| Carrier {
        name: name.into(),
        base_url: "http://127.0.0.1:9".into(),
        token_path: "/token".into(),
        consumer_key: "province".into(),
        consumer_secret_file: secret.clone(),
        access_key: "access".into(),
        secret_key_file: secret.clone(),
        app_name: "lgsp".into(),
        partner_code: "000.00.00.H61".into(),
        unit: "H61".into(),
    };
    (Carriers::open("ndxp", vec![carrier("ndxp"), carrier("ndop")]).unwrap(), folder)
}

fn deployed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/services")
}

/// A folder with one service, of these texts.
fn folder(service: &str, request: &str, answer: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("enterprise");
    fs::create_dir(&place).unwrap();
    for (file, text) in FILES.into_iter().zip([service, request, answer]) {
        fs::write(place.join(file), text).unwrap();
    }
    folder
}

/// The keys of all faults of a service whose declaration is changed.
fn faults_after(change: impl FnOnce(String) -> String) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(deployed().join("enterprise").join(file)).unwrap();
    let [service, request, answer] = FILES.map(read);
    let changed = change(service.clone());
    assert_ne!(changed, service, "the change found nothing");
    let folder = folder(&changed, &request, &answer);
    let faults = load(folder.path(), &carriers().0).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.key).collect()
}

#[test]
fn every_bundled_service_loads_and_is_the_one_of_the_folder() {
    let (carriers, _secrets) = carriers();
    let told = |services: Vec<Service>| -> Vec<String> {
        services.iter().map(|service| format!("{service:?} {:?}", service.release)).collect()
    };
    let bundled = told(bundled(&carriers).unwrap());
    assert_eq!(bundled.len(), 8);
    assert_eq!(bundled, told(load(&deployed(), &carriers).unwrap()));
    assert!(bundled.iter().all(|service| service.contains("carrier: \"ndxp\"")));
}

#[test]
fn every_service_about_someone_demands_a_purpose_and_says_whom_it_is_about() {
    for service in bundled(&carriers().0).unwrap() {
        assert_eq!(service.is_open_data, service.purpose.is_empty(), "{}", service.name);
        let is_named = service.subject.is_some() || service.name == "enterprise-search";
        assert_eq!(service.is_open_data, !is_named, "{}", service.name);
        for form in [&service.request, &service.answer] {
            let schema: serde_json::Value = serde_json::from_slice(form.document()).unwrap();
            assert!(!schema["examples"].as_array().unwrap().is_empty(), "{}", service.name);
        }
    }
}

#[test]
fn a_service_names_another_carrier_in_one_line() {
    let read = |file: &str| fs::read_to_string(deployed().join("enterprise").join(file)).unwrap();
    let [service, request, answer] = FILES.map(read);
    let folder = folder(&format!("carrier = \"ndop\"\n{service}"), &request, &answer);
    let services = load(folder.path(), &carriers().0).unwrap();
    assert_eq!(services[0].upstream.carrier(), "ndop");
}

#[test]
fn every_fault_of_every_service_is_told_at_once() {
    let (carriers, _secrets) = carriers();
    let folder = folder(
        "title = { vi = \"x\" }\nconfidence = \"sure\"\npurpose = [\"curiosity\"]\nsecret = \"canary\"\n\
         patience_ms = 1\nat_once = 0\ncarrier = \"nobody\"\n[release]\nfields = [\"nothing\"]\n\
         [connector]\nkind = \"rest\"\nmethod = \"PUT\"\npath = \"x?y\"\nquery = { a = { from = \"b\", id = true } }\n\
         success = { at = \"Status\", is = [] }\n[connector.answer]\nname = { at = \"/N\", form = \"date\", each = {} }\n",
        "{\"type\": \"object\"}",
        "{",
    );
    fs::create_dir(folder.path().join("another")).unwrap();
    let faults = load(folder.path(), &carriers).unwrap_err();
    let of = |file: &str| -> Vec<&str> {
        let of_file = faults.iter().filter(|fault| fault.file == file);
        of_file.map(|fault| fault.key.as_str()).collect()
    };
    assert_eq!(of("another/service.toml").len(), 1);
    assert_eq!(of("another/answer.schema.json").len(), 1);
    assert_eq!(of("enterprise/request.schema.json"), ["/$schema"]);
    assert_eq!(of("enterprise/answer.schema.json"), [""]);
    let mut keys = of("enterprise/service.toml");
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "at_once",
            "carrier",
            "confidence",
            "connector.answer.name",
            "connector.answer.name.each",
            "connector.answer.name.form",
            "connector.method",
            "connector.path",
            "connector.query.a",
            "connector.query.a.from",
            "connector.success.at",
            "connector.success.is",
            "patience_ms",
            "purpose[1]",
            "secret",
            "title.en",
        ]
    );
    let told: String = faults.iter().map(ToString::to_string).collect();
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn declaration_and_schemas_must_speak_of_the_same_fields() {
    let keys = faults_after(|service| service.replace("\"shortName\"", "\"shortname\""));
    assert_eq!(keys, ["release.fields[3]"]);
    let keys =
        faults_after(|service| service.replace("subject = \"/taxCode\"", "subject = \"/x\""));
    assert_eq!(keys, ["subject"]);
    let keys =
        faults_after(|service| service.replace("from = \"/taxCode\"", "from = \"/taxcode\""));
    assert_eq!(keys, ["connector"]);
    let keys = faults_after(|service| service.replace("\ncapital =", "\nkapital ="));
    assert_eq!(keys, ["connector"]);
    let officer =
        |service: String| service.replace("query = {", "query = { o = { purpose = \"reason\" }, ");
    assert_eq!(faults_after(officer), ["connector"]);
}

#[test]
fn nobodys_record_is_kept_and_open_data_has_no_purpose() {
    let keep = |service: String| format!("cache = {{ fresh_ms = 1, stale_ms = 0 }}\n{service}");
    assert_eq!(faults_after(keep), ["cache", "cache"]);
    assert_eq!(
        faults_after(|service| format!("require_open_dossier = true\n{service}")),
        ["require_open_dossier"]
    );
    let mask = |service: String| {
        service.replace("[connector]\n", "[release.masked]\nname = \"year\"\n\n[connector]\n")
    };
    assert_eq!(faults_after(mask), ["release.masked.name"]);
}

#[test]
fn the_carriers_of_the_example_load_beside_the_services() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let (services, secrets) = (folder.path().join("services"), folder.path().join("secrets"));
    fs::create_dir(&secrets).unwrap();
    for name in
        ["ndxp-consumer-secret", "ndxp-secret-key", "ndop-consumer-secret", "ndop-secret-key"]
    {
        fs::write(secrets.join(name), "secret").unwrap();
    }
    for name in names(&deployed()).unwrap() {
        fs::create_dir_all(services.join(&name)).unwrap();
        for file in FILES {
            let at = |folder: &Path| folder.join(&name).join(file);
            fs::copy(at(&deployed()), at(&services)).unwrap();
        }
    }
    let carriers = services.join(Carriers::FILE);
    fs::copy(deployed().join(Carriers::FILE), &carriers).unwrap();
    let carriers = Carriers::load(&carriers).unwrap();
    assert_eq!(load(&services, &carriers).map(|services| services.len()), Ok(8));
}

#[test]
fn an_outage_begins_before_it_ends_and_says_in_which_zone() {
    let with = |from: &str, until: &str| {
        let line = format!("outage = {{ from = \"{from}\", until = \"{until}\" }}\n");
        faults_after(|service| line.clone() + &service)
    };
    let (evening, morning) = ("2026-12-05T20:00:00+07:00", "2026-12-06T04:00:00+07:00");
    assert_eq!(with(evening, morning), [""; 0]);
    assert_eq!(with(morning, evening), ["outage"]);
    assert_eq!(with("2026-12-05 20:00", "x"), ["outage.from", "outage.until"]);
}

#[test]
fn a_folder_that_cannot_be_a_service_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("Enterprise")).unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    let (carriers, _secrets) = carriers();
    assert_eq!(load(folder.path(), &carriers).unwrap_err().len(), 1);
    assert!(load(&folder.path().join("none"), &carriers).is_err());
}

#[test]
fn the_deployed_carriers_lack_nothing_but_their_secrets() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let file = deployed().join(Carriers::FILE);
    let Err(crate::SetUpError::Faults(faults)) = Carriers::load(&file) else {
        panic!("there are no secrets beside the file");
    };
    assert!(faults.len() == 4 && faults.iter().all(|fault| fault.key.ends_with("_file")));
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let (services, secrets) = (folder.path().join("services"), folder.path().join("secrets"));
    fs::create_dir(&services).unwrap();
    fs::create_dir(&secrets).unwrap();
    for name in
        ["ndxp-consumer-secret", "ndxp-secret-key", "ndop-consumer-secret", "ndop-secret-key"]
    {
        fs::write(secrets.join(name), "secret").unwrap();
    }
    let copy = services.join(Carriers::FILE);
    fs::write(&copy, &text).unwrap();
    let carriers = Carriers::load(&copy).unwrap();
    assert_eq!(carriers.names().collect::<Vec<_>>(), ["ndop", "ndxp"]);
    for (from, to, keys) in [
        ("carrier = \"ndxp\"", "carrier = \"ndx\"", vec!["carrier"]),
        (
            "unit = ",
            "units = ",
            vec!["carriers.ndxp", "carriers.ndxp.units", "carriers.ndop", "carriers.ndop.units"],
        ),
    ] {
        fs::write(&copy, text.replace(from, to)).unwrap();
        let Err(crate::SetUpError::Faults(faults)) = Carriers::load(&copy) else { panic!("{to}") };
        let found: Vec<_> =
            faults.iter().map(|fault| fault.key.trim_end_matches(".unit")).collect();
        assert_eq!(found, keys);
    }
}

#[test]
fn the_example_of_the_readme_is_a_service() {
    let readme = fs::read_to_string(deployed().join("README.md")).unwrap();
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let schema = |names: &[&str]| {
        let members = names
            .iter()
            .map(|name| (*name, serde_json::json!({"type": ["string", "array", "object"]})));
        let mut members: serde_json::Map<_, _> =
            members.map(|(name, schema)| (name.to_owned(), schema)).collect();
        members["sampleCode"] = serde_json::json!({"type": "string"});
        serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "required": ["sampleCode"], "properties": members,
        })
        .to_string()
    };
    let request = schema(&["sampleCode", "bornOn"]);
    let answer = schema(&["sampleCode", "name", "bornOn", "phone", "owners", "address"]);
    let folder = folder(example, &request, &answer);
    assert_eq!(load(folder.path(), &carriers().0).map(|services| services.len()), Ok(1));
}
