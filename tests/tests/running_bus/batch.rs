//! Batches over HTTP: whole or not at all, on request what can be; and judging without recording.

use std::collections::BTreeMap;

use lgsp_tests::kcat::{self, Record};
use lgsp_tests::process::{self, wait_until};
use lgsp_tests::sample::{self, DOSSIER, ENTERPRISE, SOURCE, new_id};
use lgsp_tests::{Answer, Bus, Curl};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::BUS;

/// Writes an event in JSON, its data exactly as given.
fn event(id: &str, data: &str) -> String {
    typed(DOSSIER, id, data)
}

fn typed(kind: &str, id: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{SOURCE}","type":"{kind}","data":{data}}}"#
    )
}

fn dossier(order: u32) -> String {
    sample::dossier(order).to_string()
}

fn broken(order: u32) -> String {
    dossier(order).replace("-260703-", "-260230-")
}

fn request(bus: &Bus, path: &str, events: &[String]) -> Curl {
    bus.post(path)
        .bearer(&bus.token("motcua").unwrap())
        .header("content-type", "application/cloudevents-batch+json; charset=UTF-8")
        .body(format!("[{}]", events.join(" , ")).as_bytes())
}

fn publish(events: &[String]) -> Answer {
    request(&BUS, "/v1/events", events).send().unwrap()
}

fn publish_lenient(events: &[String]) -> Answer {
    let answer = request(&BUS, "/v1/events", events)
        .header("prefer", "return=representation, handling=lenient")
        .send()
        .unwrap();
    assert_eq!(answer.status, 207, "{}", answer.text());
    assert_eq!(answer.header("preference-applied"), Some("handling=lenient"));
    answer
}

fn receipts(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()["receipts"].as_array().unwrap().clone()
}

fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json().unwrap();
    assert_eq!(problem["code"], code, "{problem}");
    problem
}

/// The records of a topic by the id of their event.
fn stored(bus: &Bus, topic: &str) -> BTreeMap<String, Vec<Record>> {
    let mut stored: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in kcat::read(bus.kafka(), topic).unwrap() {
        stored.entry(record.headers["ce_id"].clone()).or_default().push(record);
    }
    stored
}

fn books(problem: &Value) -> [u64; 5] {
    ["events", "recorded", "refused", "unknown", "notTaken"]
        .map(|name| problem["batch"][name].as_u64().unwrap())
}

#[test]
fn a_batch_is_recorded_whole_and_in_order() {
    let states = ["1", "2", "4", "9", "10"];
    let planned: Vec<_> = (0..100_u32)
        .map(|number| {
            let state = states[usize::try_from(number / 20).unwrap()];
            let whole = dossier(4000 + number % 20);
            let data =
                whole.replace(r#""TrangThaiHoSo":"4""#, &format!(r#""TrangThaiHoSo" : "{state}""#));
            (new_id(), data)
        })
        .collect();
    let events: Vec<_> = planned.iter().map(|(id, data)| event(id, data)).collect();
    let first = receipts(&publish(&events));
    let ids: Vec<_> = first.iter().map(|receipt| receipt["id"].as_str().unwrap()).collect();
    assert_eq!(ids, planned.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>());

    let stored = stored(&BUS, "lgsp.dossier.v1");
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for (receipt, (id, data)) in first.iter().zip(&planned) {
        let [record] = stored[id].as_slice() else { panic!("{id} is not there once") };
        assert_eq!(String::from_utf8_lossy(&record.value), *data, "byte for byte");
        assert_eq!(receipt["offset"], record.offset.to_string());
        assert_eq!(record.headers["ce_adapter"], "http");
        let before = last.insert(&record.key, record.offset);
        assert!(before < Some(record.offset), "{}: out of order", record.key);
    }
    assert_eq!(last.len(), 20, "each dossier has its records in one partition");

    let again = receipts(&publish(&events));
    for (again, first) in again.iter().zip(&first) {
        assert_eq!((&again["duplicate"], &again["offset"]), (&json!(true), &first["offset"]));
    }
}

#[test]
fn one_refused_event_refuses_the_batch_and_each_is_told_why() {
    let (good, wrong, foreign, odd, twice, unknown) =
        (new_id(), new_id(), new_id(), new_id(), new_id(), new_id());
    let mut many = sample::dossier(4100);
    many["MaHoSo"] = json!("H61.14-260230-0001");
    many["TrangThaiHoSo"] = json!("99");
    let events = [
        event(&good, &dossier(4101)),
        event(&wrong, &many.to_string()),
        event(&foreign, &dossier(4102)).replace("/systems/motcua", "/systems/tracuu"),
        "7".to_owned(),
        event(&odd, &dossier(4103)).replace("\"id\"", "\"agency\":\"H61\",\"id\""),
        event(&twice, &dossier(4104)),
        event(&twice, &dossier(4105)),
        typed("lgsp.dossier.recorded.v7", &unknown, "{}"),
        event(&new_id(), &dossier(4106).replacen('{', "{\"MaHoSo\":\"x\",", 1)),
        format!(r#"{{"specversion":"1.0","id":"no-data","source":"{SOURCE}","type":"{DOSSIER}"}}"#),
    ];
    let answer = publish(&events);
    let problem = problem(&answer, 422, "invalid_batch");
    assert_eq!(books(&problem), [10, 0, 8, 0, 2]);
    assert_eq!(problem["totalViolations"], 7, "{problem}");
    for language in ["vi", "en"] {
        assert!(problem["message"][language].as_str().unwrap().contains("outcomes"));
    }
    let told: Vec<_> = problem["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| {
            let fault = &outcome["fault"];
            let violations = fault["violations"].as_array().unwrap().iter().map(|violation| {
                assert!(violation["message"]["vi"].as_str().unwrap().ends_with('.'));
                let text = |name: &str| violation[name].as_str().unwrap().to_owned();
                format!("{} {}", text("pointer"), text("rule"))
            });
            (
                outcome["index"].as_u64().unwrap(),
                outcome["status"].as_u64().unwrap(),
                fault["code"].as_str().unwrap(),
                violations.collect::<Vec<_>>().join(", "),
            )
        })
        .collect();
    let expected = [
        (1, 422, "schema_violation", "/MaHoSo dossier_code, /TrangThaiHoSo enum"),
        (2, 403, "permission_denied", ""),
        (3, 400, "invalid_json", " json_syntax"),
        (4, 400, "invalid_request", "agency attribute_reserved"),
        (6, 409, "conflict", ""),
        (7, 422, "unknown_event_type", "type event_type"),
        (8, 400, "invalid_json", "/MaHoSo json_duplicate_member"),
        (9, 400, "invalid_request", "data attribute"),
    ];
    assert_eq!(
        told,
        expected.map(|(index, status, code, places)| (index, status, code, places.to_owned()))
    );
    let ids: Vec<_> =
        problem["outcomes"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!((ids[0], ids[2], ids[7]), (&json!(wrong), &Value::Null, &json!("no-data")));
    // Values stay unsaid.
    assert!(!answer.text().contains("260230"), "{}", answer.text());

    let stored = stored(&BUS, "lgsp.dossier.v1");
    assert!(!stored.contains_key(&good) && !stored.contains_key(&twice), "nothing is appended");
    assert_eq!(receipts(&publish(&events[..1]))[0]["duplicate"], false);
}

#[test]
fn on_request_what_can_be_recorded_is() {
    let ids: Vec<_> = (0..5).map(|_| new_id()).collect();
    let events = [
        event(&ids[0], &dossier(4200)),
        event(&ids[1], &broken(4201)),
        typed(
            ENTERPRISE,
            &ids[2],
            r#"{"ENTERPRISE_GDT_CODE":"1500999906","NAME":"CÔNG TY TNHH MẪU"}"#,
        ),
        event(&ids[0], &dossier(4200)),
        event(&ids[0], &dossier(4202)),
        // The first of this id is refused, so that this one is none's repeat.
        event(&ids[1], &dossier(4203)),
    ];
    let answer = publish_lenient(&events).json().unwrap();
    assert_eq!(books(&answer), [6, 4, 2, 0, 0]);
    let outcomes = answer["outcomes"].as_array().unwrap();
    let told: Vec<_> = outcomes
        .iter()
        .map(|one| (one["index"].as_u64().unwrap(), one["status"].as_u64().unwrap(), &one["id"]))
        .collect();
    let expected = [(0, 200, 0), (1, 422, 1), (2, 200, 2), (3, 200, 0), (4, 409, 0), (5, 200, 1)];
    let expected = expected.map(|(index, status, id)| (index, status, json!(ids[id])));
    assert_eq!(told, expected.each_ref().map(|(index, status, id)| (*index, *status, id)));
    assert_eq!(outcomes[1]["fault"]["violations"][0]["rule"], "dossier_code");
    assert_eq!(outcomes[2]["receipt"]["topic"], "lgsp.enterprise.v1");
    assert_eq!(outcomes[3]["receipt"]["duplicate"], true);
    assert_eq!(outcomes[3]["receipt"]["offset"], outcomes[0]["receipt"]["offset"]);
    assert_eq!(outcomes[4]["fault"]["code"], "conflict");
    let stored = stored(&BUS, "lgsp.dossier.v1");
    assert_eq!((stored[&ids[0]].len(), stored[&ids[1]].len()), (1, 1));
}

#[test]
fn an_id_that_is_used_already_refuses_the_batch() {
    let (used, fresh) = (new_id(), new_id());
    receipts(&publish(&[event(&used, &dossier(4300))]));
    let answer = publish(&[event(&used, &dossier(4301)), event(&fresh, &dossier(4302))]);
    let problem = problem(&answer, 422, "invalid_batch");
    assert_eq!(books(&problem)[..3], [2, 0, 1]);
    let outcomes = problem["outcomes"].as_array().unwrap();
    assert_eq!((outcomes.len(), &outcomes[0]["id"]), (1, &json!(used)));
    assert_eq!(outcomes[0]["fault"]["code"], "conflict");
    assert!(!stored(&BUS, "lgsp.dossier.v1").contains_key(&fresh));
    // The same event again is no such case.
    let answer = receipts(&publish(&[event(&used, &dossier(4300)), event(&fresh, &dossier(4302))]));
    assert_eq!((&answer[0]["duplicate"], &answer[1]["duplicate"]), (&json!(true), &json!(false)));
}

#[test]
fn a_batch_has_its_limits_and_an_event_in_it_its_own() {
    let bus = &*BUS;
    let none = publish(&[]);
    assert_eq!((receipts(&none).len(), none.status), (0, 200));

    let small = typed(ENTERPRISE, "x", "{}");
    let many = problem(&publish(&vec![small.clone(); 1001]), 413, "payload_too_large");
    assert_eq!(many["violations"][0]["rule"], "batch_size");
    let full = problem(&publish(&vec![small; 1000]), 422, "invalid_batch");
    assert_eq!(books(&full), [1000, 0, 1000, 0, 0]);
    assert_eq!(full["outcomes"].as_array().unwrap().len(), 1000);

    let note = |bytes: usize| {
        let mut data = sample::dossier(4400);
        data["GhiChu"] = json!("x".repeat(bytes));
        event(&new_id(), &data.to_string())
    };
    let whole = receipts(&publish(&vec![note(1_040_000); 15]));
    assert_eq!(whole.iter().filter(|receipt| receipt["duplicate"] == false).count(), 1);
    let large = problem(&publish(&[note(1024 * 1024)]), 422, "invalid_batch");
    assert_eq!(large["outcomes"][0]["fault"]["code"], "payload_too_large");
    problem(&publish(&vec![note(1_040_000); 17]), 413, "payload_too_large");
    assert_eq!(bus.get("/readyz").send().unwrap().status, 200);

    for text in ["", "{}", "[{]", "[1,]"] {
        let answer = request(bus, "/v1/events", &[]).body(text.as_bytes()).send().unwrap();
        problem(&answer, 400, "invalid_json");
    }
}

#[test]
fn judging_tells_the_same_and_records_nothing() {
    let bus = &*BUS;
    let token = bus.token("motcua").unwrap();
    let (id, again) = (new_id(), new_id());
    let mut odd = sample::dossier(4500);
    odd["TruongLa"] = json!("x");
    let judged = |data: &str| {
        bus.post("/v1/events/validate")
            .bearer(&token)
            .header("content-type", "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", &id)
            .header("ce-source", SOURCE)
            .header("ce-type", DOSSIER)
            .body(data.as_bytes())
            .send()
            .unwrap()
    };
    let verdict = judged(&odd.to_string());
    assert_eq!(verdict.status, 200, "{}", verdict.text());
    let verdict = verdict.json().unwrap();
    assert_eq!((&verdict["id"], &verdict["duplicate"]), (&json!(id), &json!(false)));
    assert_eq!(verdict["warnings"][0]["rule"], "unknown_field");
    let refused = problem(&judged(&broken(4500)), 422, "schema_violation");
    assert_eq!(refused["violations"][0]["pointer"], "/MaHoSo");
    let structured = bus
        .post("/v1/events/validate")
        .bearer(&token)
        .header("content-type", "application/cloudevents+json")
        .body(event(&id, &dossier(4500)).as_bytes())
        .send()
        .unwrap();
    assert_eq!((structured.status, &structured.json().unwrap()["id"]), (200, &json!(id)));

    let fine =
        [event(&id, &dossier(4500)), event(&again, &dossier(4501)), event(&id, &dossier(4500))];
    let verdicts = request(bus, "/v1/events/validate", &fine).send().unwrap();
    assert_eq!(verdicts.status, 200, "{}", verdicts.text());
    let verdicts = verdicts.json().unwrap();
    let duplicates: Vec<_> =
        verdicts["verdicts"].as_array().unwrap().iter().map(|one| &one["duplicate"]).collect();
    assert_eq!(duplicates, [false, false, true]);
    let mixed = [event(&id, &dossier(4500)), event(&again, &broken(4501))];
    let mixed =
        problem(&request(bus, "/v1/events/validate", &mixed).send().unwrap(), 422, "invalid_batch");
    assert_eq!(mixed["outcomes"][0]["verdict"]["id"], id);
    assert_eq!(mixed["outcomes"][1]["fault"]["code"], "schema_violation");
    assert_eq!(mixed["outcomes"][1]["index"], 1);

    let stored = stored(bus, "lgsp.dossier.v1");
    assert!(!stored.contains_key(&id) && !stored.contains_key(&again));
    receipts(&publish(&[event(&id, &dossier(4500))]));
    assert_eq!(judged(&dossier(4500)).json().unwrap()["duplicate"], true);
    problem(&judged(&dossier(4502)), 409, "conflict");
}

#[test]
fn a_batch_in_the_middle_of_which_the_log_hangs_is_sent_again_whole() {
    let bus = Bus::start().unwrap();
    let planned: Vec<_> = (0..40).map(|number| (new_id(), dossier(4600 + number))).collect();
    let events: Vec<_> = planned.iter().map(|(id, data)| event(id, data)).collect();
    let known = request(&bus, "/v1/events", &events[..10]).send().unwrap();
    assert_eq!(receipts(&known).len(), 10);

    let broker = bus.broker_pid().unwrap();
    process::send(broker, Signal::STOP).unwrap();
    let send = |prefer: &str| {
        request(&bus, "/v1/events", &events)
            .header("grpc-timeout", "3S")
            .header("prefer", prefer)
            .send()
            .unwrap()
    };
    let strict = send("handling=strict");
    let lenient = send("handling=lenient");
    // Beyond the bytes that may be on their way nothing is taken, and nothing after that.
    let heavy = |order: u32| {
        let mut data = sample::dossier(order);
        data["GhiChu"] = json!("x".repeat(1_000_000));
        let id = new_id();
        (event(&id, &data.to_string()), id)
    };
    for _ in 0..2 {
        let flood: Vec<_> = (0..15).map(|_| heavy(4690).0).collect();
        let answer = request(&bus, "/v1/events", &flood).header("grpc-timeout", "1S").send();
        problem(&answer.unwrap(), 503, "log_unavailable");
    }
    let (overflow, overflow_ids): (Vec<_>, Vec<_>) = (0..6).map(|_| heavy(4691)).unzip();
    let over = request(&bus, "/v1/events", &overflow).header("grpc-timeout", "1S").send().unwrap();
    process::send(broker, Signal::CONT).unwrap();

    let strict_problem = problem(&strict, 503, "log_unavailable");
    assert!(strict.header("retry-after").is_some());
    assert_eq!(strict_problem["retryable"], true);
    let [all, recorded, refused, unknown, not_taken] = books(&strict_problem);
    assert_eq!((all, recorded, refused), (40, 10, 0), "{strict_problem}");
    assert_eq!(unknown + not_taken, 30);
    for language in ["vi", "en"] {
        assert!(strict_problem["advice"][language].as_str().unwrap().ends_with('.'));
    }
    assert_eq!(lenient.status, 207);
    assert!(lenient.header("retry-after").is_some());
    let statuses: Vec<_> = lenient.json().unwrap()["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [[200; 10].as_slice(), [503; 30].as_slice()].concat());

    let over = problem(&over, 503, "log_unavailable");
    let [all, recorded, refused, unknown, not_taken] = books(&over);
    assert_eq!((all, recorded, refused, unknown + not_taken), (6, 0, 0, 6), "{over}");
    assert!(not_taken >= 1, "{over}");
    assert_eq!(over["outcomes"].as_array().unwrap().len(), usize::try_from(unknown).unwrap());

    let patience = std::time::Duration::from_secs(60);
    let mut last = None;
    wait_until("the same batch is recorded", patience, || {
        let answer = request(&bus, "/v1/events", &events).send().unwrap();
        let whole = answer.status == 200;
        last = Some(answer);
        whole
    })
    .unwrap_or_else(|error| panic!("{error}: {last:?}"));
    assert_eq!(receipts(&request(&bus, "/v1/events", &overflow).send().unwrap()).len(), 6);
    let stored = stored(&bus, "lgsp.dossier.v1");
    let once = |id: &String| {
        let [record] = stored[id].as_slice() else { panic!("{id} is not there once") };
        record
    };
    for (id, data) in &planned {
        assert_eq!(once(id).value, data.as_bytes());
    }
    let offsets: Vec<_> = overflow_ids.iter().map(|id| once(id).offset).collect();
    assert!(offsets.is_sorted(), "{offsets:?}: what was taken first came first");
}
