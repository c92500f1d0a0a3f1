//! The national portal's packets: one-stop software that changes its URL and nothing else.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lgsp_core::Clock;
use lgsp_core::identifier::ClientId;
use lgsp_identity::{Identity, SigningKeys};
use lgsp_registry::Registry;
use lgsp_tests::kcat::{self, Record};
use lgsp_tests::{Answer, Bus, sample};
use serde_json::{Value, json};

use crate::BUS;

/// What it looks like to a client: the status is always 200.
fn read(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

pub(crate) fn log_in(bus: &Bus, name: &str, password: &str) -> Value {
    let login = json!({"username": name, "password": password});
    let answer = bus.post("/dvcqg/login").header("dstcode", "VN:MAU:0").json(&login).send();
    read(&answer.unwrap())
}

pub(crate) fn session(bus: &Bus, client: &str) -> String {
    let answer = log_in(bus, client, &bus.secret(client).unwrap());
    assert_eq!(answer["error_code"], 0, "{answer}");
    answer["session"].as_str().unwrap().to_owned()
}

fn call(bus: &Bus, body: &Value) -> Value {
    read(&bus.post("/dvcqg/service").json(body).send().unwrap())
}

/// Sends records of the one-stop system in the name of an agency.
pub(crate) fn sync(bus: &Bus, agency: &str, is_updating: &str, records: &[Value]) -> Value {
    call(
        bus,
        &json!({
            "session": session(bus, "motcua"),
            "madonvi": agency,
            "service": "DongBoHoSoMC",
            "isUpdating": is_updating,
            "data": records,
        }),
    )
}

/// Finds the records of a dossier in the log, in their order.
fn stored(bus: &Bus, dossier: &str) -> Vec<Record> {
    let mut records = kcat::read(bus.kafka(), "lgsp.dossier.v1").unwrap();
    records.retain(|record| record.key == dossier);
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn step(order: u32, state: &str, text: &str) -> Value {
    json!({
        "MaHoSo": sample::dossier_code(order),
        "NguoiXuLy": "Cán bộ Mẫu",
        "ThoiDiemXuLy": "20260703103000",
        "NoiDungXuLy": text,
        "TrangThai": state,
    })
}

#[test]
fn a_dossier_of_a_packet_is_recorded_byte_for_byte() {
    let (bus, code) = (&*BUS, sample::dossier_code(5001));
    let whole = sample::dossier(5001).to_string();
    let record = format!("{{ \"GhiChu\" : \"\\u0110\\u1eb7ng\" ,\n\t{}", &whole[1..]);
    let packet = format!(
        r#"{{"data":[ {record} ],"isUpdating":"False","service":"DongBoHoSoMC","madonvi":"000.00.25.H61","session":"{}","soLuong":1}}"#,
        session(bus, "motcua")
    );
    // Some send no content type that says JSON.
    let answer = bus.post("/dvcqg/service").header("content-type", "text/plain");
    let answer = read(&answer.body(packet.as_bytes()).send().unwrap());
    assert_eq!(answer["error_code"], "0", "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("thành công"));
    assert_eq!(answer["result"][0]["MaHoSo"], code);

    let [found] = stored(bus, &code).try_into().unwrap();
    assert_eq!(String::from_utf8(found.value).unwrap(), record);
    let headers = [
        ("ce_type", "lgsp.dossier.recorded.v1"),
        ("ce_source", "/agencies/000.00.25.H61/systems/motcua"),
        ("ce_agency", "H61.25"),
        ("ce_client", "motcua"),
        ("ce_adapter", "dvcqg"),
    ];
    for (name, value) in headers {
        assert_eq!(found.headers[name], value, "{name}");
    }
}

#[test]
fn what_exists_is_told_and_updated_and_an_equal_record_is_no_second_one() {
    let (bus, code) = (&*BUS, sample::dossier_code(5002));
    let first = sample::dossier(5002);
    let mut later = first.clone();
    later["TrangThaiHoSo"] = json!("9");
    let send = |is_updating, record: &Value| {
        sync(bus, "H61.14", is_updating, std::slice::from_ref(record))
    };
    assert_eq!(send("False", &first)["error_code"], "0");

    let exists = send("False", &later);
    assert_eq!(
        (&exists["error_code"], &exists["result"][0]["error_code"]),
        (&json!("3"), &json!("3"))
    );
    assert!(exists["message"].as_str().unwrap().contains("đã tồn tại"), "{exists}");
    assert_eq!(stored(bus, &code).len(), 1, "what exists is not recorded as new");

    for (record, is_new) in [(&later, true), (&later, false), (&first, true), (&later, true)] {
        let answer = send("True", record);
        assert_eq!(answer["error_code"], "0", "{answer}");
        let message = answer["result"][0]["message"].as_str().unwrap();
        assert_eq!(message.contains("trùng"), !is_new, "{message}");
    }
    let states: Vec<Value> = stored(bus, &code)
        .iter()
        .map(|record| {
            serde_json::from_slice::<Value>(&record.value).unwrap()["TrangThaiHoSo"].clone()
        })
        .collect();
    assert_eq!(states, ["4", "9", "4", "9"], "an older record is no duplicate of the last one");
}

#[test]
fn a_record_with_three_faults_is_told_all_of_them_and_the_others_are_recorded() {
    let bus = &*BUS;
    let mut broken = sample::dossier(5004);
    broken["TrangThaiHoSo"] = json!("11");
    broken["NgayTiepNhan"] = json!("20260230093000");
    broken["DonViXuLy"] = json!(7);
    let records = [sample::dossier(5003), broken, sample::dossier(5005)];
    let answer = sync(bus, "H61.14", "False", &records);
    assert_eq!(answer["error_code"], "422", "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with("1/3 ") && !message.contains("thành công"), "{message}");

    let result = answer["result"].as_array().unwrap();
    let codes: Vec<_> = result.iter().map(|one| one["error_code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["0", "422", "0"]);
    assert_eq!(result[1]["MaHoSo"], sample::dossier_code(5004));
    let violations = result[1]["violations"].as_array().unwrap();
    let places: HashSet<_> = violations
        .iter()
        .map(|one| (one["pointer"].as_str().unwrap(), one["rule"].as_str().unwrap()))
        .collect();
    let expected =
        [("/TrangThaiHoSo", "enum"), ("/NgayTiepNhan", "portal_time"), ("/DonViXuLy", "type")];
    assert_eq!(places, HashSet::from(expected));
    for one in violations {
        assert!(
            one["vi"].as_str().unwrap().ends_with('.')
                && one["en"].as_str().unwrap().ends_with('.')
        );
    }
    assert!(stored(bus, &sample::dossier_code(5004)).is_empty());
    assert_eq!(stored(bus, &sample::dossier_code(5005)).len(), 1);

    // Mended and sent again as a whole: what was recorded stays once.
    let records = [sample::dossier(5003), sample::dossier(5004), sample::dossier(5005)];
    assert_eq!(sync(bus, "H61.14", "False", &records)["error_code"], "3");
    assert_eq!(sync(bus, "H61.14", "True", &records)["error_code"], "0");
    for order in 5003..=5005 {
        assert_eq!(stored(bus, &sample::dossier_code(order)).len(), 1, "{order}");
    }
}

#[test]
fn a_look_up_gives_the_last_record_as_it_was_sent_to_those_who_may() {
    let bus = &*BUS;
    let mut record = sample::dossier(5006);
    record["GhiChu"] = json!("mới nhất");
    for record in [&sample::dossier(5006), &record] {
        assert_eq!(sync(bus, "H61.36", "True", std::slice::from_ref(record))["error_code"], "0");
    }
    let look_up = |client, code: &str| {
        let body = json!({"session": session(bus, client), "madonvi": "H61.36", "service": "TraCuuHoSo", "mahoso": code});
        bus.post("/dvcqg/service").json(&body).send().unwrap()
    };
    let code = sample::dossier_code(5006);
    let answer = look_up("motcua", &code);
    assert!(answer.text().contains(&record.to_string()), "byte for byte: {}", answer.text());
    assert_eq!(read(&answer)["result"], json!([record]));
    for (client, code) in [("motcua", sample::dossier_code(5999)), ("tracuu", code)] {
        let answer = read(&look_up(client, &code));
        assert_eq!(
            (&answer["error_code"], &answer["result"]),
            (&json!("0"), &json!([])),
            "{client}"
        );
        assert!(!answer["message"].as_str().unwrap().contains("thành công"));
    }
}

#[test]
fn the_catalogue_is_told_in_the_portals_form() {
    let bus = &*BUS;
    let session = session(bus, "tracuu");
    let ask = |service: &str, code: Value| {
        call(bus, &json!({"session": session, "service": service, "maTTHC": code}))
    };
    let list = ask("LayDanhSachTTHC", Value::Null);
    let list = list["result"].as_array().unwrap();
    assert!(list.len() >= 6);
    for line in list {
        let one = ask("LayThuTuc", line["MATTHC"].clone());
        assert_eq!(one["result"][0]["TENTTHC"], line["TENTTHC"]);
        assert!(one["result"][0]["LINHVUCTHUCHIEN"][0]["MALINHVUC"].is_string());
    }
    let local = ask("LayThuTuc", json!("1.004227.000.00.00.H61"));
    assert_eq!(local["result"][0]["MATTHC"], "1.004227");
    let unknown = ask("LayThuTuc", json!("9.999999"));
    assert_eq!((&unknown["error_code"], &unknown["result"]), (&json!("0"), &json!([])));
    let malformed = ask("LayThuTuc", json!("x"));
    assert_eq!(malformed["error_code"], "400");
    assert_eq!(malformed["violations"][0]["rule"], "procedure_code");
}

/// A clock of an hour ago.
#[derive(Debug)]
struct Past;

impl Clock for Past {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(lgsp_core::SystemClock.unix_millis() as u64)
            - Duration::from_secs(3600)
    }
}

#[test]
fn strangers_ended_sessions_and_foreign_agencies_are_refused_in_the_portals_form() {
    let bus = &*BUS;
    for (name, password) in [
        ("motcua", "wrong"),
        ("nobody", "wrong"),
        ("motcua", ""),
        ("tracuu", &bus.secret("motcua").unwrap()),
    ] {
        let answer = log_in(bus, name, password);
        assert_eq!(answer["error_code"], 401, "{answer}");
        assert!(answer.get("session").is_none());
    }
    let malformed = read(&bus.post("/dvcqg/login").body(b"{\"username\":7").send().unwrap());
    assert_eq!(malformed["error_code"], 400);

    let registry = Registry::load(&bus.data_dir().join("registry")).unwrap();
    let keys = SigningKeys::load_or_create(&bus.data_dir().join("keys")).unwrap();
    let issuer = bus.base_url().to_owned();
    let past = Identity::new(Arc::new(registry), keys, issuer, Arc::new(Past));
    let ended = past.issue(&ClientId::parse("motcua").unwrap()).unwrap().access_token;
    let packet = |session: Value, agency: &str| {
        call(
            bus,
            &json!({"session": session, "madonvi": agency, "service": "DongBoHoSoMC",
                    "isUpdating": "False", "data": [sample::dossier(5010)]}),
        )
    };
    for session in [json!(ended), json!("rubbish"), json!(""), Value::Null] {
        let answer = packet(session, "H61.14");
        assert_eq!((&answer["error_code"], &answer["result"]), (&json!("401"), &json!([])));
    }
    let own = session(bus, "motcua");
    for (agency, code) in [("H61.99", "403"), ("000.00.99.H61", "403"), ("h61", "400"), ("", "400")]
    {
        let answer = packet(json!(own), agency);
        assert_eq!(answer["error_code"], code, "{agency}: {answer}");
    }
    let other = session(bus, "tracuu");
    assert_eq!(packet(json!(other), "H61.14")["error_code"], "403");
    assert!(stored(bus, &sample::dossier_code(5010)).is_empty());
    assert_eq!(packet(json!(own), "H61.14")["error_code"], "0", "the packet itself is good");
}

#[test]
fn malformed_and_oversized_packets_are_refused_as_a_whole() {
    let bus = &*BUS;
    let session = session(bus, "motcua");
    let with = |more: Value| {
        let mut body = json!({"session": session, "madonvi": "H61.14", "service": "DongBoHoSoMC"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(bus, &body)
    };
    for (more, code, pointer) in [
        (json!({"service": null}), "400", "/service"),
        (json!({"service": "DongBoHoSo"}), "404", "/service"),
        (json!({}), "400", "/data"),
        (json!({"data": {}}), "400", "/data"),
        (json!({"data": []}), "400", "/data"),
        (json!({"data": [1], "isUpdating": "có"}), "400", "/isUpdating"),
        (json!({"service": "TraCuuHoSo"}), "400", "/mahoso"),
        (json!({"data": vec![json!({}); 1001]}), "413", "/data"),
    ] {
        let answer = with(more);
        assert_eq!(
            (&answer["error_code"], &answer["result"]),
            (&json!(code), &json!([])),
            "{pointer}"
        );
        assert_eq!(answer["violations"][0]["pointer"], pointer, "{answer}");
    }
    let huge = format!("{{\"data\":[\"{}\"]}}", "x".repeat(16 * 1024 * 1024));
    let answer = read(&bus.post("/dvcqg/service").body(huge.as_bytes()).send().unwrap());
    assert_eq!(answer["error_code"], "413", "{answer}");
    let large = with(json!({"data": [{"x": "x".repeat(1024 * 1024)}]}));
    assert_eq!(large["result"][0]["error_code"], "413", "one record beyond its limit");
}

#[test]
fn the_other_transport_takes_a_bare_list_and_a_session_in_a_header() {
    let bus = &*BUS;
    let session = session(bus, "motcua");
    let post = |service: &str, query: &str| {
        bus.post(&format!("/dvcqg/api/SynsTTHCC/{service}?MaDinhDanhDV=000.00.14.H61{query}"))
    };
    let mut record = sample::dossier(5011);
    record["SoBienNhan"] = json!("BN-1");
    let records = json!([record]);
    let new = || post("DongBoHoSoMC", "&isUpdating=False").json(&records);
    assert_eq!(read(&new().send().unwrap())["error_code"], "401");
    assert_eq!(read(&new().header("session", "rubbish").send().unwrap())["error_code"], "401");
    assert_eq!(read(&new().bearer(&session).send().unwrap())["error_code"], "0");
    let exists = read(&new().header("session", &session).send().unwrap());
    assert_eq!(exists["error_code"], "3", "{exists}");
    let steps = json!([step(5011, "9", "xong"), step(5011, "10", "trả kết quả")]);
    let answer = post("CapNhatTienDoHoSoMC", "").bearer(&session).json(&steps).send().unwrap();
    assert_eq!(read(&answer)["error_code"], "0", "{}", answer.text());
    let types: Vec<_> = stored(bus, &sample::dossier_code(5011))
        .into_iter()
        .map(|record| record.headers["ce_type"].clone())
        .collect();
    let [recorded, progressed] = ["lgsp.dossier.recorded.v1", "lgsp.dossier.progressed.v1"];
    assert_eq!(types, [recorded, progressed, progressed], "in the packet's order");
    // A session in the URL would be in every proxy's log.
    let in_url = post("DongBoHoSoMC", &format!("&isUpdating=False&session={session}"));
    assert_eq!(read(&in_url.json(&records).send().unwrap())["error_code"], "401");
}

#[test]
fn nothing_of_people_sessions_or_passwords_is_repeated_or_logged() {
    let bus = &*BUS;
    let (number, name, word) = ("086190765432", "Hoàng Yến Canary Gói Tin", "canary77aa");
    let session = session(bus, "motcua");
    let mut broken = sample::dossier(5012);
    broken["ChuHoSo"] = json!(name);
    broken["SoGiayToChuHoSo"] = json!(number);
    broken["MaHoSo"] = json!(name);
    broken["TrangThaiHoSo"] = json!(word);
    broken["TenLinhVuc"] = json!({ name: number });
    let bodies = [
        json!({"session": session, "madonvi": "H61.14", "service": "DongBoHoSoMC", "data": [broken]}),
        json!({"session": session, "madonvi": name, "service": "DongBoHoSoMC", "data": [broken]}),
        json!({"session": session, "madonvi": "H61.14", "service": word, name: number}),
        json!({"session": session, "madonvi": [name], "service": {"x": number}, "isUpdating": word}),
        json!({"session": session, "service": "TraCuuHoSo", "mahoso": number}),
        json!({"session": session, "service": "LayThuTuc", "maTTHC": number}),
        json!({"session": word, "madonvi": "H61.14", "service": "DongBoHoSoMC", "data": [broken]}),
    ];
    let mut replies: Vec<_> = bodies.iter().map(|body| call(bus, body).to_string()).collect();
    let cut = bodies[0].to_string();
    let cut = bus.post("/dvcqg/service").body(&cut.as_bytes()[..cut.len() / 2]).send().unwrap();
    replies.push(cut.text());
    replies.push(log_in(bus, name, word).to_string());
    let listed = bus
        .post(&format!("/dvcqg/api/SynsTTHCC/DongBoHoSoMC?MaDinhDanhDV={word}&session={session}"));
    replies.push(listed.bearer(&session).json(&json!([broken])).send().unwrap().text());

    let log = bus.log().unwrap();
    assert!(log.contains("a request was refused"), "the log says what was refused");
    for canary in [number, name, word, &session] {
        for reply in &replies {
            assert!(!reply.contains(canary), "{reply}");
        }
        let line = log.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
    assert_eq!(replies.len(), 10);
}

mod clients;
mod restart;
