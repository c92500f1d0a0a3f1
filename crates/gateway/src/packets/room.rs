//! Room for packets that are being read. The session stands within the body, so a stranger's body is
//! read too; what strangers can take of the memory is bounded here.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use lgsp_core::{ErrorCode, Fault};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::MAX_PACKET_BYTES;
use crate::json;

/// How many bytes of larger packets may be in memory at once.
const ROOM_BYTES: usize = 4 * MAX_PACKET_BYTES;

/// Packets up to this size, in bytes, need no room: so many requests as the door lets in of this
/// size are bounded enough, and a single dossier never waits behind large packets.
const SMALL_BYTES: usize = 64 * 1024;

/// How long a packet waits for room.
const ROOM_PATIENCE: Duration = Duration::from_secs(4);

/// The room.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_BYTES)))
    }
}

/// A packet's share of the room, to be held as long as the packet.
pub(super) struct Place {
    _share: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Reads a body once there is room for it.
    ///
    /// # Errors
    /// `overloaded` when there is no room for long; `payload_too_large`; `invalid_request` when the
    /// body breaks off.
    pub(super) async fn read(&self, body: Body) -> Result<(Bytes, Place), Fault> {
        // A body of unknown size may become as large as any.
        let size = body.size_hint().upper().map_or(MAX_PACKET_BYTES, |bytes| {
            usize::try_from(bytes).unwrap_or(usize::MAX).min(MAX_PACKET_BYTES)
        });
        let share = match size {
            ..=SMALL_BYTES => None,
            _ => {
                let share = u32::try_from(size).unwrap_or(u32::MAX);
                let share = Arc::clone(&self.0).acquire_many_owned(share);
                match tokio::time::timeout(ROOM_PATIENCE, share).await {
                    Ok(Ok(share)) => Some(share),
                    // Nothing of the packet was read.
                    _ => return Err(ErrorCode::Overloaded.into()),
                }
            }
        };
        let body = json::body(body, MAX_PACKET_BYTES).await?;
        Ok((body, Place { _share: share }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_packets_wait_for_room_and_small_ones_do_not() {
        let room = Room::default();
        let large = || Body::from(vec![b'x'; MAX_PACKET_BYTES]);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(room.read(large()).await.unwrap());
        }
        let waiting = room.read(large());
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let (small, _place) = room.read(Body::from("{}")).await.unwrap();
        assert_eq!(small, "{}");
        held.pop();
        assert_eq!(waiting.await.unwrap().0.len(), MAX_PACKET_BYTES);
    }

    #[tokio::test]
    async fn a_packet_beyond_the_limit_is_refused() {
        let body = Body::from(vec![b'x'; MAX_PACKET_BYTES + 1]);
        let refused = Room::default().read(body).await.map(|(body, _)| body.len());
        assert_eq!(refused.unwrap_err().code, ErrorCode::PayloadTooLarge);
    }
}
