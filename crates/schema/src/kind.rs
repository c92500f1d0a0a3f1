//! A kind of event: one type in one version.

use bytes::Bytes;

/// One event type in one version of its schema, as the schema file declares it.
#[derive(Debug, Clone)]
pub struct EventKind {
    pub(crate) event_type: String,
    pub(crate) version: String,
    pub(crate) topic: String,
    pub(crate) dataschema: String,
    pub(crate) key: String,
    pub(crate) key_is_personal: bool,
    pub(crate) document: Bytes,
}

impl EventKind {
    /// Returns the CloudEvents `type`, e.g. `lgsp.dossier.recorded.v1`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Returns the schema's version, `<major>.<minor>`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the topic that holds events of this type.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the CloudEvents `dataschema` of this version, a URI reference without a host,
    /// e.g. `/v1/schemas/lgsp.dossier.recorded.v1/1.0`.
    pub fn dataschema(&self) -> &str {
        &self.dataschema
    }

    /// Returns the JSON Pointer to the member that identifies the entity, e.g. `/MaHoSo`.
    pub fn key_pointer(&self) -> &str {
        &self.key
    }

    /// Tells whether the entity's key is personal data, so that it may not be the record's key.
    pub fn key_is_personal(&self) -> bool {
        self.key_is_personal
    }

    /// Returns the schema file's bytes (JSON, UTF-8), to serve at [`EventKind::dataschema`].
    pub fn document(&self) -> &Bytes {
        &self.document
    }
}
