//! Reads the body of a request before the request takes one of the places: who sends slowly holds no other back, and
//! memory for bodies has one bound for all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::refusal::Refusal;

/// How long the next bytes of a body may take at most.
const IDLE: Duration = Duration::from_secs(5);
/// How many bytes of a body must come per second. So many earn a second until the next ones must be here, and never more
/// than [`IDLE`]: what came fast before does not count for long.
const RATE: u64 = 1024;
/// What memory for bodies is counted in.
const UNIT: usize = 1024;
/// A gRPC message has a prefix.
const PREFIX: usize = 16;

/// Memory for the bodies that are being read or worked on.
#[derive(Debug, Clone)]
pub(super) struct Room {
    units: Arc<Semaphore>,
    all: usize,
    /// Bytes of one body.
    most: usize,
}

/// A body, and its part of the room.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) room: Vec<OwnedSemaphorePermit>,
}

impl Room {
    /// Room for a quarter of the bodies that may be worked on, and for two in any case.
    pub(super) fn new(requests: usize, most: usize) -> Self {
        let all = units(most + PREFIX).saturating_mul((requests / 4).max(2)).min(Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(all)), all, most }
    }

    /// All of it.
    pub(super) const fn units(&self) -> usize {
        self.all
    }

    /// Reads a body. `own` is the share of its sender.
    pub(super) async fn read(&self, mut body: Body, own: Option<Arc<Semaphore>>) -> Result<Held, Refusal> {
        let mut until = Instant::now() + IDLE;
        let semaphores: Vec<_> = own.into_iter().chain([Arc::clone(&self.units)]).collect();
        let mut room: Vec<OwnedSemaphorePermit> = Vec::new();
        let (mut first, mut more, mut length, mut taken) = (Bytes::new(), BytesMut::new(), 0_usize, 0);
        loop {
            let frame = timeout_at(until, body.frame()).await.map_err(|_| Refusal::TimedOut)?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| Refusal::Malformed(format!("the body broke off: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            length += data.len();
            if length > self.most + PREFIX {
                return Err(Refusal::TooLarge(self.most));
            }
            let earned = Duration::from_micros(data.len() as u64 * 1_000_000 / RATE);
            until = (until + earned).min(Instant::now() + IDLE);
            let wanted = units(length) - taken;
            if wanted > 0 {
                for semaphore in &semaphores {
                    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
                    let permit = Arc::clone(semaphore).try_acquire_many_owned(wanted);
                    room.push(permit.map_err(|_| Refusal::Overloaded(super::RETRY_AFTER))?);
                }
                taken += wanted;
            }
            // Most bodies come in one piece, which is not copied.
            if first.is_empty() && more.is_empty() {
                first = data;
            } else {
                more.extend_from_slice(&std::mem::take(&mut first));
                more.extend_from_slice(&data);
            }
        }
        let bytes = if more.is_empty() { first } else { more.freeze() };
        Ok(Held { bytes, room })
    }
}

const fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};

    use super::*;

    /// A byte per `pause`, without an end.
    fn trickle(pause: Duration) -> Body {
        Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
        }))
    }

    fn pieces(pieces: usize, size: usize) -> Body {
        let pieces = stream::iter((0..pieces).map(move |_| Ok::<_, Infallible>(Bytes::from(vec![7; size]))));
        Body::from_stream(pieces.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_refused_as_retryable_after_some_seconds() {
        let room = Room::new(8, 1 << 20);
        for pause in [Duration::from_secs(60), Duration::from_secs(1), Duration::from_millis(4)] {
            let began = Instant::now();
            let read = room.read(trickle(pause), None).await;
            assert_eq!(read.unwrap_err(), Refusal::TimedOut);
            assert!(began.elapsed() < Duration::from_secs(8), "{pause:?}: {:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_fast_before_it_became_slow_is_refused_as_soon() {
        let room = Room::new(8, 1 << 20);
        let began = Instant::now();
        let fast = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![7; 1 << 19]))]);
        let slow = trickle(Duration::from_secs(1)).into_data_stream().map(|byte| Ok(byte.unwrap()));
        let read = room.read(Body::from_stream(fast.chain(slow)), None).await;
        assert_eq!(read.unwrap_err(), Refusal::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_over_all_bodies_and_for_one_sender() {
        let room = Room::new(8, 64 * 1024);
        let own = Arc::new(Semaphore::new(room.units().div_ceil(2)));
        let hold = |own: Option<Arc<Semaphore>>| {
            let (room, body) = (room.clone(), pieces(16, 4096));
            tokio::spawn(async move { room.read(body, own).await.map(|_| ()) })
        };
        let held = hold(Some(Arc::clone(&own)));
        tokio::task::yield_now().await;
        let refused = room.read(pieces(16, 4096), Some(own)).await;
        assert!(matches!(refused, Err(Refusal::Overloaded(_))), "{refused:?}");
        let whole = room.read(Body::from(vec![1; 60_000]), None).await.unwrap();
        assert_eq!(whole.bytes.len(), 60_000);
        drop((held, whole));
    }

    #[tokio::test(start_paused = true)]
    async fn too_large_is_final() {
        let room = Room::new(8, 4096);
        assert_eq!(room.read(pieces(3, 4096), None).await.unwrap_err(), Refusal::TooLarge(4096));
    }
}
