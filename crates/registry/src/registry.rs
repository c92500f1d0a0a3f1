//! The registry as a whole: one folder, read at once, all faults told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use lgsp_core::identifier::{AgencyCode, ClientId};

use crate::agency::Agency;
use crate::client::Client;
use crate::codes::CodeChanges;
use crate::document::{Faults, Source};
use crate::error::{RegistryError, RegistryFault};
use crate::files::{self, agencies, clients, codes, secrets};
use crate::procedures::ProcedureCatalogue;

/// Which agencies exist, which systems may call the bus, and what each may do.
///
/// One registry is one generation: it never changes; a changed folder makes another.
#[derive(Debug)]
pub struct Registry {
    agencies: BTreeMap<AgencyCode, Agency>,
    /// By former code: the code of today.
    pub(crate) former: BTreeMap<AgencyCode, AgencyCode>,
    clients: BTreeMap<ClientId, Client>,
    pub(crate) codes: CodeChanges,
    procedures: ProcedureCatalogue,
}

/// The texts of the files, `None` for one whose absence is reported already.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) agencies: Option<String>,
    pub(crate) clients: Option<String>,
    pub(crate) secrets: Option<String>,
    /// `None` also where the file, which nobody needs, is not there.
    pub(crate) codes: Option<String>,
    /// As with the codes.
    pub(crate) procedures: Option<String>,
}

impl Registry {
    /// Reads `agencies.toml`, `clients.toml`, `client-secrets.toml` and, where they are there,
    /// `codes.toml` and `procedures.json` of a folder.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let dir = folder.path().join("registry");
    /// # lgsp_registry::write_sample(&dir, &|id| lgsp_core::digest::hex(&lgsp_core::digest::sha256(id.as_str().as_bytes())))?;
    /// use lgsp_core::identifier::ClientId;
    /// let registry = lgsp_registry::Registry::load(&dir)?;
    /// let client = ClientId::parse("vanhanh").ok().and_then(|id| registry.client(&id));
    /// assert!(client.is_some_and(|client| client.may_operate() && !client.may_audit()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RegistryError::Unreadable`] where there is no such folder; else
    /// [`RegistryError::Faults`] with every fault of every file.
    pub fn load(dir: &Path) -> Result<Self, RegistryError> {
        let unreadable = |source| RegistryError::Unreadable { path: dir.to_owned(), source };
        let mut faults = Faults::default();
        for entry in fs::read_dir(dir).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy();
            // A misspelt file would be grants that nobody reads.
            let is_ours = name.ends_with(".toml") || name.ends_with(".json");
            if is_ours && !files::ALL.contains(&name.as_ref()) {
                faults
                    .of_file(&name, format!("no such file (known are: {})", files::ALL.join(", ")));
            }
        }
        let codes = dir.join(files::CODES).exists();
        let procedures = dir.join(files::PROCEDURES).exists();
        let texts = Texts {
            agencies: read_text(dir, files::AGENCIES, &mut faults),
            clients: read_text(dir, files::CLIENTS, &mut faults),
            secrets: read_text(dir, files::SECRETS, &mut faults),
            codes: codes.then(|| read_text(dir, files::CODES, &mut faults)).flatten(),
            procedures: procedures
                .then(|| read_text(dir, files::PROCEDURES, &mut faults))
                .flatten(),
        };
        Self::read(texts, faults).map_err(RegistryError::Faults)
    }

    /// Reads the texts of the files.
    pub(crate) fn read(texts: Texts, mut faults: Faults) -> Result<Self, Vec<RegistryFault>> {
        let agencies = texts
            .agencies
            .as_deref()
            .and_then(|text| agencies::read(Source { name: files::AGENCIES, text }, &mut faults));
        let codes_of_today: Option<BTreeSet<AgencyCode>> =
            agencies.as_ref().map(|agencies| agencies.keys().cloned().collect());

        let secrets_source =
            texts.secrets.as_deref().map(|text| Source { name: files::SECRETS, text });
        let secrets_document =
            secrets_source.and_then(|source| Some((source, source.parse(&mut faults)?)));
        let secrets = secrets_document
            .as_ref()
            .map(|(source, document)| secrets::read(*source, document, &mut faults));

        let known = clients::Known {
            agencies: codes_of_today.as_ref(),
            secrets: secrets.as_ref().map(|found| &found.digests),
        };
        let clients = texts.clients.as_deref().and_then(|text| {
            clients::read(Source { name: files::CLIENTS, text }, known, &mut faults)
        });
        if let (Some(secrets), Some(clients)) = (&secrets, &clients) {
            secrets.match_clients(&clients.ids, &mut faults);
        }

        let codes = texts.codes.as_deref().map(|text| {
            codes::read(Source { name: files::CODES, text }, codes_of_today.as_ref(), &mut faults)
        });

        let procedures = texts
            .procedures
            .as_deref()
            .map(|text| ProcedureCatalogue::read(files::PROCEDURES, text, &mut faults));

        faults.into_result()?;
        let agencies = agencies.unwrap_or_default();
        let former = |agency: &Agency| {
            let today = agency.code().clone();
            let former = agency.former_codes().to_vec().into_iter();
            former.map(move |former| (former, today.clone()))
        };
        Ok(Self {
            former: agencies.values().flat_map(former).collect(),
            agencies,
            clients: clients.unwrap_or_default().clients,
            codes: codes.unwrap_or_default(),
            procedures: procedures.unwrap_or_default(),
        })
    }

    /// Returns the agency that has this code today.
    pub fn agency(&self, code: &AgencyCode) -> Option<&Agency> {
        self.agencies.get(code)
    }

    /// Returns every agency, by code.
    pub fn agencies(&self) -> impl ExactSizeIterator<Item = &Agency> {
        self.agencies.values()
    }

    /// Returns the client of this id.
    pub fn client(&self, id: &ClientId) -> Option<&Client> {
        self.clients.get(id)
    }

    /// Returns the administrative procedures that the bus tells of.
    pub fn procedures(&self) -> &ProcedureCatalogue {
        &self.procedures
    }

    /// Returns every client, by id.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = &Client> {
        self.clients.values()
    }
}

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

fn read_text(dir: &Path, name: &str, faults: &mut Faults) -> Option<String> {
    if fs::metadata(dir.join(name)).is_ok_and(|metadata| metadata.len() > MAX_FILE_BYTES) {
        faults.of_file(name, format!("at most {MAX_FILE_BYTES} bytes"));
        return None;
    }
    match fs::read_to_string(dir.join(name)) {
        // Editors of Windows begin a text with a byte order mark.
        Ok(text) => Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            faults.of_file(
                name,
                match error.kind() {
                    io::ErrorKind::NotFound => "this file, which is missing".to_owned(),
                    io::ErrorKind::InvalidData => "UTF-8 text".to_owned(),
                    kind => format!("a file that can be read ({kind})"),
                },
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
