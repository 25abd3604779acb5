//! Memory for the responses that are on their way: those that are made and not read yet. It has one bound for all
//! connections, and there is always room for one more: the peer that holds most of it loses the connection that has held
//! some for longest. So readers that are slow or read nothing neither fill the memory nor shut others out.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connections::Peer;

/// Bytes of all responses of a listener that are on their way.
const ROOM: usize = 64 << 20;
/// How long a response may be on its way: so long, and a second more for each [`RATE`] bytes.
const GRACE: Duration = Duration::from_secs(30);
const RATE: usize = 256 << 10;

/// The responses of one listener that are on their way.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    room: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    next: u64,
    /// Who holds how much, the oldest first.
    responses: BTreeMap<u64, (Arc<Peer>, usize)>,
}

/// The bytes of a response with their part of the room, which is free again when nothing refers to them any more.
#[derive(Debug)]
struct Sent {
    bytes: Bytes,
    id: u64,
    outgoing: Outgoing,
    gone: CancellationToken,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.gone.cancel();
        self.outgoing.lock().free(self.id);
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl Outgoing {
    fn with_room(room: usize) -> Self {
        Self { room, held: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A change that is cut off leaves at most some bytes counted that are free.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `bytes` as they are sent to `peer`, where need be in the room of another. `None` when they are more than all of it.
    fn send(&self, peer: Arc<Peer>, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() > self.room {
            return None;
        }
        let mut held = self.lock();
        while held.bytes > self.room - bytes.len()
            && let Some(oldest) = held.oldest_of_the_largest()
            && let Some(slow) = held.free(oldest)
        {
            slow.displace();
        }
        let id = held.next;
        held.next += 1;
        held.bytes += bytes.len();
        held.responses.insert(id, (Arc::clone(&peer), bytes.len()));
        drop(held);
        let gone = CancellationToken::new();
        watch(peer, gone.clone(), GRACE + Duration::from_secs((bytes.len() / RATE) as u64));
        Some(Bytes::from_owner(Sent { bytes, id, outgoing: self.clone(), gone }))
    }
}

impl Held {
    fn free(&mut self, id: u64) -> Option<Arc<Peer>> {
        let (peer, bytes) = self.responses.remove(&id)?;
        self.bytes -= bytes;
        Some(peer)
    }

    fn oldest_of_the_largest(&self) -> Option<u64> {
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        for (peer, bytes) in self.responses.values() {
            *of_peer.entry(peer.address()).or_default() += bytes;
        }
        let largest = of_peer.values().max()?;
        self.responses
            .iter()
            .find(|(_, (peer, _))| of_peer.get(&peer.address()) == Some(largest))
            .map(|(id, _)| *id)
    }
}

/// Ends the connection of a response that is still on its way after `longest`.
fn watch(peer: Arc<Peer>, gone: CancellationToken, longest: Duration) {
    #[expect(clippy::disallowed_methods, reason = "it ends with the response, or after its time")]
    tokio::spawn(async move {
        if timeout(longest, gone.cancelled()).await.is_err() {
            peer.displace();
        }
    });
}

/// Gives the response of a request its part of the room.
pub(crate) async fn hold(State(outgoing): State<Outgoing>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    let response = next.run(request).await;
    let Some(peer) = peer else { return response };
    let (parts, body) = response.into_parts();
    // All of them are made before they are sent.
    let Ok(whole) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let bytes = whole.to_bytes();
    if bytes.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    match outgoing.send(peer, bytes) {
        Some(bytes) => Response::from_parts(parts, Body::from(bytes)),
        None => {
            let reason = format!("the response has more than {ROOM} bytes; ask for less\n");
            (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response()
        }
    }
}
