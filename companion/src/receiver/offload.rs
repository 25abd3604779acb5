//! Where requests are inflated, read and priced: small ones at once, large ones away from the threads that serve every
//! connection, or some dozens of large ones would hold up health checks and deadlines.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, oneshot};

use super::refusal::Refusal;

/// Bytes of a request that is read at once. Beyond, handing it to another thread costs little compared with reading it.
pub(super) const LARGE: usize = 256 * 1024;

/// Whether work on a request of `bytes` bytes has a thread of its own, which it may block.
pub(super) const fn is_large(bytes: usize) -> bool {
    bytes > LARGE
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs the work on requests. Clones share the threads for large ones: one for each core, since more would only take
/// turns, and hold more memory meanwhile. They are threads of their own, and not those of the runtime, because an allocator
/// keeps what each thread has freed: the runtime hands its work round to all the threads that it has.
#[derive(Debug, Clone)]
pub(super) struct Offload {
    places: Arc<Semaphore>,
    /// Started with the first large request.
    threads: Arc<Mutex<Option<SyncSender<Job>>>>,
}

impl Default for Offload {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(cores())), threads: Arc::default() }
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
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
            return caught(work);
        }
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Refusal::Unavailable)?;
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            let result = caught(work);
            drop(place);
            // Who asked may be gone.
            let _ = done.send(result);
        });
        // There is room for each place, so that this does not wait.
        self.threads()?.send(job).map_err(|_| Refusal::Unavailable)?;
        result.await.unwrap_or(Err(Refusal::Unavailable))
    }

    /// What hands jobs to the threads, which are started when they are first asked for.
    fn threads(&self) -> Result<SyncSender<Job>, Refusal> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.is_none() {
            *threads =
                start().inspect_err(|error| tracing::error!(%error, "no thread for large requests")).ok();
        }
        threads.clone().ok_or(Refusal::Unavailable)
    }
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        tracing::error!("reading a request panicked, refused for good");
        Refusal::Failed
    })
}

/// Starts the threads, which end when no [`Offload`] is left.
///
/// # Errors
/// When the system gives no thread at all.
fn start() -> std::io::Result<SyncSender<Job>> {
    let (jobs, next) = sync_channel(cores());
    let next = Arc::new(Mutex::new(next));
    let mut started = Err(std::io::ErrorKind::Other.into());
    for _ in 0..cores() {
        let next = Arc::clone(&next);
        #[expect(
            clippy::disallowed_methods,
            reason = "no job ends it, and who waits for one sees when it is gone"
        )]
        let thread = std::thread::Builder::new().name("reader".to_owned()).spawn(move || take(&next));
        started = started.or(thread.map(drop));
    }
    started.map(|()| jobs)
}

fn take(next: &Mutex<Receiver<Job>>) {
    loop {
        let job = next.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_work_has_one_thread_for_each_core_and_survives_a_panic() {
        let offload = Offload::default();
        let name = || std::thread::current().name().map(str::to_owned);
        assert_ne!(offload.run(LARGE, name).await.unwrap().as_deref(), Some("reader"));
        let mut threads = std::collections::HashSet::new();
        for number in 0..100 {
            let ran = offload.run(LARGE + 1, move || {
                assert!(number % 3 > 0, "every third panics");
                std::thread::current().id()
            });
            match ran.await {
                Ok(thread) => {
                    threads.insert(thread);
                }
                Err(refusal) => assert_eq!((refusal, number % 3), (Refusal::Failed, 0)),
            }
        }
        assert!((1..=cores()).contains(&threads.len()), "{threads:?}");
        assert_eq!(offload.run(LARGE + 1, name).await.unwrap().as_deref(), Some("reader"));
    }

    #[tokio::test]
    async fn work_goes_on_when_its_request_is_gone() {
        let (begun, begins) = sync_channel(1);
        let (go, goes) = sync_channel::<()>(1);
        let (ended, ends) = oneshot::channel();
        let run = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                goes.recv().unwrap();
                ended.send(()).unwrap();
            };
            Offload::default().run(LARGE + 1, work).await
        });
        tokio::task::spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        ends.await.unwrap();
    }
}
