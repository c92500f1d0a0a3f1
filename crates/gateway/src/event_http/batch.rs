//! Batches: every event is judged before the first is taken, and each has an outcome.
//!
//! Strict, which is the rule: one event that is refused refuses the batch, and nothing is
//! appended. What no judge can foresee is told when the events are taken: that another caller just
//! used an id for other content, or that the log fails in the middle. Then the others are recorded
//! all the same, and the answer names those that are not. Lenient, on request: what can be taken is.
//!
//! Events are taken in the order of the batch, and after one that was not taken though it may be
//! later, none: nothing of its entity may overtake it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, header};
use lgsp_core::{ErrorCode, Fault};
use lgsp_identity::Principal;
use lgsp_ingest::{Ingest, Judged, Pending, Turns};
use serde::ser::{Serialize, Serializer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::outcome::{Outcome, Report, What};
use super::preference::{APPLIED, Handling};
use super::structured::{self, Arrived};
use super::{RECEIPT, VERDICT};
use crate::event_grpc::wire_receipt;
use crate::json::{self, Written};
use crate::problem::{Problem, retry_after};

/// The largest batch, in bytes.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many bytes of batches may be in memory at once, in the whole process.
const IN_MEMORY_BYTES: usize = 4 * MAX_BYTES;

/// What even the smallest batch counts as: its events and their faults take room too.
const LEAST_BYTES: usize = 1024 * 1024;

/// After how much work others get their turn, in bytes of events.
const TURN_BYTES: usize = 256 * 1024;

/// What an event costs beside its bytes, counted as bytes.
const EVENT_COST: usize = 4096;

/// Of how many events the other processes are asked at once, where there are any.
const ENTER_AT_ONCE: usize = 256;

/// The room that batches share while they are in memory.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(IN_MEMORY_BYTES)))
    }
}

impl Room {
    /// Waits for room for a body of an announced length; without one it may be as long as allowed.
    ///
    /// # Errors
    /// `overloaded`, when there is none in time.
    pub(super) async fn take(
        &self,
        announced: Option<u64>,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, Fault> {
        let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = announced.unwrap_or(MAX_BYTES).clamp(LEAST_BYTES, MAX_BYTES);
        let wait = Arc::clone(&self.0).acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX));
        match tokio::time::timeout_at(deadline.into(), wait).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(ErrorCode::Overloaded.into()),
        }
    }
}

/// Publishes a batch.
///
/// # Errors
/// The fault that stands for the batch, with what became of its events where any was looked at.
pub(super) async fn publish(
    ingest: &Ingest,
    caller: &Principal,
    headers: &HeaderMap,
    body: Bytes,
    deadline: Instant,
    request_id: &str,
) -> Result<Response, Problem> {
    let problem = |fault: Fault| Problem::new(fault, request_id);
    let asked = Handling::asked(headers);
    let arrived = structured::read_batch(&body).map_err(problem)?;
    let handling = asked.unwrap_or(Handling::Strict);
    let clashes = match handling {
        Handling::Strict => repeats(&arrived),
        // One of them may be refused, and then the other is none.
        Handling::Lenient => Vec::new(),
    };
    let mut turn = Turn::default();
    let mut judged = Vec::with_capacity(arrived.len());
    for (index, Arrived { id, event }) in arrived.into_iter().enumerate() {
        turn.spend(event.as_ref().map_or(0, |event| event.data.len())).await;
        let judgement = event.and_then(|event| ingest.judge(caller, event));
        let clash = matches!(clashes.get(index), Some(Repeat::Conflict));
        let mut judgement = judgement.and_then(|judged| conflict_if(clash).map(|()| judged));
        if let (Handling::Strict, Ok(fine)) = (handling, &judgement)
            && let Err(fault) = ingest.refuse_used_id(fine).await
        {
            judgement = Err(fault);
        }
        judged.push((id, judgement));
    }
    if handling == Handling::Strict && judged.iter().any(|(_, judged)| judged.is_err()) {
        let events = judged.len();
        let refused = judged.into_iter().enumerate().filter_map(|(index, (id, judged))| {
            judged.err().map(|fault| Outcome::new(index, id, What::Refused(fault)))
        });
        let report = Report::of_refused(events, refused.collect());
        return Err(problem(report.invalid()).with(report));
    }
    let outcomes = take(ingest, judged, deadline).await;
    let mut response = match handling {
        Handling::Strict => match Report::worst(&outcomes).cloned() {
            None => json::answer(StatusCode::OK, &Receipts(&outcomes)).map_err(problem)?,
            Some(fault) => return Err(problem(fault).with(Report::of_tried(outcomes))),
        },
        Handling::Lenient => {
            let again = outcomes.iter().filter_map(|outcome| outcome.what.fault()?.retry_after);
            let again = again.max();
            let report = Report::new(outcomes);
            let mut response = json::answer(StatusCode::MULTI_STATUS, &report).map_err(problem)?;
            if let Some(again) = again {
                response.headers_mut().insert(header::RETRY_AFTER, retry_after(again));
            }
            response
        }
    };
    if let Some(handling) = asked {
        response.headers_mut().insert(APPLIED, handling.applied());
    }
    Ok(response)
}

/// Tells what would become of a batch, strictly handled, and appends nothing. Each event is judged
/// against what is recorded, not against those before it, but for repeats of their ids.
///
/// # Errors
/// `invalid_batch` with an outcome for each event, where one or more would be refused.
pub(super) async fn validate(
    ingest: &Ingest,
    caller: &Principal,
    body: &Bytes,
    request_id: &str,
) -> Result<Response, Problem> {
    let problem = |fault: Fault| Problem::new(fault, request_id);
    let arrived = structured::read_batch(body).map_err(problem)?;
    let repeats = repeats(&arrived);
    let mut turn = Turn::default();
    let mut outcomes = Vec::with_capacity(arrived.len());
    for (index, Arrived { id, event }) in arrived.into_iter().enumerate() {
        turn.spend(event.as_ref().map_or(0, |event| event.data.len())).await;
        let repeat = repeats.get(index);
        let verdict = match event {
            Ok(event) => ingest.consider(caller, &event).await,
            Err(fault) => Err(fault),
        };
        let verdict = verdict.and_then(|mut verdict| {
            conflict_if(matches!(repeat, Some(Repeat::Conflict)))?;
            verdict.duplicate |= matches!(repeat, Some(Repeat::Same));
            Ok(verdict)
        });
        outcomes.push(Outcome::new(index, id, verdict));
    }
    if outcomes.iter().all(|outcome| outcome.what.fault().is_none()) {
        return json::answer(StatusCode::OK, &Verdicts(&outcomes)).map_err(problem);
    }
    let report = Report::new(outcomes);
    Err(problem(report.invalid()).with(report))
}

/// An event on its way, with its id for the answer.
enum Underway {
    Pending(Box<Pending>),
    Settled(What),
}

/// Takes events in their order, and waits for what becomes of them.
async fn take(
    ingest: &Ingest,
    judged: Vec<(Option<String>, Result<Judged, Fault>)>,
    deadline: Instant,
) -> Vec<Outcome> {
    let underway = match ingest.asks_others() {
        true => enter_together(ingest, judged, deadline).await,
        false => enter(ingest, judged, deadline).await,
    };
    let mut outcomes = Vec::with_capacity(underway.len());
    for (index, (id, step)) in underway.into_iter().enumerate() {
        let what = match step {
            Underway::Settled(what) => what,
            Underway::Pending(pending) => pending.receipt(deadline).await.map(wire_receipt).into(),
        };
        outcomes.push(Outcome::new(index, id, what));
    }
    outcomes
}

type Entered = Vec<(Option<String>, Underway)>;

/// Enters one event after the other.
async fn enter(
    ingest: &Ingest,
    judged: Vec<(Option<String>, Result<Judged, Fault>)>,
    deadline: Instant,
) -> Entered {
    let mut turn = Turn::default();
    let mut stopped: Option<Fault> = None;
    let mut underway = Vec::with_capacity(judged.len());
    for (id, judged) in judged {
        turn.spend(0).await;
        let step = match (judged, &stopped) {
            (Err(fault), _) => Underway::Settled(What::Refused(fault)),
            (Ok(_), Some(fault)) => Underway::Settled(What::NotTaken(fault.clone())),
            (Ok(judged), None) => match ingest.enter(judged, deadline).await {
                Ok(pending) => Underway::Pending(Box::new(pending)),
                Err(fault) => {
                    if fault.code.is_retryable() {
                        stopped = Some(fault.clone());
                    }
                    Underway::Settled(What::Refused(fault))
                }
            },
        };
        underway.push((id, step));
    }
    underway
}

/// Enters events in their order, but asks the other processes for many at once.
async fn enter_together(
    ingest: &Ingest,
    judged: Vec<(Option<String>, Result<Judged, Fault>)>,
    deadline: Instant,
) -> Entered {
    let mut turns = Turns::default();
    let entering = judged.into_iter().map(|(id, judged)| {
        let judged = judged.map(|judged| (judged, turns.following()));
        async move {
            let entered = match judged {
                Ok((judged, turn)) => ingest.enter_in_turn(judged, deadline, turn).await,
                Err(fault) => Err(fault),
            };
            (id, entered)
        }
    });
    let mut entering = futures_util::stream::iter(entering).buffered(ENTER_AT_ONCE);
    let mut stopped: Option<Fault> = None;
    let mut underway = Vec::new();
    while let Some((id, entered)) = entering.next().await {
        let step = match entered {
            Ok(pending) => Underway::Pending(Box::new(pending)),
            Err(fault) if !fault.code.is_retryable() => Underway::Settled(What::Refused(fault)),
            Err(fault) => match &stopped {
                Some(first) => Underway::Settled(What::NotTaken(first.clone())),
                None => {
                    stopped = Some(fault.clone());
                    Underway::Settled(What::Refused(fault))
                }
            },
        };
        underway.push((id, step));
    }
    underway
}

fn conflict_if(clash: bool) -> Result<(), Fault> {
    if clash { Err(ErrorCode::Conflict.into()) } else { Ok(()) }
}

/// How an event relates to an earlier one of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    No,
    /// It is the same event.
    Same,
    /// It has the same id and other content.
    Conflict,
}

/// Finds the ids that occur twice.
fn repeats<'a>(arrived: &'a [Arrived]) -> Vec<Repeat> {
    let mut first = HashMap::with_capacity(arrived.len());
    let repeat = |arrived: &'a Arrived| {
        let Arrived { event: Ok(event), .. } = arrived else { return Repeat::No };
        let content = (event.event_type.as_str(), &event.data);
        match first.get(&(event.source.as_str(), event.id.as_str())) {
            None => {
                first.insert((event.source.as_str(), event.id.as_str()), content);
                Repeat::No
            }
            Some(before) if *before == content => Repeat::Same,
            Some(_) => Repeat::Conflict,
        }
    };
    arrived.iter().map(repeat).collect()
}

/// Gives others their turn: a batch is long work for one of few threads.
#[derive(Default)]
struct Turn {
    spent: usize,
}

impl Turn {
    async fn spend(&mut self, bytes: usize) {
        self.spent += bytes + EVENT_COST;
        if self.spent >= TURN_BYTES {
            self.spent = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// The receipts of a batch that is recorded whole.
struct Receipts<'a>(&'a [Outcome]);

impl Serialize for Receipts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let receipts = self.0.iter().filter_map(|outcome| match &outcome.what {
            What::Recorded(receipt) => Some(Written(RECEIPT, receipt)),
            _ => None,
        });
        list("receipts", receipts, serializer)
    }
}

/// The verdicts on a batch that would be recorded whole.
struct Verdicts<'a>(&'a [Outcome]);

impl Serialize for Verdicts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let verdicts = self.0.iter().filter_map(|outcome| match &outcome.what {
            What::Judged(verdict) => Some(Written(VERDICT, verdict)),
            _ => None,
        });
        list("verdicts", verdicts, serializer)
    }
}

/// Writes an object with one member, a list.
fn list<T: Serialize, S: Serializer>(
    name: &'static str,
    items: impl Iterator<Item = T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map([(name, items.collect::<Vec<_>>())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_ids_that_occur_twice() {
        let body = Bytes::from(
            r#"[{"source":"a","id":"1","type":"t","data":{}},
                {"source":"b","id":"1","type":"t","data":{}},
                {"source":"a","id":"1","type":"t","data":{}},
                {"source":"a","id":"1","type":"t","data":{ }},
                {"source":"a","id":"1","type":"u","data":{}},
                {"source":"a","id":"1"}]"#,
        );
        let repeats = repeats(&structured::read_batch(&body).unwrap());
        use Repeat::{Conflict, No, Same};
        assert_eq!(repeats, [No, No, Same, Conflict, Conflict, No]);
    }

    #[tokio::test]
    async fn batches_wait_for_room_and_no_longer_than_asked() {
        let room = Room::default();
        let soon = || Instant::now() + std::time::Duration::from_millis(50);
        let mut taken = Vec::new();
        for _ in 0..4 {
            // What comes in chunks counts as the largest.
            taken.push(room.take(None, soon()).await.unwrap());
        }
        let full = room.take(Some(1), soon()).await;
        assert_eq!(full.unwrap_err().code, ErrorCode::Overloaded);
        taken.pop();
        assert!(room.take(Some(1), soon()).await.is_ok());
    }
}
