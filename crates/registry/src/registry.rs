//! The registry as a whole: one folder, read at once, all faults told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use lgsp_core::identifier::{AgencyCode, ClientId};

use crate::agency::Agency;
use crate::client::Client;
use crate::document::{Faults, Source};
use crate::error::{RegistryError, RegistryFault};
use crate::files::{self, agencies, clients, secrets};

/// Which agencies exist, which systems may call the bus, and what each may do.
///
/// One registry is one generation: it never changes; a changed folder makes another.
#[derive(Debug)]
pub struct Registry {
    agencies: BTreeMap<AgencyCode, Agency>,
    clients: BTreeMap<ClientId, Client>,
}

impl Registry {
    /// Reads `agencies.toml`, `clients.toml` and `client-secrets.toml` of a folder.
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
            if name.ends_with(".toml") && !files::ALL.contains(&name.as_ref()) {
                faults
                    .of_file(&name, format!("no such file (known are: {})", files::ALL.join(", ")));
            }
        }
        let [agencies, clients, secrets] = files::ALL.map(|name| read_text(dir, name, &mut faults));
        Self::read(agencies.as_deref(), clients.as_deref(), secrets.as_deref(), faults)
            .map_err(RegistryError::Faults)
    }

    /// Reads the texts of the files, `None` for one whose absence is reported already.
    pub(crate) fn read(
        agencies: Option<&str>,
        clients: Option<&str>,
        secrets: Option<&str>,
        mut faults: Faults,
    ) -> Result<Self, Vec<RegistryFault>> {
        let agencies = agencies
            .and_then(|text| agencies::read(Source { name: files::AGENCIES, text }, &mut faults));
        let codes: Option<BTreeSet<AgencyCode>> =
            agencies.as_ref().map(|agencies| agencies.keys().cloned().collect());

        let secrets_source = secrets.map(|text| Source { name: files::SECRETS, text });
        let secrets_document =
            secrets_source.and_then(|source| Some((source, source.parse(&mut faults)?)));
        let secrets = secrets_document
            .as_ref()
            .map(|(source, document)| secrets::read(*source, document, &mut faults));

        let known = clients::Known {
            agencies: codes.as_ref(),
            secrets: secrets.as_ref().map(|found| &found.digests),
        };
        let clients = clients.and_then(|text| {
            clients::read(Source { name: files::CLIENTS, text }, known, &mut faults)
        });
        if let (Some(secrets), Some(clients)) = (&secrets, &clients) {
            secrets.match_clients(&clients.ids, &mut faults);
        }

        faults.into_result()?;
        Ok(Self {
            agencies: agencies.unwrap_or_default(),
            clients: clients.unwrap_or_default().clients,
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

    /// Returns every client, by id.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = &Client> {
        self.clients.values()
    }
}

fn read_text(dir: &Path, name: &str, faults: &mut Faults) -> Option<String> {
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
