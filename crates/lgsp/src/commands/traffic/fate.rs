//! What became of a record, as its sender was told.

/// A place and a rule's code.
pub(super) type Breach = (String, String);

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is durable.
    Recorded {
        /// It had been recorded before.
        duplicate: bool,
    },
    /// It will never be taken.
    Refused {
        /// Why: the stable code.
        code: String,
        /// Every broken rule.
        breaches: Vec<Breach>,
    },
    /// It lies where an adapter takes it from.
    HandedOver,
    /// Nobody knows: it is to be sent again.
    Unknown,
}

impl Fate {
    /// Returns the same number of unknown fates.
    pub(super) fn all_unknown(count: usize) -> Vec<Self> {
        vec![Self::Unknown; count]
    }

    /// Reads a fault as HTTP tells it: a problem, or the outcome of one event of a batch.
    pub(super) fn of_fault(fault: &serde_json::Value) -> Self {
        let text = |value: &serde_json::Value, name: &str| {
            value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        let code = text(fault, "code");
        let retryable = fault.get("retryable").and_then(serde_json::Value::as_bool);
        if code.is_empty() || retryable != Some(false) || code == "unauthenticated" {
            return Self::Unknown;
        }
        let violations = fault.get("violations").and_then(serde_json::Value::as_array);
        let breaches = violations.into_iter().flatten();
        let breaches = breaches.map(|one| (text(one, "pointer"), text(one, "rule"))).collect();
        Self::Refused { code, breaches }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_never_succeed_is_a_refusal() {
        let fault = |code: &str, retryable| {
            json!({"code": code, "retryable": retryable,
                   "violations": [{"pointer": "/MaHoSo", "rule": "dossier_code"}]})
        };
        assert_eq!(
            Fate::of_fault(&fault("schema_violation", false)),
            Fate::Refused {
                code: "schema_violation".to_owned(),
                breaches: vec![("/MaHoSo".to_owned(), "dossier_code".to_owned())],
            }
        );
        assert_eq!(Fate::of_fault(&fault("log_unavailable", true)), Fate::Unknown);
        assert_eq!(Fate::of_fault(&fault("unauthenticated", false)), Fate::Unknown);
        assert_eq!(Fate::of_fault(&json!({"error": "x"})), Fate::Unknown);
    }
}
