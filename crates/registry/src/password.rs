//! A password that a person chose, known by its Argon2id digest alone.
//!
//! For systems that cannot take a generated secret. The digest stands in `client-secrets.toml` as
//! the line that Argon2's own tools write (PHC string format).

use std::fmt;

use argon2::password_hash::phc::PasswordHash as PhcString;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// The least memory of one digest, in KiB, and the least number of passes: the first of the
/// equivalent settings that OWASP's Password Storage Cheat Sheet asks for.
const LEAST_KIB: u32 = 19 * 1024;
const LEAST_PASSES: u32 = 2;

/// The most of each, so that no line makes a login a burden to the machine.
const MOST_KIB: u32 = 128 * 1024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 4;

/// What a new digest takes: the memory and passes of RFC 9106's second recommendation, on one lane,
/// because the bus computes one digest at a time on one thread.
const NEW_KIB: u32 = 64 * 1024;
const NEW_PASSES: u32 = 3;

const LEAST_SALT_BYTES: usize = 16;
const LEAST_DIGEST_BYTES: usize = 32;

/// The shortest password that gets a digest, in characters.
pub const LEAST_PASSWORD_CHARACTERS: usize = 12;

/// The longest password, in bytes.
pub const MOST_PASSWORD_BYTES: usize = 1024;

/// What a line must be, for whoever wrote another one.
pub(crate) const EXPECTED: &str = "an Argon2id line ($argon2id$v=19$m=...) of at least 19456 KiB and \
    2 passes, at most 131072 KiB, 10 passes and 4 lanes, with a salt of 16 bytes and a digest of 32; \
    `lgsp registry hash-password` makes one";

/// The Argon2id digest of a password. `Debug` hides it.
#[derive(Clone)]
pub struct PasswordHash {
    line: Box<str>,
    parsed: Box<PhcString>,
}

impl PasswordHash {
    /// Reads `$argon2id$v=19$m=…,t=…,p=…$<salt>$<digest>`; `None` where it is another algorithm, or
    /// asks for less or more than it should.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let parsed = PhcString::new(line).ok()?;
        let params = Params::try_from(&parsed).ok()?;
        let fits = Algorithm::try_from(parsed.algorithm.as_str()) == Ok(Algorithm::Argon2id)
            && parsed.version == Some(Version::V0x13.into())
            && (LEAST_KIB..=MOST_KIB).contains(&params.m_cost())
            && (LEAST_PASSES..=MOST_PASSES).contains(&params.t_cost())
            && (1..=MOST_LANES).contains(&params.p_cost())
            // Another key or other data would have to come from somewhere.
            && params.keyid().is_empty()
            && params.data().is_empty()
            && parsed.salt.is_some_and(|salt| salt.as_ref().len() >= LEAST_SALT_BYTES)
            && parsed.hash.as_ref().is_some_and(|digest| digest.len() >= LEAST_DIGEST_BYTES);
        fits.then(|| Self { line: line.into(), parsed: Box::new(parsed) })
    }

    /// Makes the line for a password with a random salt; `None` where the password is shorter than
    /// [`LEAST_PASSWORD_CHARACTERS`] or longer than [`MOST_PASSWORD_BYTES`], or there is no memory.
    pub fn line_for(password: &str, salt: &[u8; 16]) -> Option<String> {
        let long_enough = password.chars().count() >= LEAST_PASSWORD_CHARACTERS;
        if !long_enough || password.len() > MOST_PASSWORD_BYTES {
            return None;
        }
        let params = Params::new(NEW_KIB, NEW_PASSES, 1, None).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(password.as_bytes(), salt).ok()?;
        Some(hash.to_string())
    }

    /// Tells whether this is the digest of a password, in the same time for each. Takes a tenth of
    /// a second of a processor and the memory that the line asks for: never call it from async code.
    pub fn is_of(&self, password: &str) -> bool {
        Argon2::default().verify_password(password.as_bytes(), &*self.parsed).is_ok()
    }

    /// Returns the line as it stands in the file: whoever remembers that a password was right
    /// remembers it for this line alone.
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "mật khẩu đặt tay 2026";

    #[test]
    fn a_line_is_of_its_password_alone() {
        let line = PasswordHash::line_for(PASSWORD, &[7; 16]).unwrap();
        assert!(line.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{line}");
        let hash = PasswordHash::parse(&line).unwrap();
        assert!(hash.is_of(PASSWORD));
        assert!(!hash.is_of("mật khẩu đặt tay 2027"));
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
        assert_ne!(line, PasswordHash::line_for(PASSWORD, &[8; 16]).unwrap());
    }

    #[test]
    fn knows_the_line_of_the_reference_implementation() {
        // By the reference implementation in C: `-id -t 2 -k 19456 -p 1 -l 32 -e`.
        let line = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                    bE72/qLln8+YsLpHdrYj9YTS6Xy+M/fsFAyDAJHmzVM";
        assert!(PasswordHash::parse(line).unwrap().is_of(PASSWORD));
    }

    #[test]
    fn refuses_short_and_endless_passwords() {
        assert!(PasswordHash::line_for("elf Zeichen", &[7; 16]).is_none());
        assert!(PasswordHash::line_for(&"x".repeat(MOST_PASSWORD_BYTES + 1), &[7; 16]).is_none());
    }

    #[test]
    fn refuses_weak_heavy_and_foreign_lines() {
        let good = "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(PasswordHash::parse(good).is_some());
        let other = [
            ("argon2id", "argon2i"),
            ("argon2id", "scrypt"),
            ("v=19", "v=16"),
            ("v=19$", ""),
            ("m=19456", "m=19455"),
            ("m=19456", "m=131073"),
            ("t=2", "t=1"),
            ("t=2", "t=11"),
            ("p=1", "p=5"),
            ("p=1", "p=0"),
            ("p=1", "p=1,keyid=AAAA"),
            ("BwcHBwcHBwcHBwcHBwcHBw", "BwcHBwcHBwcHBwcHBwcH"),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA"),
            ("$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
        ];
        for (from, to) in other {
            let line = good.replace(from, to);
            assert_ne!(line, good);
            assert!(PasswordHash::parse(&line).is_none(), "{line}");
        }
        for line in ["", "$", "password", "$argon2id", &"$".repeat(1000)] {
            assert!(PasswordHash::parse(line).is_none(), "{line}");
        }
    }
}
