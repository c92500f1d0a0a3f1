//! The proof that a record keeps its schema.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use lgsp_core::Violation;
use lgsp_core::identifier::CodeKind;

use crate::kind::EventKind;

/// A record that keeps its schema. Only [`Schemas::judge`](crate::Schemas::judge) makes one.
///
/// ```compile_fail
/// let forged = lgsp_schema::ValidatedEvent { data: bytes::Bytes::new() };
/// ```
#[derive(Clone)]
pub struct ValidatedEvent {
    pub(crate) kind: Arc<EventKind>,
    pub(crate) data: Bytes,
    pub(crate) entity_key: Box<str>,
    pub(crate) state: Option<Box<str>>,
    pub(crate) codes: Vec<(CodeKind, Box<str>)>,
    pub(crate) warnings: Vec<Violation>,
}

impl ValidatedEvent {
    /// Returns the kind by whose schema the record was judged.
    pub fn kind(&self) -> &Arc<EventKind> {
        &self.kind
    }

    /// Returns the record, exactly the bytes that were judged.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Returns the value that identifies the entity, e.g. the dossier's code. It is personal data
    /// where [`EventKind::is_personal_key`] says so.
    pub fn entity_key(&self) -> &str {
        &self.entity_key
    }

    /// Returns the entity's state, at most 8 bytes, where its type declares one and the record has
    /// it.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Returns the codes of agencies and places that a reorganisation may have replaced: of each
    /// kind that the type declares, the first that the record has.
    pub fn codes(&self) -> &[(CodeKind, Box<str>)] {
        &self.codes
    }

    /// Returns what is odd about the record though it is valid, sorted by pointer, at most
    /// [`Fault::MAX_VIOLATIONS`](lgsp_core::Fault::MAX_VIOLATIONS).
    pub fn warnings(&self) -> &[Violation] {
        &self.warnings
    }

    /// Takes the event apart: kind, data, entity key, warnings.
    pub fn into_parts(self) -> (Arc<EventKind>, Bytes, Box<str>, Vec<Violation>) {
        (self.kind, self.data, self.entity_key, self.warnings)
    }
}

/// Shows neither the record nor its key.
impl fmt::Debug for ValidatedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidatedEvent")
            .field("dataschema", &self.kind.dataschema)
            .field("data_bytes", &self.data.len())
            .field("warnings", &self.warnings.len())
            .finish_non_exhaustive()
    }
}
