//! What one stream has on its way to be told, in the order of its events.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use lgsp_ingest::corridor::MAX_EVENT_BYTES;

/// Of how many events of one stream the other processes are asked at once, where there are any.
const ASK_AT_ONCE: usize = 256;

/// How many bytes these have at most, together; always at least one event.
const ASK_BYTES: usize = 2 * MAX_EVENT_BYTES;

/// Events for which other processes are asked, and what is known of those before them.
pub(super) struct Outgoing<'a, T> {
    asking: FuturesOrdered<BoxFuture<'a, (usize, T)>>,
    /// The size of the events in `asking`.
    bytes: usize,
    known: VecDeque<T>,
}

impl<'a, T: Send + 'a> Outgoing<'a, T> {
    pub(super) fn new() -> Self {
        Self { asking: FuturesOrdered::new(), bytes: 0, known: VecDeque::new() }
    }

    /// Tells whether the stream's next event may be read, however large it is.
    pub(super) fn has_room(&self) -> bool {
        let is_within =
            self.asking.len() < ASK_AT_ONCE && self.bytes + MAX_EVENT_BYTES <= ASK_BYTES;
        // What waits to be told needs a client that reads, more than another event.
        self.known.is_empty() && (is_within || self.asking.is_empty())
    }

    /// Puts an event of `bytes` behind all others, to be asked for.
    pub(super) fn ask(&mut self, bytes: usize, asking: impl Future<Output = T> + Send + 'a) {
        self.bytes += bytes;
        self.asking.push_back(asking.map(move |known| (bytes, known)).boxed());
    }

    pub(super) fn is_asking(&self) -> bool {
        !self.asking.is_empty()
    }

    /// Waits for the answer for the first event that is asked for; cancelled, nothing is lost.
    pub(super) async fn answered(&mut self) -> Option<T> {
        let (bytes, known) = self.asking.next().await?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(known)
    }

    /// Puts what is known behind all that is; nothing before it may still be asked for.
    pub(super) fn know(&mut self, known: T) {
        self.known.push_back(known);
    }

    pub(super) fn has_known(&self) -> bool {
        !self.known.is_empty()
    }

    /// Takes what is to be told first.
    pub(super) fn take(&mut self) -> Option<T> {
        self.known.pop_front()
    }

    /// Asks for nothing more; what is known stays.
    pub(super) fn forget_asked(&mut self) {
        self.asking = FuturesOrdered::new();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_asks_for_few_bytes_at_once_and_always_for_one_event() {
        let mut outgoing = Outgoing::new();
        outgoing.ask(2 * ASK_BYTES, async { 1 });
        assert!(!outgoing.has_room());
        assert_eq!(outgoing.answered().await, Some(1));
        assert!(outgoing.has_room());
        outgoing.ask(MAX_EVENT_BYTES, async { 2 });
        assert!(outgoing.has_room());
        outgoing.ask(1, async { 3 });
        assert!(!outgoing.has_room());
        outgoing.forget_asked();
        assert!(outgoing.has_room() && !outgoing.is_asking());
    }

    #[tokio::test]
    async fn nothing_is_read_while_something_waits_to_be_told() {
        let mut outgoing = Outgoing::new();
        (0..ASK_AT_ONCE).for_each(|event| outgoing.ask(1, async move { event }));
        assert!(!outgoing.has_room());
        for event in 0..ASK_AT_ONCE {
            let known = outgoing.answered().await.unwrap();
            assert_eq!(known, event);
            outgoing.know(known);
            assert!(!outgoing.has_room());
        }
        assert!((0..ASK_AT_ONCE).all(|event| outgoing.take() == Some(event)));
        assert!(outgoing.has_room() && !outgoing.has_known());
    }
}
