//! Personal data and secrets stay where they belong: canaries are planted everywhere, and looked for
//! in the log at its loudest, in the metrics and in the answers to what was refused.

use lgsp_tests::sample::{self, CITIZEN, DOSSIER, ENTERPRISE, SOURCE, new_id};
use serde_json::{Value, json};

use crate::BUS;

const NUMBER: &str = "086190654321";
const NAME: &str = "Hoàng Yến Canary";
const WORD: &str = "canary5d1f";
const SECRET: &str = "canary-secret-8c1e";

#[test]
fn canaries_never_reach_log_metrics_or_refusals() {
    let bus = &*BUS;
    let token = bus.token("motcua").unwrap();
    let asking = bus.token("tracuu").unwrap();
    let mut refusals = Vec::new();
    let mut publish = |event_type: &str, data: &str| {
        let answer = bus.publish(&token, &new_id(), event_type, data.as_bytes()).unwrap();
        if answer.status != 200 {
            refusals.push(answer.text());
        }
        answer.status
    };

    let citizen = json!({"SoDinhDanh": NUMBER, "HoVaTen": NAME, "QueQuan": {"ChiTiet": WORD}});
    assert_eq!(publish(CITIZEN, &citizen.to_string()), 200);
    let broken = json!({"SoDinhDanh": format!("{NUMBER}9"), "HoVaTen": [NAME], "GioiTinh": NAME, "NgayThangNamSinh": NUMBER});
    assert_eq!(publish(CITIZEN, &broken.to_string()), 422);
    assert_eq!(
        publish(CITIZEN, &format!("{{\"SoDinhDanh\":\"{NUMBER}\",\"HoVaTen\":\"{NAME}\"")),
        400
    );
    assert_eq!(publish(CITIZEN, &format!("{{\"{NUMBER}\":1,\"{NUMBER}\":2}}")), 400);
    assert_eq!(
        publish(ENTERPRISE, &json!({"ENTERPRISE_GDT_CODE": WORD, "NAME": NAME}).to_string()),
        422
    );
    let mut dossier = sample::dossier(950);
    dossier["ChuHoSo"] = json!(NAME);
    dossier["SoGiayToChuHoSo"] = json!(NUMBER);
    dossier["Email"] = json!(format!("{WORD}@example.com"));
    assert_eq!(publish(DOSSIER, &dossier.to_string()), 200);
    dossier["MaHoSo"] = json!(format!("H61.14-{NUMBER}"));
    dossier["TrangThaiHoSo"] = json!(WORD);
    dossier["TenLinhVuc"] = json!({ NAME: NAME });
    assert_eq!(publish(DOSSIER, &dossier.to_string()), 422);

    // In attributes, where nobody should put them.
    let attributes = bus
        .post("/v1/events")
        .bearer(&token)
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", &new_id())
        .header("ce-source", &format!("{SOURCE}/{WORD}"))
        .header("ce-type", WORD)
        .header("ce-subject", &format!("{NUMBER}%00"))
        .header(&format!("ce-{WORD}-x"), WORD)
        .body(citizen.to_string().as_bytes())
        .send()
        .unwrap();
    assert_eq!(attributes.status, 400);
    refusals.push(attributes.text());

    let question = |number: &str, birth: &str| {
        bus.post("/v1/population/citizens:lookUp").bearer(&asking).json(&json!({
            "purpose": {"dossierCode": "H61.14-260703-0001", "procedureCode": "1.004227", "officerNumber": "CB0001"},
            "personalNumber": number, "fullName": NAME, "birthDate": birth,
        })).send().unwrap()
    };
    let (unknown, malformed) = (question(NUMBER, "1990"), question(NAME, NUMBER));
    assert_eq!((unknown.status, malformed.status), (404, 400));
    refusals.extend([unknown.text(), malformed.text()]);
    let not_proto = bus
        .post("/v1/population/citizens:lookUp")
        .bearer(&asking)
        .json(&json!({ "personalNumber": {NAME: NUMBER} }))
        .send()
        .unwrap();
    assert_eq!(not_proto.status, 400);
    refusals.push(not_proto.text());

    let secret = bus
        .post("/oauth2/token")
        .user("motcua", SECRET)
        .form("grant_type=client_credentials")
        .send()
        .unwrap();
    let bearer = bus.get("/v1/ops/lag").bearer(SECRET).send().unwrap();
    assert_eq!((secret.status, bearer.status), (401, 401));
    refusals.extend([secret.text(), bearer.text()]);

    let log = bus.log().unwrap();
    // Who looks at a log that says nothing finds nothing.
    assert!(
        log.contains("DEBUG") && log.contains("answered a look-up"),
        "the log is at its loudest"
    );
    let metrics = bus.get("/metrics").send().unwrap().text();
    assert!(metrics.contains("schema_violation"), "the refusals were counted: {metrics}");
    let own_secret = bus.secret("motcua").unwrap();
    let escaped = Value::from(NAME).to_string();
    for canary in
        [NUMBER, NAME, escaped.trim_matches('"'), WORD, SECRET, &token, &asking, &own_secret]
    {
        for (place, text) in [("the log", &log), ("the metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary} is in {place}");
        }
        for refusal in &refusals {
            assert!(!refusal.contains(canary), "{canary} is in {refusal}");
        }
    }
    assert!(refusals.len() >= 11);
}
