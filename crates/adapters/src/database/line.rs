//! What both readers share while a session lasts: the bus, the clock's ticks, the wish to stop.

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::DatabaseConfig;
use crate::config::AdapterConfig;
use crate::publisher::Publisher;

/// A line from one database to the bus.
pub(super) struct Line<'a> {
    pub(super) config: &'a AdapterConfig,
    pub(super) database: &'a DatabaseConfig,
    pub(super) publisher: &'a dyn Publisher,
    pub(super) woken: &'a Notify,
    pub(super) stop: &'a CancellationToken,
}

impl Line<'_> {
    /// Tells whether the adapter was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits so long, or until the adapter shall stop.
    pub(super) async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Waits until the database notifies, the next poll is due, or the adapter shall stop.
    pub(super) async fn until_woken(&self) {
        tokio::select! {
            () = self.woken.notified() => {}
            () = self.wait(self.database.poll) => {}
        }
    }
}
