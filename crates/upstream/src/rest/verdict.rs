//! How a far side says yes and no. Most say both with HTTP 200, each in its own way.

use lgsp_query::UpstreamError;
use serde_json::Value;

use super::pointer::{Pointer, text_of};
use crate::code::sanitised;

/// What an answer must hold somewhere.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) at: Pointer,
    pub(crate) is: Sought,
}

/// What is sought there.
#[derive(Debug)]
pub(crate) enum Sought {
    /// One of these values: numbers and texts are equal where their texts are.
    OneOf(Vec<String>),
    /// A list.
    List,
    /// An object.
    Object,
}

/// How a far side says yes and no.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The answer is a record.
    pub(crate) success: Condition,
    /// There is no such record.
    pub(crate) not_found: Option<Condition>,
    /// The far side says that it is down.
    pub(crate) unavailable: Option<Condition>,
    /// Where a refusal has its code.
    pub(crate) code_at: Option<Pointer>,
}

impl Verdict {
    /// Judges an answer; fine is one that may be read as a record.
    pub(crate) fn judge(&self, answer: &Value) -> Result<(), UpstreamError> {
        let holds = |condition: &Option<Condition>| {
            condition.as_ref().is_some_and(|condition| condition.holds(answer))
        };
        if holds(&self.not_found) {
            return Err(UpstreamError::NotFound);
        }
        if holds(&self.unavailable) {
            return Err(UpstreamError::Unavailable { what: "it says so", retry_after: None });
        }
        if self.success.holds(answer) {
            return Ok(());
        }
        let success = &self.success;
        match success.at.find(answer).and_then(scalar) {
            // A far side that says neither yes nor no has another form than was agreed.
            None if matches!(success.is, Sought::OneOf(_)) => {
                Err(UpstreamError::Contract { path: success.at.to_string().into() })
            }
            said => {
                let code =
                    self.code_at.as_ref().map_or(said, |at| at.find(answer).and_then(scalar));
                Err(UpstreamError::Refused { code: sanitised(&code.unwrap_or_default()) })
            }
        }
    }

    /// Lists the places that the verdict reads.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Pointer> {
        let conditions = [Some(&self.success), self.not_found.as_ref(), self.unavailable.as_ref()];
        let places = conditions.into_iter().flatten().map(|condition| &condition.at);
        places.chain(&self.code_at)
    }
}

impl Condition {
    fn holds(&self, answer: &Value) -> bool {
        let Some(value) = self.at.find(answer) else { return false };
        match &self.is {
            Sought::OneOf(texts) => scalar(value).is_some_and(|text| texts.contains(&text)),
            Sought::List => value.is_array(),
            Sought::Object => value.is_object(),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        other => text_of(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(pointer: &str, texts: &[&str]) -> Condition {
        let is = Sought::OneOf(texts.iter().map(|text| (*text).to_owned()).collect());
        Condition { at: Pointer::parse(pointer).unwrap(), is }
    }

    fn refused(code: &str) -> Result<(), UpstreamError> {
        Err(UpstreamError::Refused { code: code.to_owned() })
    }

    /// The success rules that occur in the field.
    #[test]
    fn every_way_of_saying_yes_and_no_is_understood() {
        let table = [
            (at("/error_code", &["0", "00"]), json!({"error_code": 0}), Ok(())),
            (at("/error_code", &["0", "00"]), json!({"error_code": "00"}), Ok(())),
            (at("/error_code", &["0", "00"]), json!({"error_code": "-3"}), refused("-3")),
            (at("/Status", &["1"]), json!({"Status": "1"}), Ok(())),
            (at("/Status", &["1"]), json!({"Status": 1}), Ok(())),
            (at("/Status", &["1"]), json!({"Status": "0", "Message": "Mẫu"}), refused("0")),
            (at("/STATUS", &["1"]), json!({"STATUS": 0, "DESCRIPTION": "x"}), refused("0")),
            (at("/statusCode", &["00"]), json!({"statusCode": "03"}), refused("03")),
            (at("/Status", &["SUCCESS"]), json!({"StatusCode": 200, "Status": "SUCCESS"}), Ok(())),
            (at("/MSG", &["Done"]), json!({"MSG": "Done", "Count": 1}), Ok(())),
            (
                at("/MSG", &["Done"]),
                json!({"MSG": "Record 1: 086190000001 is duplicate"}),
                refused("unreadable"),
            ),
            (at("/ok", &["true"]), json!({"ok": true}), Ok(())),
        ];
        for (success, answer, expected) in table {
            let verdict = Verdict { success, not_found: None, unavailable: None, code_at: None };
            assert_eq!(verdict.judge(&answer), expected, "{answer}");
        }
    }

    #[test]
    fn not_found_and_down_are_told_from_a_refusal_by_its_code() {
        let verdict = Verdict {
            success: at("/status", &["1"]),
            not_found: Some(at("/errorCode", &["201"])),
            unavailable: Some(at("/errorCode", &["500"])),
            code_at: Pointer::parse("/errorCode"),
        };
        let judge = |code: Value| verdict.judge(&json!({"status": 0, "errorCode": code}));
        assert_eq!(judge(json!(201)), Err(UpstreamError::NotFound));
        let down = UpstreamError::Unavailable { what: "it says so", retry_after: None };
        assert_eq!(judge(json!("500")), Err(down));
        assert_eq!(judge(json!(100)), refused("100"));
        assert_eq!(judge(json!("086190000001")), refused("unreadable"));
        assert_eq!(judge(json!({})), refused("unreadable"));
    }

    #[test]
    fn an_answer_that_says_neither_breaks_the_contract() {
        let success = at("/Status", &["1"]);
        let verdict = Verdict { success, not_found: None, unavailable: None, code_at: None };
        for answer in [json!({}), json!([]), json!({"Status": {}}), json!(null)] {
            let broken = UpstreamError::Contract { path: "/Status".into() };
            assert_eq!(verdict.judge(&answer), Err(broken), "{answer}");
        }
    }

    #[test]
    fn a_list_may_be_the_success() {
        let success = Condition { at: Pointer::parse("").unwrap(), is: Sought::List };
        let not_found = Some(at("/MSG", &["none"]));
        let verdict = Verdict { success, not_found, unavailable: None, code_at: None };
        assert_eq!(verdict.judge(&json!([])), Ok(()));
        assert_eq!(verdict.judge(&json!({"MSG": "none"})), Err(UpstreamError::NotFound));
        assert_eq!(verdict.judge(&json!({"MSG": "another"})), refused("unreadable"));
    }
}
