//! The connector against the simulated national platform.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{FarSide, evidence, person, question, sim, within};
use axum::Router;
use axum::extract::Request;
use futures_util::future::join_all;
use lgsp_query::{Leave, UpstreamError};
use lgsp_sim::people;
use serde_json::{Value, json};
use tower::ServiceExt;

#[tokio::test]
async fn what_the_platform_knows_arrives_in_the_form_of_the_bus() {
    let far_side = FarSide::serve(sim(3600)).await;
    // Elder and younger, name in parts and whole, year alone, three writings of success.
    for index in (0..120).map(|step| step * 8_329 + 3) {
        let person = person(index);
        let fetched = far_side.ask(&question(&person)).await.unwrap();
        // NhomMau and SoSoHoKhau.
        assert_eq!(fetched.unknown_fields, 2);
        let citizen = Value::Object(fetched.record);
        let text = |pointer: &str| citizen.pointer(pointer).and_then(Value::as_str);
        assert_eq!(text("/personalNumber"), Some(person.personal_number.as_str()));
        assert_eq!(text("/identityCardNumber"), person.identity_card_number.as_deref());
        assert_eq!(text("/fullName"), Some(person.name.to_string().as_str()));
        assert_eq!(text("/birthDate"), Some(person.birth.to_string().as_str()));
        let male = person.gender == people::Gender::Male;
        assert_eq!(text("/gender"), Some(if male { "GENDER_MALE" } else { "GENDER_FEMALE" }));
        assert_eq!(text("/ethnicGroupCode"), Some(person.ethnic_group_code));
        let home = &citizen["permanentResidence"];
        assert_eq!(&citizen["currentResidence"], home);
        assert_eq!(home["communeCode"], json!(person.residence.commune_code));
        assert_eq!(home["detail"], json!(person.residence.detail));
        assert!(home.get("districtCode").is_none());
        assert_eq!(citizen.get("father").is_some(), person.parents.is_some());
        let spouse = person.spouse.map(|index| crate::support::person(index).personal_number);
        assert_eq!(text("/spouse/personalNumber"), spouse.as_deref());
    }
    assert_eq!(far_side.counts(), (1, 120));
    assert_eq!(far_side.population().carrier(), "ndxp");
}

#[tokio::test]
async fn nobody_is_found_by_a_number_a_name_or_a_date_of_somebody_else() {
    let far_side = FarSide::serve(sim(3600)).await;
    let asked = question(&person(400_000));
    let mut other = [asked.clone(), asked.clone(), asked];
    other[0].body.insert("personalNumber".into(), "062190000001".into());
    other[1].body.insert("fullName".into(), "Người Khác".into());
    other[2].body.insert("birthDate".into(), "1900-01-01".into());
    for question in other {
        assert!(far_side.ask(&question).await == Err(UpstreamError::NotFound));
    }
}

#[tokio::test]
async fn many_questions_at_once_need_one_token() {
    let far_side = FarSide::serve(sim(3600)).await;
    let questions: Vec<_> = (0..64).map(|index| question(&person(index * 1_009))).collect();
    let answers = join_all(questions.iter().map(|question| far_side.ask(question))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(far_side.counts(), (1, 64));
}

#[tokio::test]
async fn warming_up_fetches_the_token_so_that_the_question_need_not() {
    let far_side = FarSide::serve(sim(3600)).await;
    far_side.population().warm_up(within(Duration::from_secs(20))).await;
    assert_eq!(far_side.counts(), (1, 0));
    assert!(far_side.ask(&question(&person(1))).await.is_ok());
    assert_eq!(far_side.counts(), (1, 1));
}

/// A platform that can be put back as new: it forgets every token that it issued.
fn forgetful() -> (Router, Arc<Mutex<Router>>) {
    let inner = Arc::new(Mutex::new(sim(3600)));
    let shared = inner.clone();
    let outer = Router::new().fallback(move |request: Request| {
        let router = shared.lock().unwrap().clone();
        async move { router.oneshot(request).await }
    });
    (outer, inner)
}

#[tokio::test]
async fn a_token_that_the_platform_forgot_is_renewed_once_for_all() {
    let (routes, inner) = forgetful();
    let far_side = FarSide::serve(routes).await;
    let asked = question(&person(1));
    assert!(far_side.ask(&asked).await.is_ok());
    *inner.lock().unwrap() = sim(3600);
    assert!(far_side.ask(&asked).await.is_ok());
    assert_eq!(far_side.counts(), (2, 3), "one renewal, one repetition");
    *inner.lock().unwrap() = sim(3600);
    let answers = join_all((0..32).map(|_| far_side.ask(&asked))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(far_side.tokens.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_token_that_is_never_taken_ends_in_a_refusal_not_in_a_loop() {
    let far_side = FarSide::serve(sim(0)).await;
    let answer = far_side.ask(&question(&person(1))).await;
    assert!(answer == Err(UpstreamError::Refused { code: "http_401".into() }));
    assert_eq!(far_side.counts(), (2, 2));
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (services, _secrets) = crate::support::connect(address);
    let (proof, asked) = (evidence(), question(&person(1)));
    let service = services.iter().find(|service| service.name == "population").unwrap();
    let deadline = within(Duration::from_secs(20));
    let answer = service.upstream.fetch(Leave::Recorded(&proof), &asked, deadline).await;
    assert!(answer == Err(UpstreamError::Unavailable { what: "connect", retry_after: None }));
    service.upstream.warm_up(within(Duration::from_secs(20))).await;
}
