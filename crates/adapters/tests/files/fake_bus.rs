//! A bus in memory that keeps the port's promises and no more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lgsp_adapters::{DeadLetter, Outcome, Publisher, Record, Refusal, Unavailable};
use tokio::sync::Notify;

/// How the bus behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    /// Takes all.
    Kind,
    /// Takes nothing, and says that nothing is known.
    Away,
    /// Cuts off at random, and forgets to say what it has stored.
    Wild(u64),
    /// Stores so many batches and never answers the last.
    SilentAfter(usize),
}

/// What the bus has stored and done.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// In order: id, dossier, and the `Lan` of its record.
    recorded: Vec<(String, String, u64)>,
    contents: HashMap<String, Vec<u8>>,
    letters: Vec<(String, String)>,
    pub(crate) last_batch: Vec<String>,
    after_silence: Option<Vec<String>>,
    batches: usize,
    pub(crate) unknown: u32,
    pub(crate) repeated: u32,
    pub(crate) lost_letters: u32,
}

impl Book {
    pub(crate) fn by_entity(&self) -> BTreeMap<String, Vec<u64>> {
        let mut entities: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (_, code, time) in &self.recorded {
            entities.entry(code.clone()).or_default().push(*time);
        }
        entities
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.recorded.iter().map(|(id, ..)| id.clone()).collect()
    }

    pub(crate) fn origins(&self) -> BTreeSet<String> {
        self.letters.iter().map(|(_, origin)| origin.clone()).collect()
    }

    pub(crate) fn letter_ids(&self) -> usize {
        self.letters.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn first_batch_after_silence(&self) -> Vec<String> {
        self.after_silence.clone().unwrap()
    }

    /// Takes a record as the corridor does.
    fn take(&mut self, record: &Record) -> Outcome {
        let data: serde_json::Value = serde_json::from_slice(&record.data).unwrap();
        if data["TrangThaiHoSo"] == "99" {
            return Outcome::Refused(refusal("schema_violation"));
        }
        match self.contents.get(&record.id) {
            Some(content) if *content == record.data => {
                self.repeated += 1;
                Outcome::Recorded { duplicate: true, warnings: Vec::new() }
            }
            Some(_) => Outcome::Refused(refusal("conflict")),
            None => {
                self.contents.insert(record.id.clone(), record.data.to_vec());
                let code = data["MaHoSo"].as_str().unwrap().to_owned();
                self.recorded.push((record.id.clone(), code, data["Lan"].as_u64().unwrap()));
                Outcome::Recorded { duplicate: false, warnings: Vec::new() }
            }
        }
    }
}

fn refusal(code: &str) -> Refusal {
    let (vi, en) = ("Sai.".to_owned(), "Wrong.".to_owned());
    Refusal { code: code.to_owned(), vi, en, breaches: Vec::new() }
}

#[derive(Debug)]
pub(crate) struct FakeBus {
    mood: Mutex<Mood>,
    random: Mutex<fastrand::Rng>,
    book: Mutex<Book>,
    silence: Notify,
}

impl FakeBus {
    pub(crate) fn new(mood: Mood) -> Self {
        let seed = if let Mood::Wild(seed) = mood { seed } else { 0 };
        Self {
            mood: Mutex::new(mood),
            random: Mutex::new(fastrand::Rng::with_seed(seed ^ 0xb05)),
            book: Mutex::default(),
            silence: Notify::new(),
        }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Waits until the bus does not answer, or not well.
    pub(crate) async fn silenced(&self) {
        self.silence.notified().await;
    }

    fn chance(&self, one_in: u32) -> bool {
        self.random.lock().unwrap().u32(..one_in) == 0
    }

    fn below(&self, most: usize) -> usize {
        self.random.lock().unwrap().usize(..=most)
    }

    /// Takes the first `stored` records and tells of the first `told` what became of them.
    fn take(&self, batch: &[Record], stored: usize, told: usize) -> Vec<Outcome> {
        let mut book = self.book();
        let unknown = Outcome::Unknown { retry_after: Duration::from_millis(1) };
        let taken: Vec<_> = batch.iter().take(stored).map(|record| book.take(record)).collect();
        book.unknown += u32::try_from(batch.len() - told).unwrap();
        let told = taken.into_iter().take(told);
        told.chain(std::iter::repeat(unknown)).take(batch.len()).collect()
    }
}

impl Publisher for FakeBus {
    fn publish<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Vec<Outcome>> {
        async move {
            let mood = *self.mood.lock().unwrap();
            let ids: Vec<_> = batch.iter().map(|record| record.id.clone()).collect();
            let nth = {
                let mut book = self.book();
                book.batches += 1;
                if let (Mood::Kind, None) = (mood, &book.after_silence) {
                    book.after_silence = Some(ids.clone());
                }
                book.last_batch = ids;
                book.batches
            };
            match mood {
                Mood::Kind => self.take(batch, batch.len(), batch.len()),
                Mood::Away => {
                    self.silence.notify_one();
                    self.take(batch, 0, 0)
                }
                Mood::SilentAfter(batches) => {
                    let outcomes = self.take(batch, batch.len(), batch.len());
                    if nth >= batches {
                        self.silence.notify_one();
                        std::future::pending::<()>().await;
                    }
                    outcomes
                }
                Mood::Wild(_) => {
                    for _ in 0..self.below(3) {
                        tokio::task::yield_now().await;
                    }
                    if self.chance(3) {
                        let stored = self.below(batch.len());
                        let told = self.below(stored);
                        let outcomes = self.take(batch, stored, told);
                        tokio::task::yield_now().await;
                        return outcomes;
                    }
                    let outcomes = self.take(batch, batch.len(), batch.len());
                    tokio::task::yield_now().await;
                    outcomes
                }
            }
        }
        .boxed()
    }

    fn set_aside<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Unavailable>> {
        async move {
            let wild = matches!(*self.mood.lock().unwrap(), Mood::Wild(_));
            let unavailable = Err(Unavailable { retry_after: Duration::from_millis(1) });
            if wild && self.chance(200) {
                return unavailable;
            }
            self.book().letters.push((letter.record.id.clone(), letter.origin.clone()));
            if wild && self.chance(200) {
                self.book().lost_letters += 1;
                return unavailable;
            }
            if wild && self.chance(10) {
                tokio::task::yield_now().await;
            }
            Ok(())
        }
        .boxed()
    }
}
