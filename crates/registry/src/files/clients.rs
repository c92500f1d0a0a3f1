//! `clients.toml`: one `[[client]]` for each client system, with its grants.

use std::collections::{BTreeMap, BTreeSet};

use lgsp_core::identifier::{AgencyCode, ClientId, ProcedureCode};

use super::{SECRETS, distinct, known_agency, name};
use crate::client::{Client, Procedures, PublishRule, QueryRule, Released, Secret, national_part};
use crate::document::{Faults, Section, Source};

/// What the other files say; `None` for one that could not be read, which is reported already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) agencies: Option<&'a BTreeSet<AgencyCode>>,
    pub(crate) secrets: Option<&'a BTreeMap<ClientId, Option<Secret>>>,
}

/// The clients, and every id in the file: also those of clients that have faults.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    pub(crate) clients: BTreeMap<ClientId, Client>,
    pub(crate) ids: BTreeSet<ClientId>,
}

/// Reads the file; `None` where it is not TOML.
pub(crate) fn read(source: Source<'_>, known: Known<'_>, faults: &mut Faults) -> Option<Clients> {
    let document = source.parse(faults)?;
    let mut root = source.root(&document);
    let mut found = Clients::default();
    for section in root.sections("client", faults, "a list of tables, [[client]]") {
        if let Some(client) = read_client(section, known, &mut found.ids, faults) {
            found.clients.insert(client.id.clone(), client);
        }
    }
    root.finish(faults);
    Some(found)
}

fn read_client(
    mut section: Section<'_>,
    known: Known<'_>,
    ids: &mut BTreeSet<ClientId>,
    faults: &mut Faults,
) -> Option<Client> {
    let id = read_id(&mut section, ids, faults);
    let secret = id.as_ref().and_then(|id| secret_of(id, &section, known, faults));
    let name = section.required("name", faults).map(|item| name(&item, faults)).unwrap_or_default();
    let agency = section
        .required("agency", faults)
        .and_then(|item| known_agency(&item, known.agencies, faults));
    let publish = read_publish(&mut section, known.agencies, faults);
    let query = read_query(&mut section, faults);
    let operate = section.optional("operate").is_some_and(|item| item.flag(faults));
    let audit = section.optional("audit").is_some_and(|item| item.flag(faults));
    section.finish(faults);
    Some(Client { id: id?, name, agency: agency?, secret: secret?, publish, query, operate, audit })
}

fn read_id(
    section: &mut Section<'_>,
    ids: &mut BTreeSet<ClientId>,
    faults: &mut Faults,
) -> Option<ClientId> {
    let item = section.required("id", faults)?;
    let expected = "a client id of 1 to 40 characters a-z, 0-9, \"-\"";
    let id = item.read(faults, expected, |text| ClientId::parse(text).ok())?;
    if !ids.insert(id.clone()) {
        faults.mismatch(&item.place, "an id that no other client has", id.as_str());
        return None;
    }
    Some(id)
}

fn secret_of(
    id: &ClientId,
    section: &Section<'_>,
    known: Known<'_>,
    faults: &mut Faults,
) -> Option<Secret> {
    let secret = known.secrets?.get(id);
    if secret.is_none() {
        faults.expected(&section.place, format!("a line \"{} = ...\" in {SECRETS}", id.as_str()));
    }
    secret?.clone()
}

fn read_publish(
    section: &mut Section<'_>,
    known: Option<&BTreeSet<AgencyCode>>,
    faults: &mut Faults,
) -> Vec<PublishRule> {
    let mut rules: Vec<PublishRule> = Vec::new();
    for mut entry in
        section.sections("publish", faults, "a list of { types = [...], agencies = [...] }")
    {
        let types = entry.required("types", faults).map(|item| {
            distinct(&item, faults, "a list of event types", |entry, faults| {
                let read = |text: &str| is_event_type(text).then(|| text.to_owned());
                entry.read(faults, "an event type such as \"lgsp.dossier.recorded.v1\"", read)
            })
        });
        let agencies = entry.required("agencies", faults).map(|item| {
            distinct(&item, faults, "a list of agency codes", |entry, faults| {
                known_agency(entry, known, faults)
            })
        });
        let rule = PublishRule {
            types: types.unwrap_or_default(),
            agencies: agencies.unwrap_or_default(),
        };
        if rules.iter().any(|earlier| overlap(earlier, &rule)) {
            faults.expected(&entry.place, "no type and agency that an entry above has together");
        }
        entry.finish(faults);
        rules.push(rule);
    }
    rules
}

fn overlap(one: &PublishRule, other: &PublishRule) -> bool {
    !one.types.is_disjoint(&other.types) && !one.agencies.is_disjoint(&other.agencies)
}

fn read_query(section: &mut Section<'_>, faults: &mut Faults) -> Vec<QueryRule> {
    let mut rules: Vec<QueryRule> = Vec::new();
    for mut entry in section.sections(
        "query",
        faults,
        "a list of { service = ..., procedures = ..., release = ... }",
    ) {
        let service = entry.required("service", faults).and_then(|item| {
            let read = |text: &str| is_service(text).then(|| text.to_owned());
            let service = item.read(faults, "a service's name such as \"population\"", read)?;
            if rules.iter().any(|earlier| earlier.service == service) {
                faults.mismatch(&item.place, "each service once", &service);
            }
            Some(service)
        });
        let procedures = read_procedures(&mut entry, faults);
        let released = read_released(&mut entry, faults);
        entry.finish(faults);
        if let (Some(service), Some(procedures), Some(released)) = (service, procedures, released) {
            rules.push(QueryRule { service, procedures, released });
        }
    }
    rules
}

fn read_released(entry: &mut Section<'_>, faults: &mut Faults) -> Option<Released> {
    let Some(item) = entry.optional("release") else { return Some(Released::Declared) };
    if item.as_text() == Some("exists") {
        return Some(Released::Existence);
    }
    let fields = distinct(&item, faults, "a list of fields, or \"exists\"", |entry, faults| {
        let read = |text: &str| {
            let fits = text.len() <= 60 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            (fits && !text.is_empty()).then(|| text.to_owned())
        };
        entry.read(faults, "a field's name such as \"fullName\"", read)
    });
    Some(Released::Fields(fields))
}

fn read_procedures(entry: &mut Section<'_>, faults: &mut Faults) -> Option<Procedures> {
    let item = entry.required("procedures", faults)?;
    if item.as_text() == Some("any") {
        return Some(Procedures::Any);
    }
    Some(Procedures::Only(distinct(
        &item,
        faults,
        "a list of procedure codes, or \"any\"",
        |entry, faults| {
            let read = |text: &str| {
                ProcedureCode::parse(text).ok().map(|code| national_part(&code).to_owned())
            };
            entry.read(faults, "a procedure code such as \"1.004227\"", read)
        },
    )))
}

/// Tells whether a text looks like an event type; whether the bus has it, the schemas tell.
fn is_event_type(text: &str) -> bool {
    let is_word = |word: &str| {
        word.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_version = |word: &str| {
        word.strip_prefix('v').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    text.len() <= 100
        && text.split('.').all(is_word)
        && text.rsplit_once('.').is_some_and(|(_, version)| is_version(version))
}

fn is_service(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_end_with_their_version() {
        assert!(is_event_type("lgsp.dossier.recorded.v1"));
        for text in [
            "",
            "v1",
            "lgsp.dossier.*",
            "lgsp..recorded.v1",
            "lgsp.dossier.recorded",
            "lgsp.dossier.recorded.v",
        ] {
            assert!(!is_event_type(text), "{text}");
        }
    }
}
