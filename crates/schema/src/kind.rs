//! A kind of event: one type in one version.

use bytes::Bytes;
use lgsp_core::identifier::{CodeKind, Format, agency_of_dossier};
use serde_json::Value;

use crate::oddity::Oddity;
use crate::place::Place;

/// One event type in one version of its schema, as the schema file declares it.
#[derive(Debug, Clone)]
pub struct EventKind {
    pub(crate) event_type: String,
    pub(crate) version: String,
    pub(crate) topic: String,
    pub(crate) dataschema: String,
    pub(crate) key: Place,
    pub(crate) key_privacy: KeyPrivacy,
    pub(crate) state: Option<Place>,
    pub(crate) codes: Vec<CodePlace>,
    pub(crate) oddities: Vec<Oddity>,
    pub(crate) document: Bytes,
}

/// Which keys are personal data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyPrivacy {
    /// None.
    Public,
    /// All.
    Personal,
    /// All but those that keep this format.
    PersonalUnless(Format),
}

impl PartialEq for KeyPrivacy {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Public, Self::Public) | (Self::Personal, Self::Personal) => true,
            (Self::PersonalUnless((left, _)), Self::PersonalUnless((right, _))) => left == right,
            _ => false,
        }
    }
}

/// Where a record has a code that a reorganisation may replace.
#[derive(Debug, Clone)]
pub(crate) struct CodePlace {
    pub(crate) kind: CodeKind,
    pub(crate) place: Place,
    /// Whether the text is a dossier's code, which begins with the agency's.
    pub(crate) within_dossier_code: bool,
}

impl CodePlace {
    /// Reads the code, if there is one of its kind's form.
    pub(crate) fn read<'r>(&self, record: &'r Value) -> Option<&'r str> {
        let text = self.place.text(record)?;
        let code = if self.within_dossier_code { agency_of_dossier(text)? } else { text };
        self.kind.fits(code).then_some(code)
    }
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
        self.key.pointer()
    }

    /// Tells whether every key of this type is personal data, see [`EventKind::is_personal_key`].
    pub fn key_is_personal(&self) -> bool {
        matches!(self.key_privacy, KeyPrivacy::Personal)
    }

    /// Tells whether a key is personal data, so that it may be neither the record's key nor a
    /// CloudEvents attribute. A household business, for one, goes by a personal number where other
    /// enterprises have a code of their own. A malformed key counts as personal there.
    pub fn is_personal_key(&self, key: &str) -> bool {
        match self.key_privacy {
            KeyPrivacy::Public => false,
            KeyPrivacy::Personal => true,
            KeyPrivacy::PersonalUnless((_, check)) => check(key).is_err(),
        }
    }

    /// Returns the JSON Pointer to the entity's state, e.g. `/TrangThaiHoSo`, where entities of
    /// this type have states.
    pub fn state_pointer(&self) -> Option<&str> {
        self.state.as_ref().map(Place::pointer)
    }

    /// Returns where records have codes that a reorganisation may replace: kind and JSON Pointer,
    /// in the order in which they are looked for.
    pub fn codes(&self) -> impl Iterator<Item = (CodeKind, &str)> {
        self.codes.iter().map(|code| (code.kind, code.place.pointer()))
    }

    /// Returns the schema file's bytes (JSON, UTF-8), to serve at [`EventKind::dataschema`].
    pub fn document(&self) -> &Bytes {
        &self.document
    }
}
