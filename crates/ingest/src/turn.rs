//! Events of one sender that are claimed together and appended one after the other.
//!
//! Where other processes are asked before an append, asking costs a round trip. A sender's next
//! events may be claimed meanwhile; the turns keep their order, and after an event that could not
//! be taken now none that came behind it is taken.

use std::fmt;

use tokio::sync::oneshot;

/// Hands out turns in the order of the calls.
#[derive(Default)]
pub struct Turns(Option<oneshot::Receiver<()>>);

impl Turns {
    /// Returns the turn after the last one.
    #[must_use]
    pub fn following(&mut self) -> Turn {
        let (pass, passed) = oneshot::channel();
        Turn { before: self.0.replace(passed), came: true, pass }
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

/// The place of an event among those of its sender. Dropped, none behind it is taken.
pub struct Turn {
    before: Option<oneshot::Receiver<()>>,
    came: bool,
    pass: oneshot::Sender<()>,
}

impl Turn {
    /// Waits until all before were taken, or refused for good; `false` when one was not.
    pub(crate) async fn comes(&mut self) -> bool {
        if let Some(before) = &mut self.before {
            self.came = before.await.is_ok();
            self.before = None;
        }
        self.came
    }

    /// Lets the next one come, if this one did.
    pub(crate) async fn pass(mut self) {
        if self.comes().await {
            // Nobody may be behind it.
            self.pass.send(()).ok();
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}
