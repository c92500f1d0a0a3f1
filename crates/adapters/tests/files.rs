//! The files adapter against a bus that fails in every way it may, and an adapter that is dropped
//! at any point: every row ends in exactly one of recorded and set aside, in order.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

#[path = "files/fake_bus.rs"]
mod fake_bus;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use fake_bus::{FakeBus, Mood};
use lgsp_adapters::files::FilesError;
use lgsp_adapters::{AdapterConfig, AdapterError, Publisher, Tally, run, run_once};
use tokio_util::sync::CancellationToken;

const CONFIG: &str = r#"
    [adapter]
    name = "so"
    type = "lgsp.dossier.recorded.v1"
    agency = "H61.25"
    client = "motcua"
    [files]
    folder = "in"
    format = "csv"
    settle_seconds = 0
    poll_seconds = 0
    [mapping.fields]
    MaHoSo = { from = "Mã" }
    Lan = { from = "Lần", as = "integer" }
    TrangThaiHoSo = { from = "Trạng thái", codes = { tot = "1", la = "99" } }
"#;

struct Place {
    home: tempfile::TempDir,
    config: AdapterConfig,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("in")).unwrap();
        let config = AdapterConfig::parse(CONFIG, "so.toml", home.path()).unwrap();
        Self { home, config }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join("in").join(name)
    }

    /// Puts a file into the folder, younger than those before.
    fn put(&self, order: u64, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + order);
        File::options().write(true).open(self.at(name)).unwrap().set_modified(at).unwrap();
    }

    async fn run(&self, bus: &Arc<FakeBus>) -> Result<Tally, AdapterError> {
        let bus: Arc<dyn Publisher> = bus.clone();
        let stop = CancellationToken::new();
        run_once(&self.config, bus, &self.home.path().join("state"), stop).await
    }

    /// Runs again and again, dropped after so many polls as `fuse` says, until nothing is left.
    async fn run_to_the_end(&self, bus: &Arc<FakeBus>, mut fuse: impl FnMut() -> usize) -> u32 {
        let mut dropped = 0;
        loop {
            match Fuse::new(self.run(bus), fuse()).await {
                Some(Ok(_)) => return dropped,
                // What the dropped one had begun with the disk goes on for a moment.
                Some(Err(AdapterError::Files(FilesError::InUse { .. }))) => {
                    tokio::task::yield_now().await;
                }
                Some(Err(error)) => panic!("{error:?}"),
                None => dropped += 1,
            }
        }
    }
}

/// Drops a future after so many polls.
struct Fuse<F>(Pin<Box<F>>, usize);

impl<F: Future> Fuse<F> {
    fn new(future: F, polls: usize) -> Self {
        Self(Box::pin(future), polls)
    }
}

impl<F: Future> Future for Fuse<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.1 == 0 {
            return Poll::Ready(None);
        }
        self.1 -= 1;
        let future = pin!(&mut self.0);
        future.poll(context).map(Some)
    }
}

/// What a made-up file holds.
#[derive(Default)]
struct Sheet {
    text: String,
    /// Per dossier, the order in which the bus must have it.
    good: BTreeMap<String, Vec<u64>>,
    /// The rows that must be refused.
    bad: BTreeSet<u64>,
}

fn sheet(random: &mut fastrand::Rng, file: u64, rows: u64) -> Sheet {
    let mut sheet = Sheet { text: "Mã,Lần,Trạng thái\n".to_owned(), ..Sheet::default() };
    for row in 2..rows + 2 {
        let (code, time) = (format!("HS-{}", random.u8(..7)), file * 1_000_000 + row);
        let state = match random.u8(..20) {
            0 => "la",
            1 => "không có trong bảng mã",
            _ => "tot",
        };
        if random.u8(..40) == 0 {
            sheet.text += "hỏng\n";
            sheet.bad.insert(row);
            continue;
        }
        sheet.text += &format!("{code},{time},{state}\n");
        if state == "tot" {
            sheet.good.entry(code).or_default().push(time);
        } else {
            sheet.bad.insert(row);
        }
    }
    sheet
}

/// Returns the rows that a result names, each as often as it does.
fn refused_rows(result: &Path) -> Vec<u64> {
    let text = fs::read(result).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let lines = reader.records().map(Result::unwrap);
    lines.filter(|line| &line[6] == "refused").map(|line| line[0].parse().unwrap()).collect()
}

/// Returns what dead letters call the file of a result.
fn named_in(result: &Path) -> String {
    let text = fs::read(result).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let last = reader.records().last().unwrap().unwrap();
    last[7].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_ends_once_and_in_order_whatever_fails_and_wherever_the_adapter_is_dropped() {
    let (mut dropped, mut unknown, mut repeated, mut lost_letters) = (0, 0, 0, 0);
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let place = Place::new();
        let mut sheets = Vec::new();
        for file in 0..3 {
            let rows = [3, 499, 500, 501, 1203][random.usize(..5)];
            let made = sheet(&mut random, file, rows);
            // Names in another order than that of the files' age.
            place.put(file, &format!("{}.csv", 9 - file), &made.text);
            sheets.push(made);
        }
        let bus = Arc::new(FakeBus::new(Mood::Wild(seed)));
        dropped += place.run_to_the_end(&bus, || random.usize(1..60)).await;

        let book = bus.book();
        let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for sheet in &sheets {
            for (code, times) in &sheet.good {
                expected.entry(code.clone()).or_default().extend(times);
            }
        }
        assert_eq!(book.by_entity(), expected, "seed {seed}: recorded once each, in order");
        let mut origins = BTreeSet::new();
        for (file, sheet) in sheets.iter().enumerate() {
            let name = format!("{}.csv", 9 - file);
            let result = place.at("da-xu-ly").join(format!("{name}.ket-qua.csv"));
            let file = named_in(&result);
            assert!(file.len() == 12 && file.bytes().all(|byte| byte.is_ascii_hexdigit()));
            origins.extend(sheet.bad.iter().map(|row| format!("so {file} row {row}")));
            let told = refused_rows(&result);
            assert_eq!(told, sheet.bad.iter().copied().collect::<Vec<_>>(), "seed {seed} {name}");
        }
        assert_eq!(book.origins(), origins, "seed {seed}: set aside what was refused, no more");
        assert_eq!(book.letter_ids(), origins.len(), "seed {seed}: a letter keeps its id");
        assert_eq!(fs::read_dir(place.at("")).unwrap().count(), 1, "only the finished are left");
        unknown += book.unknown;
        repeated += book.repeated;
        lost_letters += book.lost_letters;
    }
    println!(
        "{dropped} drops, {unknown} unknown, {repeated} repeated, {lost_letters} letters lost"
    );
    assert!(
        dropped > 12 && unknown > 12 && repeated > 12 && lost_letters > 2,
        "nothing was at stake"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_between_the_batch_and_the_journal_repeats_the_same_ids_and_loses_nothing() {
    let place = Place::new();
    let mut random = fastrand::Rng::with_seed(1);
    let made = sheet(&mut random, 0, 1200);
    place.put(0, "a.csv", &made.text);
    let bus = Arc::new(FakeBus::new(Mood::SilentAfter(2)));
    tokio::select! {
        ended = place.run(&bus) => panic!("{ended:?}"),
        () = bus.silenced() => {}
    }
    let before = bus.book().ids();
    let silenced = bus.book().last_batch.clone();
    assert!(before.len() > 500 && silenced.iter().any(|id| before.contains(id)));
    bus.set_mood(Mood::Kind);
    place.run_to_the_end(&bus, || usize::MAX).await;
    let book = bus.book();
    assert_eq!(book.first_batch_after_silence(), silenced, "the same ids, from the same row on");
    assert_eq!(book.by_entity(), made.good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_goes_aside_and_holds_nobody_up() {
    let place = Place::new();
    place.put(0, "a.csv", "Mã,Lần\nHS-1,1\n");
    place.put(1, "b.csv", "Mã,Lần,Trạng thái\nHS-1,1,tot\n");
    let bus = Arc::new(FakeBus::new(Mood::Kind));
    let tally = place.run(&bus).await.unwrap();
    let expected = Tally { files: 2, broken_files: 1, withheld: 0, recorded: 1, refused: 0 };
    assert_eq!(tally, expected);
    let result = fs::read_to_string(place.at("loi").join("a.csv.ket-qua.csv")).unwrap();
    assert!(result.contains("\n1,Trạng thái,,file_header,"), "{result}");
    assert!(place.at("loi").join("a.csv").exists() && place.at("da-xu-ly").join("b.csv").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_again_repeats_nothing_and_a_mended_mapping_publishes_what_differs() {
    let mut place = Place::new();
    let text = "Mã,Lần,Trạng thái\nHS-1,1,tot\nHS-2,2,moi\n";
    let bus = Arc::new(FakeBus::new(Mood::Kind));
    for _ in 0..2 {
        place.put(0, "a.csv", text);
        assert_eq!(place.run(&bus).await.unwrap().refused, 1);
    }
    assert_eq!(bus.book().ids().len(), 1);
    let mended = CONFIG.replace("tot = \"1\"", "tot = \"1\", moi = \"2\"");
    place.config = AdapterConfig::parse(&mended, "so.toml", place.home.path()).unwrap();
    place.put(0, "a.csv", text);
    let tally = place.run(&bus).await.unwrap();
    assert_eq!((tally.recorded, bus.book().ids().len()), (2, 2), "one of them a repeat");
    let name = fs::read_dir(place.at("da-xu-ly")).unwrap().count();
    assert_eq!(name, 4, "the first file, and one that was the same, with their results");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_while_the_bus_is_away_and_a_second_one_is_refused() {
    let place = Place::new();
    place.put(0, "a.csv", "Mã,Lần,Trạng thái\nHS-1,1,tot\n");
    let bus = Arc::new(FakeBus::new(Mood::Away));
    let stop = CancellationToken::new();
    let state = place.home.path().join("state");
    let away = run(&place.config, bus.clone(), &state, stop.clone());
    let second = async {
        bus.silenced().await;
        let second = place.run(&bus).await;
        stop.cancel();
        second
    };
    let (first, second) = tokio::join!(away, second);
    first.unwrap();
    assert!(matches!(second, Err(AdapterError::Files(FilesError::InUse { .. }))));
    assert!(place.at("a.csv").exists());
}

/// Runs an adapter that finds a file while the bus is away, then does something to the file.
async fn meddle(place: &Place, bus: &Arc<FakeBus>, meddle: impl FnOnce()) -> Tally {
    let run = place.run(bus);
    let meddled = async {
        bus.silenced().await;
        meddle();
        bus.set_mood(Mood::Kind);
    };
    tokio::join!(run, meddled).0.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_replaced_while_its_last_batch_waits_is_read_too() {
    let place = Place::new();
    place.put(0, "a.csv", "Mã,Lần,Trạng thái\nHS-1,1,tot\n");
    let bus = Arc::new(FakeBus::new(Mood::Away));
    let tally = meddle(&place, &bus, || {
        place.put(1, "a.part", "Mã,Lần,Trạng thái\nHS-2,2,tot\n");
        fs::rename(place.at("a.part"), place.at("a.csv")).unwrap();
    })
    .await;
    assert_eq!((tally.files, tally.recorded), (1, 1));
    let expected = [("HS-1".to_owned(), vec![1]), ("HS-2".to_owned(), vec![2])];
    assert_eq!(bus.book().by_entity(), BTreeMap::from(expected));
    let kept = fs::read_to_string(place.at("da-xu-ly").join("a.csv")).unwrap();
    assert!(kept.contains("HS-2"), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_appended_while_the_last_batch_waits_are_read_too() {
    let place = Place::new();
    place.put(0, "a.csv", "Mã,Lần,Trạng thái\nHS-1,1,tot\n");
    let bus = Arc::new(FakeBus::new(Mood::Away));
    let tally = meddle(&place, &bus, || {
        let mut file = File::options().append(true).open(place.at("a.csv")).unwrap();
        file.write_all("HS-2,2,tot\n".as_bytes()).unwrap();
    })
    .await;
    assert_eq!((tally.files, tally.recorded), (1, 2));
    assert_eq!(bus.book().by_entity()["HS-2"], [2]);
    assert!(!place.at("a.csv").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_room_for_its_result_publishes_nothing_and_holds_nobody_up() {
    let place = Place::new();
    let text = "Mã,Lần,Trạng thái\nHS-1,1,tot\n";
    let long = format!("{}.csv", "a".repeat(244 - 4));
    place.put(0, &long, text);
    place.put(1, "b.csv", text);
    fs::create_dir(place.at("b.csv.ket-qua.csv")).unwrap();
    place.put(2, "c.csv", "Mã,Lần,Trạng thái\nHS-2,2,tot\n");
    let bus = Arc::new(FakeBus::new(Mood::Kind));
    let tally = place.run(&bus).await.unwrap();
    assert_eq!((tally.files, tally.withheld, tally.recorded), (1, 2, 1));
    assert_eq!(bus.book().by_entity().keys().collect::<Vec<_>>(), ["HS-2"]);
    assert!(place.at(&long).exists() && place.at("b.csv").exists());
}
