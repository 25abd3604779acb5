//! What the application's threads and the exporting thread share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::lane::{Lane, Limits};
use crate::clock;
use crate::journal::outbox;
use crate::semconv::SCOPE;

/// The lanes, and what is asked of the exporting thread.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) limits: Limits,
    state: Mutex<State>,
    /// Something for the exporting thread to look at.
    wake: Condvar,
    /// Something for those who wait for a flush or the end.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    calls: Lane,
    others: Lane,
    /// Since when the longest of the waiting spans has waited.
    oldest: Option<Instant>,
    resource: Option<Resource>,
    /// Counts the flushes asked for; a wait between two tries ends when it changes.
    flushes: u64,
    /// Calls and others that a flush waits for.
    flush_to: (u64, u64),
    /// Dropped for want of room, and not yet reported by the exporting thread.
    overflowed: u64,
    /// Not delivered, for whatever reason.
    lost: u64,
    stop_at: Option<Instant>,
    stopped: bool,
}

/// What the exporting thread does next.
#[derive(Debug)]
pub(super) enum Task {
    Resource(Resource),
    Export(Batch),
    /// Nothing else is due, and a journal has calls that wait.
    Backlog,
    /// Everything is exported, or the time is up.
    Stop,
}

/// Spans of one request, calls first.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) spans: Vec<SpanData>,
    /// How many of them came from each lane; the others are from a journal.
    calls: u64,
    others: u64,
}

impl Batch {
    pub(super) const fn from_journal(spans: Vec<SpanData>) -> Self {
        Self { spans, calls: 0, others: 0 }
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    ForTheWholeTime,
    /// A flush or the end was asked for: try at once.
    Hurried,
    /// The time for the last tries is over.
    TimeIsUp,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), wake: Condvar::new(), progress: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a span in, or counts it as lost.
    pub(super) fn push(&self, span: SpanData) {
        let call = span.instrumentation_scope.name() == SCOPE;
        let mut guard = self.lock();
        let state = &mut *guard;
        let lane = if call { &mut state.calls } else { &mut state.others };
        let stopping = state.stop_at.is_some();
        let left_out = if stopping { Some(span) } else { lane.push(span, &self.limits) };
        if let Some(span) = left_out {
            drop(guard);
            if !outbox::returned(&span) {
                let mut state = self.lock();
                state.overflowed += u64::from(!stopping);
                state.lost += 1;
            }
            return;
        }
        let waiting = state.calls.len() + state.others.len();
        // The thread sleeps until the first span is there, and then until a batch is full or the delay over.
        if state.oldest.is_none() {
            state.oldest = Some(clock::now());
            self.wake.notify_one();
        } else if waiting == self.limits.batch {
            self.wake.notify_one();
        }
    }

    pub(super) fn set_resource(&self, resource: Resource) {
        self.lock().resource = Some(resource);
        self.wake.notify_one();
    }

    /// Waits for work.
    pub(super) fn next(&self) -> Task {
        let mut state = self.lock();
        loop {
            if let Some(resource) = state.resource.take() {
                return Task::Resource(resource);
            }
            let waiting = state.calls.len() + state.others.len();
            let now = clock::now();
            let stopping = state.stop_at.is_some();
            if state.stop_at.is_some_and(|deadline| deadline <= now) {
                return Task::Stop;
            }
            let left =
                state.oldest.map(|oldest| self.limits.delay.saturating_sub(now.duration_since(oldest)));
            let hurried = waiting > 0 && (stopping || state.flush_is_due());
            if waiting >= self.limits.batch || left.is_some_and(|left| left.is_zero()) || hurried {
                return Task::Export(state.take(&self.limits));
            }
            if outbox::has_backlog() {
                return Task::Backlog;
            }
            if stopping {
                return Task::Stop;
            }
            state = match left {
                Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Notes that a batch is done with, and how many of its spans are lost.
    pub(super) fn settle(&self, batch: &Batch, lost: u64) {
        let mut state = self.lock();
        state.calls.left += batch.calls;
        state.others.left += batch.others;
        state.lost += lost;
        self.progress.notify_all();
    }

    /// The number dropped for want of room since the last time it was asked for.
    pub(super) fn overflowed(&self) -> u64 {
        std::mem::take(&mut self.lock().overflowed)
    }

    /// Waits before the next try.
    pub(super) fn wait(&self, wait: Duration) -> Waited {
        let mut state = self.lock();
        let (flushes, stopping) = (state.flushes, state.stop_at.is_some());
        let until = clock::now() + wait;
        loop {
            let now = clock::now();
            if state.stop_at.is_some_and(|deadline| deadline <= now) {
                return Waited::TimeIsUp;
            }
            if state.flushes != flushes || state.stop_at.is_some() != stopping {
                return Waited::Hurried;
            }
            let Some(left) = until.checked_duration_since(now).filter(|left| !left.is_zero()) else {
                return Waited::ForTheWholeTime;
            };
            let left = state.stop_at.map_or(left, |deadline| left.min(deadline.duration_since(now)));
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks for everything that waits now to be exported, and waits for it. Whether all of it was delivered.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = clock::now() + timeout;
        let mut state = self.lock();
        let target = (state.calls.entered, state.others.entered);
        let lost = state.lost;
        state.flush_to = (state.flush_to.0.max(target.0), state.flush_to.1.max(target.1));
        state.flushes += 1;
        self.wake.notify_one();
        loop {
            if state.calls.left >= target.0 && state.others.left >= target.1 && !outbox::has_backlog() {
                return state.lost == lost;
            }
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() || state.stopped {
                return false;
            }
            state = self.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks the thread to export what waits until `deadline`, and to end. Gives the number of spans lost before.
    pub(super) fn stop(&self, deadline: Instant) -> u64 {
        let mut state = self.lock();
        state.stop_at = Some(deadline);
        self.wake.notify_one();
        state.lost
    }

    /// Gives up what is left.
    pub(super) fn clear(&self) -> Vec<SpanData> {
        let mut state = self.lock();
        let calls = state.calls.clear();
        calls.chain(state.others.clear()).collect()
    }

    /// Notes that the thread ends, and how many spans it leaves undelivered.
    pub(super) fn close(&self, lost: u64) {
        let mut state = self.lock();
        state.lost += lost;
        state.stopped = true;
        self.progress.notify_all();
    }

    /// Whether the end was asked for.
    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stop_at.is_some()
    }

    /// Waits for [`Queue::close`] until `deadline`.
    pub(super) fn stopped(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return true;
            }
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                return false;
            }
            state = self.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All spans that were not delivered, for whatever reason.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }
}

impl State {
    fn flush_is_due(&self) -> bool {
        self.calls.left < self.flush_to.0 || self.others.left < self.flush_to.1
    }

    fn take(&mut self, limits: &Limits) -> Batch {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        self.calls.take(&mut batch.spans, &mut bytes, limits);
        batch.calls = batch.spans.len() as u64;
        self.others.take(&mut batch.spans, &mut bytes, limits);
        batch.others = batch.spans.len() as u64 - batch.calls;
        // What stays came later than what goes; its delay begins now.
        let empty = self.calls.len() + self.others.len() == 0;
        self.oldest = (!empty).then(clock::now);
        batch
    }
}
