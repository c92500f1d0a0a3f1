//! The sample registry: three agencies and four clients, for a first start.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use lgsp_core::identifier::ClientId;

use crate::document::Faults;
use crate::error::RegistryError;
use crate::files;
use crate::registry::{Registry, Texts};

const AGENCIES: &str = include_str!("../../../deploy/registry/agencies.toml");
const CLIENTS: &str = include_str!("../../../deploy/registry/clients.toml");
const CODES: &str = include_str!("../../../deploy/registry/codes.toml");
const PROCEDURES: &str = include_str!("../../../deploy/registry/procedures.json");
const SECRETS_HEAD: &str = include_str!("../../../deploy/registry/client-secrets.toml");

/// The sample's clients.
const CLIENT_IDS: [&str; 4] = ["motcua", "tracuu", "vanhanh", "kiemtoan"];

/// Writes the sample registry into a folder that does not exist yet.
///
/// `secret_hashes` is asked once for each client and returns the SHA-256 of its secret, in
/// hexadecimal. The folder appears whole or not at all.
///
/// # Errors
/// [`RegistryError::Exists`] where there is anything at `dir`, which stays untouched;
/// [`RegistryError::Faults`] where a digest is malformed or occurs twice;
/// [`RegistryError::Unwritable`] where the disk refuses.
pub fn write_sample(
    dir: &Path,
    secret_hashes: &dyn Fn(&ClientId) -> String,
) -> Result<(), RegistryError> {
    if fs::symlink_metadata(dir).is_ok() {
        return Err(RegistryError::Exists(dir.to_owned()));
    }
    let mut secrets = SECRETS_HEAD.to_owned();
    for id in CLIENT_IDS.into_iter().filter_map(|id| ClientId::parse(id).ok()) {
        secrets.push_str(&format!("{} = \"{}\"\n", id.as_str(), secret_hashes(&id)));
    }
    let texts = Texts {
        agencies: Some(AGENCIES.to_owned()),
        clients: Some(CLIENTS.to_owned()),
        secrets: Some(secrets.clone()),
        codes: Some(CODES.to_owned()),
        procedures: Some(PROCEDURES.to_owned()),
    };
    Registry::read(texts, Faults::default()).map_err(RegistryError::Faults)?;

    let partial = partial_name(dir);
    let unwritable = |source| RegistryError::Unwritable { path: partial.clone(), source };
    match fs::remove_dir_all(&partial) {
        // What an earlier start left behind when it died here.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(error)),
    }
    fs::create_dir_all(&partial).map_err(unwritable)?;
    let texts = [
        (files::AGENCIES, AGENCIES),
        (files::CLIENTS, CLIENTS),
        (files::SECRETS, &secrets),
        (files::CODES, CODES),
        (files::PROCEDURES, PROCEDURES),
    ];
    for (name, text) in texts {
        let path = partial.join(name);
        write_durably(&path, text).map_err(|source| RegistryError::Unwritable { path, source })?;
    }
    fs::rename(&partial, dir).map_err(unwritable)
}

fn partial_name(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    dir.with_file_name(name)
}

/// Writes a file that its owner alone may read, down to the disk.
fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(id: &ClientId) -> String {
        lgsp_core::digest::hex(&lgsp_core::digest::sha256(id.as_str().as_bytes()))
    }

    #[test]
    fn what_is_written_loads() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data").join("registry");
        write_sample(&dir, &digest).unwrap();
        let registry = Registry::load(&dir).unwrap();
        assert_eq!(registry.agencies().len(), 3);
        let ids: Vec<_> = registry.clients().map(|client| client.id().as_str()).collect();
        assert_eq!(ids, ["kiemtoan", "motcua", "tracuu", "vanhanh"]);
        assert_eq!(
            fs::read_dir(folder.path().join("data")).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn never_overwrites_an_existing_folder() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_sample(folder.path(), &digest).unwrap_err();
        assert!(matches!(error, RegistryError::Exists(_)), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn recovers_from_an_earlier_start_that_died() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("registry.partial")).unwrap();
        fs::write(folder.path().join("registry.partial/clients.toml"), "half").unwrap();
        write_sample(&folder.path().join("registry"), &digest).unwrap();
        assert!(Registry::load(&folder.path().join("registry")).is_ok());
    }

    #[test]
    fn refuses_digests_that_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("registry");
        let error = write_sample(&dir, &|_| "not-a-digest".to_owned()).unwrap_err();
        assert!(matches!(&error, RegistryError::Faults(faults) if faults.len() == 4), "{error}");
        assert!(!error.to_string().contains("not-a-digest"));
        assert!(!dir.exists());
    }
}
