//! One attempt to publish a batch: what is settled for good, and when to try the rest again.

use std::time::Duration;

use lgsp_core::ErrorCode;
use serde_json::{Value, json};

use crate::config::AdapterConfig;
use crate::publisher::{Breach, DeadLetter, Outcome, Publisher, Record, Refusal};

/// The shortest and the longest wait before the next attempt, whatever the bus asks for.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// How long what the bus does not let in waits for a person.
const UNTIL_LET_IN: Duration = Duration::from_secs(30);

/// Refusals for the data: the bus has let in the row as an event of its type and agency.
const OF_THE_DATA: [ErrorCode; 3] =
    [ErrorCode::InvalidJson, ErrorCode::SchemaViolation, ErrorCode::Conflict];

/// Refusals for a type or agency. Of the adapter's own a person has to mend the registry or the
/// configuration; the rows are as good as they were.
const NOT_LET_IN: [ErrorCode; 2] = [ErrorCode::PermissionDenied, ErrorCode::UnknownEventType];

/// A row on its way, with where it came from. `key` is what its reader knows it by.
pub(crate) struct Item<K> {
    pub(crate) key: K,
    /// As it is published, or set aside.
    pub(crate) record: Record,
    /// As dead letters name it, e.g. `lgsp_outbox row 7`.
    pub(crate) origin: String,
    /// Why it need not be sent: it cannot be mapped, or is too large. Such a record bears the
    /// adapter's own type and agency: the bus has not judged any other.
    pub(crate) refused: Option<Refusal>,
}

/// What became of a row for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The broker has it.
    Recorded { warnings: Vec<Breach> },
    /// It is among the dead letters.
    SetAside(Refusal),
}

impl Settled {
    /// Names it, as the outbox shows it.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Recorded { .. } => "recorded",
            Self::SetAside(_) => "refused",
        }
    }

    /// Tells, as JSON, what is wrong or odd about the row: places and rules, never a value.
    pub(crate) fn report(&self) -> Option<String> {
        let told = |breaches: &[Breach]| -> Value {
            let told = breaches.iter().map(|breach| {
                let Breach { pointer, rule, vi, en } = breach;
                json!({ "pointer": pointer, "rule": rule, "vi": vi, "en": en })
            });
            told.collect()
        };
        let report = match self {
            Self::Recorded { warnings } if warnings.is_empty() => return None,
            Self::Recorded { warnings } => json!({ "warnings": told(warnings) }),
            Self::SetAside(Refusal { code, vi, en, breaches }) => {
                json!({ "code": code, "vi": vi, "en": en, "violations": told(breaches) })
            }
        };
        Some(report.to_string())
    }
}

/// What an attempt came to.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// For each item, in the same order: what became of it, where that is known.
    pub(crate) settled: Vec<Option<Settled>>,
    /// After which time to try again what is not settled.
    pub(crate) retry_after: Option<Duration>,
}

/// Publishes the items in their order, and sets aside those that are refused.
///
/// The caller gives what was not settled again, in the same order and with the next `number`. A
/// refusal holds from then on: were the row accepted after all, it would come behind later ones.
pub(crate) async fn attempt<K>(
    items: &mut [Item<K>],
    number: u32,
    config: &AdapterConfig,
    publisher: &dyn Publisher,
) -> Attempt {
    let batch: Vec<Record> = items
        .iter()
        .filter(|item| item.refused.is_none())
        .map(|item| item.record.clone())
        .collect();
    let outcomes = if batch.is_empty() { Vec::new() } else { publisher.publish(&batch).await };
    let mut outcomes = outcomes.into_iter();
    let mut attempt = Attempt::default();
    let mut in_doubt = false;
    for item in items {
        let mut settled = Ok(None);
        if item.refused.is_none() {
            // After the first unknown one nothing counts: all behind it is published again.
            settled = match outcomes.next().filter(|_| !in_doubt) {
                Some(Outcome::Recorded { warnings, .. }) => {
                    Ok(Some(Settled::Recorded { warnings }))
                }
                Some(Outcome::Refused(refusal)) if is_shut_out(&item.record, &refusal, config) => {
                    tracing::error!(
                        adapter = %config.name,
                        code = %refusal.code,
                        "the bus does not let this adapter publish: its grant or type is missing"
                    );
                    Err(UNTIL_LET_IN)
                }
                Some(Outcome::Refused(refusal)) => {
                    if !is_one_of(&OF_THE_DATA, &refusal) {
                        // With what the row says of itself not even a letter may be taken.
                        item.record = in_own_name(&item.record, config);
                    }
                    item.refused = Some(refusal);
                    Ok(None)
                }
                Some(Outcome::Unknown { retry_after }) => Err(retry_after),
                None => Err(WAITS.0),
            };
            in_doubt |= settled.is_err();
        }
        if let Some(cause) = &item.refused {
            settled = set_aside(item, cause, number, config, publisher).await.map(Some);
        }
        attempt.settled.push(settled.unwrap_or_else(|wait| {
            let longest = attempt.retry_after.unwrap_or_default().max(wait);
            attempt.retry_after = Some(longest.clamp(WAITS.0, WAITS.1));
            None
        }));
    }
    attempt
}

fn is_one_of(codes: &[ErrorCode], refusal: &Refusal) -> bool {
    codes.iter().any(|code| code.as_str() == refusal.code)
}

/// Tells whether a refusal is none of the row, but of every row of this adapter.
fn is_shut_out(record: &Record, refusal: &Refusal, config: &AdapterConfig) -> bool {
    is_one_of(&NOT_LET_IN, refusal)
        && record.source == config.source()
        && record.event_type == config.event_type
}

/// Gives a record the adapter's own type and agency, and no time.
fn in_own_name(record: &Record, config: &AdapterConfig) -> Record {
    Record {
        id: record.id.clone(),
        source: config.source(),
        event_type: config.event_type.clone(),
        time: None,
        data: record.data.clone(),
    }
}

async fn set_aside<K>(
    item: &Item<K>,
    cause: &Refusal,
    number: u32,
    config: &AdapterConfig,
    publisher: &dyn Publisher,
) -> Result<Settled, Duration> {
    let letter = DeadLetter {
        record: item.record.clone(),
        cause: cause.clone(),
        origin: item.origin.clone(),
        attempt: number,
    };
    publisher.set_aside(&letter).await.map_err(|unavailable| unavailable.retry_after)?;
    // Not its origin: a file may be named for a person.
    tracing::warn!(adapter = %config.name, code = %cause.code, "row refused and set aside");
    Ok(Settled::SetAside(letter.cause))
}

#[cfg(test)]
mod tests;
