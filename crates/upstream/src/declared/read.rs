//! Reads one declared service, with every fault.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lgsp_query::{Confidence, Keep, Mask, Outage, PurposePart, Release, Service, Title, Upstream};
use lgsp_registry::document::{Faults, Item, Place, Section, Source};
use lgsp_schema::Form;

use super::{DeclarationFault, FILES, Folder, agree, open};
use crate::carrier::{PATH, is_path, is_word};
use crate::carriers::{Carriers, Connection};
use crate::population::NationalPopulation;
use crate::rest::pointer::Pointer;
use crate::rest::read::{PURPOSE_PART, PURPOSE_PARTS, named, plan};
use crate::rest::{Plan, RestDatabase};

/// The shortest and the longest patience, in milliseconds.
const PATIENCE_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
/// How many questions may be with a far side at once.
const AT_ONCE: std::ops::RangeInclusive<u64> = 1..=1000;
/// How long answers may be kept, in milliseconds: a week at most.
const KEEP_MS: std::ops::RangeInclusive<u64> = 0..=604_800_000;

/// What `service.toml` says, before it is put together with the schemas.
pub(super) struct Declared<'d> {
    title: Option<Title>,
    confidence: Option<Confidence>,
    pub(super) is_open_data: bool,
    pub(super) purpose: BTreeSet<PurposePart>,
    requires_open_dossier: bool,
    pub(super) subject: Option<(Place<'d>, Pointer)>,
    carrier: Option<Arc<Connection>>,
    patience: Option<Duration>,
    at_once: Option<usize>,
    outage: Option<Outage>,
    keep: Option<Keep>,
    release: Release,
    /// Where the names of released fields stand.
    pub(super) released: Vec<(Place<'d>, String)>,
    pub(super) connector: Option<(Place<'d>, Connector)>,
}

/// The connector of a service.
pub(super) enum Connector {
    Population { path: String, integration_code: String, not_found_codes: Vec<String> },
    Rest(Box<Plan>),
}

/// Puts a service together.
pub(super) fn service(
    folder: &Folder,
    carriers: &Carriers,
) -> Result<Service, Vec<DeclarationFault>> {
    let file = |name: &str| format!("{}/{name}", folder.name);
    let [service, request, answer] = &folder.texts;
    let [service_file, request_file, answer_file] = FILES.map(file);
    let mut found = Vec::new();
    let mut schema = |file: &str, text: &str| {
        let faults = Form::compile(file, text);
        faults.map_err(|faults| found.extend(faults.into_iter().map(of_schema))).ok()
    };
    let forms = (schema(&request_file, request), schema(&answer_file, answer));
    let mut faults = Faults::default();
    let source = Source { name: &service_file, text: service };
    let table = source.parse(&mut faults);
    let declared = table.as_ref().map(|table| declared(source.root(table), carriers, &mut faults));
    if let (Some(declared), (Some(request), Some(answer))) = (&declared, &forms) {
        agree::check(declared, request, answer, &mut faults);
    }
    if let Err(of_service) = faults.into_result() {
        found.splice(0..0, of_service);
    }
    let service = declared.zip(forms.0.zip(forms.1)).and_then(|(declared, (request, answer))| {
        let upstream = upstream(declared.connector?.1, declared.carrier?);
        Some(Service {
            name: folder.name.clone(),
            title: declared.title?,
            confidence: declared.confidence?,
            is_open_data: declared.is_open_data,
            purpose: declared.purpose,
            requires_open_dossier: declared.requires_open_dossier,
            subject: declared.subject.map(|(_, at)| at.to_string()),
            request,
            answer,
            release: declared.release,
            outage: declared.outage,
            keep: declared.keep,
            patience: declared.patience?,
            at_once: declared.at_once?,
            upstream,
        })
    });
    match service {
        Some(service) if found.is_empty() => Ok(service),
        _ => Err(found),
    }
}

fn upstream(connector: Connector, carrier: Arc<Connection>) -> Arc<dyn Upstream> {
    match connector {
        Connector::Rest(plan) => Arc::new(RestDatabase::new(carrier, *plan)),
        Connector::Population { path, integration_code, not_found_codes } => {
            Arc::new(NationalPopulation::new(carrier, &path, integration_code, not_found_codes))
        }
    }
}

fn of_schema(fault: lgsp_schema::SchemaFault) -> DeclarationFault {
    let lgsp_schema::SchemaFault { file, pointer, problem } = fault;
    let expected = format!("a schema of the bus ({problem})");
    DeclarationFault { file, line: None, key: pointer, expected, found: None }
}

fn declared<'d>(mut root: Section<'d>, carriers: &Carriers, faults: &mut Faults) -> Declared<'d> {
    let title = root.required("title", faults).and_then(|item| title(&item, faults));
    let confidence = root.required("confidence", faults).and_then(|item| {
        item.read(faults, "sourced or reconstructed", |text| match text {
            "sourced" => Some(Confidence::Sourced),
            "reconstructed" => Some(Confidence::Reconstructed),
            _ => None,
        })
    });
    let is_open_data = root.optional("open_data").is_some_and(|item| item.flag(faults));
    let purpose = root.optional("purpose");
    if let (true, Some(item)) = (is_open_data, &purpose) {
        faults.expected(&item.place, "no purpose for open data");
    }
    if let (false, None) = (is_open_data, &purpose) {
        root.required("purpose", faults);
    }
    let purpose = purpose.map_or_else(BTreeSet::new, |item| {
        let expected = format!("a list of {PURPOSE_PART}");
        let entries = item.some_entries(faults, &expected);
        let part =
            |entry: &Item<'_>| entry.read(faults, PURPOSE_PART, |text| named(&PURPOSE_PARTS, text));
        entries.iter().filter_map(part).collect()
    });
    let requires_open_dossier = root.optional("require_open_dossier").is_some_and(|item| {
        let is_required = item.flag(faults);
        if is_required && !purpose.contains(&PurposePart::Dossier) {
            faults.expected(&item.place, "a purpose that demands the dossier");
        }
        is_required
    });
    let subject = root.optional("subject").and_then(|item| {
        let at = item.read(faults, "a member of the question, e.g. \"/taxCode\"", |text| {
            Pointer::parse(text).filter(|at| at.names().len() == 1)
        })?;
        Some((item.place, at))
    });
    let expected = "the name of a declared carrier";
    let chosen = carriers.get(None).cloned();
    let carrier = root.optional("carrier").map_or(chosen, |item| {
        item.read(faults, expected, |name| carriers.get(Some(name)).cloned())
    });
    let patience = root.required("patience_ms", faults).and_then(|item| {
        item.number(faults, "100 to 60000 milliseconds", PATIENCE_MS).map(Duration::from_millis)
    });
    let at_once = root.required("at_once", faults).and_then(|item| {
        let number = item.number(faults, "1 to 1000 questions", AT_ONCE)?;
        usize::try_from(number).ok()
    });
    let outage = root.optional("outage").and_then(|item| outage(&item, faults));
    let keep = root.optional("cache").and_then(|item| {
        if !is_open_data {
            faults.expected(&item.place, "no cache but for open data: nobody's record is kept");
        }
        keep(&item, faults)
    });
    let mut released = Vec::new();
    let release = root
        .required("release", faults)
        .map(|item| release(&item, &mut released, faults))
        .unwrap_or_default();
    let connector = root.required("connector", faults).and_then(|item| {
        let connector = connector(&item, faults)?;
        Some((item.place, connector))
    });
    root.finish(faults);
    let declared = Declared {
        title,
        confidence,
        is_open_data,
        purpose,
        requires_open_dossier,
        subject,
        carrier,
        patience,
        at_once,
        outage,
        keep,
        release,
        released,
        connector,
    };
    open::check(&declared, faults);
    declared
}

fn title(item: &Item<'_>, faults: &mut Faults) -> Option<Title> {
    let mut section = item.section(faults, "a table { vi = …, en = … }")?;
    let mut text = |key| {
        let item = section.required(key, faults)?;
        item.read(faults, "1 to 200 characters", |text| {
            (1..=200).contains(&text.trim().chars().count()).then(|| text.to_owned())
        })
    };
    let (vi, en) = (text("vi"), text("en"));
    section.finish(faults);
    Some(Title { vi: vi?, en: en? })
}

fn outage(item: &Item<'_>, faults: &mut Faults) -> Option<Outage> {
    let mut section = item.section(faults, "a table with from and until")?;
    let mut time = |key| {
        let item = section.required(key, faults)?;
        item.read(faults, "a time such as \"2026-12-05T20:00:00+07:00\"", |text| {
            text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
        })
    };
    let (from, until) = (time("from"), time("until"));
    section.finish(faults);
    let outage = Outage { from_unix_millis: from?, until_unix_millis: until? };
    if outage.until_unix_millis <= outage.from_unix_millis {
        faults.expected(&item.place, "until after from");
    }
    Some(outage)
}

fn keep(item: &Item<'_>, faults: &mut Faults) -> Option<Keep> {
    let mut section = item.section(faults, "a table with fresh_ms and stale_ms")?;
    let mut time = |key| {
        let item = section.required(key, faults)?;
        let number = item.number(faults, "0 to 604800000 milliseconds", KEEP_MS)?;
        Some(Duration::from_millis(number))
    };
    let (fresh, stale) = (time("fresh_ms"), time("stale_ms"));
    section.finish(faults);
    let keep = Keep { fresh: fresh?, stale: stale? };
    if keep.stale < keep.fresh {
        faults.expected(&item.place, "stale_ms not below fresh_ms");
    }
    Some(keep)
}

fn release<'d>(
    item: &Item<'d>,
    released: &mut Vec<(Place<'d>, String)>,
    faults: &mut Faults,
) -> Release {
    let mut release = Release::default();
    let Some(mut section) = item.section(faults, "a table with fields and masked") else {
        return release;
    };
    let fields = section.required("fields", faults);
    let entries = fields.map(|item| item.entries(faults, "a list of the answer's fields"));
    for entry in entries.into_iter().flatten() {
        let name = entry.read(faults, "a field of the answer", |text| Some(text.to_owned()));
        if let Some(name) = name {
            release.fields.insert(name.clone());
            released.push((entry.place, name));
        }
    }
    let masked = section.optional("masked");
    let masked = masked.and_then(|item| item.section(faults, "a table of masks by field"));
    for (name, item) in masked.iter().flat_map(Section::all) {
        let mask = item.read(faults, "last-three or year", |text| match text {
            "last-three" => Some(Mask::LastThree),
            "year" => Some(Mask::Year),
            _ => None,
        });
        if release.fields.contains(name) {
            faults.expected(&item.place, "a field that is not released in full");
        }
        release.masked.extend(mask.map(|mask| (name.to_owned(), mask)));
        released.push((item.place, name.to_owned()));
    }
    section.finish(faults);
    release
}

fn connector(item: &Item<'_>, faults: &mut Faults) -> Option<Connector> {
    let mut section = item.section(faults, "a table")?;
    let kind = section.required("kind", faults)?;
    match kind.as_text() {
        Some("rest") => plan(section, faults).map(|plan| Connector::Rest(Box::new(plan))),
        Some("population") => population(section, faults),
        _ => {
            kind.read(faults, "rest or population", |_| None::<()>);
            None
        }
    }
}

fn population(mut section: Section<'_>, faults: &mut Faults) -> Option<Connector> {
    let path = section
        .required("path", faults)
        .and_then(|item| item.read(faults, PATH, |text| is_path(text).then(|| text.to_owned())));
    let integration_code = section.required("integration_code", faults).and_then(|item| {
        item.read(faults, "1 to 20 digits", |text| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            (digits && (1..=20).contains(&text.len())).then(|| text.to_owned())
        })
    });
    let codes = section.required("not_found_codes", faults).map(|item| {
        let entries = item.some_entries(faults, "a list of error codes");
        let code = |entry: &Item<'_>| {
            entry.read(faults, "an error code", |text| is_word(text).then(|| text.to_owned()))
        };
        entries.iter().filter_map(code).collect()
    });
    section.finish(faults);
    let (path, integration_code, not_found_codes) = (path?, integration_code?, codes?);
    Some(Connector::Population { path, integration_code, not_found_codes })
}
