//! The proofs that a check was made: values that only this crate can make.

use lgsp_core::identifier::{AgencyCode, ClientId, ProcedureCode};
use lgsp_registry::Released;

/// A caller whose token was verified and whom the registry knows.
///
/// There is no way to make one but [`Identity::authenticate`](crate::Identity::authenticate):
///
/// ```compile_fail,E0451
/// # fn wanted(client: lgsp_core::identifier::ClientId, other: lgsp_identity::Principal) {
/// let forged = lgsp_identity::Principal { client, ..other };
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(crate) client: ClientId,
    pub(crate) agency: AgencyCode,
    pub(crate) expires_unix_seconds: i64,
    pub(crate) token_id: String,
}

impl Principal {
    /// Returns the client system that calls.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns the agency that is responsible for it, as the registry says.
    pub fn agency(&self) -> &AgencyCode {
        &self.agency
    }

    /// Returns when the token ends, in seconds since 1970-01-01T00:00:00Z; a stream ends then.
    pub fn expires_unix_seconds(&self) -> i64 {
        self.expires_unix_seconds
    }

    /// Returns the token's `jti`, for the evidence; it is not a secret.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }
}

/// Proof that a client may publish events of one type from one source.
#[derive(Debug, PartialEq, Eq)]
pub struct PublishGrant {
    pub(crate) client: ClientId,
    pub(crate) agency: AgencyCode,
    pub(crate) source: String,
    pub(crate) event_type: String,
}

impl PublishGrant {
    /// Returns the client system that publishes.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns the agency in whose name it publishes: the one of the source.
    pub fn agency(&self) -> &AgencyCode {
        &self.agency
    }

    /// Returns the source that was checked.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the event type that was checked.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }
}

/// Proof that a source is the client's own, for reading receipts of its events.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceGrant {
    pub(crate) client: ClientId,
    pub(crate) agency: AgencyCode,
    pub(crate) source: String,
}

impl SourceGrant {
    /// Returns the client system that asks.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns the agency of the source.
    pub fn agency(&self) -> &AgencyCode {
        &self.agency
    }

    /// Returns the source that was checked.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// Proof that a client may ask one service, for one procedure or without any.
#[derive(Debug, PartialEq, Eq)]
pub struct QueryGrant {
    pub(crate) client: ClientId,
    pub(crate) agency: AgencyCode,
    pub(crate) service: String,
    pub(crate) procedure: Option<ProcedureCode>,
    pub(crate) released: Released,
}

impl QueryGrant {
    /// Returns the client system that asks.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns the agency that is responsible for the client.
    pub fn agency(&self) -> &AgencyCode {
        &self.agency
    }

    /// Returns the service that may be asked.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the procedure for which it may be asked, as the caller wrote it.
    pub fn procedure(&self) -> Option<&ProcedureCode> {
        self.procedure.as_ref()
    }

    /// Returns how much of an answer is released.
    pub fn released(&self) -> &Released {
        &self.released
    }
}

/// Proof that a client may watch over the bus.
#[derive(Debug, PartialEq, Eq)]
pub struct OperateGrant {
    pub(crate) client: ClientId,
}

impl OperateGrant {
    /// Returns the client system that operates.
    pub fn client(&self) -> &ClientId {
        &self.client
    }
}

/// Proof that a client may read the evidence of queries.
#[derive(Debug, PartialEq, Eq)]
pub struct AuditGrant {
    pub(crate) client: ClientId,
    pub(crate) agency: AgencyCode,
}

impl AuditGrant {
    /// Returns the client system that audits.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns the agency that is responsible for it; its reading leaves evidence too.
    pub fn agency(&self) -> &AgencyCode {
        &self.agency
    }
}
