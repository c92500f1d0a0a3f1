//! Chosen passwords: judged one at a time, with few failures for each name, and no word about who
//! exists.
//!
//! A generated secret costs one digest; a chosen password costs a tenth of a second and tens of
//! MiB. So that no stranger can spend them, at most one password is judged at once, a few wait, and
//! whoever fails often waits longer. A password that was right is remembered, as a keyed digest of
//! this process, so that software that logs in before each packet costs no more than others, and
//! cannot be kept out by somebody who fails in its name.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::{constant_time, hmac, rand};
use lgsp_core::identifier::ClientId;
use lgsp_core::{ErrorCode, Fault};
use lgsp_registry::password::MOST_PASSWORD_BYTES;
use lgsp_registry::{Client, PasswordHash, Registry};
use serde::{Deserialize, Deserializer};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::IdentityError;

/// How many logins may wait for the one that is judged.
const MAX_WAITING: usize = 8;

/// Failures are counted by name in so many slots: a bounded number, whatever names are tried. With
/// one try in ten seconds for each, all of them together keep less than half of a processor busy.
const SLOTS: usize = 32;

/// How many failures in a row a name has before it must wait.
const FREE_FAILURES: i64 = 5;

/// How long a further try takes to become free, in milliseconds.
const MILLIS_FOR_EACH: i64 = 10_000;

/// A password as somebody sent it: wiped from memory when it is dropped, hidden in `Debug`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Makes the line of `client-secrets.toml` for a password that a person chose.
///
/// # Errors
/// [`IdentityError::PasswordUnfit`] where it is too short or too long; [`IdentityError::Random`].
pub fn password_line(password: &Password) -> Result<String, IdentityError> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| IdentityError::Random)?;
    PasswordHash::line_for(password.as_str(), &salt).ok_or(IdentityError::PasswordUnfit)
}

/// Judges chosen passwords.
pub(crate) struct PasswordDesk {
    /// One: who is judged.
    turn: Arc<Semaphore>,
    /// The others.
    waiting: Semaphore,
    /// By slot: until when its tries are used up, in milliseconds since 1970.
    used_until: Mutex<[i64; SLOTS]>,
    /// By client: the keyed digest of the password that was right.
    right: Mutex<HashMap<ClientId, [u8; 32]>>,
    key: hmac::Key,
}

impl PasswordDesk {
    /// Opens the desk with a key of its own.
    pub(crate) fn new() -> Self {
        let mut key = [0; 32];
        // A machine without random bytes has made no signing key either, and does not come so far.
        rand::fill(&mut key).ok();
        Self {
            turn: Arc::new(Semaphore::new(1)),
            waiting: Semaphore::new(MAX_WAITING),
            used_until: Mutex::new([0; SLOTS]),
            right: Mutex::default(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
        }
    }

    /// Tells whether a password is the client's. Whatever else is wrong costs as much as a wrong
    /// password, where the registry has passwords at all.
    ///
    /// # Errors
    /// [`ErrorCode::Overloaded`] for a name that failed too often, and while too many wait.
    pub(crate) async fn is_right(
        &self,
        registry: &Registry,
        client: Option<&Client>,
        name: &str,
        password: &Password,
        unix_millis: i64,
    ) -> Result<bool, Fault> {
        let own = client.and_then(|client| Some((client.id(), client.password()?)));
        let noted = own.map(|(id, hash)| (id, self.note(id, hash, password)));
        if let Some((id, noted)) = &noted
            && self.remembers(id, noted)
        {
            return Ok(true);
        }
        let slot = self.slot(name);
        self.use_try(slot, unix_millis)?;
        // A name without a password is judged by one of those that exist, always the same, so that
        // it takes the same time as one of them.
        let any = || {
            let all: Vec<_> = registry.clients().filter_map(Client::password).collect();
            all.get(slot % all.len().max(1)).copied()
        };
        let Some(hash) = own.map(|(_, hash)| hash).or_else(any) else { return Ok(false) };
        let is_same = self.judge(hash.clone(), password.clone()).await?;
        match noted {
            Some((id, noted)) if is_same => {
                self.forgive(slot);
                self.remember(registry, id, noted);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Judges one password when it is its turn, on a thread where nothing else waits.
    async fn judge(&self, hash: PasswordHash, password: Password) -> Result<bool, Fault> {
        let overloaded = || Fault::new(ErrorCode::Overloaded);
        let place = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| overloaded())?;
        drop(place);
        let judged = tokio::task::spawn_blocking(move || {
            // Held to the end, also when the client does not wait for it.
            let _turn = turn;
            password.as_str().len() <= MOST_PASSWORD_BYTES && hash.is_of(password.as_str())
        });
        judged.await.map_err(|_| ErrorCode::Internal.into())
    }

    /// Uses one try of a slot up.
    fn use_try(&self, slot: usize, now: i64) -> Result<(), Fault> {
        let mut used = lock(&self.used_until);
        let Some(until) = used.get_mut(slot) else { return Ok(()) };
        let next = (*until).max(now).saturating_add(MILLIS_FOR_EACH);
        let wait = next.saturating_sub(now).saturating_sub(FREE_FAILURES * MILLIS_FOR_EACH);
        if wait > 0 {
            let wait = Duration::from_millis(wait.unsigned_abs());
            return Err(Fault::new(ErrorCode::Overloaded).retry_after(wait));
        }
        *until = next;
        Ok(())
    }

    fn forgive(&self, slot: usize) {
        if let Some(until) = lock(&self.used_until).get_mut(slot) {
            *until = 0;
        }
    }

    /// Which slot a name has; a stranger cannot tell which names share one.
    fn slot(&self, name: &str) -> usize {
        let digest = hmac::sign(&self.key, name.as_bytes());
        digest.as_ref().first().map_or(0, |byte| usize::from(*byte) % SLOTS)
    }

    /// The keyed digest of a client's password for the line in the registry.
    fn note(&self, id: &ClientId, hash: &PasswordHash, password: &Password) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [id.as_str(), hash.line(), password.as_str()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut note = [0; 32];
        for (to, from) in note.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        note
    }

    fn remembers(&self, id: &ClientId, note: &[u8; 32]) -> bool {
        let right = lock(&self.right).get(id).copied();
        right.is_some_and(|right| constant_time::verify_slices_are_equal(&right, note).is_ok())
    }

    fn remember(&self, registry: &Registry, id: &ClientId, note: [u8; 32]) {
        let mut right = lock(&self.right);
        right.retain(|id, _| registry.client(id).is_some());
        right.insert(id.clone(), note);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_five_failures_and_then_one_in_ten_seconds() {
        let desk = PasswordDesk::new();
        let slot = desk.slot("motcua");
        for _ in 0..FREE_FAILURES {
            assert!(desk.use_try(slot, 1_000).is_ok());
        }
        let fault = desk.use_try(slot, 1_000).unwrap_err();
        assert_eq!(fault.code, ErrorCode::Overloaded);
        assert_eq!(fault.retry_after, Some(Duration::from_secs(10)));
        assert!(desk.use_try(slot, 11_000).is_ok());
        assert!(desk.use_try(slot, 11_000).is_err());
        assert!(desk.use_try((slot + 1) % SLOTS, 11_000).is_ok(), "another name is not concerned");
        desk.forgive(slot);
        assert!(desk.use_try(slot, 11_000).is_ok());
    }

    #[test]
    fn a_line_is_made_for_passwords_of_some_length() {
        let line = |text: &str| password_line(&Password::new(text.to_owned()));
        assert!(line("twelve chars").unwrap().starts_with("$argon2id$"));
        assert_ne!(line("twelve chars").unwrap(), line("twelve chars").unwrap());
        assert!(matches!(line("eleven char"), Err(IdentityError::PasswordUnfit)));
    }

    #[test]
    fn passwords_stay_hidden() {
        assert_eq!(format!("{:?}", Password::new("canary".to_owned())), "Password(..)");
    }
}
