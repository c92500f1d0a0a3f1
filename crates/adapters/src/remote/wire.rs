//! Records, outcomes and dead letters on the wire.

use std::time::Duration;

use lgsp_proto::event::v1::cloud_event::cloud_event_attribute_value::Attr;
use lgsp_proto::event::v1::cloud_event::{CloudEventAttributeValue, Data};
use lgsp_proto::event::v1::publish_events_response::Result as Answer;
use lgsp_proto::event::v1::{
    CloudEvent, PublishEventsRequest, PublishEventsResponse, SetAsideRequest,
};
use lgsp_proto::fault::v1::{Fault, Violation};

use crate::publisher::{Breach, DeadLetter, Outcome, Record, Refusal};

/// How many bytes of pointers one letter tells of: beside data of the largest size there is not much
/// room in a message.
const MAX_POINTER_BYTES: usize = 16 * 1024;

/// When to try again where the bus does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) fn publish(record: &Record) -> PublishEventsRequest {
    PublishEventsRequest { event: Some(event(record)), dry_run: false }
}

pub(super) fn set_aside(letter: &DeadLetter, adapter: &str) -> SetAsideRequest {
    let violation = |breach: &Breach| Violation {
        pointer: breach.pointer.clone(),
        rule: breach.rule.clone(),
        ..Violation::default()
    };
    let mut left = MAX_POINTER_BYTES;
    let told = letter.cause.breaches.iter().take_while(|breach| {
        let fits = breach.pointer.len() <= left;
        left = left.saturating_sub(breach.pointer.len());
        fits
    });
    SetAsideRequest {
        event: Some(event(&letter.record)),
        code: letter.cause.code.clone(),
        violations: told.map(violation).collect(),
        origin: letter.origin.clone(),
        attempt: letter.attempt,
        adapter: adapter.to_owned(),
    }
}

fn event(record: &Record) -> CloudEvent {
    let time = record.time.clone().map(|time| {
        let attr = Some(Attr::CeString(time));
        ("time".to_owned(), CloudEventAttributeValue { attr })
    });
    CloudEvent {
        id: record.id.clone(),
        source: record.source.clone(),
        spec_version: "1.0".to_owned(),
        r#type: record.event_type.clone(),
        attributes: time.into_iter().collect(),
        data: Some(Data::BinaryData(record.data.clone())),
    }
}

/// Reads what became of a record; `None` when the answer is not about it, or says nothing.
pub(super) fn outcome(answer: PublishEventsResponse, id: &str) -> Option<Outcome> {
    if answer.id != id {
        return None;
    }
    match answer.result? {
        Answer::Receipt(receipt) => Some(Outcome::Recorded {
            duplicate: receipt.duplicate,
            warnings: receipt.warnings.into_iter().map(breach).collect(),
        }),
        Answer::Fault(fault) if fault.retryable => {
            let asked = fault.retry_after_ms.map(|ms| Duration::from_millis(ms.into()));
            Some(Outcome::Unknown { retry_after: asked.unwrap_or(RETRY_AFTER) })
        }
        Answer::Fault(fault) => Some(Outcome::Refused(refusal(fault))),
        // No dry run was asked for.
        Answer::Verdict(_) => None,
    }
}

fn refusal(fault: Fault) -> Refusal {
    Refusal {
        code: fault.code,
        vi: fault.message_vi,
        en: fault.message_en,
        breaches: fault.violations.into_iter().map(breach).collect(),
    }
}

fn breach(violation: Violation) -> Breach {
    Breach {
        pointer: violation.pointer,
        rule: violation.rule,
        vi: violation.message_vi,
        en: violation.message_en,
    }
}
