//! Client secrets: generated, not thought up, and known here by their digest alone. Passwords that
//! people chose are another matter: `password`.

use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lgsp_core::digest::{hex, sha256};
use lgsp_registry::Client;

use crate::error::IdentityError;

/// Makes a client secret of 256 random bits: the secret in base64url, and its SHA-256 in
/// hexadecimal for `client-secrets.toml`.
///
/// A fast digest suffices because the secret is random: nobody can guess 256 bits. Passwords
/// that people think up would need a slow one.
///
/// # Errors
/// [`IdentityError::Random`] where the machine gives no random bytes.
pub fn generate_secret() -> Result<(String, String), IdentityError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| IdentityError::Random)?;
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let digest = hex(&sha256(secret.as_bytes()));
    Ok((secret, digest))
}

/// Tells whether a generated secret is the client's, with the same work for a client that does not
/// exist or has a chosen password instead.
pub(crate) fn is_secret_of(client: Option<&Client>, secret: &str) -> bool {
    const NOBODY: [u8; 32] = [0; 32];
    let own = client.and_then(Client::secret);
    let expected = own.map_or(&NOBODY, |digest| digest.as_bytes());
    let is_equal =
        constant_time::verify_slices_are_equal(&sha256(secret.as_bytes()), expected).is_ok();
    is_equal && own.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_match_their_digest() {
        let (secret, digest) = generate_secret().unwrap();
        let (another, _) = generate_secret().unwrap();
        assert_ne!(secret, another);
        assert_eq!(URL_SAFE_NO_PAD.decode(&secret).unwrap().len(), 32);
        assert_eq!(digest, hex(&sha256(secret.as_bytes())));
    }
}
