//! Two processes on a real PostgreSQL.

use std::collections::HashSet;

use lgsp_ingest::EntityNote;
use lgsp_tests::Postgres;

use super::*;

/// A PostgreSQL, and two processes that share it.
struct Pair {
    postgres: Postgres,
    one: PostgresReceipts,
    two: PostgresReceipts,
}

async fn connect(postgres: &Postgres, name: &str) -> PostgresReceipts {
    let config = PostgresConfig {
        url: postgres.url("lgsp", "lgsp"),
        password_file: Some(postgres.password_file().unwrap()),
        ca_file: None,
    };
    let (tasks, down) = (TaskTracker::new(), CancellationToken::new());
    PostgresReceipts::connect(&config, name.to_owned(), tasks, down).await.unwrap()
}

impl Pair {
    async fn new() -> Self {
        let postgres = Postgres::start().unwrap();
        postgres.create_role("lgsp").unwrap();
        postgres.sql("postgres", "create database lgsp owner lgsp").unwrap();
        let (one, two) = (connect(&postgres, "one").await, connect(&postgres, "two").await);
        one.enrol().await.unwrap();
        two.enrol().await.unwrap();
        Self { postgres, one, two }
    }
}

fn event(id: &str) -> Digest128 {
    Digest128::of_event("/agencies/H61.14/systems/motcua", id)
}

fn entity() -> Digest128 {
    EntityNote::digest("lgsp.dossier.recorded.v1", "H61.14-260703-0001")
}

fn claim(id: &str) -> SharedClaim {
    SharedClaim {
        event: event(id),
        content: Digest128::of_content("t", id.as_bytes()),
        topic: "lgsp.dossier.v1".into(),
        recorded_unix_millis: 1_000,
        entity: Some(entity()),
        siblings: Vec::new(),
    }
}

fn receipt(id: &str, offset: i64, state: &str) -> StoredReceipt {
    StoredReceipt {
        event: event(id),
        content: Digest128::of_content("t", id.as_bytes()),
        topic: "lgsp.dossier.v1".into(),
        partition: 3,
        offset,
        recorded_unix_millis: 1_000 + offset,
        entity: Some(EntityNote { id: entity(), state: Some(state.into()) }),
    }
}

async fn claimed(receipts: &PostgresReceipts, id: &str) -> Claimed {
    receipts.claim(vec![claim(id)]).await.unwrap().remove(0)
}

const OURS: Claimed = Claimed::Ours { last: None };

#[tokio::test]
async fn an_event_is_one_process_s_until_it_is_released_or_recorded() {
    let Pair { postgres: _postgres, one, two } = Pair::new().await;
    assert_eq!(claimed(&one, "a").await, OURS);
    assert_eq!(claimed(&two, "a").await, Claimed::Elsewhere);
    assert_eq!(claimed(&one, "a").await, OURS, "its own again");
    assert_eq!(two.find(event("a")).await.unwrap(), Shared::Elsewhere);
    assert_eq!(two.latest(vec![entity()]).await.unwrap(), Shared::Elsewhere);
    assert_eq!(one.latest(vec![entity()]).await.unwrap(), Shared::Never, "the book knows that one");
    two.release(vec![event("a")]).await.unwrap();
    assert_eq!(claimed(&two, "a").await, Claimed::Elsewhere, "nobody releases another's");
    one.release(vec![event("a")]).await.unwrap();
    assert_eq!(claimed(&two, "a").await, OURS);
    two.record(vec![receipt("a", 7, "2")]).await.unwrap();
    let stored = StoredReceipt { entity: None, ..receipt("a", 7, "2") };
    for receipts in [&one, &two] {
        assert_eq!(claimed(receipts, "a").await, Claimed::Recorded(stored.clone()));
        assert_eq!(receipts.find(event("a")).await.unwrap(), Shared::Recorded(stored.clone()));
    }
    two.record(vec![receipt("a", 9, "2")]).await.unwrap();
    assert_eq!(one.find(event("a")).await.unwrap(), Shared::Recorded(stored), "the first stays");
    one.release(vec![event("a")]).await.unwrap();
    assert!(matches!(claimed(&two, "a").await, Claimed::Recorded(_)), "recorded is not released");
    assert_eq!(one.find(event("b")).await.unwrap(), Shared::Never);
}

#[tokio::test]
async fn the_last_of_an_entity_is_the_one_furthest_in_the_log_and_is_never_forgotten() {
    let Pair { postgres: _postgres, one, two } = Pair::new().await;
    // Twice in one batch: the event at its first place, the entity at its last.
    let batch = [receipt("a", 7, "2"), receipt("b", 8, "4"), receipt("a", 9, "2")];
    one.save_since(&batch, i64::MIN).await.unwrap();
    two.record(vec![receipt("c", 5, "1")]).await.unwrap();
    let Claimed::Ours { last: Some(last) } = claimed(&two, "d").await else { panic!("not ours") };
    assert_eq!((last.offset, last.state.as_deref()), (9, Some("2")));
    assert_eq!(one.checkpoints().await.unwrap(), [("lgsp.dossier.v1".to_owned(), 3, 10)]);
    // What is older than the window tells its entity alone.
    one.save_since(&[receipt("old", 11, "9")], 5_000).await.unwrap();
    assert_eq!(one.find(event("old")).await.unwrap(), Shared::Never);
    assert_eq!(one.checkpoints().await.unwrap(), [("lgsp.dossier.v1".to_owned(), 3, 12)]);
    assert_eq!(one.forget_before(1_008).await.unwrap(), 2);
    assert_eq!(one.find(event("a")).await.unwrap(), Shared::Never);
    assert!(matches!(one.find(event("b")).await.unwrap(), Shared::Recorded(_)));
    let Shared::Recorded(last) = two.latest(vec![entity()]).await.unwrap() else {
        panic!("its own claim is no hindrance")
    };
    assert_eq!((last.offset, last.state.as_deref()), (11, Some("9")));
    assert_eq!(two.unsettled("two").await.unwrap(), [(event("d"), 1_000)], "a claim stays");
}

#[tokio::test]
async fn who_was_pronounced_dead_claims_nothing_more_and_is_buried_with_its_claims() {
    let Pair { postgres: _postgres, one, two } = Pair::new().await;
    assert_eq!(claimed(&one, "a").await, OURS);
    let beats = two.others().await.unwrap().remove(0).beats;
    one.renew().await.unwrap();
    assert!(!two.pronounce_dead("one", Some(beats)).await.unwrap(), "it lives");
    assert!(one.is_alive());
    assert!(two.pronounce_dead("one", Some(beats + 1)).await.unwrap());
    assert!(one.claim(vec![claim("b")]).await.is_err());
    assert!(one.lost().is_cancelled() && !one.is_alive());
    assert!(matches!(one.renew().await, Err(SharedError::Lost)));
    // What it knows to be in the log is still worth knowing, but it no longer says what is covered.
    one.record(vec![receipt("c", 7, "2")]).await.unwrap();
    assert!(matches!(two.find(event("c")).await.unwrap(), Shared::Recorded(_)));
    assert!(two.checkpoints().await.unwrap().is_empty());
    assert_eq!(claimed(&two, "a").await, Claimed::Elsewhere, "in doubt until it is settled");
    assert_eq!(two.unsettled("one").await.unwrap().len(), 1);
    two.bury("one").await.unwrap();
    assert!(matches!(claimed(&two, "a").await, Claimed::Ours { .. }));
    assert!(two.others().await.unwrap().is_empty());
    two.bury("two").await.unwrap();
    two.renew().await.unwrap();
}

#[tokio::test]
async fn batches_that_overlap_in_any_order_give_each_event_to_one_process() {
    let Pair { postgres: _postgres, one, two } = Pair::new().await;
    let ids: Vec<String> = (0..2_000).map(|id| id.to_string()).collect();
    let ours = async |receipts: &PostgresReceipts, backwards: bool| {
        let mut ours = HashSet::new();
        for round in 0..20 {
            // From both ends, so that whoever begins later finds work all the same.
            let round = if backwards { 19 - round } else { round };
            let mut claims: Vec<_> =
                ids.iter().skip(round * 75).take(512).map(|id| claim(id)).collect();
            if backwards {
                claims.reverse();
            }
            let events: Vec<_> = claims.iter().map(|claim| claim.event).collect();
            let answers = receipts.claim(claims).await.unwrap();
            let taken = events.into_iter().zip(answers);
            ours.extend(taken.filter(|(_, answer)| *answer == OURS).map(|(event, _)| event));
        }
        ours
    };
    let (one, two) = tokio::join!(ours(&one, false), ours(&two, true));
    println!("{} and {}", one.len(), two.len());
    assert!(!one.is_empty() && !two.is_empty(), "both had work");
    assert!(one.is_disjoint(&two));
    assert_eq!(one.len() + two.len(), 1_937);
}

#[tokio::test]
async fn the_receipts_are_of_one_cluster_and_one_key_and_their_reading_is_one_process_s() {
    let Pair { mut postgres, one, two } = Pair::new().await;
    one.bind("cluster", "key").await.unwrap();
    two.bind("cluster", "key").await.unwrap();
    let told = two.bind("other", "key").await.unwrap_err();
    assert!(matches!(told, SharedError::OtherCluster { .. }), "{told}");
    assert!(matches!(two.bind("cluster", "other").await, Err(SharedError::OtherKey)));
    let alone = one.exclusively().await.unwrap().unwrap();
    assert!(two.exclusively().await.unwrap().is_none());
    drop(alone);
    let deadline = Instant::now() + Duration::from_secs(10);
    while two.exclusively().await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "the lock is never free");
    }
    // Claims outlive a crash, and the lines are made anew.
    assert_eq!(claimed(&one, "a").await, OURS);
    postgres.kill().unwrap();
    assert!(one.claim(vec![claim("b")]).await.is_err());
    postgres.start_again().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let answer = loop {
        match two.claim(vec![claim("a")]).await {
            Ok(mut answers) => break answers.remove(0),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(answer, Claimed::Elsewhere);
    postgres.sql("lgsp", "update lgsp.meta set version = 99").unwrap();
    assert!(matches!(two.bind("cluster", "key").await, Err(SharedError::Newer { .. })));
}
