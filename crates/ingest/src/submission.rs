//! One event as a way in decoded it, and the judgement of its attributes.

use std::fmt;

use bytes::Bytes;
use lgsp_core::{ErrorCode, Fault, Violation, rule};

/// The attributes that only the bus writes.
const RESERVED: [&str; 8] = [
    "agency",
    "client",
    "adapter",
    "recordedtime",
    "currentagency",
    "currentprovince",
    "currentdistrict",
    "currentcommune",
];

/// The attributes that have a place of their own: as extensions they would come twice, and a
/// reader might believe the second.
const PLACED: [&str; 9] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "datacontenttype",
    "data",
];

/// The longest attribute, in bytes.
pub(crate) const MAX_ATTRIBUTE_BYTES: usize = 256;
const MAX_EXTENSIONS: usize = 16;

/// One event as a way in decoded it; nothing of it is judged yet. `Debug` hides the data.
#[derive(Clone, Default)]
pub struct Submission {
    /// CloudEvents `specversion`.
    pub spec_version: String,
    /// CloudEvents `id`.
    pub id: String,
    /// CloudEvents `source`.
    pub source: String,
    /// CloudEvents `type`.
    pub event_type: String,
    /// CloudEvents `subject`.
    pub subject: Option<String>,
    /// CloudEvents `time`, RFC 3339.
    pub time: Option<String>,
    /// CloudEvents `dataschema`.
    pub data_schema: Option<String>,
    /// CloudEvents `datacontenttype`; absent means JSON.
    pub content_type: Option<String>,
    /// Extension attributes.
    pub extensions: Vec<(String, String)>,
    /// The record, as JSON bytes.
    pub data: Bytes,
    /// Which way it came: `grpc`, `http`, …
    pub adapter: &'static str,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("type", &self.event_type)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// Checks every attribute that is not the schema's or the grant's matter.
pub(crate) fn well_formed(event: &Submission) -> Result<(), Fault> {
    let mut violations = Vec::new();
    let mut demand = |holds: bool, pointer: &str, rule| {
        if !holds {
            violations.push(Violation::new(pointer, rule));
        }
    };
    demand(event.spec_version == "1.0", "specversion", &rule::ATTRIBUTE);
    demand(is_text(&event.id), "id", &rule::ATTRIBUTE);
    demand(is_text(&event.source), "source", &rule::SOURCE);
    demand(is_text(&event.event_type), "type", &rule::ATTRIBUTE);
    demand(event.subject.as_deref().is_none_or(is_text), "subject", &rule::ATTRIBUTE);
    demand(event.data_schema.as_deref().is_none_or(is_text), "dataschema", &rule::ATTRIBUTE);
    let time_fits = event
        .time
        .as_deref()
        .is_none_or(|time| time.len() <= 40 && time.parse::<jiff::Timestamp>().is_ok());
    demand(time_fits, "time", &rule::ATTRIBUTE);
    demand(event.content_type.as_deref().is_none_or(is_json), "datacontenttype", &rule::ATTRIBUTE);
    demand(event.extensions.len() <= MAX_EXTENSIONS, "", &rule::ATTRIBUTE);
    let mut names: Vec<_> = event.extensions.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    demand(names.len() == event.extensions.len(), "", &rule::ATTRIBUTE);
    for (name, value) in event.extensions.iter().take(MAX_EXTENSIONS) {
        let named = (1..=20).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        // The name is repeated only where it cannot be somebody's number: anything may stand in it.
        let told =
            if name.starts_with(|first: char| first.is_ascii_lowercase()) { name } else { "" };
        match named {
            true => {
                demand(!RESERVED.contains(&name.as_str()), name, &rule::ATTRIBUTE_RESERVED);
                demand(!PLACED.contains(&name.as_str()), name, &rule::ATTRIBUTE);
                demand(is_text(value), told, &rule::ATTRIBUTE);
            }
            false => demand(false, "", &rule::ATTRIBUTE),
        }
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Fault::with(ErrorCode::InvalidRequest, violations))
    }
}

fn is_text(value: &str) -> bool {
    (1..=MAX_ATTRIBUTE_BYTES).contains(&value.len()) && !value.chars().any(char::is_control)
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
        || media_type.to_ascii_lowercase().ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_named_unless_its_name_may_be_somebody_s_number() {
        for (name, told) in [("traced", "traced"), ("086190000001", ""), ("Nguyễn Thị Mẫu", "")]
        {
            let event = Submission {
                spec_version: "1.0".to_owned(),
                id: "1".to_owned(),
                source: "/agencies/H61.14/systems/motcua".to_owned(),
                event_type: "lgsp.dossier.recorded.v1".to_owned(),
                extensions: vec![(name.to_owned(), "\u{1}".to_owned())],
                ..Submission::default()
            };
            let fault = well_formed(&event).unwrap_err();
            let pointers: Vec<_> = fault.violations.iter().map(|it| it.pointer.as_str()).collect();
            assert_eq!(pointers, [told]);
        }
    }
}
