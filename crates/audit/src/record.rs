//! What a record of evidence says.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A question that is about to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Names the question and its outcome; the far side gets it as `MaYeuCau`.
    pub audit_id: Uuid,
    /// The request's id at the door.
    pub request_id: String,
    /// The calling system.
    pub client: String,
    /// The calling system's agency.
    pub agency: String,
    /// The service asked, e.g. `population`.
    pub service: String,
    /// The operation, e.g. `LookUpCitizen`.
    pub operation: String,
    /// Purpose: the dossier's code; empty where the service demands none.
    pub dossier: String,
    /// Purpose: the procedure's code.
    pub procedure: String,
    /// Purpose: the officer's number.
    pub officer: String,
    /// How the officer is known: `asserted` by the calling system.
    pub officer_proof: String,
    /// Purpose: in words, where the caller gave any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whom the question is about: the keyed digest of the personal number.
    pub subject: String,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// A record came back.
    Answered,
    /// The far side knows no such record.
    NotFound,
    /// The far side refused.
    Refused,
    /// The far side failed or broke its contract: it may have seen the question.
    Failed,
    /// Nothing was asked, e.g. because the intent was not durable in time.
    NotAsked,
}

impl OutcomeKind {
    /// Returns the word that stands for it in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::NotAsked => "not_asked",
        }
    }
}

/// The end of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub kind: OutcomeKind,
    /// The code that the caller got; absent from an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How long the far side took, in milliseconds.
    pub elapsed_millis: u64,
    /// Which fields were released, by name; empty unless answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<String>,
}

/// What one record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// A question is about to be asked.
    Intent(Intent),
    /// It ended.
    Outcome {
        /// Which question.
        audit_id: Uuid,
        /// How.
        outcome: Outcome,
    },
}

/// Proof that a question's intent is durable; consumed by its outcome.
///
/// An evidence log makes one only from the log's acknowledgement; a fetch takes nothing less.
#[derive(Debug, PartialEq, Eq)]
pub struct Evidence {
    audit_id: Uuid,
}

impl Evidence {
    /// States that the log acknowledged this intent with acks=all.
    pub fn acknowledged(intent: &Intent) -> Self {
        Self { audit_id: intent.audit_id }
    }

    /// Returns the question's id.
    pub fn audit_id(&self) -> Uuid {
        self.audit_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcomes_word_is_the_one_in_the_record() {
        use OutcomeKind::{Answered, Failed, NotAsked, NotFound, Refused};
        for kind in [Answered, NotFound, Refused, Failed, NotAsked] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
