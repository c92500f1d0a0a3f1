//! Answers of open data, kept for a while; never anybody's record.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lgsp_core::{Fault, Violation};
use moka::future::Cache;
use serde_json::{Map, Value};

use crate::question::Fetched;

/// How much one service's answers may take in memory, in bytes of JSON.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// How long answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// As long the far side is not asked again.
    pub fresh: Duration,
    /// As long an answer serves where the far side fails; not shorter than `fresh`.
    pub stale: Duration,
}

/// An answer and when the far side gave it.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) fetched: Fetched,
    pub(crate) warnings: Vec<Violation>,
    pub(crate) as_of_unix_millis: i64,
}

/// The answers of one service.
pub(crate) struct Answers {
    fresh: Cache<String, Arc<Kept>>,
    stale: Cache<String, Arc<Kept>>,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("entries", &self.fresh.entry_count())
            .finish_non_exhaustive()
    }
}

impl Answers {
    pub(crate) fn new(keep: Keep) -> Self {
        let cache = |time| {
            Cache::builder()
                .max_capacity(MOST_BYTES)
                .weigher(|key: &String, kept: &Arc<Kept>| weigh(key, kept))
                .time_to_live(time)
                .build()
        };
        Self { fresh: cache(keep.fresh), stale: cache(keep.stale.max(keep.fresh)) }
    }

    /// Returns a fresh answer to a question, where one is kept.
    pub(crate) async fn fresh(&self, question: &Map<String, Value>) -> Option<Arc<Kept>> {
        self.fresh.get(&serde_json::to_string(question).unwrap_or_default()).await
    }

    /// Returns the answer to a question, and whether it was kept: asks by `fetch` where none is
    /// fresh, once however many ask at the same time, and gives a stale one where that fails.
    ///
    /// # Errors
    /// What `fetch` failed with.
    pub(crate) async fn answer(
        &self,
        question: &Map<String, Value>,
        fetch: impl Future<Output = Result<Kept, Fault>>,
    ) -> Result<(Arc<Kept>, bool), Fault> {
        let key = serde_json::to_string(question).unwrap_or_default();
        if let Some(kept) = self.fresh.get(&key).await {
            return Ok((kept, true));
        }
        let mut asked = false;
        let asking = async {
            let kept = Arc::new(fetch.await?);
            asked = true;
            self.stale.insert(key.clone(), Arc::clone(&kept)).await;
            Ok(kept)
        };
        let fetched: Result<_, Arc<Fault>> = self.fresh.try_get_with(key.clone(), asking).await;
        match fetched {
            Ok(kept) => Ok((kept, !asked)),
            Err(fault) if fault.code.is_retryable() => match self.stale.get(&key).await {
                Some(kept) => Ok((kept, true)),
                None => Err(Fault::clone(&fault)),
            },
            Err(fault) => Err(Fault::clone(&fault)),
        }
    }
}

fn weigh(key: &str, kept: &Kept) -> u32 {
    let record = serde_json::to_vec(&kept.fetched.record).map_or(0, |bytes| bytes.len());
    u32::try_from(key.len() + record).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use lgsp_core::ErrorCode;
    use serde_json::json;

    use super::*;

    fn kept(order: i64) -> Kept {
        let record = json!({ "order": order }).as_object().cloned().unwrap();
        let fetched = Fetched { record, unknown_fields: 0 };
        Kept { fetched, warnings: Vec::new(), as_of_unix_millis: order }
    }

    fn question(name: &str) -> Map<String, Value> {
        json!({ "catalogue": name }).as_object().cloned().unwrap()
    }

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_are_answered_by_one_fetch() {
        let keep = Keep { fresh: Duration::from_secs(60), stale: Duration::from_secs(60) };
        let (answers, fetches) = (Answers::new(keep), AtomicU32::new(0));
        let question = question("madantoc");
        let ask = || {
            answers.answer(&question, async {
                fetches.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(kept(1))
            })
        };
        let (first, second) = futures_util::future::join(ask(), ask()).await;
        let were_kept = [first.unwrap().1, second.unwrap().1];
        assert_eq!(were_kept.iter().filter(|kept| !**kept).count(), 1);
        assert!(ask().await.unwrap().1);
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_stale_answer_serves_where_the_far_side_is_down_and_only_there() {
        let keep = Keep { fresh: Duration::ZERO, stale: Duration::from_secs(60) };
        let answers = Answers::new(keep);
        let asked = question("madantoc");
        assert!(!answers.answer(&asked, async { Ok(kept(1)) }).await.unwrap().1);
        let down = async { Err(Fault::new(ErrorCode::UpstreamUnavailable)) };
        let (stale, was_kept) = answers.answer(&asked, down).await.unwrap();
        assert_eq!((stale.as_of_unix_millis, was_kept), (1, true));
        // "No such catalogue" is an answer, and another question has none.
        for (asked, code) in
            [(asked, ErrorCode::NotFound), (question("matongiao"), ErrorCode::UpstreamUnavailable)]
        {
            let fault =
                answers.answer(&asked, async { Err(Fault::new(code)) }).await.err().unwrap();
            assert_eq!(fault.code, code);
        }
    }
}
