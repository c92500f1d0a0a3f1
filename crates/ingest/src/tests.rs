//! The corridor against a log and a store that do as they are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lgsp_core::digest::{Digest128, ProvinceKey};
use lgsp_core::{ErrorCode, Fault, Receipt, SystemClock};
use lgsp_identity::{Identity, Principal, SigningKeys};
use lgsp_registry::Registry;
use lgsp_schema::Schemas;
use lgsp_telemetry::Metrics;

use crate::{
    Answer, Book, Completion, DeadLetterRecord, DeadLetters, EventLog, EventReader, EventRecord,
    Ingest, Latest, LetterCompletion, LogUnreadable, Logs, QueueFull, RecalledEvent, ReceiptStore,
    StoreError, StoredReceipt, Submission,
};

mod entities;
mod letters;
mod shared;

/// A store in memory.
#[derive(Default)]
struct FakeStore {
    receipts: Mutex<HashMap<Digest128, StoredReceipt>>,
    entities: Mutex<HashMap<Digest128, Latest>>,
    broken: Mutex<bool>,
    /// Of each batch saved, whether it covers its partitions.
    covered: Mutex<Vec<bool>>,
}

fn failure() -> StoreError {
    StoreError("broken on purpose".into())
}

impl ReceiptStore for FakeStore {
    fn find(&self, event: &Digest128) -> Result<Option<StoredReceipt>, StoreError> {
        if *self.broken.lock().unwrap() {
            Err(failure())
        } else {
            Ok(self.receipts.lock().unwrap().get(event).cloned())
        }
    }

    fn latest(&self, entity: &Digest128) -> Result<Option<Latest>, StoreError> {
        if *self.broken.lock().unwrap() {
            return Err(failure());
        }
        Ok(self.entities.lock().unwrap().get(entity).cloned())
    }

    fn save(&self, receipts: &[StoredReceipt], covers: bool) -> Result<(), StoreError> {
        if *self.broken.lock().unwrap() {
            return Err(failure());
        }
        self.covered.lock().unwrap().push(covers);
        for receipt in receipts {
            self.receipts.lock().unwrap().entry(receipt.event).or_insert_with(|| receipt.clone());
            if let Some(entity) = &receipt.entity {
                let latest = Latest {
                    event: receipt.event,
                    content: receipt.content,
                    state: entity.state.clone(),
                    partition: receipt.partition,
                    offset: receipt.offset,
                    recorded_unix_millis: receipt.recorded_unix_millis,
                };
                self.entities.lock().unwrap().insert(entity.id, latest);
            }
        }
        Ok(())
    }

    fn checkpoints(&self) -> Result<Vec<(String, i32, i64)>, StoreError> {
        Ok(Vec::new())
    }

    fn forget_before(&self, _unix_millis: i64) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// A letter, and who waits for its place.
type SetAside = (DeadLetterRecord, LetterCompletion);

/// A log that keeps what it is given until the test settles it.
#[derive(Default)]
struct FakeLog {
    taken: Mutex<Vec<(EventRecord, Completion)>>,
    letters: Mutex<Vec<SetAside>>,
    /// What can be read back, by offset.
    kept: Mutex<HashMap<i64, (&'static str, Bytes)>>,
    full: Mutex<bool>,
}

impl FakeLog {
    fn take(&self) -> (EventRecord, Completion) {
        self.taken.lock().unwrap().remove(0)
    }

    fn waiting(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

impl EventLog for FakeLog {
    fn append(&self, record: EventRecord, completion: Completion) -> Result<(), QueueFull> {
        if *self.full.lock().unwrap() {
            completion.not_taken();
            return Err(QueueFull);
        }
        self.taken.lock().unwrap().push((record, completion));
        Ok(())
    }
}

impl DeadLetters for FakeLog {
    fn set_aside(&self, letter: DeadLetterRecord, told: LetterCompletion) -> Result<(), QueueFull> {
        if *self.full.lock().unwrap() {
            return Err(QueueFull);
        }
        self.letters.lock().unwrap().push((letter, told));
        Ok(())
    }
}

impl EventReader for FakeLog {
    fn read(
        &self,
        _topic: &str,
        _partition: i32,
        offset: i64,
    ) -> Answer<Result<Option<RecalledEvent>, LogUnreadable>> {
        let kept = self.kept.lock().unwrap().get(&offset).cloned();
        let event = kept.map(|(agency, data)| RecalledEvent {
            agency: lgsp_core::identifier::AgencyCode::parse(agency).unwrap(),
            data,
        });
        Box::pin(async move { Ok(event) })
    }
}

struct Bench {
    ingest: Ingest,
    log: Arc<FakeLog>,
    store: Arc<FakeStore>,
    book: Arc<Book>,
    identity: Arc<Identity>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = folder.path().join("registry");
        let hash = |client: &lgsp_core::identifier::ClientId| {
            lgsp_core::digest::hex(&lgsp_core::digest::sha256(client.as_str().as_bytes()))
        };
        lgsp_registry::write_sample(&registry, &hash).unwrap();
        let keys = folder.path().join("keys");
        std::fs::create_dir(&keys).unwrap();
        let keys = SigningKeys::load_or_create(&keys).unwrap();
        let registry = Arc::new(Registry::load(&registry).unwrap());
        let identity =
            Arc::new(Identity::new(registry, keys, "http://bus".to_owned(), Arc::new(SystemClock)));
        let (log, store) = (Arc::new(FakeLog::default()), Arc::new(FakeStore::default()));
        let book = Book::new(Arc::clone(&store) as Arc<_>);
        let ingest = Ingest::new(
            Arc::clone(&identity),
            Arc::new(Schemas::bundled().unwrap()),
            Logs {
                events: Arc::clone(&log) as Arc<_>,
                dead_letters: Arc::clone(&log) as Arc<_>,
                reader: Arc::clone(&log) as Arc<_>,
            },
            Arc::clone(&book),
            ProvinceKey::new(&[7; 32]),
            Arc::new(SystemClock),
            Arc::new(Metrics::new()),
        );
        Self { ingest, log, store, book, identity, _folder: folder }
    }

    fn caller(&self, client: &str) -> Principal {
        let client = lgsp_core::identifier::ClientId::parse(client).unwrap();
        let token = self.identity.issue(&client).unwrap().access_token;
        self.identity.authenticate(Some(&format!("Bearer {token}"))).unwrap()
    }

    async fn submit(&self, event: Submission) -> Result<crate::Pending, Fault> {
        self.ingest.submit(&self.caller("motcua"), event, soon()).await
    }

    async fn refusal(&self, event: Submission) -> Fault {
        self.submit(event).await.expect_err("it should be refused")
    }

    /// Publishes an event that the log acknowledges at an offset.
    async fn publish(&self, event: Submission, offset: i64) -> Result<Receipt, Fault> {
        let pending = self.submit(event).await?;
        if self.log.waiting() > 0 {
            self.log.take().1.acknowledged(3, offset);
        }
        pending.receipt(soon()).await
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn enterprise(id: &str, name: &str) -> Submission {
    Submission {
        spec_version: "1.0".to_owned(),
        id: id.to_owned(),
        source: "/agencies/H61.14/systems/motcua".to_owned(),
        event_type: "lgsp.enterprise.recorded.v1".to_owned(),
        data: Bytes::from(format!(r#"{{"ENTERPRISE_GDT_CODE":"1500999906","NAME":"{name}"}}"#)),
        adapter: "grpc",
        ..Submission::default()
    }
}

#[tokio::test]
async fn an_event_is_receipted_only_after_the_log_has_it() {
    let bench = Bench::new();
    let pending = bench.submit(enterprise("1", "A")).await.unwrap();
    assert_eq!(
        bench
            .ingest
            .receipt(&bench.caller("motcua"), "/agencies/H61.14/systems/motcua", "1")
            .await
            .unwrap_err()
            .code,
        ErrorCode::LogUnavailable
    );
    let (record, completion) = bench.log.take();
    assert_eq!((record.topic(), record.key()), ("lgsp.enterprise.v1", "1500999906"));
    assert_eq!(record.data(), &enterprise("1", "A").data);
    let headers: HashMap<_, _> = record.headers().collect();
    assert_eq!(record.headers().len(), headers.len());
    for (name, value) in
        [("ce_id", "1"), ("ce_agency", "H61.14"), ("ce_client", "motcua"), ("ce_adapter", "grpc")]
    {
        assert_eq!(headers.get(name), Some(&value));
    }
    completion.acknowledged(3, 41);
    let receipt = pending.receipt(soon()).await.unwrap();
    assert_eq!(
        (receipt.position.partition, receipt.position.offset, receipt.duplicate),
        (3, 41, false)
    );
}

#[tokio::test]
async fn a_repeat_gets_the_first_receipt_and_other_content_is_refused() {
    let bench = Bench::new();
    bench.publish(enterprise("1", "A"), 41).await.unwrap();
    for stored in [false, true] {
        if stored {
            assert_eq!(bench.book.flush().unwrap(), 1);
        }
        let again = bench.publish(enterprise("1", "A"), 99).await.unwrap();
        assert_eq!((again.position.offset, again.duplicate), (41, true), "stored: {stored}");
        assert_eq!(bench.refusal(enterprise("1", "B")).await.code, ErrorCode::Conflict);
        assert_eq!(bench.log.waiting(), 0);
    }
    assert_eq!(bench.store.receipts.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeat_while_the_first_is_on_its_way_waits_for_the_same_outcome() {
    let bench = Bench::new();
    let first = bench.submit(enterprise("1", "A")).await.unwrap();
    let second = bench.submit(enterprise("1", "A")).await.unwrap();
    assert_eq!(bench.refusal(enterprise("1", "B")).await.code, ErrorCode::Conflict);
    assert_eq!(bench.log.waiting(), 1, "appended once");
    bench.log.take().1.acknowledged(0, 5);
    let (first, second) =
        (first.receipt(soon()).await.unwrap(), second.receipt(soon()).await.unwrap());
    assert_eq!((first.position.offset, first.duplicate), (5, false));
    assert_eq!((second.position.offset, second.duplicate), (5, true));
}

#[tokio::test]
async fn past_the_deadline_the_outcome_is_unknown_and_the_late_one_still_counts() {
    let bench = Bench::new();
    let pending = bench.submit(enterprise("1", "A")).await.unwrap();
    let fault = pending.receipt(Instant::now() + Duration::from_millis(20)).await.unwrap_err();
    assert_eq!((fault.code, fault.retry_after.is_some()), (ErrorCode::LogUnavailable, true));
    let again = bench.submit(enterprise("1", "A")).await.unwrap();
    assert_eq!(bench.log.waiting(), 1, "not appended twice");
    bench.log.take().1.acknowledged(0, 5);
    assert_eq!(again.receipt(soon()).await.unwrap().position.offset, 5);
}

#[tokio::test]
async fn a_definite_failure_frees_the_id_and_a_lost_answer_keeps_it_in_doubt() {
    let bench = Bench::new();
    let pending = bench.submit(enterprise("1", "A")).await.unwrap();
    bench.log.take().1.failed();
    let fault = pending.receipt(soon()).await.unwrap_err();
    assert_eq!((fault.code, fault.retry_after), (ErrorCode::PayloadTooLarge, None));
    assert_eq!(bench.publish(enterprise("1", "A"), 7).await.unwrap().position.offset, 7);

    let pending = bench.submit(enterprise("2", "A")).await.unwrap();
    drop(bench.log.take());
    assert_eq!(pending.receipt(soon()).await.unwrap_err().code, ErrorCode::LogUnavailable);
    assert_eq!(bench.refusal(enterprise("2", "A")).await.code, ErrorCode::LogUnavailable);
    assert_eq!(bench.log.waiting(), 0, "never appended again while in doubt");
}

#[tokio::test]
async fn while_an_event_is_in_doubt_the_store_claims_no_coverage_until_that_is_resolved() {
    let bench = Bench::new();
    bench.publish(enterprise("before", "A"), 1).await.unwrap();
    bench.book.flush().unwrap();
    bench.submit(enterprise("lost", "A")).await.unwrap();
    drop(bench.log.take());
    bench.publish(enterprise("after", "A"), 3).await.unwrap();
    bench.book.flush().unwrap();
    assert_eq!(*bench.store.covered.lock().unwrap(), [true, false]);
    assert_eq!(bench.book.doubts(), 1);

    // Too young to be settled, then not.
    let early = Instant::now() - Duration::from_secs(60);
    assert_eq!(bench.book.resolve(early).unwrap(), 0);
    assert_eq!(bench.book.resolve(soon()).unwrap(), 1);
    assert_eq!(bench.book.doubts(), 0);
    // The log did not hold it, so it is new.
    assert_eq!(bench.publish(enterprise("lost", "A"), 4).await.unwrap().position.offset, 4);
    bench.book.flush().unwrap();
    assert_eq!(*bench.store.covered.lock().unwrap(), [true, false, true]);
}

#[tokio::test]
async fn only_so_many_wait_for_one_event() {
    let bench = Bench::new();
    let mut waiting = vec![bench.submit(enterprise("1", "A")).await.unwrap()];
    let fault = loop {
        match bench.submit(enterprise("1", "A")).await {
            Ok(pending) => waiting.push(pending),
            Err(fault) => break fault,
        }
    };
    assert_eq!((fault.code, waiting.len()), (ErrorCode::LogUnavailable, 16));
    drop(waiting);
    assert!(bench.submit(enterprise("1", "A")).await.is_ok(), "who went away makes room");
}

#[tokio::test]
async fn no_extension_can_stand_in_for_an_attribute_of_the_bus() {
    let bench = Bench::new();
    for name in [
        "source",
        "id",
        "type",
        "specversion",
        "subject",
        "time",
        "dataschema",
        "client",
        "recordedtime",
    ] {
        let forged = Submission {
            extensions: vec![(name.to_owned(), "/agencies/H61.25/systems/other".to_owned())],
            ..enterprise("1", "A")
        };
        let fault = bench.refusal(forged).await;
        assert_eq!(
            (fault.code, fault.violations[0].pointer.as_str()),
            (ErrorCode::InvalidRequest, name)
        );
    }
    let twice = Submission {
        extensions: vec![
            ("trace".to_owned(), "a".to_owned()),
            ("trace".to_owned(), "b".to_owned()),
        ],
        ..enterprise("1", "A")
    };
    assert_eq!(bench.refusal(twice).await.code, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_full_queue_refuses_and_leaves_nothing_behind() {
    let bench = Bench::new();
    *bench.log.full.lock().unwrap() = true;
    assert_eq!(bench.refusal(enterprise("1", "A")).await.code, ErrorCode::Overloaded);
    *bench.log.full.lock().unwrap() = false;
    assert_eq!(bench.publish(enterprise("1", "A"), 1).await.unwrap().position.offset, 1);
}

#[tokio::test]
async fn a_broken_store_refuses_and_loses_no_receipt() {
    let bench = Bench::new();
    bench.publish(enterprise("1", "A"), 1).await.unwrap();
    *bench.store.broken.lock().unwrap() = true;
    assert!(bench.book.flush().is_err() && bench.book.store_failed());
    assert_eq!(bench.refusal(enterprise("2", "A")).await.code, ErrorCode::Internal);
    *bench.store.broken.lock().unwrap() = false;
    assert_eq!(bench.book.flush().unwrap(), 1);
    assert!(!bench.book.store_failed());
    assert_eq!(bench.publish(enterprise("2", "A"), 2).await.unwrap().position.offset, 2);
}

#[tokio::test]
async fn refuses_what_the_caller_may_not_publish_before_looking_at_the_record() {
    let bench = Bench::new();
    let foreign = Submission {
        source: "/agencies/H61.99/systems/motcua".to_owned(),
        data: Bytes::from("{"),
        ..enterprise("1", "A")
    };
    assert_eq!(bench.refusal(foreign).await.code, ErrorCode::PermissionDenied);
    let asked = bench.ingest.submit(&bench.caller("tracuu"), enterprise("1", "A"), soon()).await;
    assert_eq!(asked.unwrap_err().code, ErrorCode::PermissionDenied);
    assert_eq!(bench.log.waiting(), 0);
}

#[tokio::test]
async fn tells_every_malformed_attribute_at_once() {
    let bench = Bench::new();
    let event = Submission {
        spec_version: "0.3".to_owned(),
        id: String::new(),
        time: Some("yesterday".to_owned()),
        content_type: Some("text/csv".to_owned()),
        extensions: vec![
            ("agency".to_owned(), "H61.25".to_owned()),
            ("Bad-Name".to_owned(), "x".to_owned()),
        ],
        ..enterprise("1", "A")
    };
    let fault = bench.refusal(event).await;
    let pointers: Vec<_> =
        fault.violations.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(fault.code, ErrorCode::InvalidRequest);
    assert_eq!(pointers, ["specversion", "id", "time", "datacontenttype", "agency", ""]);
}

#[tokio::test]
async fn a_citizen_is_keyed_by_a_pseudonym_and_has_no_subject() {
    let bench = Bench::new();
    let data = r#"{"SoDinhDanh":"086190000001","HoVaTen":"Nguyễn Thị Mẫu"}"#;
    let citizen = Submission {
        event_type: "lgsp.citizen.recorded.v1".to_owned(),
        data: Bytes::from(data),
        ..enterprise("1", "A")
    };
    let named = Submission { subject: Some("086190000001".to_owned()), ..citizen.clone() };
    assert_eq!(bench.refusal(named).await.code, ErrorCode::InvalidRequest);
    bench.submit(citizen).await.unwrap();
    let (record, _completion) = bench.log.take();
    assert_eq!(record.key().len(), 32);
    assert!(!record.key().contains("086190000001"));
    assert!(record.headers().all(|(_, value)| !value.contains("086190000001")));
}

#[tokio::test]
async fn an_event_too_large_is_refused() {
    let bench = Bench::new();
    let large = Submission {
        data: Bytes::from(vec![b' '; crate::corridor::MAX_EVENT_BYTES + 1]),
        ..enterprise("1", "A")
    };
    assert_eq!(bench.refusal(large).await.code, ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn waits_for_room_among_the_events_in_flight() {
    let bench = Bench::new();
    // An unknown member is accepted, whatever its size.
    let filler = format!(r#"A","PhuLuc":"{}"#, "x".repeat(1000 * 1000));
    let mut taken = 0;
    let fault = loop {
        let event = enterprise(&format!("{taken}"), &filler);
        let patience = Instant::now() + Duration::from_millis(50);
        match bench.ingest.submit(&bench.caller("motcua"), event, patience).await {
            Ok(_) => taken += 1,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.code, ErrorCode::LogUnavailable, "nothing was acknowledged all that time");
    assert!((30..=34).contains(&taken), "{taken} MB are in flight");
    bench.log.take().1.acknowledged(0, 0);
    bench.submit(enterprise("next", &filler)).await.unwrap();
}
