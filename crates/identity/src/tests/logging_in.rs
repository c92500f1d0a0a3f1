//! The login of the packet protocol: generated secrets and chosen passwords.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lgsp_core::digest::{hex, sha256};
use lgsp_core::{ErrorCode, Fault};
use lgsp_registry::{PasswordHash, write_sample};

use super::{House, START, secret_of};
use crate::{Password, SESSION_LIFETIME_SECONDS, TOKEN_LIFETIME_SECONDS, TokenResponse};

const CHOSEN: &str = "mật khẩu do người đặt";

/// The sample registry, in which one client has a chosen password.
fn house() -> House {
    let house = House::new();
    let dir = house.folder.path().join("registry");
    std::fs::remove_dir_all(&dir).unwrap();
    let line = PasswordHash::line_for(CHOSEN, &[7; 16]).unwrap();
    write_sample(&dir, &|id| match id.as_str() {
        "motcua" => line.clone(),
        other => hex(&sha256(secret_of(other).as_bytes())),
    })
    .unwrap();
    let identity = house.reopened();
    House { identity, ..house }
}

async fn log_in(house: &House, name: &str, password: &str) -> Result<TokenResponse, Fault> {
    house.identity.log_in(name, &Password::new(password.to_owned())).await
}

fn code(answer: Result<TokenResponse, Fault>) -> ErrorCode {
    answer.unwrap_err().code
}

#[tokio::test]
async fn a_secret_and_a_chosen_password_get_a_session_that_outlives_the_clients_ten_minutes() {
    let house = house();
    for (name, password) in [("motcua", CHOSEN), ("tracuu", &secret_of("tracuu"))] {
        let session = log_in(&house, name, password).await.unwrap();
        assert_eq!(session.expires_in, SESSION_LIFETIME_SECONDS);
        let bearer = format!("Bearer {}", session.access_token);
        let caller = house.identity.authenticate(Some(&bearer)).unwrap();
        assert_eq!(caller.client().as_str(), name);
        house.clock.0.store(START + TOKEN_LIFETIME_SECONDS + 60, Ordering::SeqCst);
        assert!(house.identity.authenticate(Some(&bearer)).is_ok());
        assert!(house.reopened().authenticate(Some(&bearer)).is_ok(), "it outlives a restart");
        house.clock.0.store(START + SESSION_LIFETIME_SECONDS, Ordering::SeqCst);
        assert!(house.identity.authenticate(Some(&bearer)).is_err());
        house.clock.0.store(START, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_chosen_password_is_none_of_the_token_endpoints() {
    let house = house();
    let form = [
        ("grant_type".to_owned(), "client_credentials".to_owned()),
        ("client_id".to_owned(), "motcua".to_owned()),
        ("client_secret".to_owned(), CHOSEN.to_owned()),
    ];
    assert!(house.identity.exchange_credentials(None, &form).is_err());
}

#[tokio::test]
async fn wrong_passwords_and_unknown_names_look_and_cost_the_same() {
    let house = house();
    let mut took = Vec::new();
    for (name, password) in [
        ("motcua", "mật khẩu khác hẳn"),
        ("nobody", CHOSEN),
        ("../x", CHOSEN),
        ("tracuu", CHOSEN),
        ("tracuu", &secret_of("kiemtoan")),
        ("kiemtoan", ""),
    ] {
        let start = Instant::now();
        assert_eq!(code(log_in(&house, name, password).await), ErrorCode::Unauthenticated);
        took.push(start.elapsed());
    }
    // Each took a whole judgement, none of which is quicker.
    assert!(took.iter().all(|took| *took > Duration::from_millis(5)), "{took:?}");
}

#[tokio::test]
async fn whoever_fails_often_waits_and_nobody_is_kept_out_by_that() {
    let house = house();
    assert!(log_in(&house, "motcua", CHOSEN).await.is_ok());
    let mut refused = 0;
    for _ in 0..8 {
        match code(log_in(&house, "motcua", "a wrong password").await) {
            ErrorCode::Unauthenticated => {}
            ErrorCode::Overloaded => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 3, "after five failures");
    // Whoever logged in before is remembered; a generated secret is never judged slowly.
    assert!(log_in(&house, "motcua", CHOSEN).await.is_ok());
    for _ in 0..6 {
        log_in(&house, "tracuu", "wrong").await.unwrap_err();
    }
    assert!(log_in(&house, "tracuu", &secret_of("tracuu")).await.is_ok());
    // Later the name may try again.
    house.clock.0.fetch_add(10, Ordering::SeqCst);
    let again = log_in(&house, "motcua", "a wrong password").await;
    assert_eq!(code(again), ErrorCode::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_judged_one_at_a_time_and_most_of_it_is_turned_away() {
    let house = std::sync::Arc::new(house());
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..40 {
        let house = std::sync::Arc::clone(&house);
        logins.spawn(async move { code(log_in(&house, &format!("n{number}"), "wrong").await) });
    }
    let outcomes = logins.join_all().await;
    let turned_away = outcomes.iter().filter(|code| **code == ErrorCode::Overloaded).count();
    assert!(turned_away >= 20, "{turned_away}");
    assert!(turned_away < 40, "some were judged");
}

#[tokio::test]
async fn without_chosen_passwords_a_failure_costs_next_to_nothing() {
    let house = House::new();
    let mut took = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        assert_eq!(code(log_in(&house, "motcua", "wrong").await), ErrorCode::Unauthenticated);
        took.push(start.elapsed());
    }
    assert!(took.iter().any(|took| *took < Duration::from_millis(5)), "{took:?}");
}
