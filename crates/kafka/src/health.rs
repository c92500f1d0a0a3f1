//! When the cluster last answered, and what it failed of since.

use std::sync::{Mutex, PoisonError};

/// What a poller says of the cluster. Shared between the poller and whoever asks.
#[derive(Debug)]
pub struct Health {
    state: Mutex<(Option<i64>, Option<String>)>,
}

impl Health {
    /// Starts without an answer.
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new((None, None)) }
    }

    pub(crate) fn answered(&self, unix_millis: i64) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (Some(unix_millis), None);
    }

    pub(crate) fn failed(&self, reason: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(reason);
    }

    /// Returns when the cluster last answered, milliseconds since 1970; `None` if it never did.
    pub fn answered_unix_millis(&self) -> Option<i64> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns what the last request failed of; `None` when it was answered, or none was sent.
    pub fn last_error(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}
