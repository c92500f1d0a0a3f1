//! What a declaration may not say, and what a question may not ask, though its form is right.

use super::*;

#[test]
fn open_data_is_about_nobody() {
    let open = |service: String| format!("open_data = true\n{service}");
    let keys = faults_after(open);
    assert_eq!(keys, ["purpose", "subject", "connector"]);
    let nobody = |service: String| {
        open(service)
            .replace("purpose = [\"procedure\", \"officer\"]\n", "")
            .replace("subject = \"/taxCode\"\n", "")
    };
    assert_eq!(faults_after(nobody), ["connector"], "equals");
    let free = |service: String| nobody(service).replace(", equals = \"/taxCode\"", "");
    assert_eq!(faults_after(free), [""; 0]);
    for part in ["dossier", "procedure", "officer", "reason"] {
        for optional in ["", ", optional = true", ", optional = \"empty\""] {
            let taken = format!("query = {{ o = {{ purpose = \"{part}\"{optional} }}, ");
            let keys = faults_after(|service| free(service).replace("query = {", &taken));
            assert_eq!(keys, ["connector"], "{part}{optional}");
        }
    }
    let nested = |service: String| {
        let line = "each.code = { at = \"/CODE\"";
        free(service).replace(line, &format!("{line}, equals = \"/taxCode\""))
    };
    assert_eq!(faults_after(nested), ["connector"], "an equals within a list");
}

#[test]
fn rows_are_taken_as_they_are_of_open_data_alone() {
    let capital = "at = \"/MainInformation/CAPITAL_AMOUNT\", form = ";
    let rows = |service: String| {
        service.replace(&format!("{capital}\"number\""), &format!("{capital}\"rows\""))
    };
    assert_eq!(faults_after(rows), ["connector"]);
    let nested = |service: String| {
        service.replace("at = \"/AMOUNT\", form = \"number\"", "at = \"/AMOUNT\", form = \"rows\"")
    };
    assert_eq!(faults_after(nested), ["connector"]);
}

#[test]
fn what_an_equals_names_is_a_required_member_of_the_question() {
    let read = |file: &str| fs::read_to_string(deployed().join("enterprise").join(file)).unwrap();
    let [service, request, answer] = FILES.map(read);
    let service = service.replace(
        "fields.street = { at = \"/StreetNumber\"",
        "fields.street = { at = \"/StreetNumber\", equals = \"/street\"",
    );
    let with = |required: &str| {
        let request = request
            .replace("\"required\": [\"taxCode\"]", &format!("\"required\": [{required}]"))
            .replace("\"properties\": {", "\"properties\": {\"street\": {\"type\": \"string\"},")
            .replace(
                "\"taxCode\": \"1500999906\"",
                "\"taxCode\": \"1500999906\", \"street\": \"1\"",
            );
        let folder = folder(&service, &request, &answer);
        let faults = load(folder.path(), &carriers().0).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>()
    };
    assert_eq!(with("\"taxCode\", \"street\""), [""; 0]);
    assert_eq!(with("\"taxCode\""), ["connector"]);
}

#[test]
fn a_subject_is_a_required_text() {
    let read =
        |file: &str| fs::read_to_string(deployed().join("judicial-record-status").join(file));
    let [service, request, answer] = FILES.map(read).map(Result::unwrap);
    let faults = |subject: &str, request: &str| {
        let service = service.replace("subject = \"/identityNumber\"", subject);
        let folder = folder(&service, request, &answer);
        let faults = load(folder.path(), &carriers().0).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.key).collect::<Vec<_>>()
    };
    let subject = "subject = \"/identityNumber\"";
    assert_eq!(faults(subject, &request), [""; 0]);
    assert_eq!(faults("subject = \"/another\"", &request), ["subject"]);
    let optional = request.replace(", \"identityNumber\", \"infoType\"]", ", \"infoType\"]");
    assert_ne!(optional, request);
    assert_eq!(faults(subject, &optional), ["subject", "connector"]);
    let mut schema: serde_json::Value = serde_json::from_str(&request).unwrap();
    let member = &mut schema["properties"]["identityNumber"];
    member["type"] = serde_json::json!(["string", "integer"]);
    assert_eq!(faults(subject, &schema.to_string()), ["subject"]);
}

#[test]
fn what_the_far_side_cannot_be_asked_is_told_before() {
    use lgsp_core::rule;
    use lgsp_query::{Purpose, Question};

    let (carriers, _secrets) = carriers();
    let services = bundled(&carriers).unwrap();
    let odd = |name: &str, body: serde_json::Value| {
        let service = services.iter().find(|service| service.name == name).unwrap();
        let body = body.as_object().cloned().unwrap();
        let purpose = Purpose::default();
        let asked = service.upstream.can_ask(&Question { purpose, body, place: "" });
        asked.err().unwrap_or_default()
    };
    let born = |day: &str| serde_json::json!({"fullName": "Mẫu", "birthDate": day, "gender": "1"});
    let violation = |pointer: &str| lgsp_core::Violation::new(pointer, &rule::SCHEMA);
    assert_eq!(odd("social-insurance-number", born("1990-02")), []);
    // It goes into two fields and is told once.
    assert_eq!(odd("social-insurance-number", born("1990-02-29")), [violation("/birthDate")]);
    let unit = |unit: f64| serde_json::json!({"registrationUnit": unit, "dossierCode": "H61.1"});
    assert_eq!(odd("civil-status-status", unit(12.0)), []);
    assert_eq!(odd("civil-status-status", unit(1e20)), [violation("/registrationUnit")]);
    assert_eq!(odd("population", serde_json::json!({})).len(), 4);
}

#[test]
fn the_bundled_schemas_refuse_what_cannot_be_asked() {
    let (carriers, _secrets) = carriers();
    let services = bundled(&carriers).unwrap();
    let fits = |name: &str, body: serde_json::Value| {
        let service = services.iter().find(|service| service.name == name).unwrap();
        service.request.judge(&body).is_ok()
    };
    for (day, is_day) in [
        ("1990", true),
        ("1990-12", true),
        ("1990-01-31", true),
        ("1990-02-28", true),
        ("1990-13", false),
        ("1990-00", false),
        ("1990-02-31", false),
        ("1990-04-31", false),
        ("1990-01-00", false),
    ] {
        let body = serde_json::json!({"fullName": "Mẫu", "birthDate": day, "gender": "1"});
        assert_eq!(fits("social-insurance-number", body), is_day, "{day}");
    }
    for (unit, is_unit) in [(1.0, true), (12345.0, true), (0.0, false), (1e20, false)] {
        let body = serde_json::json!({"registrationUnit": unit, "dossierCode": "H61.1"});
        assert_eq!(fits("civil-status-status", body), is_unit, "{unit}");
    }
}
