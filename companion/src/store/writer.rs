//! The one thread that writes. Callers hand it batches and wait until theirs is durable; batches that wait
//! together become durable together, so that many small senders share one sync of the disk.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::clock;
use crate::record::{CallRecord, Passage, ProcessReport, SkippedHours, Timestamp};
use crate::store::{Appended, Appender, Batch, StoreError};

mod stats;

use stats::Counters;
pub(crate) use stats::{LATENCY_BOUNDS, WriterStats};

/// How the writer works.
#[derive(Debug, Clone)]
pub(crate) struct WriterOptions {
    /// Calls that may wait. Defaults to 65,536. A single larger batch is taken when nothing else waits.
    pub queue: usize,
    /// Calls made durable together. Defaults to 8,192; a single larger batch stays whole.
    pub group: usize,
    /// Pause between two runs of the store's housekeeping. Defaults to 10 s.
    pub maintain_every: Duration,
    /// What time it is, for the housekeeping.
    pub clock: fn() -> Timestamp,
}

impl WriterOptions {
    /// The defaults with this clock.
    #[must_use]
    pub(crate) fn new(clock: fn() -> Timestamp) -> Self {
        Self { queue: 65_536, group: 8_192, maintain_every: Duration::from_secs(10), clock }
    }
}

/// Why a batch is not in the ledger.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum AppendError {
    /// Too much waits already; the sender should try again soon.
    #[error(
        "the ledger is over capacity: {waiting} of {capacity} calls are waiting to be written, retry later"
    )]
    Full {
        /// Calls that wait.
        waiting: usize,
        /// Calls that may wait.
        capacity: usize,
    },
    /// The writer is stopping; the sender should try again after the restart.
    #[error("the ledger is being closed, retry later")]
    Stopped,
    /// The store refused it. Nothing of the batch is in the ledger.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

/// Starts the writer.
#[derive(Debug)]
pub(crate) struct Writer;

impl Writer {
    /// Moves `appender` to a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        appender: impl Appender + 'static,
        options: WriterOptions,
    ) -> std::io::Result<WriterHandle> {
        let (ended, end) = watch::channel(false);
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::default()),
            changed: Condvar::new(),
            counters: Counters::default(),
            options,
            trouble: Mutex::default(),
        });
        let thread = Thread { shared: Arc::clone(&shared), appender, _ended: ended };
        #[expect(
            clippy::disallowed_methods,
            reason = "its end shows in a channel that the application watches"
        )]
        std::thread::Builder::new().name("ledger-writer".to_owned()).spawn(move || thread.run())?;
        Ok(WriterHandle { shared, end })
    }
}

/// Hands batches to the writer. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct WriterHandle {
    shared: Arc<Shared>,
    /// Closed when the thread is gone.
    end: watch::Receiver<bool>,
}

impl WriterHandle {
    /// Appends a batch and returns when its calls are durable; without calls it returns at once. A future that is dropped
    /// does not take the batch back.
    ///
    /// # Errors
    /// [`AppendError`]; [`AppendError::Full`] comes at once.
    #[cfg(test)]
    pub(crate) async fn append(&self, calls: Vec<CallRecord>) -> Result<Appended, AppendError> {
        self.append_with(calls, Vec::new(), Vec::new(), SkippedHours::default()).await
    }

    /// Appends calls as [`Self::append`] does, and notes spans that are no calls: those that may connect them, for which
    /// it does not wait, and how many of which kind there were.
    ///
    /// # Errors
    /// [`AppendError`]; [`AppendError::Full`] comes at once.
    pub(crate) async fn append_with(
        &self,
        calls: Vec<CallRecord>,
        passages: Vec<Passage>,
        processes: Vec<ProcessReport>,
        skipped: SkippedHours,
    ) -> Result<Appended, AppendError> {
        if calls.is_empty() && passages.is_empty() && processes.is_empty() && skipped.is_empty() {
            return Ok(Appended::default());
        }
        let passages_alone = calls.is_empty() && processes.is_empty() && skipped.is_empty();
        let answer = self.shared.enqueue(calls, passages, processes, skipped)?;
        if passages_alone {
            return Ok(Appended::default());
        }
        // The thread answers whatever it took; it drops the question only when it is gone.
        answer.await.unwrap_or(Err(AppendError::Stopped))
    }

    /// Appends a part of a batch as [`Self::append_with`] does, on a thread that may block. It waits for all of it, so that the
    /// parts of one batch never fill the queue.
    ///
    /// # Errors
    /// [`AppendError`]; [`AppendError::Full`] comes at once.
    pub(crate) fn append_blocking(
        &self,
        calls: Vec<CallRecord>,
        passages: Vec<Passage>,
        processes: Vec<ProcessReport>,
    ) -> Result<Appended, AppendError> {
        let answer = self.shared.enqueue(calls, passages, processes, SkippedHours::default())?;
        answer.blocking_recv().unwrap_or(Err(AppendError::Stopped))
    }

    /// Counters since the start.
    #[must_use]
    pub(crate) fn stats(&self) -> WriterStats {
        self.shared.counters.snapshot(self.shared.lock().waiting)
    }

    /// Why the store took nothing when it was last asked, by an append or by its housekeeping; `None` when it did.
    #[must_use]
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether writing has ended: the writer was stopped, or the store panicked.
    #[must_use]
    pub(crate) fn has_ended(&self) -> bool {
        self.end.has_changed().is_err()
    }

    /// Waits until writing has ended.
    pub(crate) async fn ended(&self) {
        let mut end = self.end.clone();
        // The sender never sends: a change is its end.
        while end.changed().await.is_ok() {}
    }

    /// Takes nothing more, writes what waits, runs the housekeeping a last time and closes the store. Tells
    /// whether that was done within `deadline`; the thread goes on if not.
    pub(crate) async fn stop(&self, deadline: Duration) -> bool {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        tokio::time::timeout(deadline, self.ended()).await.is_ok()
    }
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    counters: Counters,
    options: WriterOptions,
    /// Why the store took nothing when it was last asked.
    trouble: Mutex<Option<&'static str>>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Calls in `jobs` and in the group that is being written.
    waiting: usize,
    stopping: bool,
}

#[derive(Debug)]
struct Job {
    calls: Vec<CallRecord>,
    passages: Vec<Passage>,
    processes: Vec<ProcessReport>,
    skipped: SkippedHours,
    since: Instant,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

impl Job {
    fn batch(&self) -> Batch<'_> {
        let skipped = Some(&self.skipped).filter(|skipped| !skipped.is_empty());
        Batch { calls: &self.calls, passages: &self.passages, processes: &self.processes, skipped }
    }

    fn len(&self) -> usize {
        self.calls.len() + self.passages.len() + self.processes.len() + self.skipped.iter().count()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is a single statement or repeated safely.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_trouble(&self, trouble: Option<&'static str>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn enqueue(
        &self,
        calls: Vec<CallRecord>,
        passages: Vec<Passage>,
        processes: Vec<ProcessReport>,
        skipped: SkippedHours,
    ) -> Result<oneshot::Receiver<Result<Appended, AppendError>>, AppendError> {
        let (answer, answered) = oneshot::channel();
        let mut queue = self.lock();
        if queue.stopping {
            return Err(AppendError::Stopped);
        }
        let capacity = self.options.queue;
        let job = Job { calls, passages, processes, skipped, since: clock::instant(), answer };
        if queue.waiting > 0 && queue.waiting + job.len() > capacity {
            self.counters.refused(job.calls.len());
            return Err(AppendError::Full { waiting: queue.waiting, capacity });
        }
        queue.waiting += job.len();
        queue.jobs.push_back(job);
        drop(queue);
        self.changed.notify_one();
        Ok(answered)
    }

    /// The next jobs to write together; none when it is time for the housekeeping. `None` at the end.
    fn next_group(&self, maintain_at: Instant) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        loop {
            if !queue.jobs.is_empty() {
                return Some(take_group(&mut queue.jobs, self.options.group));
            }
            if queue.stopping {
                return None;
            }
            let Some(wait) =
                maintain_at.checked_duration_since(clock::instant()).filter(|wait| !wait.is_zero())
            else {
                return Some(Vec::new());
            };
            queue = self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn take_group(jobs: &mut VecDeque<Job>, most: usize) -> Vec<Job> {
    let mut group = Vec::new();
    let mut calls = 0;
    while let Some(job) = jobs.front() {
        calls += job.len();
        if !group.is_empty() && calls > most {
            break;
        }
        group.extend(jobs.pop_front());
    }
    group
}

struct Thread<A> {
    shared: Arc<Shared>,
    appender: A,
    /// Dropped with the thread, however it ends.
    _ended: watch::Sender<bool>,
}

impl<A> Drop for Thread<A> {
    /// Wakes those who wait, even when the store has panicked.
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.stopping = true;
        queue.jobs.clear();
    }
}

impl<A: Appender> Thread<A> {
    fn run(mut self) {
        let pause = self.shared.options.maintain_every;
        let mut maintain_at = clock::instant() + pause;
        while let Some(group) = self.shared.next_group(maintain_at) {
            if !group.is_empty() {
                self.write(group);
            }
            if clock::instant() >= maintain_at {
                // What is left over is done soon, but what waits to be written comes first.
                let more = self.maintain();
                maintain_at = clock::instant() + if more { pause / 50 } else { pause };
            }
        }
        self.maintain();
    }

    fn write(&mut self, group: Vec<Job>) {
        let batches: Vec<Batch<'_>> = group.iter().map(Job::batch).collect();
        let answers = self.appender.append_group(&batches);
        let errors: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        let all_failed = errors.len() == answers.len();
        self.shared.note_trouble(errors.first().filter(|_| all_failed).map(|error| error.in_short()));
        self.shared.lock().waiting -= group.iter().map(Job::len).sum::<usize>();
        self.shared.counters.committed();
        for (job, answer) in group.into_iter().zip(answers) {
            let answer = answer.map_err(|error| AppendError::Store(Arc::new(error)));
            if !job.calls.is_empty() {
                self.shared.counters.answered(&answer, job.calls.len(), job.since.elapsed());
            }
            // The caller may have gone; the calls are in the ledger all the same.
            let _ = job.answer.send(answer);
        }
    }

    fn maintain(&mut self) -> bool {
        match self.appender.maintain((self.shared.options.clock)()) {
            Ok(maintained) => {
                self.shared.counters.maintained(maintained);
                self.shared.note_trouble(None);
                maintained.more
            }
            Err(error) => {
                self.shared.counters.maintain_failed();
                self.shared.note_trouble(Some(error.in_short()));
                tracing::warn!(%error, "ledger housekeeping failed");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
