//! Asks each service as a bus would.

use super::*;
use crate::enterprises::Enterprises;
use crate::insurance::insurance_number;
use crate::people::{Gender, Person};

/// A platform and a token for it.
async fn platform() -> (Router, String) {
    let router = router(config(3600));
    let token = admitted(&router).await;
    (router, token)
}

/// Asks, and demands HTTP 200.
async fn tell(router: &Router, path: &str, token: &str, body: Value) -> Value {
    let (status, answer) = call(router, question_to(path, token, &body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

async fn fetch(router: &Router, path: &str, token: &str) -> Value {
    let (status, answer) = call(router, fetch_from(path, token)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

/// Every service, with a GET where it has one.
fn every_service() -> Vec<(bool, String)> {
    let gets = [
        ENTERPRISE_PATH.to_owned(),
        ENTERPRISE_SEARCH_PATH.to_owned(),
        format!("{CATALOGUE_PATH}/madantoc"),
        format!("{CATALOGUE_FIELDS_PATH}/madantoc"),
    ];
    let posts = [
        LOOK_UP_PATH,
        INSURANCE_HOUSEHOLD_PATH,
        INSURANCE_NUMBER_PATH,
        CIVIL_STATUS_REGISTER_PATH,
        CIVIL_STATUS_STATE_PATH,
        JUDICIAL_RECORD_SUBMIT_PATH,
        JUDICIAL_RECORD_STATE_PATH,
    ];
    let gets = gets.into_iter().map(|path| (true, path));
    gets.chain(posts.into_iter().map(|path| (false, path.to_owned()))).collect()
}

#[tokio::test]
async fn every_service_knows_its_callers() {
    let (router, token) = platform().await;
    for (is_get, path) in every_service() {
        let request = |token: &str| match is_get {
            true => fetch_from(&path, token),
            false => question_to(&path, token, &json!({})),
        };
        assert_eq!(call(&router, request("another")).await.0, StatusCode::UNAUTHORIZED, "{path}");
        let mut stranger = request(&token);
        stranger.headers_mut().insert("lgspaccesstoken", keys("wrong").parse().unwrap());
        let (status, answer) = call(&router, stranger).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(
            answer.to_string().contains("Hệ thống chưa được đăng ký") || answer["errorCode"] == 100
        );
        assert!(answer.get("error").is_none(), "{path} has a form of its own: {answer}");
    }
}

#[tokio::test]
async fn tells_of_an_enterprise() {
    let (router, token) = platform().await;
    let known = Enterprises::new(7).enterprise(42).unwrap();
    let answer =
        fetch(&router, &format!("{ENTERPRISE_PATH}?msdn={}", known.tax_code), &token).await;
    assert_eq!((&answer["Status"], &answer["DataCount"]), (&json!("1"), &json!(1)));
    let main = &answer["MainInformation"];
    assert_eq!((&main["NAME"], &main["ENTERPRISE_ID"]), (&json!(known.name), &json!(42)));
    assert_eq!(main["FOUNDING_DATE"].as_str().unwrap().len(), 10);
    assert_eq!(answer["HOAdress"]["CityID"], "86");
    assert_eq!(answer["BusinessActivity"][0]["IS_MAIN"], "Y");
    assert_eq!(answer["Member"][0]["MEMBER_NAME"], json!(known.legal_name));

    for unknown in ["?msdn=0100109106", "?msdn=", "", "?msdn=%C4%91%C4%91%C4%91%C4%91%C4%91"] {
        let answer = fetch(&router, &format!("{ENTERPRISE_PATH}{unknown}"), &token).await;
        assert_eq!(answer["Status"], "0", "{unknown}");
        assert!(!answer["Message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn searches_for_enterprises() {
    let (router, token) = platform().await;
    let ask = |query: &str| format!("{ENTERPRISE_SEARCH_PATH}?{query}");
    let answer = fetch(&router, &ask("ten=thuy%20san&offset=2&limit=3"), &token).await;
    assert_eq!(answer["Status"], "1");
    assert!(answer["DataCount"].as_u64().unwrap() > 1_000);
    assert_eq!(answer["Data"].as_array().unwrap().len(), 3);
    assert!(answer["Data"][0]["NAME"].as_str().unwrap().contains("THỦY SẢN"));
    for query in ["ten=ab", "", "ten=thuysan&offset=x", "ten=thuysan&limit=-1"] {
        assert_eq!(fetch(&router, &ask(query), &token).await["Status"], "0", "{query}");
    }
}

fn criteria(person: &Person) -> Value {
    let (day, kind) = match person.birth {
        Birth::Day(day) => (day.strftime("%Y%m%d").to_string(), 0),
        Birth::Year(year) => (year.to_string(), 1),
    };
    json!({
        "hoTen": person.name.to_string(), "ngaySinh": day, "loaiNgaySinh": kind,
        "gioiTinh": if person.gender == Gender::Male { "1" } else { "2" },
        "maTinhKs": person.birth_province_code, "maHuyenKs": "", "maXaKs": "", "isKs": "1",
    })
}

#[tokio::test]
async fn tells_the_social_insurance_number_of_a_person() {
    let (router, token) = platform().await;
    let mut found = 0;
    for index in (0..1_000_000).step_by(49_999) {
        let person = Population::new(7).person(index).unwrap();
        let answer = tell(&router, INSURANCE_NUMBER_PATH, &token, criteria(&person)).await;
        match answer["errorCode"].as_str().unwrap() {
            insurance_error::NONE => {
                assert_eq!(answer["maSoBhxh"], json!(insurance_number(index)));
                found += 1;
            }
            code => assert_eq!(code, insurance_error::AMBIGUOUS, "{index}"),
        }
    }
    assert!(found >= 18, "{found}");
    let person = Population::new(7).person(400_000).unwrap();
    for (field, value, code) in [
        ("hoTen", json!("Người Khác"), insurance_error::NOT_FOUND),
        ("gioiTinh", json!(3), insurance_error::NOT_FOUND),
        ("maTinhKs", json!("96"), insurance_error::NOT_FOUND),
        ("hoTen", json!(""), insurance_error::BAD_FIELD),
        ("gioiTinh", json!("x"), insurance_error::BAD_FIELD),
        ("ngaySinh", json!("19901301"), insurance_error::BAD_FIELD),
        ("loaiNgaySinh", json!("7"), insurance_error::BAD_FIELD),
    ] {
        let mut criteria = criteria(&person);
        criteria[field] = value;
        let answer = tell(&router, INSURANCE_NUMBER_PATH, &token, criteria).await;
        assert_eq!(answer["errorCode"], code, "{field}");
    }
}

#[tokio::test]
async fn tells_of_a_household_by_a_social_insurance_number() {
    let (router, token) = platform().await;
    let married = (400_000..).find_map(|index| {
        Population::new(7).person(index).filter(|person| person.spouse.is_some())
    });
    let person = married.unwrap();
    let ask = |number: String| json!({"maSoBhxh": number});
    let number = insurance_number(person.index);
    let answer = tell(&router, INSURANCE_HOUSEHOLD_PATH, &token, ask(number.clone())).await;
    assert_eq!((&answer["maSo"], &answer["errorCode"]), (&json!(number), &json!("0")));
    assert_eq!(answer["hoTen"], json!(person.name.to_string()));
    assert_eq!(answer["thanhVien"].as_array().unwrap().len(), 2);
    let spouse = ask(insurance_number(person.spouse.unwrap()));
    let spouse = tell(&router, INSURANCE_HOUSEHOLD_PATH, &token, spouse).await;
    assert_eq!(spouse["maHo"], answer["maHo"]);
    for (number, code) in
        [("8699000000", insurance_error::NOT_FOUND), ("86", insurance_error::BAD_FIELD)]
    {
        let answer = tell(&router, INSURANCE_HOUSEHOLD_PATH, &token, ask(number.into())).await;
        assert_eq!(answer["errorCode"], code);
    }
}

fn civil_dossier(code: &str) -> Value {
    json!({
        "maDonVi": 1234, "module": "KS", "maHoSo": code, "ngayTiepNhan": "03/07/2026",
        "data": "<hoTich><nksHoTen>Nguyễn Thị Mẫu</nksHoTen></hoTich>",
    })
}

#[tokio::test]
async fn takes_dossiers_of_civil_status_and_goes_on_with_them() {
    let (router, token) = platform().await;
    let (mut supplements, mut failures) = (0, 0);
    for number in 0..200 {
        let code = format!("H61.14-260703-{number:04}");
        let dossier = civil_dossier(&code);
        let state = json!({"maDonVi": "1234", "maHoSo": code});
        let taken = tell(&router, CIVIL_STATUS_REGISTER_PATH, &token, dossier.clone()).await;
        assert_eq!(taken, json!({"status": 1}));
        let mut told = Vec::new();
        for _ in 0..5 {
            let answer = tell(&router, CIVIL_STATUS_STATE_PATH, &token, state.clone()).await;
            told.push(answer["status"].as_u64().unwrap());
            if told.last() == Some(&2) {
                tell(&router, CIVIL_STATUS_REGISTER_PATH, &token, dossier.clone()).await;
            }
        }
        match told.as_slice() {
            [1, 3, 4, 4, 4] => {}
            [1, 2, 1, 3, 4] => supplements += 1,
            [1, 0, 0, 0, 0] => failures += 1,
            other => panic!("{code}: {other:?}"),
        }
    }
    assert!(supplements > 5 && failures > 0, "{supplements} {failures}");
}

#[tokio::test]
async fn refuses_dossiers_of_civil_status_with_the_codes_of_the_field() {
    let (router, token) = platform().await;
    for (field, value, code, name) in [
        ("maHoSo", json!(""), 200, "RECORD_UNCOMPLETE"),
        ("data", Value::Null, 200, "RECORD_UNCOMPLETE"),
        ("maDonVi", json!("H61"), 302, "DATA_TYPE_INVALID"),
        ("maDonVi", json!(-1), 106, "AGENCY_ID_INCORRECT"),
        ("module", json!("XX"), 302, "DATA_TYPE_INVALID"),
        ("ngayTiepNhan", json!("31/02/2026"), 302, "DATA_TYPE_INVALID"),
        ("data", json!("<a>"), 500, "DATA_INCORRECT"),
    ] {
        let mut dossier = civil_dossier("H61.14-260703-0001");
        dossier[field] = value;
        let answer = tell(&router, CIVIL_STATUS_REGISTER_PATH, &token, dossier).await;
        assert_eq!(answer, json!({"status": 0, "errorCode": code, "errorDescription": name}));
    }
    let unknown = json!({"maDonVi": 1234, "maHoSo": "H61.14-260703-0001"});
    let answer = tell(&router, CIVIL_STATUS_STATE_PATH, &token, unknown).await;
    assert_eq!(answer["errorDescription"], "RECORD_NOT_FOUND");
}

fn judicial_request(code: &str) -> Value {
    json!({
        "idMinistryJustice": "86", "idReceivedDec": code, "dateReceivedDec": "03/07/2026",
        "datePromissoryDec": "17/07/2026", "idMoneyReceipt": "",
        "declarationWSForm": {
            "fullName": "Nguyễn Thị Mẫu", "genderId": 0, "birthDateStr": "15/01/1990",
            "nationalityId": 1, "idTypeId": 3, "identifyNo": "086190000001", "phone": "0900000000",
            "declareDate": "03/07/2026", "declareTypeId": 3844, "requestQty": 1,
            "objectRequestId": 71, "formType": 1,
        },
        "residenceWSForm": [], "mandatorWSForm": {},
    })
}

#[tokio::test]
async fn takes_requests_for_judicial_records_once() {
    let (router, token) = platform().await;
    let request = judicial_request("H61.14-260703-0001");
    let taken = tell(&router, JUDICIAL_RECORD_SUBMIT_PATH, &token, request.clone()).await;
    assert_eq!(taken["STATUS"], 1);
    let again = tell(&router, JUDICIAL_RECORD_SUBMIT_PATH, &token, request).await;
    assert_eq!((&again["STATUS"], &again["ID"]), (&json!(0), &taken["ID"]));

    let ask = |identity: &str, kind: &str| json!({"idReceivedDec": "H61.14-260703-0001", "infoType": kind, "identifyNo": identity});
    let mut told = Vec::new();
    for _ in 0..4 {
        let question = ask("086190000001", "1");
        let answer = tell(&router, JUDICIAL_RECORD_STATE_PATH, &token, question).await;
        assert_eq!(answer["STATUS"], 1);
        told.push((answer["DEC_STATUS_ID"].as_u64().unwrap(), answer["ISSUE_DATE"].clone()));
    }
    let (none, issued) = (json!(""), json!("13/07/2026"));
    assert_eq!(told, [(3, none.clone()), (4, none), (5, issued.clone()), (5, issued)]);
    for (identity, kind) in [("086190000002", "1"), ("086190000001", "3"), ("", "1")] {
        let answer = tell(&router, JUDICIAL_RECORD_STATE_PATH, &token, ask(identity, kind)).await;
        assert_eq!(answer["STATUS"], 0);
    }
}

#[tokio::test]
async fn names_what_a_request_for_a_judicial_record_lacks() {
    let (router, token) = platform().await;
    let mut request = judicial_request("H61.14-260703-0001");
    request["dateReceivedDec"] = json!("2026-07-03");
    request["declarationWSForm"]["phone"] = json!("");
    request["declarationWSForm"]["declareTypeId"] = json!(1);
    let answer = tell(&router, JUDICIAL_RECORD_SUBMIT_PATH, &token, request).await;
    assert_eq!(answer["STATUS"], 0);
    assert_eq!(
        answer["DESCRIPTION"],
        "Thiếu hoặc sai trường: phone, declareTypeId, dateReceivedDec"
    );
}

#[tokio::test]
async fn hands_out_shared_catalogues() {
    let (router, token) = platform().await;
    let ask = |name: &str| format!("{CATALOGUE_PATH}/{name}");
    for name in CATALOGUES {
        let records = fetch(&router, &ask(name), &token).await;
        let fields = fetch(&router, &format!("{CATALOGUE_FIELDS_PATH}/{name}"), &token).await;
        let (records, fields) = (records.as_array().unwrap(), fields.as_array().unwrap());
        assert!(records.len() >= 2, "{name}");
        for field in fields {
            assert!(records[0].get(field["PropertyCode"].as_str().unwrap()).is_some(), "{name}");
        }
    }
    let agencies = fetch(&router, &ask("qlvanbandieuhanhcap1"), &token).await;
    let ours = agencies.as_array().unwrap().iter().find(|agency| agency["MaDinhDanhCap1"] == "H61");
    assert_eq!(ours.unwrap()["TenDonVi"], "Ủy ban nhân dân tỉnh Vĩnh Long");
    assert_eq!(fetch(&router, &ask("khongco"), &token).await["Count"], 0);
}

#[tokio::test]
async fn no_body_of_a_question_is_too_odd() {
    let (router, token) = platform().await;
    for (is_get, path) in every_service().into_iter().filter(|(_, path)| path != LOOK_UP_PATH) {
        for body in [json!([]), json!("x"), json!({"maSoBhxh": {}, "declarationWSForm": 1})] {
            if !is_get {
                let answer = tell(&router, &path, &token, body).await;
                assert!(answer.is_object());
            }
        }
    }
}
