//! An adapter's configuration: one TOML file, all its faults told at once.
//!
//! `deploy/adapters/` has worked examples with comments.

use std::fs;
use std::io::Read;
use std::path::Path;

use lgsp_core::identifier::{AgencyCode, ClientId};
pub use lgsp_registry::RegistryFault as ConfigFault;
use lgsp_registry::document::{Faults, Item, Section, Source};

use crate::database::{DatabaseConfig, Form};
use crate::files::FilesConfig;
use crate::mapping::{self, Mapping};

/// The largest configuration file that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// What one adapter does: whence it takes records, what it makes of them, in whose name.
#[derive(Debug)]
pub struct AdapterConfig {
    /// The adapter's name: 1–40 of `a-z`, `0-9`, `-`. It names its journal.
    pub name: String,
    /// The type of the events that it makes.
    pub event_type: String,
    /// The agency in whose name it publishes.
    pub agency: AgencyCode,
    /// The client of the registry whose grants it uses.
    pub client: ClientId,
    /// What it makes of a row.
    pub mapping: Mapping,
    /// Whence it takes rows.
    pub input: Input,
}

/// Whence an adapter takes rows: one section of the configuration.
#[derive(Debug)]
pub enum Input {
    /// `[files]`: a watched folder.
    Files(FilesConfig),
    /// `[database]`: an outbox or a query of a PostgreSQL.
    Database(DatabaseConfig),
}

impl Input {
    /// Names the kind of adapter, as dead letters tell it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Files(_) => "files",
            Self::Database(_) => "database",
        }
    }
}

impl AdapterConfig {
    /// Reads a configuration, and the mapping and code lists that it names. Relative paths count
    /// from the file's own folder. Blocks.
    ///
    /// # Errors
    /// Every fault of every file, with key and line.
    pub fn load(path: &Path) -> Result<Self, Vec<ConfigFault>> {
        let name = path.display().to_string();
        let text = read_text(path, MAX_CONFIG_BYTES)
            .map_err(|expected| vec![ConfigFault::of_file(&name, expected)])?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, &name, folder)
    }

    /// Reads a configuration from text; `name` is the file's in faults.
    ///
    /// # Errors
    /// Every fault of every file, with key and line.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = Faults::default();
        let source = Source { name, text };
        let table = source.parse(&mut faults);
        let mut more = Vec::new();
        let config = table
            .as_ref()
            .and_then(|table| read(source.root(table), folder, &mut faults, &mut more));
        if let Err(found) = faults.into_result() {
            more.splice(0..0, found);
        }
        match config {
            Some(config) if more.is_empty() => Ok(config),
            _ => Err(more),
        }
    }

    /// Returns the events' `source`: `/agencies/<agency code>/systems/<client id>`.
    pub fn source(&self) -> String {
        self.source_of(self.agency.as_str())
    }

    /// Returns the `source` of a record in the name of another agency; whether it is one, and may
    /// be named, is judged by the bus.
    pub(crate) fn source_of(&self, agency: &str) -> String {
        format!("/agencies/{agency}/systems/{}", self.client.as_str())
    }
}

/// Reads the document; faults of a mapping file of its own go to `more`.
fn read(
    mut root: Section<'_>,
    folder: &Path,
    faults: &mut Faults,
    more: &mut Vec<ConfigFault>,
) -> Option<AdapterConfig> {
    let about = root.required("adapter", faults);
    let about = about.and_then(|item| item.section(faults, "a table")).map(|mut section| {
        let name = section.required("name", faults).and_then(|item| {
            let expected = "a name of 1 to 40 of a-z, 0-9 and -";
            item.read(faults, expected, |text| ClientId::parse(text).ok().map(|_| text.to_owned()))
        });
        let named_type = section.optional("type");
        let event_type =
            named_type.as_ref().and_then(|item| mapping::read_event_type(item, faults));
        let agency = section.required("agency", faults).and_then(|item| {
            let expected = "an agency code such as \"H61.14\"";
            item.read(faults, expected, |text| AgencyCode::parse(text).ok())
        });
        let client = section.required("client", faults).and_then(|item| {
            let expected = "the name of a client of the registry, e.g. \"motcua\"";
            item.read(faults, expected, |text| ClientId::parse(text).ok())
        });
        let place = section.place.clone();
        section.finish(faults);
        (name, event_type, named_type.is_some(), agency, client, place)
    });
    let mapping_item = root.optional("mapping");
    let mapping = match &mapping_item {
        None => Some(Mapping::as_it_is()),
        Some(item) => read_mapping(item, folder, faults, more),
    };
    let input = read_input(&mut root, folder, faults);
    if let (Some(item), Some(Input::Database(database))) = (&mapping_item, &input)
        && matches!(database.form, Form::Outbox(_))
    {
        faults.expected(&item.place, "no mapping: an outbox is published byte for byte");
    }
    root.finish(faults);

    let (name, event_type, has_type, agency, client, place) = about?;
    let mapping = mapping?;
    let event_type = match (event_type, mapping.event_type()) {
        (Some(here), Some(there)) if here != there => {
            faults.mismatch(&place, format!("the mapping's own type, {there}"), &here);
            return None;
        }
        (Some(event_type), _) => event_type,
        (None, Some(event_type)) => event_type.to_owned(),
        (None, None) => {
            if !has_type {
                faults.expected(&place, "type, which neither adapter nor mapping names");
            }
            return None;
        }
    };
    Some(AdapterConfig {
        name: name?,
        event_type,
        agency: agency?,
        client: client?,
        mapping,
        input: input?,
    })
}

fn read_mapping(
    item: &Item<'_>,
    folder: &Path,
    faults: &mut Faults,
    more: &mut Vec<ConfigFault>,
) -> Option<Mapping> {
    match item.as_text() {
        Some(file) => Mapping::load(&folder.join(file)).map_err(|found| more.extend(found)).ok(),
        None => {
            let section = item.section(faults, "a mapping, or the name of a mapping file")?;
            Mapping::read(section, false, Some(folder), faults)
        }
    }
}

/// Reads the one section that says whence the rows come.
fn read_input(root: &mut Section<'_>, folder: &Path, faults: &mut Faults) -> Option<Input> {
    match (root.optional("files"), root.optional("database")) {
        (Some(item), None) => {
            let section = item.section(faults, "a table")?;
            FilesConfig::read(section, folder, faults).map(Input::Files)
        }
        (None, Some(item)) => {
            let section = item.section(faults, "a table")?;
            DatabaseConfig::read(section, folder, faults).map(Input::Database)
        }
        _ => {
            faults.expected(&root.place, "one section, [files] or [database]");
            None
        }
    }
}

/// Reads a text file of a bounded size; or says what was expected instead.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let mut text = String::new();
    let file =
        fs::File::open(path).map_err(|error| format!("a file that can be read ({error})"))?;
    let read = file.take(max_bytes + 1).read_to_string(&mut text);
    read.map_err(|error| format!("a text file in UTF-8 ({})", error.kind()))?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > max_bytes) {
        return Err(format!("a file of at most {max_bytes} bytes"));
    }
    Ok(text)
}
