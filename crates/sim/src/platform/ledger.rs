//! What the platform remembers of the dossiers that were sent to it: in memory, and bounded.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How many dossiers a service remembers; then it forgets the eldest.
pub(super) const MOST: usize = 100_000;

/// Dossiers by their key.
pub(super) struct Ledger<T> {
    most: usize,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    entries: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Ledger<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(Kept { entries: HashMap::new(), order: VecDeque::new() }) }
    }

    /// Shows or changes the entry of a key, in one step; what is `Some` afterwards is kept.
    pub(super) fn at<R>(&self, key: &str, act: impl FnOnce(&mut Option<T>) -> R) -> R {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entry = kept.entries.remove(key);
        let is_new = entry.is_none();
        let answer = act(&mut entry);
        if let Some(entry) = entry {
            kept.entries.insert(key.to_owned(), entry);
            if is_new {
                kept.order.push_back(key.to_owned());
            }
        }
        if kept.order.len() > self.most
            && let Some(eldest) = kept.order.pop_front()
        {
            kept.entries.remove(&eldest);
        }
        answer
    }
}

impl<T> fmt::Debug for Ledger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger(..)")
    }
}

/// Makes a number of a text (FNV-1a), to throw dice for it.
pub(super) fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |number, byte| {
        (number ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_eldest() {
        let ledger = Ledger::new(2);
        for key in ["a", "b", "b", "c"] {
            ledger.at(key, |entry| *entry = Some(key.len()));
        }
        let knows = |key: &str| ledger.at(key, |entry| entry.is_some());
        assert_eq!([knows("a"), knows("b"), knows("c")], [false, true, true]);
    }
}
