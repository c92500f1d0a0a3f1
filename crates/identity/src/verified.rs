//! Tokens that were verified a moment ago, so that a caller's every request does not cost a
//! signature's verification.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lgsp_core::digest::sha256;

use crate::token::Verified;

/// How many tokens are remembered. Only tokens made here and valid get in, so that rubbish cannot
/// push them out.
const CAPACITY: usize = 1024;

/// A verified token, and when that was: before it, should the clock go back, nothing is known.
type Known = (i64, Verified);

/// Verified tokens, by the SHA-256 of the whole token.
#[derive(Default)]
pub(crate) struct VerifiedTokens(Mutex<HashMap<[u8; 32], Known>>);

impl VerifiedTokens {
    /// Returns what a token says, from memory while it is in its time, else from `verify`.
    pub(crate) fn get_or(
        &self,
        token: &str,
        now: i64,
        verify: impl FnOnce() -> Option<Verified>,
    ) -> Option<Verified> {
        let digest = sha256(token.as_bytes());
        match self.lock().get(&digest) {
            Some((since, known)) if *since <= now => {
                return (now < known.expires_unix_seconds).then(|| known.clone());
            }
            _ => {}
        }
        let verified = verify()?;
        let mut tokens = self.lock();
        if tokens.len() >= CAPACITY {
            tokens.retain(|_, (_, token)| now < token.expires_unix_seconds);
        }
        if tokens.len() >= CAPACITY {
            tokens.clear();
        }
        tokens.insert(digest, (now, verified.clone()));
        Some(verified)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lgsp_core::identifier::ClientId;

    use super::*;

    fn verified(expires_unix_seconds: i64) -> Verified {
        let client = ClientId::parse("motcua").unwrap();
        Verified { client, expires_unix_seconds, token_id: "1".to_owned() }
    }

    #[test]
    fn verifies_once_and_forgets_with_the_tokens_time() {
        let tokens = VerifiedTokens::default();
        assert!(tokens.get_or("a", 0, || None).is_none(), "what is not valid is not remembered");
        assert!(tokens.get_or("a", 0, || Some(verified(600))).is_some());
        assert!(tokens.get_or("a", 599, || unreachable!()).is_some());
        assert!(tokens.get_or("a", 600, || unreachable!()).is_none());
        assert!(tokens.get_or("a", -1, || None).is_none(), "a clock that went back asks again");
        assert!(tokens.get_or("b", 0, || None).is_none(), "another token is another matter");
    }

    #[test]
    fn remembers_a_bounded_number() {
        let tokens = VerifiedTokens::default();
        for number in 0..3 * CAPACITY {
            tokens.get_or(&number.to_string(), 0, || Some(verified(600)));
            assert!(tokens.lock().len() <= CAPACITY);
        }
    }
}
