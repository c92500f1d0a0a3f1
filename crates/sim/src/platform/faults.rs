//! Faults by rule: which request suffers which fault is decided by a seeded counter, so that it
//! does not depend on time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::dice;

use super::purpose;

/// What happens to a request or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer comes late. Later rules apply too.
    Latency,
    /// HTTP 500, and the service does nothing.
    #[serde(rename = "http_500")]
    Http500,
    /// HTTP 200 with an error in the service's own form, and the service does nothing.
    #[serde(rename = "error_200")]
    Error200,
    /// The service does its work; the second half of its answer is missing.
    Truncated,
    /// The service does its work; its answer is whole JSON, but the XML within it breaks off. An
    /// answer without XML is truncated.
    TruncatedXml,
    /// The service does its work; its answer says it is JSON and is not.
    Malformed,
    /// The service does its work; the connection is dropped instead of an answer.
    Reset,
    /// The service does its work; its answer comes in pieces of 64 bytes.
    SlowBytes,
    /// The service does its work; its answer says it is `text/html`.
    WrongContentType,
    /// HTTP 401, as if the token had grown too old.
    ExpiredToken,
    /// The service does its work; a field of its answer has another name.
    ChangedField,
    /// HTTP 503 with `Retry-After`, and the service does nothing.
    Maintenance,
}

/// A rule of faults, as `PUT /sim/faults` takes it in JSON.
///
/// ```
/// use lgsp_sim::platform::{FaultKind, FaultRule};
/// let rule: FaultRule = serde_json::from_str(
///     r#"{"path": "/dmdc/", "kind": "latency", "share": 0.1, "delay_ms": 200, "spread_ms": 50}"#,
/// )?;
/// assert_eq!((rule.kind, rule.share), (FaultKind::Latency, 0.1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What the path of a request starts with; `/` is every service, `/token` too.
    pub path: String,
    /// What happens.
    pub kind: FaultKind,
    /// To how many of such requests, from 0 (none) to 1 (all, when absent).
    #[serde(default = "all")]
    pub share: f64,
    /// How long the answer is held back, in milliseconds; of slow bytes, the pause before each
    /// piece; of maintenance, what `Retry-After` promises (a minute when 0).
    #[serde(default)]
    pub delay_ms: u64,
    /// How much longer, at most, in milliseconds: evenly spread.
    #[serde(default)]
    pub spread_ms: u64,
    /// The field that is renamed, wherever it occurs, also in XML; when absent, the first field
    /// of the answer or of its first record. It gets `Moi` behind its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

fn all() -> f64 {
    1.0
}

impl FaultRule {
    /// How many rules there may be.
    pub const MOST: usize = 64;
    /// How long a delay and its spread may be, in milliseconds.
    pub const LONGEST_DELAY_MS: u64 = 600_000;

    /// Makes the rule that all requests to a path suffer a fault, without delay.
    pub fn new(path: impl Into<String>, kind: FaultKind) -> Self {
        let (share, delay_ms, spread_ms, field) = (all(), 0, 0, None);
        Self { path: path.into(), kind, share, delay_ms, spread_ms, field }
    }

    /// Says what is wrong with the rule, if anything is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if !self.path.starts_with('/') {
            return Some("path must start with a slash");
        }
        if !(0.0..=1.0).contains(&self.share) {
            return Some("share must be from 0 to 1");
        }
        let is_long = self.delay_ms.max(self.spread_ms) > Self::LONGEST_DELAY_MS;
        is_long.then_some("delay_ms and spread_ms must be 600000 at most")
    }
}

/// A rule with how often it was met and how often it struck, as `GET /sim/faults` tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Armed {
    #[serde(flatten)]
    rule: FaultRule,
    matched: u64,
    struck: u64,
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct Faults {
    seed: u64,
    armed: Mutex<Vec<Armed>>,
}

/// What a request suffers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blow {
    /// How long the answer is held back.
    pub(super) wait: Duration,
    /// The rule that struck, but for those of latency.
    pub(super) rule: Option<FaultRule>,
}

impl Faults {
    pub(super) fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        let faults = Self { seed, armed: Mutex::default() };
        faults.replace(rules);
        faults
    }

    /// Puts other rules in the place of those in force; counting starts anew.
    pub(super) fn replace(&self, rules: Vec<FaultRule>) {
        let armed = rules.into_iter().map(|rule| Armed { rule, matched: 0, struck: 0 }).collect();
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = armed;
    }

    pub(super) fn list(&self) -> Vec<Armed> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Decides what the next request to a path suffers: the first rule that strikes, and the
    /// latencies before it.
    pub(super) fn next(&self, path: &str) -> Blow {
        let mut wait_ms = 0_u64;
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let meets = |(_, armed): &(u32, &mut Armed)| path.starts_with(&armed.rule.path);
        for (at, armed) in (0..).zip(armed.iter_mut()).filter(meets) {
            let mut dice = dice(self.seed, purpose::FAULTS + at, armed.matched);
            armed.matched += 1;
            if dice.f64() >= armed.rule.share {
                continue;
            }
            armed.struck += 1;
            let rule = &armed.rule;
            if !matches!(rule.kind, FaultKind::SlowBytes | FaultKind::Maintenance) {
                let spread = dice.u64(0..=rule.spread_ms);
                wait_ms = wait_ms.saturating_add(rule.delay_ms).saturating_add(spread);
            }
            if rule.kind != FaultKind::Latency {
                return Blow { wait: Duration::from_millis(wait_ms), rule: Some(rule.clone()) };
            }
        }
        Blow { wait: Duration::from_millis(wait_ms), rule: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(faults: &Faults, count: usize) -> Vec<bool> {
        (0..count).map(|_| faults.next("/dmdc/1.0/Category/madantoc").rule.is_some()).collect()
    }

    #[test]
    fn a_share_is_kept_and_the_same_on_every_run() {
        let rule = FaultRule { share: 0.2, ..FaultRule::new("/dmdc/", FaultKind::Http500) };
        let faults = Faults::new(7, vec![rule.clone()]);
        let first = struck(&faults, 1_000);
        let hits = first.iter().filter(|struck| **struck).count();
        assert!((150..250).contains(&hits), "{hits}");
        assert_eq!(struck(&Faults::new(7, vec![rule.clone()]), 1_000), first);
        faults.replace(vec![rule.clone()]);
        assert_eq!(struck(&faults, 1_000), first);
        assert_ne!(struck(&Faults::new(8, vec![rule]), 1_000), first);
        assert_eq!((faults.list()[0].matched, faults.list()[0].struck), (1_000, hits as u64));
    }

    #[test]
    fn latencies_add_up_until_a_rule_strikes() {
        let rules = vec![
            FaultRule { delay_ms: 20, spread_ms: 5, ..FaultRule::new("/", FaultKind::Latency) },
            FaultRule { share: 0.0, ..FaultRule::new("/", FaultKind::Reset) },
            FaultRule { delay_ms: 3, ..FaultRule::new("/dmdc", FaultKind::Malformed) },
            FaultRule::new("/", FaultKind::Http500),
        ];
        let faults = Faults::new(7, rules);
        let blow = faults.next("/dmdc/1.0");
        assert!((23..=28).contains(&blow.wait.as_millis()));
        assert_eq!(blow.rule.map(|rule| rule.kind), Some(FaultKind::Malformed));
        assert_eq!(faults.next("/token").rule.map(|rule| rule.kind), Some(FaultKind::Http500));
    }

    #[test]
    fn says_what_is_wrong_with_a_rule() {
        let rule = FaultRule::new("/", FaultKind::Latency);
        assert_eq!(rule.fault(), None);
        assert!(FaultRule { path: "dmdc".into(), ..rule.clone() }.fault().is_some());
        assert!(FaultRule { share: f64::NAN, ..rule.clone() }.fault().is_some());
        assert!(FaultRule { share: 1.1, ..rule.clone() }.fault().is_some());
        assert!(FaultRule { delay_ms: 600_001, ..rule }.fault().is_some());
    }
}
