//! The outbox on a real PostgreSQL.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lgsp_tests::postgres::Postgres;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bed::{self, BAD, Bus, DATABASE, Running, until};

/// So rarely that only a notification explains what is published within a test.
const NEVER: (&str, &str) = ("# poll_seconds = 5", "poll_seconds = 3600");
const OFTEN: (&str, &str) = ("# poll_seconds = 5", "poll_seconds = 1");

fn start(postgres: &Postgres, bus: &Arc<Bus>, changes: &[(&str, &str)]) -> Running {
    Running::start(bed::config(postgres, "outbox.toml", changes), bus, postgres.folder())
}

fn insert(postgres: &Postgres, entity: &str, data: &str) {
    let sql = format!("insert into lgsp_outbox (entity, data) values ('{entity}', '{data}')");
    postgres.sql(DATABASE, &sql).unwrap();
}

/// Waits until every row is settled; a server that is away counts as not yet.
async fn until_settled(postgres: &Postgres) {
    let waiting = "select count(*) from lgsp_outbox where settled_at is null";
    until("rows are settled", || postgres.sql(DATABASE, waiting).is_ok_and(|count| count == "0"))
        .await;
}

#[tokio::test]
async fn publishes_a_row_byte_for_byte_under_the_id_that_it_has() {
    let postgres = bed::postgres();
    let data = r#"{ "MaHoSo":"H61.14-260703-0001" , "Gia": 1.50, "x": "Nguyễn" }"#;
    let sql = format!(
        "insert into lgsp_outbox (event_id, entity, event_type, agency, data, time) values \
         ('6f1d7e8a-0000-4000-8000-000000000001', 'a', 'lgsp.dossier.recorded.v1', 'H61.25', \
          '{data}', '2026-07-03T09:30:00.25+07:00'), \
         ('6f1d7e8a-0000-4000-8000-000000000002', 'a', null, null, '[]', null)"
    );
    postgres.sql(DATABASE, &sql).unwrap();
    let bus = Bus::new();
    let adapter = start(&postgres, &bus, &[NEVER]);
    until_settled(&postgres).await;
    adapter.stop().await;

    let [first, second] = bus.recorded().try_into().unwrap();
    assert_eq!(first.data, data.as_bytes());
    assert_eq!(first.id, "6f1d7e8a-0000-4000-8000-000000000001");
    assert_eq!(first.source, "/agencies/H61.25/systems/motcua");
    assert_eq!(first.event_type, "lgsp.dossier.recorded.v1");
    assert_eq!(first.time.as_deref(), Some("2026-07-03T02:30:00.250000Z"));
    // What a row does not say, the configuration does.
    assert_eq!(second.source, "/agencies/H61.14/systems/motcua");
    assert_eq!(second.event_type, "lgsp.dossier.progressed.v1");
    assert_eq!(second.time, None);
    assert_eq!(
        postgres.sql(DATABASE, "select distinct outcome, report is null from lgsp_outbox").unwrap(),
        "recorded|t"
    );
}

#[tokio::test]
async fn the_worked_example_is_published() {
    let postgres = bed::postgres();
    let bus = Bus::new();
    let adapter = start(&postgres, &bus, &[NEVER]);
    let script = std::fs::read_to_string(bed::example("example.sql")).unwrap();
    postgres.sql(DATABASE, &script).unwrap();
    bus.until_recorded(1).await;
    adapter.stop().await;
    let data: Value = serde_json::from_str(&bus.data()[0]).unwrap();
    assert_eq!(data["MaHoSo"], "H61.14-260703-0001");
    assert_eq!(data["TrangThai"], "4");
}

#[tokio::test]
async fn a_row_with_a_lower_id_that_is_committed_later_is_not_skipped() {
    let postgres = bed::postgres();
    let tasks = TaskTracker::new();
    let mut slow = bed::connect(&postgres, &tasks).await.unwrap();
    let transaction = slow.transaction().await.unwrap();
    transaction
        .batch_execute("insert into lgsp_outbox (entity, data) values ('slow', '\"slow\"')")
        .await
        .unwrap();
    insert(&postgres, "fast", "\"fast\"");
    let bus = Bus::new();
    let adapter = start(&postgres, &bus, &[NEVER]);
    bus.until_recorded(1).await;
    assert_eq!(bus.data(), ["\"fast\""]);

    transaction.commit().await.unwrap();
    bus.until_recorded(2).await;
    assert_eq!(bus.data(), ["\"fast\"", "\"slow\""]);
    until_settled(&postgres).await;
    let ids = postgres.sql(DATABASE, "select data from lgsp_outbox order by id").unwrap();
    assert_eq!(ids, "\"slow\"\n\"fast\"", "the ids were drawn the other way round");
    adapter.stop().await;
}

#[tokio::test]
async fn polling_finds_what_no_notification_told() {
    let postgres = bed::postgres();
    postgres.sql(DATABASE, "alter table lgsp_outbox disable trigger lgsp_outbox_notify").unwrap();
    let bus = Bus::new();
    let adapter = start(&postgres, &bus, &[OFTEN]);
    until("the adapter listens", || {
        let sql = "select count(*) from pg_stat_activity where query = 'listen lgsp_outbox' or query like '%octet_length%limit%'";
        postgres.sql(DATABASE, sql).is_ok_and(|count| count != "0")
    })
    .await;
    insert(&postgres, "a", "1");
    bus.until_recorded(1).await;
    adapter.stop().await;
}

#[tokio::test]
async fn a_refused_row_is_set_aside_told_about_and_in_nobodys_way() {
    let postgres = bed::postgres();
    insert(&postgres, "a", "1");
    insert(&postgres, "a", &format!("\"{BAD}\""));
    let large =
        "insert into lgsp_outbox (entity, data) values ('a', to_json(repeat('x', 2 << 20)))";
    postgres.sql(DATABASE, large).unwrap();
    let both = "insert into lgsp_outbox (entity, event_type, agency, data) \
                values ('b', 'nonsense', 'H61.99', to_json(repeat('x', 2 << 20)))";
    let nonsense =
        "insert into lgsp_outbox (entity, event_type, data) values ('a', 'nonsense', '4')";
    postgres.sql(DATABASE, nonsense).unwrap();
    insert(&postgres, "a", "5");
    postgres.sql(DATABASE, both).unwrap();
    let bus = Bus::unsure(0.5, 7);
    let adapter = start(&postgres, &bus, &[NEVER]);
    until_settled(&postgres).await;
    adapter.stop().await;

    assert_eq!(bus.data(), ["1", "5"]);
    let mut told: Vec<_> = bus
        .letters()
        .into_iter()
        .map(|letter| format!("{}: {}", letter.origin, letter.cause.code))
        .collect();
    // Among dead letters there is no order.
    told.sort();
    let expected = [
        "lgsp_outbox row 2: schema_violation",
        "lgsp_outbox row 3: payload_too_large",
        "lgsp_outbox row 4: unknown_event_type",
        "lgsp_outbox row 6: payload_too_large",
    ];
    assert_eq!(told, expected);
    assert!(bus.letters().iter().any(|letter| letter.record.data.len() < 100), "no large letter");
    let report = "select outcome, report from lgsp_outbox where id = 2";
    let report = postgres.sql(DATABASE, report).unwrap();
    let (outcome, report) = report.split_once('|').unwrap();
    let report: Value = serde_json::from_str(report).unwrap();
    assert_eq!(outcome, "refused");
    assert_eq!(report["code"], "schema_violation");
    assert_eq!(report["violations"][0]["pointer"], "/MaHoSo");
    assert_eq!(report["violations"][0]["vi"], "Sai mã hồ sơ.");
    assert!(!report.to_string().contains(BAD), "a report tells no value");
}

#[tokio::test]
async fn one_adapter_publishes_and_another_takes_over() {
    let postgres = bed::postgres();
    let (one, other) = (Bus::new(), Bus::new());
    let first = start(&postgres, &one, &[OFTEN]);
    insert(&postgres, "a", "1");
    one.until_recorded(1).await;
    let second = start(&postgres, &other, &[OFTEN]);
    until("the other stands by", || {
        let sql = "select count(*) from pg_stat_activity where usename = 'lgsp_adapter'";
        postgres.sql(DATABASE, sql).is_ok_and(|count| count == "2")
    })
    .await;
    insert(&postgres, "a", "2");
    one.until_recorded(2).await;
    assert_eq!(other.sent(), 0);
    until_settled(&postgres).await;

    first.cut().await;
    insert(&postgres, "a", "3");
    other.until_recorded(1).await;
    until_settled(&postgres).await;
    assert_eq!(other.data(), ["3"]);
    assert_eq!(one.data(), ["1", "2"]);
    second.stop().await;
}

#[tokio::test]
async fn settled_rows_are_removed_after_their_time_and_no_others() {
    let postgres = bed::postgres();
    let old = "insert into lgsp_outbox (entity, data) select 'a', n::text from generate_series(1, 3) n; \
               update lgsp_outbox set outcome = 'recorded', settled_at = now() - interval '90 minutes' where id = 1; \
               update lgsp_outbox set outcome = 'recorded', settled_at = now() - interval '30 minutes' where id = 2";
    postgres.sql(DATABASE, old).unwrap();
    let bus = Bus::new();
    let adapter = start(&postgres, &bus, &[OFTEN, ("# keep_hours = 168", "keep_hours = 1")]);
    until("the old row goes", || {
        postgres.sql(DATABASE, "select id from lgsp_outbox order by id").unwrap() == "2\n3"
    })
    .await;
    assert_eq!(bus.data(), ["3"]);
    adapter.stop().await;
}

#[tokio::test]
async fn the_roles_may_do_their_part_and_no_more() {
    let postgres = bed::postgres();
    postgres.sql(DATABASE, "create table other (id int)").unwrap();
    let refused = |role: &str, sql: &str| {
        let error = postgres.sql(DATABASE, &format!("set role {role}; {sql}")).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{role}: {sql}: {error}");
    };
    postgres
        .sql(DATABASE, "set role motcua; insert into lgsp_outbox (entity, data) values ('a', '1'); select id, outcome, report from lgsp_outbox")
        .unwrap();
    refused("motcua", "update lgsp_outbox set outcome = 'recorded', settled_at = now()");
    refused(
        "motcua",
        "insert into lgsp_outbox (entity, data, settled_at) values ('a', '1', now())",
    );
    refused("motcua", "delete from lgsp_outbox");
    refused("lgsp_adapter", "update lgsp_outbox set data = '2'");
    refused("lgsp_adapter", "insert into lgsp_outbox (entity, data) values ('a', '1')");
    refused("lgsp_adapter", "select * from other");
    let broken = "insert into lgsp_outbox (entity, data) values ('a', '{')";
    assert!(postgres.sql(DATABASE, broken).is_err(), "the application learns at once");
}

/// Changes dossiers until told to stop: as an application does, with the lock of the dossier's own
/// row first, several at once, some transactions given up.
async fn application(
    postgres: Arc<std::sync::Mutex<Postgres>>,
    seed: u64,
    stop: CancellationToken,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let tasks = TaskTracker::new();
    while !stop.is_cancelled() {
        let (folder, port) = {
            let postgres = postgres.lock().unwrap();
            (postgres.folder().to_owned(), postgres.port())
        };
        let mut config = tokio_postgres::Config::new();
        config.host_path(folder).port(port).user("postgres").dbname(DATABASE);
        let Ok((mut client, connection)) = config.connect(tokio_postgres::NoTls).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tasks.spawn(async move {
            connection.await.ok();
        });
        while !stop.is_cancelled() && change(&mut client, &mut random).await.is_ok() {}
    }
}

async fn change(
    client: &mut tokio_postgres::Client,
    random: &mut fastrand::Rng,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    // In one order, so that two never wait for each other.
    let first = random.i32(1..=20);
    for dossier in first..=(first + random.i32(0..3)).min(20) {
        let bad = if random.f64() < 0.05 { BAD } else { "" };
        let sql = "with changed as (update ho_so set n = n + 1 where id = $1 returning id, n) \
                   insert into lgsp_outbox (entity, data) \
                   select id, json_build_object('id', id, 'n', n, 'bad', $2::text) from changed";
        transaction.execute(sql, &[&dossier, &bad]).await?;
        if random.f64() < 0.3 {
            tokio::time::sleep(Duration::from_millis(random.u64(0..15))).await;
        }
    }
    if random.f64() < 0.1 { transaction.rollback().await } else { transaction.commit().await }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_disordered_while_everything_is_killed() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let postgres = bed::postgres();
    let table = "create table ho_so (id int primary key, n int not null default 0); \
                 insert into ho_so select generate_series(1, 20)";
    postgres.sql(DATABASE, table).unwrap();
    let postgres = Arc::new(std::sync::Mutex::new(postgres));
    let (bus, stop, tasks) = (Bus::unsure(0.5, seed), CancellationToken::new(), TaskTracker::new());
    for number in 0..4 {
        tasks.spawn(application(postgres.clone(), seed ^ number, stop.clone()));
    }
    tasks.close();
    let small = [OFTEN, ("# batch_rows = 500", "batch_rows = 16")];
    let began = |bus: &Bus| bus.recorded().len();
    for _ in 0..4 {
        for _ in 0..random.usize(2..5) {
            let adapter = start(&postgres.lock().unwrap(), &bus, &small);
            let before = began(&bus);
            until("the adapter publishes", || began(&bus) > before + 5).await;
            tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
            adapter.cut().await;
        }
        // The database goes in the middle of a batch, and comes back under the same adapter.
        let adapter = start(&postgres.lock().unwrap(), &bus, &small);
        let before = began(&bus);
        until("the adapter publishes", || began(&bus) > before + 5).await;
        tokio::task::block_in_place(|| {
            let mut postgres = postgres.lock().unwrap();
            postgres.kill().unwrap();
            postgres.start_again().unwrap();
        });
        let before = began(&bus);
        until("the adapter goes on", || began(&bus) > before + 5).await;
        adapter.cut().await;
    }
    stop.cancel();
    tokio::time::timeout(bed::PATIENCE, tasks.wait()).await.unwrap();
    let postgres = Arc::into_inner(postgres).unwrap().into_inner().unwrap();
    let adapter = start(&postgres, &bus, &[OFTEN]);
    until_settled(&postgres).await;
    adapter.stop().await;

    // What the application knows: each dossier's changes are numbered, without a gap.
    let mut refused: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for letter in bus.letters() {
        let data: Value = serde_json::from_slice(&letter.record.data).unwrap();
        refused.entry(data["id"].as_u64().unwrap()).or_default().push(data["n"].as_u64().unwrap());
    }
    let mut recorded: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for data in bus.data() {
        let data: Value = serde_json::from_str(&data).unwrap();
        recorded.entry(data["id"].as_u64().unwrap()).or_default().push(data["n"].as_u64().unwrap());
    }
    let mut total = 0;
    for line in postgres.sql(DATABASE, "select id, n from ho_so").unwrap().lines() {
        let (id, n) = line.split_once('|').unwrap();
        let (id, n): (u64, u64) = (id.parse().unwrap(), n.parse().unwrap());
        let recorded = recorded.remove(&id).unwrap_or_default();
        assert!(recorded.is_sorted(), "dossier {id} is out of order: {recorded:?}");
        let mut all = refused.remove(&id).unwrap_or_default();
        all.extend(recorded);
        all.sort_unstable();
        // A letter may come twice, when what became of it could not be marked.
        all.dedup();
        assert_eq!(all, (1..=n).collect::<Vec<_>>(), "dossier {id}");
        total += n;
    }
    let rows = postgres.sql(DATABASE, "select count(*) from lgsp_outbox").unwrap();
    assert_eq!(rows, total.to_string());
    // Something was at stake.
    assert!(total > 200 && bus.unknown() > 5, "{total} changes, {} doubts", bus.unknown());
    assert!(bus.sent() > bus.recorded().len() as u64 && !bus.letters().is_empty());
}
