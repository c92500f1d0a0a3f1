//! Short digests: of an event's identity, of its content, and keyed ones of people.

use std::fmt;

use aws_lc_rs::{digest, hmac};

/// The first 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest128(pub [u8; 16]);

impl Digest128 {
    /// Hashes the parts, each preceded by its length, so that no two lists of parts collide.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self(first_half(context.finish().as_ref()))
    }

    /// Names an event: its `source` and `id` (CloudEvents 1.0: unique together).
    pub fn of_event(source: &str, id: &str) -> Self {
        Self::of(&[source.as_bytes(), id.as_bytes()])
    }

    /// Names an event's content: its type and the bytes of its data.
    pub fn of_content(event_type: &str, data: &[u8]) -> Self {
        Self::of(&[event_type.as_bytes(), data])
    }
}

impl fmt::Debug for Digest128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Hashes bytes with SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Writes bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The province's own key for digests of people: never rotated, never leaves the bus.
///
/// One citizen's events keep one record key, and one citizen's look-ups one digest in the
/// evidence, without either telling the number to a reader who lacks this key.
#[derive(Clone)]
pub struct ProvinceKey(hmac::Key);

impl ProvinceKey {
    /// Takes the key's 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Returns the keyed digest of a personal number: 32 hexadecimal characters.
    pub fn pseudonym(&self, personal_number: &str) -> String {
        hex(&first_half(hmac::sign(&self.0, personal_number.as_bytes()).as_ref()))
    }
}

impl fmt::Debug for ProvinceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProvinceKey(..)")
    }
}

/// Every digest used here has 32 bytes; a shorter one would be filled with zeros.
fn first_half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest) {
        *to = *from;
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Digest128::of_event("ab", "c"), Digest128::of_event("a", "bc"));
    }

    #[test]
    fn hashes_as_the_published_vector_says() {
        // FIPS 180-4 example: "abc".
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_pseudonym_needs_the_key() {
        let (ours, theirs) = (ProvinceKey::new(&[1; 32]), ProvinceKey::new(&[2; 32]));
        assert_ne!(ours.pseudonym("086190000001"), theirs.pseudonym("086190000001"));
        assert_eq!(ours.pseudonym("086190000001").len(), 32);
        assert_eq!(format!("{ours:?}"), "ProvinceKey(..)");
    }
}
