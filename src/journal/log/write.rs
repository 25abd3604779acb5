//! Hands the queue to the operating system: by the thread of a call where that is quick, else by the journal's own.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::super::body;
use super::super::record::{Kind, Records};
use super::super::segment::SegmentFile;
use super::{Log, Phase, Placed, Trouble};
use crate::clock;

/// How long after a stall the journal's own thread does the writing.
const CAUTION: Duration = Duration::from_secs(60);

/// Writes that a call makes for others after its own.
const ROUNDS: u32 = 16;

/// Turns a thread looks for its record before it goes to sleep: about the time of one write.
const SPINS: u32 = 100;

impl Log {
    /// Calls the journal's own thread for what was queued up to `place`, where calls do not write. Without the lock, which
    /// the thread that wakes up takes at once.
    pub(super) fn hand_over(&self, place: u64) -> Placed {
        let handed = !self.may_write();
        if handed {
            self.work.notify_one();
        }
        Placed { place, handed }
    }

    /// Returns once a record and all before it are with the operating system, or once that takes too long.
    pub(in crate::journal) fn settle(&self, Placed { place, mut handed }: Placed) {
        if self.is_written(place) {
            return;
        }
        if handed {
            // It is on its way.
        } else if !self.may_write() {
            handed = true;
            self.work.notify_one();
        } else if let Some(buffer) = self.try_disk() {
            self.write(buffer, ROUNDS);
            if self.is_written(place) {
                return;
            }
        }
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if self.is_written(place) {
                return;
            }
        }
        let mut deadline = None;
        let mut shared = self.lock();
        shared.waiting += 1;
        while !self.is_written(place) && !self.is_stalled() {
            if !self.may_write() {
                if !std::mem::replace(&mut handed, true) {
                    self.work.notify_one();
                }
            } else if let Some(buffer) = self.try_disk() {
                drop(shared);
                self.write(buffer, ROUNDS);
                shared = self.lock();
                continue;
            }
            // The right to write is given back before progress is reported, which takes the shared lock: what was held
            // just now is reported after the sleep has begun.
            let now = clock::now();
            let deadline = *deadline.get_or_insert(now + self.patience);
            let Some(left) = deadline.checked_duration_since(now).filter(|left| !left.is_zero()) else {
                self.stall();
                break;
            };
            shared = self.done.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        shared.waiting -= 1;
    }

    pub(super) fn is_written(&self, place: u64) -> bool {
        self.written.load(Ordering::Acquire) >= place
    }

    pub(super) fn stall(&self) {
        let until = self.born.elapsed() + CAUTION;
        self.handed_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.stalled.store(true, Ordering::Release);
    }

    /// Whether calls go on before they are written down.
    pub(in crate::journal) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// Whether a calling thread may write: not while writes stall or did so lately, and not where the runtime would
    /// come to rest with it.
    pub(super) fn may_write(&self) -> bool {
        let handed_until = self.handed_until.load(Ordering::Relaxed);
        let calm = handed_until == 0 || u128::from(handed_until) < self.born.elapsed().as_millis();
        calm && !self.stalled.load(Ordering::Relaxed) && has_other_threads()
    }

    /// The right to write, unless another thread has it.
    fn try_disk(&self) -> Option<MutexGuard<'_, Vec<u8>>> {
        match self.disk.try_lock() {
            Ok(buffer) => Some(buffer),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Writes everything, and waits for its turn. For the journal's own threads.
    pub(in crate::journal) fn write_all(&self) {
        self.write(self.disk.lock().unwrap_or_else(PoisonError::into_inner), u32::MAX);
    }

    /// Writes chunk by chunk until the queue is empty, also what other threads add meanwhile, but not without end.
    fn write(&self, mut buffer: MutexGuard<'_, Vec<u8>>, rounds: u32) {
        for _ in 0..rounds {
            let Some((segment, ends)) = self.lock().take(&mut buffer) else { break };
            match segment.write(&buffer) {
                Ok(()) if self.keep_to_sync => self.lock().note_unsynced(segment),
                Ok(()) => {}
                Err(error) => self.failed(&segment, &buffer, error),
            }
            self.written.store(ends, Ordering::Release);
            self.stalled.store(false, Ordering::Release);
        }
        drop(buffer);
        let (any_waits, any_queued, any_unsynced) = {
            let shared = self.lock();
            (shared.waiting > 0, shared.queued > 0, !shared.to_sync.is_empty())
        };
        // Without the lock, which the threads that wake up take at once.
        if any_waits {
            self.done.notify_all();
        } else if any_queued {
            // Records that no one waits for any more.
            self.work.notify_one();
        }
        if any_unsynced {
            self.unsynced.notify_one();
        }
    }

    /// Takes back what did not reach the file.
    fn failed(&self, segment: &SegmentFile, bytes: &[u8], error: io::Error) {
        let mut shared = self.lock();
        for record in Records::new(bytes, segment.salt) {
            match record.kind {
                Kind::Open => {
                    if let Some(open) = body::read_open(record.body, record.time) {
                        shared.index.not_opened(open.number);
                        self.skip(&mut shared);
                    }
                }
                Kind::Close => {
                    if let Some(close) = body::read_close(record.body, record.time) {
                        shared.index.close_failed(close.number, close.sequence);
                        self.skip(&mut shared);
                    }
                }
                // Written again with the next segment, or not needed for more than to spare a second delivery.
                Kind::State | Kind::Sent | Kind::Void | Kind::Bye => {}
            }
        }
        shared.seal(segment.id);
        shared.trouble.get_or_insert(Trouble::Write(error));
        self.call_keeper(&mut shared);
    }

    /// Waits until there is something for the journal's own thread to write. `false` at the end.
    pub(in crate::journal) fn wait_for_work(&self) -> bool {
        let mut shared = self.lock();
        while shared.queued == 0 {
            if shared.phase == Phase::Closed {
                return false;
            }
            shared = self.work.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

/// Whether a thread that is held here leaves others to its runtime.
fn has_other_threads() -> bool {
    match Handle::try_current() {
        Ok(runtime) => {
            runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() > 1
        }
        Err(_) => true,
    }
}
