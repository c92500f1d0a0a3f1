//! The key that signs tokens: a file that its owner alone may read.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use lgsp_core::digest::sha256;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::IdentityError;

/// The key file's name within its folder: a P-256 private key, PKCS#8 in DER.
const KEY_FILE: &str = "token-signing-key.p8";

/// The keys that sign and verify access tokens. `Debug` shows the key id alone.
pub struct SigningKeys {
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    key_id: String,
    public: PublicPoint,
}

/// A public key as a JSON Web Key has it: coordinates in base64url (RFC 7518, 6.2.1).
struct PublicPoint {
    x: String,
    y: String,
}

impl SigningKeys {
    /// Loads the key of a folder, or makes folder and key where there is none.
    ///
    /// Two processes that start at once end up with the same key.
    ///
    /// # Errors
    /// As [`SigningKeys::load`]; [`IdentityError::Random`] where no key can be made.
    pub fn load_or_create(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(KEY_FILE);
        let unusable = |source| IdentityError::KeyFile { path: path.clone(), source };
        match fs::symlink_metadata(&path) {
            Ok(_) => return Self::load(dir),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error)),
        }
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| IdentityError::Random)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        publish_file(&path, document.as_ref()).map_err(unusable)?;
        Self::load(dir)
    }

    /// Loads the key of a folder.
    ///
    /// # Errors
    /// [`IdentityError::KeyFile`] where there is none or it cannot be read,
    /// [`IdentityError::KeyExposed`] where group or others may read it,
    /// [`IdentityError::KeyMalformed`] where it holds something else.
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(KEY_FILE);
        let document = read_private(&path)?;
        Self::from_pkcs8(&document).ok_or(IdentityError::KeyMalformed(path))
    }

    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).ok()?;
        let point = pair.public_key().as_ref();
        // An uncompressed point: a mark, then both coordinates of 32 bytes (SEC 1, 2.3.3).
        let (x, y) =
            point.strip_prefix(&[4]).filter(|rest| rest.len() == 64)?.split_at_checked(32)?;
        let public = PublicPoint { x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) };
        Some(Self {
            signing: EncodingKey::from_ec_der(document),
            verifying: DecodingKey::from_ec_der(point),
            key_id: public.thumbprint(),
            public,
        })
    }

    /// Returns the signing key's id: its thumbprint (RFC 7638).
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns the public keys as a JSON Web Key Set (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        let PublicPoint { x, y } = &self.public;
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.key_id, "alg": "ES256", "use": "sig",
        }] })
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl PublicPoint {
    /// Returns the thumbprint of RFC 7638: of the required members, by name, without spaces.
    fn thumbprint(&self) -> String {
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
    }
}

/// Writes a private file whole or not at all, and leaves one that is there as it is.
fn publish_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", Uuid::new_v4().simple()));
    let written =
        write_private(&partial, content).and_then(|()| match fs::hard_link(&partial, path) {
            // Another process was faster: its key stands.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
    // Also after a failure: a private key does not stay behind under another name.
    let removed = fs::remove_file(&partial);
    written.and(removed)?;
    let dir: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::File::open(dir)?.sync_all()
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Reads a file that its owner alone may read; asks the open file, not its name, for its mode.
fn read_private(path: &Path) -> Result<Vec<u8>, IdentityError> {
    const GROUP_AND_OTHERS: u32 = 0o077;
    const MAX_KEY_FILE_BYTES: u64 = 4096;
    let unusable = |source| IdentityError::KeyFile { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unusable)?;
    let mode = file.metadata().map_err(unusable)?.mode() & 0o7777;
    if mode & GROUP_AND_OTHERS != 0 {
        return Err(IdentityError::KeyExposed { path: path.to_owned(), mode });
    }
    let mut content = Vec::new();
    file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut content).map_err(unusable)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};

    use super::*;

    #[test]
    fn the_first_start_makes_a_private_key_and_the_next_ones_load_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("keys");
        assert!(matches!(SigningKeys::load(&dir), Err(IdentityError::KeyFile { .. })));
        let made = SigningKeys::load_or_create(&dir).unwrap();
        let loaded = SigningKeys::load_or_create(&dir).unwrap();
        assert_eq!(made.key_id(), loaded.key_id());
        assert_eq!(fs::metadata(dir.join(KEY_FILE)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "no partial file is left");
    }

    #[test]
    fn processes_that_start_at_once_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let key_id = || SigningKeys::load_or_create(folder.path()).unwrap().key_id().to_owned();
        let ids = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(key_id)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn refuses_a_key_file_that_others_may_read() {
        let folder = tempfile::tempdir().unwrap();
        SigningKeys::load_or_create(folder.path()).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(folder.path().join(KEY_FILE), fs::Permissions::from_mode(mode))
                .unwrap();
            let error = SigningKeys::load_or_create(folder.path()).unwrap_err();
            assert_eq!(error.code(), "key_exposed", "{error}");
        }
    }

    #[test]
    fn refuses_a_key_file_that_holds_something_else_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        write_private(&folder.path().join(KEY_FILE), b"").unwrap();
        assert_eq!(SigningKeys::load_or_create(folder.path()).unwrap_err().code(), "key_malformed");
        assert_eq!(fs::read(folder.path().join(KEY_FILE)).unwrap(), b"");
    }

    #[test]
    fn the_key_id_is_the_thumbprint_that_others_compute() {
        let folder = tempfile::tempdir().unwrap();
        let keys = SigningKeys::load_or_create(folder.path()).unwrap();
        let set: JwkSet = serde_json::from_value(keys.jwks()).unwrap();
        assert_eq!(set.keys[0].thumbprint(ThumbprintHash::SHA256).unwrap(), keys.key_id());
        assert_eq!(set.keys[0].common.key_id.as_deref(), Some(keys.key_id()));
        assert!(!format!("{keys:?}").contains("signing:"));
    }
}
