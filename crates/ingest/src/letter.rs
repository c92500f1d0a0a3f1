//! Dead letters: a record that cannot be published is set aside, so that nobody waits behind it;
//! and single events read back.

use std::borrow::Cow;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use lgsp_core::identifier::{DossierCode, TaxCode};
use lgsp_core::{ErrorCode, Fault, Position, Violation, rule};
use lgsp_identity::Principal;
use lgsp_schema::parse_strict;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::book::{EntityClaim, Last};
use crate::corridor::{Ingest, MAX_EVENT_BYTES, rfc3339};
use crate::ports::{DeadLetterRecord, EntityNote, LetterCompletion, LogUnreadable};
use crate::submission::{MAX_ATTRIBUTE_BYTES, Submission, well_formed};

/// What a topic's dead letters are called: its own name and this.
const DEAD_LETTERS: &str = ".dlq";

/// How many broken rules a letter tells.
const MAX_BREACHES: usize = Fault::MAX_VIOLATIONS;

/// How long the list of broken rules may be as JSON, in bytes.
const MAX_BREACHES_BYTES: usize = 16 * 1024;

/// A record that its adapter cannot publish, and why.
#[derive(Clone)]
pub struct Letter {
    /// The event as it would be; its data may be anything.
    pub event: Submission,
    /// The code of the fault, e.g. `schema_violation`.
    pub code: String,
    /// Every broken rule: JSON Pointer and the rule's code.
    pub breaches: Vec<(String, String)>,
    /// Where it came from, e.g. a file and row.
    pub origin: String,
    /// The how manieth attempt failed, from 1.
    pub attempt: u32,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("event", &self.event).finish_non_exhaustive()
    }
}

impl Ingest {
    /// Sets a record aside: returns when it is durable among the dead letters of its type.
    ///
    /// # Errors
    /// As [`Ingest::accept`] where the caller may not publish such events, or an attribute is
    /// malformed; `log_unavailable` when it is not known whether the letter is stored.
    pub async fn set_aside(
        &self,
        caller: &Principal,
        letter: Letter,
        deadline: Instant,
    ) -> Result<Position, Fault> {
        let event = &letter.event;
        if event.data.len() > MAX_EVENT_BYTES {
            return Err(ErrorCode::PayloadTooLarge.into());
        }
        well_formed(event)?;
        let known = |kind: &&lgsp_schema::EventKind| kind.event_type() == event.event_type;
        let unknown = || Fault::at(ErrorCode::UnknownEventType, "type", &rule::EVENT_TYPE);
        let kind = self.schemas.kinds().find(known).ok_or_else(unknown)?;
        let grant = self.identity.permit_publish(caller, &event.source, &event.event_type)?;
        let breaches = cause(&letter)?;

        let entity_key = parse_strict(&event.data).ok().and_then(|data| {
            data.pointer(kind.key_pointer()).and_then(Value::as_str).map(str::to_owned)
        });
        // Nobody has judged the record: anything may stand where the key should.
        let is_code = |key: &str| DossierCode::parse(key).is_ok() || TaxCode::parse(key).is_ok();
        let key = match entity_key {
            Some(key) if kind.is_personal_key(&key) || !is_code(&key) => {
                self.province.pseudonym(&key)
            }
            Some(key) => key,
            None => event.id.clone(),
        };
        let topic = format!("{}{DEAD_LETTERS}", kind.topic());
        let now = rfc3339(self.clock.unix_millis());
        let headers: Vec<(&'static str, Cow<'static, str>)> = vec![
            ("ce_specversion", "1.0".into()),
            ("ce_id", event.id.clone().into()),
            ("ce_source", event.source.clone().into()),
            ("ce_type", event.event_type.clone().into()),
            ("ce_agency", grant.agency().as_str().to_owned().into()),
            ("ce_client", grant.client().as_str().to_owned().into()),
            ("ce_adapter", event.adapter.into()),
            ("ce_recordedtime", now.into()),
            ("content-type", "application/json".into()),
            ("lgsp_cause", letter.code.into()),
            ("lgsp_violations", breaches.into()),
            ("lgsp_origin", letter.origin.into()),
            ("lgsp_attempt", letter.attempt.to_string().into()),
        ];
        let data = letter.event.data;
        let data_bytes = data.len();
        let record = DeadLetterRecord { topic: topic.clone(), key, headers, data };
        let room = self.room_for(data_bytes, deadline).await?;
        let (tell, told) = oneshot::channel();
        let full = |_full| Fault::new(ErrorCode::Overloaded);
        self.logs
            .dead_letters
            .set_aside(record, LetterCompletion::new(tell, room))
            .map_err(full)?;
        match tokio::time::timeout_at(deadline.into(), told).await {
            Ok(Ok((partition, offset))) => Ok(Position { topic, partition, offset }),
            _ => Err(ErrorCode::LogUnavailable.into()),
        }
    }

    /// Returns the last record of an entity, byte for byte, if the caller may publish such records
    /// for the agency that it is of; `None` where there is none, or none any more.
    ///
    /// # Errors
    /// `log_unavailable` where the log does not answer in time.
    pub async fn recall(
        &self,
        caller: &Principal,
        event_type: &str,
        entity_key: &str,
        deadline: Instant,
    ) -> Result<Option<Bytes>, Fault> {
        let of_type = |kind: &&lgsp_schema::EventKind| kind.event_type() == event_type;
        let Some(kind) = self.schemas.kinds().find(of_type) else { return Ok(None) };
        if !self.identity.may_publish(caller, event_type) {
            return Ok(None);
        }
        let entity = EntityNote::digest(event_type, entity_key);
        let last = match self.last_of(&entity).await? {
            None => return Ok(None),
            Some(Last::Elsewhere) => return Err(ErrorCode::LogUnavailable.into()),
            Some(Last::Recorded(last)) => last,
            // Taken a moment ago, and not stored yet: its place is in its receipt.
            Some(Last::Taken { event, .. }) => match self.book.place_of(&event) {
                Some(last) => last,
                None => return Err(ErrorCode::LogUnavailable.into()),
            },
        };
        let read = self.logs.reader.read(kind.topic(), last.partition, last.offset);
        match tokio::time::timeout_at(deadline.into(), read).await {
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(event))) => {
                let may = self.identity.may_publish_for(caller, event_type, &event.agency);
                Ok(may.then_some(event.data))
            }
            Ok(Err(LogUnreadable::Busy)) => Err(ErrorCode::Overloaded.into()),
            Ok(Err(LogUnreadable::Away)) | Err(_) => Err(ErrorCode::LogUnavailable.into()),
        }
    }

    /// Tells whether the bus has a durable record of an entity.
    ///
    /// # Errors
    /// When the receipts cannot be asked; `log_unavailable` while another process has a record of
    /// it on its way.
    pub async fn knows_entity(&self, event_type: &str, entity_key: &str) -> Result<bool, Fault> {
        match self.last_of(&EntityNote::digest(event_type, entity_key)).await? {
            Some(Last::Elsewhere) => Err(ErrorCode::LogUnavailable.into()),
            // On its way it may still fail: only what is acknowledged is known.
            Some(Last::Taken { event, .. }) => Ok(self.book.place_of(&event).is_some()),
            Some(Last::Recorded(_)) => Ok(true),
            None => Ok(false),
        }
    }
}

impl Ingest {
    /// Returns the state that the last event of an entity told, whichever type of its topic that
    /// was; nothing where no event of it is known, or its type has no states.
    ///
    /// # Errors
    /// When the receipts cannot be asked.
    pub async fn state_of(
        &self,
        event_type: &str,
        entity_key: &str,
    ) -> Result<Option<String>, Fault> {
        let siblings = self.siblings.get(event_type).into_iter().flatten();
        let claim = EntityClaim {
            note: EntityNote { id: EntityNote::digest(event_type, entity_key), state: None },
            siblings: siblings.map(|sibling| EntityNote::digest(sibling, entity_key)).collect(),
        };
        let state = self.book.state_of(&claim).await.map_err(|error| self.broken_store(&error))?;
        Ok(state.map(String::from))
    }
}

/// Checks a letter's own attributes; returns the broken rules as JSON.
fn cause(letter: &Letter) -> Result<String, Fault> {
    let word = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let line = |text: &str| {
        (1..=MAX_ATTRIBUTE_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
    };
    let mut violations = Vec::new();
    let mut demand = |holds: bool, pointer: &str| {
        if !holds {
            violations.push(Violation::new(pointer, &rule::REQUEST));
        }
    };
    demand(word(&letter.code), "code");
    demand(line(&letter.origin), "origin");
    demand((1..=1_000_000).contains(&letter.attempt), "attempt");
    let breaches_fit = letter.breaches.len() <= MAX_BREACHES
        && letter.breaches.iter().all(|(pointer, rule)| {
            pointer.len() <= MAX_ATTRIBUTE_BYTES
                && !pointer.chars().any(char::is_control)
                && word(rule)
        });
    demand(breaches_fit, "violations");
    let breaches: Vec<Value> = letter
        .breaches
        .iter()
        .take(MAX_BREACHES)
        .map(|(pointer, rule)| serde_json::json!({ "pointer": pointer, "rule": rule }))
        .collect();
    let breaches = Value::from(breaches).to_string();
    demand(breaches.len() <= MAX_BREACHES_BYTES, "violations");
    if violations.is_empty() {
        Ok(breaches)
    } else {
        Err(Fault::with(ErrorCode::InvalidRequest, violations))
    }
}
