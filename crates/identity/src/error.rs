//! What can go wrong with keys and with making tokens.

use std::io;
use std::path::PathBuf;

/// Why a key or a token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key file cannot be read or written.
    #[error("cannot use the key file {}", path.display())]
    KeyFile {
        /// The file or its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner may read the key file.
    #[error("the key file {} is open to group or others (mode {mode:04o}): run chmod 600 on it, and replace the key if others had access", path.display())]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file holds something else.
    #[error("the key file {} does not hold a P-256 private key in PKCS#8 form", .0.display())]
    KeyMalformed(PathBuf),
    /// The machine gave no random bytes or no key.
    #[error("the cryptographic library could not make random bytes or a key")]
    Random,
    /// A password that no digest should be made of.
    #[error("a password has 12 characters at least and 1024 bytes at most")]
    PasswordUnfit,
    /// The registry has no such client.
    #[error("the registry has no client {0:?}")]
    UnknownClient(lgsp_core::identifier::ClientId),
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Signing,
}

impl IdentityError {
    /// Returns the stable machine-readable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyFile { .. } => "key_file",
            Self::KeyExposed { .. } => "key_exposed",
            Self::KeyMalformed(_) => "key_malformed",
            Self::Random => "random",
            Self::PasswordUnfit => "password_unfit",
            Self::UnknownClient(_) => "unknown_client",
            Self::Signing => "signing",
        }
    }

    /// Tells whether the same call may succeed without a person's help.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Random | Self::Signing => true,
            Self::KeyFile { .. }
            | Self::KeyExposed { .. }
            | Self::KeyMalformed(_)
            | Self::PasswordUnfit
            | Self::UnknownClient(_) => false,
        }
    }
}
