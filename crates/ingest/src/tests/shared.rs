//! The book of a process that is not alone, against receipts that do as they are told.

use std::collections::HashSet;

use super::*;
use crate::{Claimed, Shared, SharedClaim, SharedReceipts};

/// What all processes share, as this one's and another's.
#[derive(Default)]
struct FakeShared {
    ours: Mutex<HashSet<Digest128>>,
    theirs: Mutex<HashSet<Digest128>>,
    recorded: Mutex<HashMap<Digest128, StoredReceipt>>,
    away: Mutex<bool>,
    taken_for_dead: Mutex<bool>,
    /// Claims wait here, where the test wants them to.
    gate: Mutex<Option<Arc<tokio::sync::Semaphore>>>,
    batches: Mutex<Vec<usize>>,
    /// How many were given up at once, whether that worked or not.
    releases: Mutex<Vec<usize>>,
}

#[derive(Clone, Default)]
struct Handle(Arc<FakeShared>);

impl Handle {
    fn answer<T: Send + 'static>(&self, answer: T) -> Answer<Result<T, StoreError>> {
        let away = *self.0.away.lock().unwrap();
        Box::pin(async move { if away { Err(failure()) } else { Ok(answer) } })
    }
}

impl SharedReceipts for Handle {
    fn claim(&self, claims: Vec<SharedClaim>) -> Answer<Result<Vec<Claimed>, StoreError>> {
        let (this, gate) = (Arc::clone(&self.0), self.0.gate.lock().unwrap().clone());
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            if *this.away.lock().unwrap() {
                return Err(failure());
            }
            this.batches.lock().unwrap().push(claims.len());
            let claim = |claim: &SharedClaim| {
                if let Some(receipt) = this.recorded.lock().unwrap().get(&claim.event) {
                    return Claimed::Recorded(receipt.clone());
                }
                if this.theirs.lock().unwrap().contains(&claim.event) {
                    return Claimed::Elsewhere;
                }
                this.ours.lock().unwrap().insert(claim.event);
                Claimed::Ours { last: None }
            };
            Ok(claims.iter().map(claim).collect())
        })
    }

    fn release(&self, events: Vec<Digest128>) -> Answer<Result<(), StoreError>> {
        self.0.releases.lock().unwrap().push(events.len());
        if !*self.0.away.lock().unwrap() {
            let mut ours = self.0.ours.lock().unwrap();
            ours.retain(|event| !events.contains(event));
        }
        self.answer(())
    }

    fn record(&self, receipts: Vec<StoredReceipt>) -> Answer<Result<(), StoreError>> {
        if !*self.0.away.lock().unwrap() {
            for receipt in receipts {
                self.0.ours.lock().unwrap().remove(&receipt.event);
                self.0.recorded.lock().unwrap().insert(receipt.event, receipt);
            }
        }
        self.answer(())
    }

    fn find(&self, event: Digest128) -> Answer<Result<Shared<StoredReceipt>, StoreError>> {
        let recorded = self.0.recorded.lock().unwrap().get(&event).cloned();
        let elsewhere = self.0.theirs.lock().unwrap().contains(&event);
        self.answer(match recorded {
            Some(receipt) => Shared::Recorded(receipt),
            None if elsewhere => Shared::Elsewhere,
            None => Shared::Never,
        })
    }

    fn latest(&self, _entity: Vec<Digest128>) -> Answer<Result<Shared<Latest>, StoreError>> {
        let elsewhere = !self.0.theirs.lock().unwrap().is_empty();
        self.answer(if elsewhere { Shared::Elsewhere } else { Shared::Never })
    }

    fn is_alive(&self) -> bool {
        !*self.0.taken_for_dead.lock().unwrap()
    }
}

/// A bench whose book shares its receipts; claims are made by a task of the test's runtime.
fn bench() -> (Bench, Handle, tokio::task::JoinHandle<()>) {
    let mut bench = Bench::new();
    let shared = Handle::default();
    let (book, claims) = Book::shared(Arc::new(shared.clone()));
    bench.ingest.book = Arc::clone(&book);
    bench.book = book;
    #[expect(clippy::disallowed_methods, reason = "the test's runtime owns it")]
    let claiming = tokio::spawn(claims.run());
    (bench, shared, claiming)
}

fn digest(id: &str) -> Digest128 {
    Digest128::of_event("/agencies/H61.14/systems/motcua", id)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = soon();
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_event_is_claimed_before_it_is_appended_and_recorded_with_the_others_after() {
    let (bench, shared, _claiming) = bench();
    let pending = bench.submit(enterprise("1", "A")).await.unwrap();
    assert!(shared.0.ours.lock().unwrap().contains(&digest("1")));
    bench.log.take().1.acknowledged(3, 41);
    assert_eq!(pending.receipt(soon()).await.unwrap().position.offset, 41);
    // It stays in the book until the others know it.
    *shared.0.away.lock().unwrap() = true;
    assert!(bench.book.record().await.is_err());
    assert!(bench.publish(enterprise("1", "A"), 99).await.unwrap().duplicate);
    *shared.0.away.lock().unwrap() = false;
    assert_eq!(bench.book.record().await.unwrap(), 1);
    assert_eq!(shared.0.recorded.lock().unwrap()[&digest("1")].offset, 41);
    let again = bench.publish(enterprise("1", "A"), 99).await.unwrap();
    assert_eq!((again.position.offset, again.duplicate), (41, true));
    assert_eq!(bench.refusal(enterprise("1", "B")).await.code, ErrorCode::Conflict);
}

#[tokio::test]
async fn without_a_claim_nothing_is_appended() {
    let (bench, shared, _claiming) = bench();
    shared.0.theirs.lock().unwrap().insert(digest("theirs"));
    *shared.0.away.lock().unwrap() = true;
    assert_eq!(bench.refusal(enterprise("1", "A")).await.code, ErrorCode::LogUnavailable);
    *shared.0.away.lock().unwrap() = false;
    assert_eq!(bench.refusal(enterprise("theirs", "A")).await.code, ErrorCode::LogUnavailable);
    *shared.0.taken_for_dead.lock().unwrap() = true;
    assert_eq!(bench.refusal(enterprise("1", "A")).await.code, ErrorCode::LogUnavailable);
    assert_eq!(bench.log.waiting(), 0);
    *shared.0.taken_for_dead.lock().unwrap() = false;
    assert_eq!(bench.publish(enterprise("1", "A"), 7).await.unwrap().position.offset, 7);
    let caller = bench.caller("motcua");
    let source = "/agencies/H61.14/systems/motcua";
    let told = bench.ingest.receipt(&caller, source, "theirs").await.unwrap_err();
    assert_eq!(told.code, ErrorCode::LogUnavailable, "another process has it");
}

#[tokio::test]
async fn a_claim_whose_event_was_not_appended_is_given_up() {
    let (bench, shared, _claiming) = bench();
    let held = |id| shared.0.ours.lock().unwrap().contains(&digest(id));
    *bench.log.full.lock().unwrap() = true;
    assert_eq!(bench.refusal(enterprise("full", "A")).await.code, ErrorCode::Overloaded);
    until("the claim is given up", || !held("full")).await;
    *bench.log.full.lock().unwrap() = false;

    bench.submit(enterprise("refused", "A")).await.unwrap();
    assert!(held("refused"));
    bench.log.take().1.failed();
    until("the claim is given up", || !held("refused")).await;

    // Who goes away while the claim is made leaves none behind.
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    *shared.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let caller = bench.caller("motcua");
    let hurried = bench.ingest.submit(
        &caller,
        enterprise("hurried", "A"),
        Instant::now() + Duration::from_millis(30),
    );
    assert_eq!(hurried.await.unwrap_err().code, ErrorCode::LogUnavailable);
    *shared.0.gate.lock().unwrap() = None;
    gate.add_permits(1);
    until("the claim was made", || shared.0.batches.lock().unwrap().len() == 3).await;
    until("the claim is given up", || !held("hurried")).await;
    assert_eq!(bench.log.waiting(), 0);
    assert_eq!(bench.publish(enterprise("hurried", "B"), 8).await.unwrap().position.offset, 8);
}

#[tokio::test]
async fn what_is_claimed_again_is_not_given_up() {
    let (bench, shared, _claiming) = bench();
    bench.submit(enterprise("1", "A")).await.unwrap();
    bench.log.take().1.failed();
    // At once again, before the claim of the first attempt was given up.
    bench.submit(enterprise("1", "B")).await.unwrap();
    // Two more turns of the claims.
    for id in ["2", "3"] {
        bench.submit(enterprise(id, "A")).await.unwrap();
    }
    assert!(shared.0.ours.lock().unwrap().contains(&digest("1")));
}

#[tokio::test]
async fn events_that_wait_together_are_claimed_together() {
    let (bench, shared, _claiming) = bench();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    *shared.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let events = (0..100).map(|id| {
        let bench = &bench;
        async move { bench.submit(enterprise(&id.to_string(), "A")).await.map(drop) }
    });
    let (taken, ()) = tokio::join!(futures_util::future::join_all(events), async {
        tokio::task::yield_now().await;
        gate.add_permits(10);
    });
    assert!(taken.iter().all(Result::is_ok));
    let batches = shared.0.batches.lock().unwrap();
    assert!(batches.len() <= 3 && batches.iter().sum::<usize>() == 100, "{batches:?}");
}

#[tokio::test]
async fn events_that_are_claimed_together_are_appended_in_their_turns() {
    let (bench, shared, _claiming) = bench();
    let caller = bench.caller("motcua");
    let mut turns = crate::Turns::default();
    let mut enter = |id: String| {
        let judged = bench.ingest.judge(&caller, enterprise(&id, "A")).unwrap();
        bench.ingest.enter_in_turn(judged, soon(), turns.following())
    };
    let entering: Vec<_> = (0..50).map(|id| enter(id.to_string())).collect();
    // The last is asked for first: the turns keep the order, not the futures.
    let entered = futures_util::future::join_all(entering.into_iter().rev()).await;
    assert!(entered.iter().all(Result::is_ok));
    let ids: Vec<_> = (0..50)
        .map(|_| {
            let (record, completion) = bench.log.take();
            completion.acknowledged(0, 1);
            record.headers().find(|(name, _)| *name == "ce_id").unwrap().1.to_owned()
        })
        .collect();
    assert_eq!(ids, (0..50).map(|id| id.to_string()).collect::<Vec<_>>());

    // After one that cannot be taken now none is, unless it is recorded already.
    shared.0.theirs.lock().unwrap().insert(digest("theirs"));
    let entering = ["theirs", "behind", "7", "further behind"].map(|id| enter(id.to_owned()));
    let entered = futures_util::future::join_all(entering).await;
    let codes: Vec<_> =
        entered.iter().map(|entered| entered.as_ref().err().map(|fault| fault.code)).collect();
    let unknown = Some(ErrorCode::LogUnavailable);
    assert_eq!(codes, [unknown, unknown, None, unknown]);
    assert_eq!(bench.log.waiting(), 0);
    until("what was claimed behind it is given up", || {
        let ours = shared.0.ours.lock().unwrap();
        !ours.contains(&digest("behind")) && !ours.contains(&digest("further behind"))
    })
    .await;
}

#[tokio::test]
async fn an_event_refused_for_good_holds_up_none_behind_it() {
    let (bench, _shared, _claiming) = bench();
    bench.publish(enterprise("1", "A"), 1).await.unwrap();
    bench.book.record().await.unwrap();
    let caller = bench.caller("motcua");
    let mut turns = crate::Turns::default();
    let entering = [("1", "B"), ("2", "A")].map(|(id, name)| {
        let judged = bench.ingest.judge(&caller, enterprise(id, name)).unwrap();
        bench.ingest.enter_in_turn(judged, soon(), turns.following())
    });
    let entered = futures_util::future::join_all(entering).await;
    assert_eq!(entered[0].as_ref().unwrap_err().code, ErrorCode::Conflict);
    assert!(entered[1].is_ok());
}

#[tokio::test]
async fn nothing_overtakes_a_repeat_of_an_event_that_may_still_not_be_taken() {
    let (bench, shared, _claiming) = bench();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    *shared.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let caller = bench.caller("motcua");
    let first = bench.submit(enterprise("1", "A"));
    // The same event by another way in, and one behind it.
    let mut turns = crate::Turns::default();
    let entering = ["1", "2"].map(|id| {
        let judged = bench.ingest.judge(&caller, enterprise(id, "A")).unwrap();
        bench.ingest.enter_in_turn(judged, soon(), turns.following())
    });
    let opening = async {
        tokio::task::yield_now().await;
        gate.add_permits(10);
    };
    let behind = futures_util::future::join_all(entering);
    let (first, entered, ()) = tokio::join!(biased; first, behind, opening);
    for entered in entered {
        assert_eq!(entered.unwrap_err().code, ErrorCode::LogUnavailable);
    }
    assert!(first.is_ok());
    assert_eq!(bench.log.waiting(), 1);
}

#[tokio::test]
async fn a_sender_s_own_repeat_is_met_in_its_turn() {
    let (bench, _shared, _claiming) = bench();
    let caller = bench.caller("motcua");
    let mut turns = crate::Turns::default();
    let entering = ["1", "1", "2"].map(|id| {
        let judged = bench.ingest.judge(&caller, enterprise(id, "A")).unwrap();
        bench.ingest.enter_in_turn(judged, soon(), turns.following())
    });
    let entered = futures_util::future::join_all(entering).await;
    assert!(entered.iter().all(Result::is_ok));
    assert_eq!(bench.log.waiting(), 2);
}

#[tokio::test]
async fn what_was_never_asked_for_is_not_given_up_and_the_rest_in_parts() {
    let (bench, shared, claiming) = bench();
    claiming.abort();
    // Nobody claims: the others never hear of this one.
    let caller = bench.caller("motcua");
    let unheard =
        bench.ingest.submit(&caller, enterprise("unheard", "A"), Instant::now()).await.map(drop);
    assert_eq!(unheard.unwrap_err().code, ErrorCode::LogUnavailable);

    let (book, claims) = Book::shared(Arc::new(shared.clone()));
    let mut bench = bench;
    (bench.ingest.book, bench.book) = (Arc::clone(&book), book);
    let unheard =
        bench.ingest.submit(&caller, enterprise("unheard", "A"), Instant::now()).await.map(drop);
    assert_eq!(unheard.unwrap_err().code, ErrorCode::LogUnavailable);
    #[expect(clippy::disallowed_methods, reason = "the test's runtime owns it")]
    let _claiming = tokio::spawn(claims.run());
    let ids: Vec<String> = (0..1100).map(|id| id.to_string()).collect();
    let taken = ids.iter().map(|id| bench.submit(enterprise(id, "A")));
    assert!(futures_util::future::join_all(taken).await.iter().all(Result::is_ok));
    assert!(shared.0.releases.lock().unwrap().is_empty(), "nothing was claimed of what has gone");
    *shared.0.away.lock().unwrap() = true;
    ids.iter().for_each(|_| bench.log.take().1.failed());
    until("it is tried", || !shared.0.releases.lock().unwrap().is_empty()).await;
    assert_eq!(shared.0.ours.lock().unwrap().len(), 1100);
    *shared.0.away.lock().unwrap() = false;
    until("all are given up", || shared.0.ours.lock().unwrap().is_empty()).await;
    assert!(shared.0.releases.lock().unwrap().iter().all(|at_once| *at_once <= 512));
}
