//! The query with a watermark on a real PostgreSQL.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lgsp_tests::postgres::{PASSWORD, Postgres};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::bed::{self, BAD, Bus, DATABASE, Running, until};

const OFTEN: (&str, &str) = ("# poll_seconds = 5", "poll_seconds = 1");

/// A server with the application's table and the reader's role, both of the worked example.
fn postgres() -> Postgres {
    let postgres = bed::postgres();
    let script = std::fs::read_to_string(bed::example("example.sql")).unwrap();
    postgres.sql(DATABASE, &script).unwrap();
    postgres.sql(DATABASE, "truncate ho_so").unwrap();
    postgres.run_file(DATABASE, &bed::example("reader.sql")).unwrap();
    postgres.sql(DATABASE, &format!("alter role lgsp_reader password '{PASSWORD}'")).unwrap();
    postgres
}

fn start(postgres: &Postgres, bus: &Arc<Bus>, state: &Path, changes: &[(&str, &str)]) -> Running {
    let changes: Vec<_> = [OFTEN].iter().chain(changes).copied().collect();
    Running::start(bed::config(postgres, "query.toml", &changes), bus, state)
}

/// Writes dossiers `from..=to` with one watermark, so many seconds ago.
fn write(postgres: &Postgres, from: u32, to: u32, seconds_ago: i64) {
    let sql = format!(
        "insert into ho_so select 'H61.14-260703-' || lpad(n::text, 4, '0'), 'Nguyễn Văn Mẫu', \
           'Thẩm định', '4', date_trunc('second', now() at time zone 'Asia/Ho_Chi_Minh') - make_interval(secs => {seconds_ago}) \
         from generate_series({from}, {to}) n"
    );
    postgres.sql(DATABASE, &sql).unwrap();
}

fn codes(bus: &Bus) -> Vec<String> {
    let code = |data: String| {
        let data: Value = serde_json::from_str(&data).unwrap();
        let code = data["MaHoSo"].as_str().unwrap();
        code.trim_start_matches("H61.14-260703-").to_owned()
    };
    bus.data().into_iter().map(code).collect()
}

#[tokio::test]
async fn publishes_a_row_as_the_mapping_says_and_only_once() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    let row = "insert into ho_so values ('H61.14-260703-0001', 'Nguyễn Văn Mẫu', 'Thẩm định', '4', \
               '2026-07-03 09:30:00.5')";
    postgres.sql(DATABASE, row).unwrap();
    let adapter = start(&postgres, &bus, state.path(), &[]);
    bus.until_recorded(1).await;
    let data: Value = serde_json::from_str(&bus.data()[0]).unwrap();
    let expected = serde_json::json!({
        "MaHoSo": "H61.14-260703-0001", "NguoiXuLy": "Nguyễn Văn Mẫu", "NoiDungXuLy": "Thẩm định",
        "TrangThai": "4", "ThoiDiemXuLy": "20260703093000",
    });
    assert_eq!(data, expected);
    let record = bus.recorded().remove(0);
    assert_eq!(record.source, "/agencies/H61.14/systems/motcua");
    assert_eq!(record.event_type, "lgsp.dossier.progressed.v1");

    // The row is met again in each pass, and not sent again; neither after a restart.
    write(&postgres, 2, 2, 0);
    bus.until_recorded(2).await;
    adapter.stop().await;
    let again = start(&postgres, &bus, state.path(), &[]);
    write(&postgres, 3, 3, 0);
    bus.until_recorded(3).await;
    again.stop().await;
    assert_eq!(bus.sent(), 3);

    // A state of a row that was lost is a new event; the same row as it was is the same.
    std::fs::remove_dir_all(state.path()).unwrap();
    let anew = start(&postgres, &bus, state.path(), &[]);
    until("all is sent anew", || bus.sent() == 6).await;
    assert_eq!(bus.recorded().len(), 3);
    postgres
        .sql(DATABASE, "update ho_so set trang_thai = '9', cap_nhat_luc = now() at time zone 'Asia/Ho_Chi_Minh' where ma_ho_so like '%1'")
        .unwrap();
    bus.until_recorded(4).await;
    assert!(bus.data()[3].contains("\"TrangThai\":\"9\""));
    anew.stop().await;
}

#[tokio::test]
async fn rows_of_one_watermark_across_pages_are_all_published_in_order() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    write(&postgres, 1, 10, 60);
    write(&postgres, 11, 13, 61);
    let adapter = start(&postgres, &bus, state.path(), &[("# page_rows = 500", "page_rows = 3")]);
    bus.until_recorded(13).await;
    adapter.stop().await;
    let expected: Vec<_> = (11..=13).chain(1..=10).map(|n| format!("{n:04}")).collect();
    assert_eq!(codes(&bus), expected);
}

#[tokio::test]
async fn a_key_of_padded_letters_tells_rows_of_one_watermark_apart() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    postgres.sql(DATABASE, "alter table ho_so alter ma_ho_so type char(20)").unwrap();
    write(&postgres, 1, 10, 60);
    let adapter = start(&postgres, &bus, state.path(), &[("# page_rows = 500", "page_rows = 3")]);
    bus.until_recorded(10).await;
    // The pass has an end: a row that comes later is found.
    write(&postgres, 11, 11, 0);
    bus.until_recorded(11).await;
    adapter.stop().await;
    let expected: Vec<_> = (1..=11).map(|n| format!("{n:04}")).collect();
    assert_eq!(codes(&bus), expected);
}

#[tokio::test]
async fn a_late_commit_within_the_overlap_is_caught() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    let tasks = TaskTracker::new();
    write(&postgres, 1, 3, 600);
    let mut slow = bed::connect(&postgres, &tasks).await.unwrap();
    let transaction = slow.transaction().await.unwrap();
    let late = "insert into ho_so values ('H61.14-260703-0009', 'Nguyễn Văn Mẫu', 'Muộn', '4', \
                (now() at time zone 'Asia/Ho_Chi_Minh') - interval '5 minutes')";
    transaction.batch_execute(late).await.unwrap();
    write(&postgres, 4, 4, 0);
    let adapter = start(&postgres, &bus, state.path(), &[]);
    bus.until_recorded(4).await;
    transaction.commit().await.unwrap();
    bus.until_recorded(5).await;
    adapter.stop().await;
    assert_eq!(codes(&bus), ["0001", "0002", "0003", "0004", "0009"]);
    assert_eq!(bus.sent(), 5, "the rows within the overlap were met again and not sent");
}

#[tokio::test]
async fn a_watermark_in_the_future_waits_and_hides_nothing() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    write(&postgres, 1, 1, -86_400 * 365);
    write(&postgres, 2, 2, 10);
    let adapter = start(&postgres, &bus, state.path(), &[]);
    bus.until_recorded(1).await;
    write(&postgres, 3, 3, 0);
    bus.until_recorded(2).await;
    adapter.stop().await;
    assert_eq!(codes(&bus), ["0002", "0003"]);
}

#[tokio::test]
async fn a_number_serves_as_a_watermark_too() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    let table = "create table so (version bigint, ma_ho_so text); grant select on so to lgsp_reader; \
                 insert into so select n / 3, 'H61.14-260703-' || lpad(n::text, 4, '0') from generate_series(1, 20) n";
    postgres.sql(DATABASE, table).unwrap();
    let changes = [
        (
            "select ma_ho_so, nguoi_xu_ly, noi_dung, trang_thai, cap_nhat_luc from ho_so",
            "select *, '4' as nguoi_xu_ly, '4' as noi_dung, '4' as trang_thai, null as cap_nhat_luc from so -- all",
        ),
        ("watermark = \"cap_nhat_luc\"", "watermark = \"version\""),
        ("overlap_seconds = 900", "overlap_numbers = 2"),
        ("# page_rows = 500", "page_rows = 4"),
    ];
    let adapter = start(&postgres, &bus, state.path(), &changes);
    bus.until_recorded(20).await;
    // Two behind the newest, which is 6.
    postgres.sql(DATABASE, "insert into so values (4, 'H61.14-260703-0099')").unwrap();
    bus.until_recorded(21).await;
    adapter.stop().await;
    assert_eq!(codes(&bus).last().unwrap(), "0099");
    assert_eq!(bus.sent(), 21);
}

#[tokio::test]
async fn what_cannot_be_mapped_or_is_refused_is_set_aside() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::unsure(0.4, 3));
    write(&postgres, 1, 4, 60);
    let spoil = format!(
        "update ho_so set noi_dung = '{BAD}' where ma_ho_so like '%2'; \
         update ho_so set trang_thai = 'mất' where ma_ho_so like '%3'"
    );
    postgres.sql(DATABASE, &spoil).unwrap();
    let changes = [(
        "TrangThai = { from = \"trang_thai\" }",
        "TrangThai = { from = \"trang_thai\", codes = { \"4\" = \"4\" } }",
    )];
    let adapter = start(&postgres, &bus, state.path(), &changes);
    bus.until_recorded(2).await;
    until("letters arrive", || bed::letter_ids(&bus).len() == 2).await;
    adapter.stop().await;
    assert_eq!(codes(&bus), ["0001", "0004"]);
    let letters = bus.letters();
    let unmapped =
        letters.iter().find(|letter| letter.cause.breaches[0].rule == "code_list").unwrap();
    assert_eq!(unmapped.cause.breaches[0].pointer, "/TrangThai");
    let row: Value = serde_json::from_slice(&unmapped.record.data).unwrap();
    assert_eq!(row["trang_thai"], "mất", "the letter holds the row as it was read");
    assert!(unmapped.origin.starts_with("motcua-query cap_nhat_luc at 20"), "{}", unmapped.origin);
}

#[tokio::test]
async fn a_query_can_change_nothing_even_where_the_role_could() {
    let (postgres, state, bus) = (postgres(), TempDir::new().unwrap(), Bus::new());
    let function = "create table touched (id int); \
                    create function touch() returns text language sql volatile security definer as \
                      'insert into touched values (1); select ''4''::text'; \
                    alter role lgsp_reader reset default_transaction_read_only";
    postgres.sql(DATABASE, function).unwrap();
    write(&postgres, 1, 1, 10);
    let changes = [("trang_thai, cap_nhat_luc from", "touch() as trang_thai, cap_nhat_luc from")];
    let adapter = start(&postgres, &bus, state.path(), &changes);
    until("the server refuses", || {
        std::fs::read_to_string(postgres.folder().join("log"))
            .is_ok_and(|log| log.contains("cannot execute INSERT in a read-only transaction"))
    })
    .await;
    adapter.stop().await;
    assert_eq!(postgres.sql(DATABASE, "select count(*) from touched").unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_last_state_arrives_while_everything_is_killed() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut postgres, state) = (postgres(), TempDir::new().unwrap());
    let bus = Bus::unsure(0.2, seed);
    let page = [("# page_rows = 500", "page_rows = 7")];
    write(&postgres, 1, 200, 300);
    for round in 0..5 {
        for _ in 0..3 {
            let adapter = start(&postgres, &bus, state.path(), &page);
            let change = format!(
                "update ho_so set noi_dung = '{round}', cap_nhat_luc = now() at time zone 'Asia/Ho_Chi_Minh' \
                 where random() < 0.2"
            );
            postgres.sql(DATABASE, &change).unwrap();
            let before = bus.recorded().len();
            until("the adapter publishes", || bus.recorded().len() > before).await;
            tokio::time::sleep(Duration::from_millis(random.u64(0..80))).await;
            adapter.cut().await;
        }
        let adapter = start(&postgres, &bus, state.path(), &page);
        tokio::time::sleep(Duration::from_millis(random.u64(0..200))).await;
        tokio::task::block_in_place(|| {
            postgres.kill().unwrap();
            postgres.start_again().unwrap();
        });
        adapter.cut().await;
    }
    let adapter = start(&postgres, &bus, state.path(), &page);
    let states = postgres.sql(DATABASE, "select right(ma_ho_so, 4), noi_dung from ho_so").unwrap();
    let expected: BTreeMap<String, String> = states
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(code, state)| (code.to_owned(), state.to_owned()))
        .collect();
    assert_eq!(expected.len(), 200);
    let last_states = || {
        let mut last = BTreeMap::new();
        for (code, data) in codes(&bus).into_iter().zip(bus.data()) {
            let data: Value = serde_json::from_str(&data).unwrap();
            last.insert(code, data["NoiDungXuLy"].as_str().unwrap().to_owned());
        }
        last
    };
    until("every last state arrives", || last_states() == expected).await;
    adapter.stop().await;
    assert!(bus.unknown() > 10 && bus.sent() > bus.recorded().len() as u64);
}
