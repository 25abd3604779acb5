//! The write path: a record is with the operating system before the call goes on, and no call waits for a disk.
//!
//! A thread first adds its record to a queue in memory, under a lock that no one holds while it touches a file. Before the
//! request leaves, or the response is over, it takes the right to write, if that is free, and writes what the queue holds;
//! if it is not free, another thread is writing, and will find the record there. Both take a microsecond, and the second
//! waits for it.
//!
//! When the file system stalls, the thread in the middle of `write` is held by the kernel. The others wait for it
//! [`PATIENCE`] once; from then on, until the write returns, calls only leave their records in the queue. For a while
//! after a stall, and always where the thread that is held might be the only one of a runtime, the journal's own thread
//! writes, and calls wait for it in the same way. It is called when the record is queued, so that it writes while the call
//! does what else there is to do.

mod ending;
mod receipt;
mod shared;
mod sync;
#[cfg(test)]
mod tests;
mod write;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) use self::shared::{Phase, Shared, Trouble};
use self::sync::SYNC_PATIENCE;
use super::codec::Number;
use super::record::{self, Kind};
use super::segment::SegmentFile;
use crate::clock;

/// How long a call waits for a record to be written, before it takes the file system to be stalled. Long enough for a
/// writing thread to lose its processor and get it back.
const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes that wait in memory for a stalled file system. What comes after them is skipped and counted.
const MAX_QUEUED: usize = 1024 * 1024;

/// So many times its size a segment takes in addition while the next one is not there.
const OVERRUN: u64 = 4;

/// The journal of this process.
#[derive(Debug)]
pub(super) struct Log {
    segment_size: u64,
    patience: Duration,
    /// Whether writes are synced as well.
    keep_to_sync: bool,
    shared: Mutex<Shared>,
    /// The thread that holds it may write. Calls only ever try for it. The bytes are the last that were written, for reuse.
    disk: Mutex<Vec<u8>>,
    /// How far the queue has been written.
    written: AtomicU64,
    stalled: AtomicBool,
    born: Instant,
    /// Until when the journal's own thread writes, in milliseconds since `born`.
    handed_until: AtomicU64,
    /// Something was written.
    done: Condvar,
    /// Something is to be written by the journal's own thread.
    work: Condvar,
    /// Something for the keeper to look at.
    chores: Condvar,
    /// Something for the syncer to look at.
    unsynced: Condvar,
}

impl Log {
    pub(super) fn new(segment_size: u64, first: SegmentFile, keep_to_sync: bool) -> Self {
        let mut shared = Shared { spare: Some(Arc::new(first)), ..Shared::default() };
        shared.begin_segment(this_time(), segment_size);
        Self {
            segment_size,
            patience: PATIENCE,
            keep_to_sync,
            shared: Mutex::new(shared),
            disk: Mutex::default(),
            written: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            born: clock::now(),
            handed_until: AtomicU64::new(0),
            done: Condvar::new(),
            work: Condvar::new(),
            chores: Condvar::new(),
            unsynced: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues that a call begins. `None` when it is skipped. [`settle`](Self::settle) waits until it is written down.
    pub(super) fn open(&self, time: u64, body: &[u8]) -> Option<Opened> {
        let (number, place) = {
            let mut shared = self.lock();
            let number = shared.index.next_number();
            let head = Number::of(number);
            let place = self.append(&mut shared, Kind::Open, time, &[head.bytes(), body])?;
            shared.index.opened(time);
            (number, place)
        };
        Some(Opened { number, placed: self.hand_over(place) })
    }

    /// Queues that a call has ended, likewise. The sequence number is taken inside, so that the journal has no number before
    /// it has all smaller ones.
    pub(super) fn close(
        &self,
        number: u64,
        time: u64,
        body: &[u8],
        sequence: impl FnOnce() -> u64,
    ) -> (u64, Option<Placed>) {
        let (sequence, place) = {
            let mut shared = self.lock();
            let sequence = sequence();
            if !shared.index.is_open(number) {
                return (sequence, None);
            }
            let head = [Number::of(number), Number::of(sequence)];
            match self.append(&mut shared, Kind::Close, time, &[head[0].bytes(), head[1].bytes(), body]) {
                Some(place) => {
                    shared.index.closed(number, sequence, time);
                    self.say_bye(&mut shared, time);
                    (sequence, place)
                }
                None => {
                    shared.index.not_closed(number);
                    return (sequence, None);
                }
            }
        };
        (sequence, Some(self.hand_over(place)))
    }

    /// Writes an OPEN once more, so that its segment is no longer held by it.
    pub(super) fn move_open(&self, number: u64, time: u64, body: &[u8]) -> bool {
        let place = {
            let mut shared = self.lock();
            if !shared.index.is_open(number) {
                return false;
            }
            let Some(place) = self.append(&mut shared, Kind::Open, time, &[body]) else { return false };
            shared.index.moved(number);
            place
        };
        self.settle(self.hand_over(place));
        true
    }

    /// Adds a record that no one waits for.
    pub(super) fn note(&self, shared: &mut Shared, kind: Kind, time: u64, body: &[u8]) -> bool {
        let noted = self.append(shared, kind, time, &[body]).is_some();
        self.work.notify_one();
        noted
    }

    /// Queues a record. Gives the place after it, or `None` when it is skipped.
    fn append(&self, shared: &mut Shared, kind: Kind, time: u64, body: &[&[u8]]) -> Option<u64> {
        let length = body.iter().map(|part| part.len()).sum::<usize>();
        let size = record::size(length);
        let fits = length <= record::MAX_BODY && shared.queued + size <= MAX_QUEUED;
        if shared.phase == Phase::Closed || !fits || !self.make_room(shared, size as u64, time) {
            // Only calls count. A receipt that is not kept is a call that is sent twice.
            if matches!(kind, Kind::Open | Kind::Close) && shared.phase != Phase::Closed {
                self.skip(shared);
            }
            return None;
        }
        shared.put(kind, time, body);
        Some(shared.end)
    }

    /// Goes on to the next segment where the current one has no room. Whether there is room.
    fn make_room(&self, shared: &mut Shared, size: u64, time: u64) -> bool {
        if !shared.sealed && shared.room >= size {
            return true;
        }
        self.call_keeper(shared);
        if shared.begin_segment(time, self.segment_size) {
            return true;
        }
        // The keeper has not made the next one yet.
        !shared.sealed && shared.over + size <= OVERRUN * self.segment_size
    }

    fn skip(&self, shared: &mut Shared) {
        shared.index.state.skipped += 1;
        shared.skipped += 1;
        if shared.trouble.is_none() && self.is_stalled() {
            shared.trouble = Some(Trouble::Stalled);
        }
        self.call_keeper(shared);
    }

    pub(super) fn call_keeper(&self, shared: &mut Shared) {
        if !std::mem::replace(&mut shared.chores, true) {
            self.chores.notify_one();
        }
    }

    /// Waits for chores, or for `regularly`. `false` at the end.
    pub(super) fn wait_for_chores(&self, regularly: Duration) -> bool {
        let mut shared = self.lock();
        if !shared.chores && shared.phase != Phase::Closed {
            shared = self.chores.wait_timeout(shared, regularly).unwrap_or_else(PoisonError::into_inner).0;
        }
        shared.chores = false;
        let now = clock::now();
        // A call that is dropped here goes on without a sync.
        shared.sync_waiters.retain(|waiter| now.duration_since(waiter.since) < SYNC_PATIENCE);
        shared.phase != Phase::Closed
    }

    /// Whether one more segment would go beyond the cap.
    pub(super) fn is_full(&self, cap: u64) -> bool {
        self.lock().index.bytes() + self.segment_size > cap
    }
}

/// A call whose beginning is queued.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) number: u64,
    pub(super) placed: Placed,
}

/// A record that is queued.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// The place after it.
    pub(super) place: u64,
    /// The journal's own thread was called to write it.
    handed: bool,
}

/// Unix time in nanoseconds.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// This time, in unix nanoseconds.
pub(super) fn this_time() -> u64 {
    nanoseconds(clock::timestamp())
}
