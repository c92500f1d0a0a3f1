//! Open data: no purpose, no evidence, kept for a while.

use std::time::{Duration, Instant};

use lgsp_core::ErrorCode;
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::Keep;

fn catalogue(bench: &Bench, gate: Option<Arc<Notify>>) -> Service {
    let upstream =
        Arc::new(FakeUpstream { story: Arc::clone(&bench.story), answer: Ok(citizen()), gate });
    let keep = Keep { fresh: Duration::from_secs(60), stale: Duration::from_secs(60) };
    Service { keep: Some(keep), ..open_data(upstream) }
}

fn question() -> Question {
    Question {
        purpose: Purpose::default(),
        body: object(json!({"personalNumber": "086190000001"})),
        place: "",
    }
}

#[tokio::test]
async fn open_data_is_asked_once_and_leaves_no_evidence() {
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    bench.query.replace(vec![catalogue(&bench, None)]);
    let cached = async || {
        let answer = bench.ask_of("enterprise", "tracuu", question()).await.unwrap();
        assert_eq!(answer.audit_id, None);
        answer.is_cached
    };
    assert_eq!([cached().await, cached().await], [false, true]);
    assert_eq!(bench.story(), ["asked"]);
}

#[tokio::test]
async fn a_caller_in_a_hurry_spoils_nobody_s_answer() {
    let gate = Arc::new(Notify::new());
    let bench = Bench::new(Log::Works, Ok(citizen()), None);
    bench.query.replace(vec![catalogue(&bench, Some(Arc::clone(&gate)))]);
    let caller = bench.caller("tracuu");
    let soon = Instant::now() + Duration::from_millis(20);
    let hurried = bench.query.ask(&caller, "request-1", "enterprise", question(), soon).await;
    assert_eq!(hurried.unwrap_err().code, ErrorCode::UpstreamTimeout);
    // The fetch that was begun for the one goes on, and serves the other.
    let patient = bench.ask_of("enterprise", "tracuu", question());
    let (answer, ()) = futures_util::future::join(patient, async { gate.notify_one() }).await;
    assert!(answer.unwrap().is_cached);
    assert_eq!(bench.story(), ["asked"]);
}
