//! What became of each event of a batch, as its sender is told.

use lgsp_core::{ErrorCode, Fault};
use lgsp_ingest::Verdict;
use lgsp_proto::event::v1 as wire;
use lgsp_proto::status::row;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{RECEIPT, VERDICT};
use crate::event_grpc::wire_verdict;
use crate::json::Written;
use crate::problem::Told;

/// How many violations an answer lists in all, some 4 MiB of JSON.
const MAX_LISTED: usize = 10_000;

/// The longest id that is repeated, in bytes: no longer one is an event's.
const MAX_ID_BYTES: usize = 256;

/// What became of one event.
pub(super) enum What {
    Recorded(wire::Receipt),
    Judged(wire::Verdict),
    Refused(Fault),
    /// It was not tried, since one before it failed with this.
    NotTaken(Fault),
}

impl From<Result<wire::Receipt, Fault>> for What {
    fn from(receipt: Result<wire::Receipt, Fault>) -> Self {
        receipt.map_or_else(Self::Refused, Self::Recorded)
    }
}

impl From<Result<Verdict, Fault>> for What {
    fn from(verdict: Result<Verdict, Fault>) -> Self {
        verdict.map_or_else(Self::Refused, |verdict| Self::Judged(wire_verdict(verdict)))
    }
}

impl What {
    pub(super) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Recorded(_) | Self::Judged(_) => None,
            Self::Refused(fault) | Self::NotTaken(fault) => Some(fault),
        }
    }
}

/// One event of a batch and what became of it.
pub(super) struct Outcome {
    /// Its place in the batch, from 0.
    pub(super) index: usize,
    id: Option<String>,
    pub(super) what: What,
}

impl Outcome {
    pub(super) fn new(index: usize, id: Option<String>, what: impl Into<What>) -> Self {
        let shown = |id: &String| id.len() <= MAX_ID_BYTES && !id.chars().any(char::is_control);
        Self { index, id: id.filter(shown), what: what.into() }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("index", &self.index)?;
        if let Some(id) = &self.id {
            members.serialize_entry("id", id)?;
        }
        let status = self.what.fault().map_or(200, |fault| row(fault.code).http.as_u16());
        members.serialize_entry("status", &status)?;
        match &self.what {
            What::Recorded(receipt) => {
                members.serialize_entry("receipt", &Written(RECEIPT, receipt))?;
            }
            What::Judged(verdict) => {
                members.serialize_entry("verdict", &Written(VERDICT, verdict))?;
            }
            What::Refused(fault) | What::NotTaken(fault) => {
                members.serialize_entry("fault", &Told::of(fault))?;
            }
        }
        members.end()
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Advice {
    vi: &'static str,
    en: &'static str,
}

const SEND_AGAIN: Advice = Advice {
    vi: "Hãy gửi lại đúng lô này với các mã sự kiện như cũ: sự kiện nào đã ghi sẽ trả lại biên nhận đầu tiên, không bị ghi hai lần.",
    en: "Send the same batch with the same ids again: what is recorded already gives its first receipt and is not recorded twice.",
};

const MEND_REFUSED: Advice = Advice {
    vi: "Các sự kiện khác của lô đã được ghi; chỉ sửa những sự kiện bị từ chối rồi gửi lại với mã mới.",
    en: "The other events of the batch are recorded; mend only the refused ones and send them with new ids.",
};

/// How far a batch came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Books {
    events: usize,
    recorded: usize,
    refused: usize,
    unknown: usize,
    not_taken: usize,
}

/// What became of a batch, beside the fault that stands for it: which event has which outcome.
#[derive(serde::Serialize)]
pub(crate) struct Report {
    batch: Books,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<Advice>,
    outcomes: Vec<Outcome>,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.batch.fmt(f)
    }
}

impl Report {
    /// Counts the outcomes of all events of a batch.
    pub(super) fn new(outcomes: Vec<Outcome>) -> Self {
        let mut batch = Books { events: outcomes.len(), ..Books::default() };
        for outcome in &outcomes {
            let count = match &outcome.what {
                What::Recorded(_) => &mut batch.recorded,
                What::Judged(_) | What::NotTaken(_) => &mut batch.not_taken,
                What::Refused(fault) if fault.code.is_retryable() => &mut batch.unknown,
                What::Refused(_) => &mut batch.refused,
            };
            *count += 1;
        }
        Self { batch, advice: None, outcomes: listed(outcomes) }
    }

    /// Tells of a batch of which nothing was tried since these events of it are refused; the rest
    /// could have been taken.
    pub(super) fn of_refused(events: usize, refused: Vec<Outcome>) -> Self {
        let count = refused.len();
        let not_taken = events.saturating_sub(count);
        let batch = Books { events, refused: count, not_taken, ..Books::default() };
        Self { batch, advice: None, outcomes: listed(refused) }
    }

    /// Keeps only what has no receipt, and says what to do with a batch that was tried.
    pub(super) fn of_tried(outcomes: Vec<Outcome>) -> Self {
        let mut report = Self::new(outcomes);
        report.outcomes.retain(|outcome| matches!(outcome.what, What::Refused(_)));
        let again = report.batch.unknown + report.batch.not_taken > 0;
        report.advice = Some(if again { SEND_AGAIN } else { MEND_REFUSED });
        report
    }

    /// Returns the first fault of a batch that was tried: of those that a repeat may mend, else
    /// any; `None` where all is recorded.
    pub(super) fn worst(outcomes: &[Outcome]) -> Option<&Fault> {
        let faults = || outcomes.iter().filter_map(|outcome| outcome.what.fault());
        faults().find(|fault| fault.code.is_retryable()).or_else(|| faults().next())
    }

    /// Returns the fault that stands for a batch with refused events.
    pub(super) fn invalid(&self) -> Fault {
        let faults = self.outcomes.iter().filter_map(|outcome| outcome.what.fault());
        let total_violations = faults.map(|fault| fault.total_violations).sum();
        Fault { total_violations, ..Fault::new(ErrorCode::InvalidBatch) }
    }
}

/// Cuts the lists of violations where they are too many in all; their totals still tell the rest.
fn listed(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let mut room = MAX_LISTED;
    for outcome in &mut outcomes {
        if let What::Refused(fault) | What::NotTaken(fault) = &mut outcome.what {
            fault.violations.truncate(room);
            room -= fault.violations.len();
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use lgsp_core::{Violation, rule};
    use serde_json::{Value, json};

    use super::*;

    fn refused(index: usize, violations: usize) -> Outcome {
        let violations = vec![Violation::new("/MaHoSo", &rule::REQUIRED); violations];
        let fault = Fault::with(ErrorCode::SchemaViolation, violations);
        Outcome::new(index, Some(index.to_string()), What::Refused(fault))
    }

    #[test]
    fn lists_so_many_violations_and_counts_all() {
        let report = Report::of_refused(200, (0..150).map(|index| refused(index, 250)).collect());
        let count = |outcome: &Outcome| outcome.what.fault().unwrap().violations.len();
        let listed: Vec<_> = report.outcomes.iter().map(count).collect();
        assert_eq!(listed.iter().sum::<usize>(), MAX_LISTED);
        assert_eq!((listed[99], listed[100], listed.len()), (100, 0, 150));
        assert_eq!(report.invalid().total_violations, 150 * 250);
        assert_eq!(report.invalid().code, ErrorCode::InvalidBatch);
        let told = serde_json::to_value(&report).unwrap();
        assert_eq!(
            told["batch"],
            json!({"events": 200, "recorded": 0, "refused": 150, "unknown": 0, "notTaken": 50})
        );
        assert_eq!(told["outcomes"][149]["fault"]["totalViolations"], 250);
        assert_eq!(told["outcomes"][149]["fault"]["violations"], json!([]));
    }

    #[test]
    fn what_may_be_mended_by_a_repeat_stands_for_the_batch() {
        let of = |codes: &[ErrorCode]| {
            let outcomes = codes
                .iter()
                .enumerate()
                .map(|(index, code)| Outcome::new(index, None, What::Refused(Fault::new(*code))));
            let outcomes: Vec<_> = outcomes.collect();
            Report::worst(&outcomes).map(|fault| fault.code)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[ErrorCode::Conflict]), Some(ErrorCode::Conflict));
        assert_eq!(
            of(&[ErrorCode::Conflict, ErrorCode::LogUnavailable]),
            Some(ErrorCode::LogUnavailable)
        );
    }

    #[test]
    fn says_what_to_do_with_the_rest() {
        let advice = |code| {
            let outcome = Outcome::new(0, None, What::Refused(Fault::new(code)));
            let told = serde_json::to_value(Report::of_tried(vec![outcome])).unwrap();
            told["advice"]["en"].as_str().unwrap().to_owned()
        };
        assert!(advice(ErrorCode::Conflict).contains("mend only the refused"));
        assert!(advice(ErrorCode::Overloaded).contains("same batch"));
    }

    #[test]
    fn repeats_no_id_that_cannot_be_one() {
        for (id, shown) in [("x", true), ("a\nb", false), (&*"x".repeat(257), false)] {
            let outcome =
                Outcome::new(0, Some(id.to_owned()), What::Refused(ErrorCode::Conflict.into()));
            let told = serde_json::to_value(&outcome).unwrap();
            assert_eq!(told.get("id").and_then(Value::as_str).is_some(), shown);
            assert_eq!(told["status"], 409);
        }
    }
}
