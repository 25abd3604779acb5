//! Which requests a receiver admits: from whom, how many at a time, and for how long.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::header;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Code;

use super::body::Room;
use super::refusal::{Protocol, Refusal};
use super::sender::Senders;
use super::shares::{Owner, Shares};
use crate::metrics::{Metrics, RequestError};
use crate::net::connections::Peer;
use crate::net::host::is_meant;

/// How long a request waits for one of the places before it is refused. Short bursts pass; senders time out
/// after 10 s by default and must hear from us before.
const PATIENCE: Duration = Duration::from_secs(2);

/// The bounds of the receivers. Bodies take at most `requests / 4 * message_bytes` bytes as sent, and those of one large
/// request per core as much again inflated. What is read of them comes on top: nothing but a part of the calls of a
/// request, whose number is bounded. The calls that wait for the disk are bounded by the writer.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Bytes of one request, as sent and inflated.
    pub message_bytes: usize,
    /// Requests worked on at a time, over all entrances.
    pub requests: usize,
    /// From the headers of a request to its response.
    pub deadline: Duration,
    /// Who may send, and what.
    pub senders: Senders,
    /// Whether HTTP requests must be meant for this machine: an untrusted page in a local browser can let its own name
    /// point to loopback and would forge calls, but cannot help sending that name as the host. Browsers speak no
    /// gRPC.
    pub http_is_local: bool,
}

/// Admits requests to the receivers, which share its places.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    limits: Limits,
    places: Arc<Semaphore>,
    shares: Shares,
    room: Room,
    shares_of_room: Shares,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Admission with `limits` that counts refused requests in `metrics`.
    #[must_use]
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        let places = Arc::new(Semaphore::new(limits.requests));
        let shares = Shares::new(limits.requests);
        let room = Room::new(limits.requests, limits.message_bytes);
        let shares_of_room = Shares::new(room.units());
        Self { limits, places, shares, room, shares_of_room, metrics }
    }

    /// Bytes of one request, as sent and inflated.
    pub(super) const fn message_bytes(&self) -> usize {
        self.limits.message_bytes
    }

    /// Applies the admission to `router`. A request takes a place when its body is here, so that slow senders hold none.
    pub(super) fn guard(&self, router: Router, protocol: Protocol) -> Router {
        let state = (self.clone(), protocol);
        router.layer(middleware::from_fn_with_state(state, pass))
    }

    async fn admit(&self, protocol: Protocol, request: Request, next: Next) -> Result<Response, Refusal> {
        if protocol == Protocol::Http && self.limits.http_is_local && !is_meant(&request, &[]) {
            return Err(Refusal::Misdirected);
        }
        let Some(scope) = self.limits.senders.scope(request.headers()) else {
            self.metrics.wrong_tokens.answer_late(request.headers()).await;
            return Err(Refusal::Unauthenticated);
        };
        let peer = request.extensions().get::<Arc<Peer>>().cloned();
        let address = || peer.as_ref().map(|peer| Owner::Peer(peer.address()));
        let owner = scope.number().map(Owner::Sender).or_else(address);
        let work = scope.over(self.work(request, next, peer, owner));
        timeout(self.limits.deadline, work).await.unwrap_or(Err(Refusal::TimedOut))
    }

    async fn work(
        &self,
        request: Request,
        next: Next,
        peer: Option<Arc<Peer>>,
        owner: Option<Owner>,
    ) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let share = owner.map(|owner| self.shares_of_room.of(owner));
        let held = self.room.read(body, share.as_ref().map(|share| Arc::clone(&share.permits))).await?;
        let _at_work = peer.as_ref().map(Peer::work);
        let share = owner.map(|owner| self.shares.of(owner));
        let place = async {
            let own = match &share {
                Some(share) => Some(share.permits.acquire().await.ok()?),
                None => None,
            };
            Some((own, self.places.acquire().await.ok()?))
        };
        let Ok(Some(_place)) = timeout(PATIENCE, place).await else {
            return Err(Refusal::Overloaded(super::RETRY_AFTER));
        };
        let response = next.run(Request::from_parts(parts, Body::from(held.bytes))).await;
        drop(held.room);
        Ok(response)
    }
}

async fn pass(
    State((admission, protocol)): State<(Admission, Protocol)>,
    request: Request,
    next: Next,
) -> Response {
    let form = request.headers().get(header::CONTENT_TYPE).cloned();
    let response = admission
        .admit(protocol, request, next)
        .await
        .unwrap_or_else(|refusal| refusal.response(protocol, form.as_ref()));
    if let Some(error) = error_of(&response) {
        admission.metrics.count_error(error);
    }
    response
}

/// What kind of error `response` is, from HTTP or gRPC: the status of HTTP, or that of gRPC, which is in the
/// headers when there is no message.
fn error_of(response: &Response) -> Option<RequestError> {
    let grpc = tonic::Status::from_header_map(response.headers()).map(|status| status.code());
    match (grpc, response.status().as_u16()) {
        (Some(Code::Ok), _) | (None, 200..=299) => None,
        (Some(Code::Unauthenticated), _) | (None, 401) => Some(RequestError::Unauthenticated),
        (Some(Code::Unavailable), _) | (None, 429 | 503) => Some(RequestError::Retryable),
        _ => Some(RequestError::Malformed),
    }
}
