//! A client system and what it may do.

use std::collections::BTreeSet;
use std::fmt;

use lgsp_core::identifier::{AgencyCode, ClientId, ProcedureCode};

use crate::password::{self, PasswordHash};

/// A client system, as declared in `clients.toml` and `client-secrets.toml`.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) id: ClientId,
    pub(crate) name: String,
    pub(crate) agency: AgencyCode,
    pub(crate) secret: Secret,
    pub(crate) publish: Vec<PublishRule>,
    pub(crate) query: Vec<QueryRule>,
    pub(crate) operate: bool,
    pub(crate) audit: bool,
}

impl Client {
    /// Returns its id.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// Returns its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the agency that is responsible for it.
    pub fn agency(&self) -> &AgencyCode {
        &self.agency
    }

    /// Returns the digest of its generated secret, if it has one; compare it in constant time.
    pub fn secret(&self) -> Option<&SecretDigest> {
        match &self.secret {
            Secret::Generated(digest) => Some(digest),
            Secret::Chosen(_) => None,
        }
    }

    /// Returns the digest of its chosen password, if it has one instead of a secret.
    pub fn password(&self) -> Option<&PasswordHash> {
        match &self.secret {
            Secret::Generated(_) => None,
            Secret::Chosen(hash) => Some(hash),
        }
    }

    /// Returns what it may publish.
    pub fn publish(&self) -> &[PublishRule] {
        &self.publish
    }

    /// Returns what it may ask.
    pub fn query(&self) -> &[QueryRule] {
        &self.query
    }

    /// Tells whether it may watch over the bus.
    pub fn may_operate(&self) -> bool {
        self.operate
    }

    /// Tells whether it may read the evidence of queries.
    pub fn may_audit(&self) -> bool {
        self.audit
    }
}

/// By what a client proves itself.
#[derive(Debug, Clone)]
pub(crate) enum Secret {
    /// A secret of 256 generated bits.
    Generated(SecretDigest),
    /// A password that a person chose.
    Chosen(PasswordHash),
}

impl Secret {
    /// Reads either form.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.starts_with('$') {
            true => PasswordHash::parse(text).map(Self::Chosen).ok_or(password::EXPECTED),
            false => SecretDigest::parse(text)
                .map(Self::Generated)
                .ok_or("64 hexadecimal digits (the SHA-256 of the secret), or an Argon2id line"),
        }
    }
}

/// The SHA-256 of a client's secret. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Reads 64 hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // `from_str_radix` would take a sign.
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut digest = [0; 32];
        for (index, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// Event types, and the agencies in whose name a client may publish them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishRule {
    pub(crate) types: BTreeSet<String>,
    pub(crate) agencies: BTreeSet<AgencyCode>,
}

impl PublishRule {
    /// Tells whether the rule covers an event type in the name of an agency.
    pub fn covers(&self, event_type: &str, agency: &AgencyCode) -> bool {
        self.types.contains(event_type) && self.agencies.contains(agency)
    }

    /// Returns the event types.
    pub fn types(&self) -> &BTreeSet<String> {
        &self.types
    }

    /// Returns the agencies, each named by its code of today.
    pub fn agencies(&self) -> &BTreeSet<AgencyCode> {
        &self.agencies
    }
}

/// A service, and the procedures for which a client may ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRule {
    pub(crate) service: String,
    pub(crate) procedures: Procedures,
    pub(crate) released: Released,
}

impl QueryRule {
    /// Tells whether the rule covers a service for a procedure; without one, only where it names
    /// no procedures.
    pub fn covers(&self, service: &str, procedure: Option<&ProcedureCode>) -> bool {
        self.service == service && self.procedures.cover(procedure)
    }

    /// Returns how much of an answer is released.
    pub fn released(&self) -> &Released {
        &self.released
    }

    /// Returns the service's name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the procedures.
    pub fn procedures(&self) -> &Procedures {
        &self.procedures
    }
}

/// How much of an answer a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// What the service's own declaration releases.
    Declared,
    /// Whether there is such a record, and nothing of it.
    Existence,
    /// These fields, and no other.
    Fields(BTreeSet<String>),
}

/// For which administrative procedures a service may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Procedures {
    /// For any.
    Any,
    /// For these, each named by the national part of its code, e.g. `1.004227`.
    Only(BTreeSet<String>),
}

impl Procedures {
    /// Tells whether a procedure is among them, whatever its local part.
    pub fn cover(&self, procedure: Option<&ProcedureCode>) -> bool {
        match (self, procedure) {
            (Self::Any, _) => true,
            (Self::Only(listed), Some(procedure)) => listed.contains(national_part(procedure)),
            (Self::Only(_), None) => false,
        }
    }
}

/// Returns the national part of a procedure's code: its first eight characters.
///
/// What follows names the province that published it, and merged provinces keep old names.
pub(crate) fn national_part(procedure: &ProcedureCode) -> &str {
    let code = procedure.as_str();
    code.get(..8).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_64_hexadecimal_digits_and_stays_hidden() {
        let digest = SecretDigest::parse(&"0aF".repeat(30)[..64]).unwrap();
        assert_eq!(digest.as_bytes()[..2], [0x0a, 0xf0]);
        assert_eq!(format!("{digest:?}"), "SecretDigest(..)");
        for text in [
            "",
            "00",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"+0".repeat(32),
            &"é".repeat(32),
        ] {
            assert!(SecretDigest::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn procedures_join_on_the_national_part() {
        let listed = Procedures::Only(BTreeSet::from(["1.001612".to_owned()]));
        let code = |text| ProcedureCode::parse(text).unwrap();
        assert!(listed.cover(Some(&code("1.001612"))));
        assert!(listed.cover(Some(&code("1.001612.000.00.00.H48"))));
        assert!(!listed.cover(Some(&code("1.001613"))));
        assert!(!listed.cover(Some(&code("2.001612"))));
        assert!(Procedures::Any.cover(Some(&code("1.001613"))));
    }
}
