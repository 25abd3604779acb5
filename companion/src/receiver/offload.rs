//! Where requests are inflated, read and priced: small ones at once, large ones away from the threads that serve every
//! connection, or some dozens of large ones would hold up health checks and deadlines.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use super::refusal::Refusal;

/// Bytes of a request that is read at once. Beyond, handing it to another thread costs little compared with reading it.
pub(super) const LARGE: usize = 256 * 1024;

/// Whether work on a request of `bytes` bytes has a thread of its own, which it may block.
pub(super) const fn is_large(bytes: usize) -> bool {
    bytes > LARGE
}

/// Runs the work on requests. Clones share the places for large ones: one for each core, since more would only take
/// turns, and hold more memory meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Offload {
    places: Arc<Semaphore>,
}

impl Default for Offload {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(available_parallelism().map_or(1, NonZero::get))) }
    }
}

impl Offload {
    /// The result of `work` on a request of `bytes` bytes. Large work that has begun goes on when the future is dropped, and
    /// keeps its place until it is done.
    ///
    /// # Errors
    /// [`Refusal::Failed`] when the work panicked: it would again, so that retrying holds up what the sender has after it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        if !is_large(bytes) {
            return catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
                tracing::error!("reading a request panicked, refused for good");
                Refusal::Failed
            });
        }
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Refusal::Unavailable)?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "reading a request failed");
            if error.is_panic() { Refusal::Failed } else { Refusal::Unavailable }
        })
    }
}
