use proptest::prelude::*;

use super::*;

fn read(body: &str) -> Result<(Option<bool>, Vec<Bytes>), Fault> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let envelope = Envelope::read(&body)?;
    let records = envelope.data.unwrap_or_default().within(&body)?;
    Ok((envelope.updating, records))
}

fn broken(body: &str) -> Vec<(String, &'static str)> {
    let fault = read(body).unwrap_err();
    fault.violations.into_iter().map(|found| (found.pointer, found.rule.code)).collect()
}

#[test]
fn records_are_byte_for_byte_what_stands_in_the_packet() {
    let body = "{\"other\":{\"session\":1},\"data\" : [ { \"MaHoSo\" : \"x\",\n \"a\":1.0e2 } , 7,[]],\
                \"session\":\"s\\u0065\",\"ISUPDATING\":\"False\"}";
    let (updating, records) = read(body).unwrap();
    assert_eq!(updating, Some(false));
    assert_eq!(records, ["{ \"MaHoSo\" : \"x\",\n \"a\":1.0e2 }", "7", "[]"]);
    let body = Bytes::copy_from_slice(body.as_bytes());
    assert_eq!(Envelope::read(&body).unwrap().session.as_deref(), Some("se"));
}

#[test]
fn takes_every_way_to_say_nothing_yes_and_no() {
    for (text, expected) in [
        ("\"True\"", Some(true)),
        ("\"true\"", Some(true)),
        ("true", Some(true)),
        ("\"False\"", Some(false)),
        ("false", Some(false)),
        ("null", None),
        ("\"\"", None),
    ] {
        let (updating, _) = read(&format!("{{\"isUpdating\":{text},\"data\":[1]}}")).unwrap();
        assert_eq!(updating, expected, "{text}");
    }
    assert_eq!(broken("{\"isUpdating\":\"1\"}"), [("/isUpdating".to_owned(), "enum")]);
}

#[test]
fn every_member_of_a_wrong_form_is_told() {
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let body = format!(
        "{{\"session\":7,\"madonvi\":[],\"service\":\"{long}\",\"isUpdating\":3,\"mahoso\":{{}}}}"
    );
    let expected = [
        ("/session", "type"),
        ("/madonvi", "type"),
        ("/service", "max_length"),
        ("/mahoso", "type"),
        ("/isUpdating", "enum"),
    ];
    assert_eq!(broken(&body), expected.map(|(pointer, rule)| (pointer.to_owned(), rule)));
}

#[test]
fn refuses_what_is_no_packet() {
    let code = |body: &str| read(body).unwrap_err().code;
    for body in ["", "[]", "{", "7", "{\"data\":[1}", "{\"data\":[1]} x", "\u{feff}{}"] {
        assert_eq!(code(body), ErrorCode::InvalidJson, "{body}");
    }
    for body in
        ["{}", "{\"data\":{\"a\":[1]}}", "{\"data\":\"[]\"}", "{\"data\":null}", "{\"data\":1.5}"]
    {
        assert_eq!(broken(body), [("/data".to_owned(), "type")], "{body}");
    }
    assert_eq!(broken("{\"data\":[]}"), [("/data".to_owned(), "min_length")]);
    for name in ["session", "data"] {
        let body = format!("{{\"{name}\":[1],\"{}\":[1]}}", name.to_uppercase());
        assert_eq!(broken(&body), [(format!("/{name}"), "json_duplicate_member")]);
    }
    let others: String = (0..=MAX_OTHERS).map(|at| format!("\"x{at}\":1,")).collect();
    assert_eq!(broken(&format!("{{{others}\"data\":[1]}}")), [(String::new(), "request")]);
}

#[test]
fn what_is_not_utf_8_is_refused_also_where_nobody_looks() {
    for body in [&b"{\"other\":\"\xc0\xb0\"}"[..], b"{\"data\":{\"a\":\"\xff\"}}"] {
        let fault = Envelope::read(&Bytes::from_static(body)).err().unwrap();
        assert_eq!(fault.code, ErrorCode::InvalidJson);
    }
}

#[test]
fn takes_a_thousand_records_and_no_more() {
    let list = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    let body = Bytes::from(list(MAX_RECORDS));
    assert_eq!(Records::read(&body).unwrap().within(&body).unwrap().len(), MAX_RECORDS);
    let fault = read(&format!("{{\"data\":{}}}", list(MAX_RECORDS + 1))).unwrap_err();
    assert_eq!(fault.code, ErrorCode::PayloadTooLarge);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(bytes);
        if let Ok(envelope) = Envelope::read(&body) {
            drop(envelope.data.map(|data| data.within(&body)));
        }
        drop(Records::read(&body).map(|records| records.within(&body)));
    }

    #[test]
    fn a_packet_broken_anywhere_is_read_or_refused(at in 0usize..120, bytes in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..8) {
        let mut packet = br#"{"session":"s","madonvi":"H61.14","service":"DongBoHoSoMC","isUpdating":"False","data":[{"MaHoSo":"x"}]}"#.to_vec();
        let at = at.min(packet.len());
        let end = (at + cut).min(packet.len());
        packet.splice(at..end, bytes);
        let body = Bytes::from(packet);
        if let Ok(envelope) = Envelope::read(&body)
            && let Some(Ok(records)) = envelope.data.map(|data| data.within(&body))
        {
            for record in records {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&record).is_ok());
            }
        }
    }
}
