//! The declared services against the simulated national platform, and against far sides that lie.

use axum::Router;
use axum::response::Json;
use axum::routing::{get, post};
use lgsp_core::identifier::TaxCode;
use lgsp_query::{Fetched, UpstreamError};
use lgsp_sim::enterprises::Enterprises;
use lgsp_sim::insurance::insurance_number;
use lgsp_sim::people::{self, Birth};
use lgsp_sim::platform::{
    CATALOGUES, CIVIL_STATUS_REGISTER_PATH, ENTERPRISE_PATH, INSURANCE_HOUSEHOLD_PATH,
    JUDICIAL_RECORD_SUBMIT_PATH, TOKEN_PATH,
};
use serde_json::{Value, json};

use crate::support::{FarSide, SEED, asking, person, sim};

async fn put(far_side: &FarSide, service: &str, body: Value) -> Result<Fetched, UpstreamError> {
    far_side.put(service, &asking(body)).await
}

/// Puts a question that is answered, by a far side that sends nothing unknown.
async fn record(far_side: &FarSide, service: &str, body: Value) -> Value {
    let fetched = put(far_side, service, body).await.unwrap();
    assert_eq!(fetched.unknown_fields, 0, "{service}");
    Value::Object(fetched.record)
}

#[tokio::test]
async fn an_enterprise_is_told_by_its_code() {
    let far_side = FarSide::serve(sim(3600)).await;
    let register = Enterprises::new(SEED);
    for enterprise in (0..200).filter_map(|index| register.enterprise(index * 97)) {
        let asked = json!({"taxCode": enterprise.tax_code});
        let told = record(&far_side, "enterprise", asked).await;
        assert_eq!(told["taxCode"], enterprise.tax_code);
        assert_eq!(told["name"], enterprise.name);
        assert_eq!(told["foundedOn"], enterprise.founded.to_string());
        assert_eq!(told["headOffice"]["provinceCode"], "86");
        assert!(told["headOffice"].get("districtCode").is_none(), "empty is absent");
        assert_eq!(told["statusCode"], enterprise.status.code());
        let lines = told["businessLines"].as_array().unwrap();
        assert_eq!(lines.len(), enterprise.activities.len());
        assert!(lines.iter().any(|line| line["isMain"] == true));
    }
    assert_eq!(far_side.tokens.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_enterprise_that_is_not_there_is_not_found() {
    let far_side = FarSide::serve(sim(3600)).await;
    assert!(TaxCode::parse("0100109106").is_ok());
    let answer = put(&far_side, "enterprise", json!({"taxCode": "0100109106"})).await;
    assert_eq!(answer, Err(UpstreamError::NotFound));
}

#[tokio::test]
async fn enterprises_are_found_by_a_part_of_their_names() {
    let far_side = FarSide::serve(sim(3600)).await;
    let name = Enterprises::new(SEED).enterprise(1).unwrap().name;
    let asked = json!({"name": name, "offset": 0, "limit": 5});
    let found = record(&far_side, "enterprise-search", asked).await;
    let enterprises = found["enterprises"].as_array().unwrap();
    assert!((1..=5).contains(&enterprises.len()) && found["total"].as_u64() >= Some(1));
    let none = record(&far_side, "enterprise-search", json!({"name": "xyz & không có"})).await;
    assert_eq!(none, json!({"total": 0}));
}

#[tokio::test]
async fn a_social_insurance_number_leads_to_its_household() {
    let far_side = FarSide::serve(sim(3600)).await;
    let mut partial = 0;
    for person in (0..40).map(|index| person(index * 4_001)) {
        let number = insurance_number(person.index);
        let asked = json!({"socialInsuranceNumber": number});
        let told = record(&far_side, "social-insurance-household", asked).await;
        assert_eq!(told["socialInsuranceNumber"], number);
        assert_eq!(told["birthDate"], person.birth.to_string(), "a year alone stays a year");
        partial += u32::from(matches!(person.birth, Birth::Year(_)));
        assert!(!told["members"].as_array().unwrap().is_empty());

        let male = person.gender == people::Gender::Male;
        let criteria = json!({
            "fullName": person.name.to_string(), "birthDate": person.birth.to_string(),
            "gender": if male { "1" } else { "2" }, "birthProvinceCode": person.birth_province_code,
        });
        match put(&far_side, "social-insurance-number", criteria).await {
            Ok(found) => assert_eq!(found.record["socialInsuranceNumber"], number),
            Err(error) => assert_eq!(error, UpstreamError::Refused { code: "3".into() }),
        }
    }
    assert!(partial > 0, "somebody of whom the year alone is known");
    let nobody = json!({"fullName": "Người Khác", "birthDate": "1990-01", "gender": "1"});
    let answer = put(&far_side, "social-insurance-number", nobody).await;
    assert_eq!(answer, Err(UpstreamError::NotFound));
}

/// Asks the simulated platform itself, as another system does that registers dossiers there.
async fn register(router: &Router, path: &str, body: Value) {
    use axum::body::Body;
    use axum::http::{Request, header};
    use tower::ServiceExt;

    let basic = "Basic cHJvdmluY2U6Y2FuYXJ5LWNvbnN1bWVyLXNlY3JldA==";
    // The keys of the known system, in base64.
    let system = "eyJBY2Nlc3NLZXkiOiJhY2Nlc3MiLCJTZWNyZXRLZXkiOiJjYW5hcnktc2VjcmV0LWtleSIsIkFwcE5hbWUiOiJ4IiwiUGFydG5lckNvZGUiOiJ4In0=";
    let send = |path: &str, authorization: String, kind: &str, body: String| {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, authorization)
            .header("lgspaccesstoken", system)
            .header(header::CONTENT_TYPE, kind);
        router.clone().oneshot(request.body(Body::from(body)).unwrap())
    };
    let form = "application/x-www-form-urlencoded";
    let grant = "grant_type=client_credentials".to_owned();
    let answer = send(TOKEN_PATH, basic.to_owned(), form, grant).await.unwrap();
    let token = axum::body::to_bytes(answer.into_body(), 65_536).await.unwrap();
    let token: Value = serde_json::from_slice(&token).unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let answer = send(path, bearer, "application/json", body.to_string()).await.unwrap();
    let said = axum::body::to_bytes(answer.into_body(), 65_536).await.unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert!(said["status"] == 1 || said["STATUS"] == 1, "{said}");
}

#[tokio::test]
async fn the_states_of_dossiers_elsewhere_are_told() {
    let router = sim(3600);
    let far_side = FarSide::serve(router.clone()).await;
    let civil = json!({"registrationUnit": 12345, "dossierCode": "H61.14-260703-0001"});
    let unknown = put(&far_side, "civil-status-status", civil.clone()).await;
    assert_eq!(unknown, Err(UpstreamError::NotFound));
    let body = json!({"maDonVi": 12345, "module": "KS", "maHoSo": "H61.14-260703-0001", "ngayTiepNhan": "20260703", "data": "<a/>"});
    register(&router, CIVIL_STATUS_REGISTER_PATH, body).await;
    let told = record(&far_side, "civil-status-status", civil).await;
    assert_eq!(told, json!({"statusCode": "1"}));

    let judicial = json!({"requestCode": "H61.14-260703-0002", "identityNumber": "086190000001", "infoType": "1"});
    let unknown = put(&far_side, "judicial-record-status", judicial.clone()).await;
    assert_eq!(unknown, Err(UpstreamError::NotFound));
    let declaration = json!({
        "fullName": "Nguyễn Thị Mẫu", "genderId": 0, "birthDateStr": "15/01/1990", "nationalityId": 1, "idTypeId": 3,
        "identifyNo": "086190000001", "phone": "0900000000", "declareDate": "03/07/2026", "declareTypeId": 3844,
        "requestQty": 1, "objectRequestId": 71, "formType": 1,
    });
    let body = json!({"idReceivedDec": "H61.14-260703-0002", "dateReceivedDec": "03/07/2026", "declarationWSForm": declaration});
    register(&router, JUDICIAL_RECORD_SUBMIT_PATH, body).await;
    let told = record(&far_side, "judicial-record-status", judicial.clone()).await;
    assert_eq!(told["statusCode"], "3");
    let told = record(&far_side, "judicial-record-status", judicial).await;
    assert_eq!((&told["statusCode"], &told["approvedOn"]), (&json!("4"), &json!("2026-07-06")));
}

#[tokio::test]
async fn every_catalogue_of_the_platform_is_told() {
    let far_side = FarSide::serve(sim(3600)).await;
    for catalogue in CATALOGUES {
        let told = record(&far_side, "catalogue", json!({"catalogue": catalogue})).await;
        assert!(told["records"].as_array().unwrap().len() > 1, "{catalogue}");
    }
    let answer = put(&far_side, "catalogue", json!({"catalogue": "machucdanh"})).await;
    assert_eq!(answer, Err(UpstreamError::NotFound));
}

fn grant() -> Router {
    let grant = || async { Json(json!({"access_token": "canary-token", "expires_in": 3600})) };
    Router::new().route(TOKEN_PATH, post(grant))
}

#[tokio::test]
async fn a_far_side_that_lies_says_where_it_did() {
    let enterprise = |code: &str, founded: Value| {
        let main = json!({"ENTERPRISE_GDT_CODE": code, "NAME": "Mẫu", "FOUNDING_DATE": founded});
        json!({"Status": "1", "MainInformation": main})
    };
    let cases = [
        (json!([]), "/Status"),
        (json!({}), "/Status"),
        (enterprise("0100233488", json!("")), "/MainInformation/ENTERPRISE_GDT_CODE"),
        (enterprise("1500999906", json!("2020-01-15")), "/MainInformation/FOUNDING_DATE"),
        (enterprise("1500999906", json!({})), "/MainInformation/FOUNDING_DATE"),
    ];
    for (answer, path) in cases {
        let answer = answer.clone();
        let routes = grant().route(ENTERPRISE_PATH, get(|| async { Json(answer) }));
        let far_side = FarSide::serve(routes).await;
        let told = put(&far_side, "enterprise", json!({"taxCode": "1500999906"})).await;
        assert_eq!(told, Err(UpstreamError::Contract { path: path.into() }));
    }
}

#[tokio::test]
async fn what_is_no_strict_json_is_not_read() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for text in ["", "<html>", "{\"errorCode\":\"0\",\"errorCode\":\"1\"}", &deep] {
        let text = text.to_owned();
        let answer = move || async move { ([("content-type", "application/json")], text) };
        let far_side = FarSide::serve(grant().route(INSURANCE_HOUSEHOLD_PATH, post(answer))).await;
        let asked = json!({"socialInsuranceNumber": "8600000001"});
        let told = put(&far_side, "social-insurance-household", asked).await;
        assert_eq!(told, Err(UpstreamError::Contract { path: "answer".into() }));
    }
}
