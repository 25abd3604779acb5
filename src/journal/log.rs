//! The write path: a record is with the operating system before the call goes on, and no call waits for a disk.
//!
//! A thread first adds its record to a queue in memory, under a lock that no one holds while it touches a file. Then it
//! takes the right to write, if that is free, and writes what the queue holds; if it is not free, another thread is
//! writing, and will find the record there. Both take a microsecond, and the second waits for it.
//!
//! When the file system stalls, the thread in the middle of `write` is held by the kernel. The others wait for it
//! [`PATIENCE`] once; from then on, until the write returns, calls only leave their records in the queue. For a while
//! after a stall, and always where the thread that is held might be the only one of a runtime, the journal's own thread
//! writes, and calls wait for it in the same way.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use super::body::{self, State};
use super::codec::Number;
use super::index::Index;
use super::ranges::Ranges;
use super::record::{self, Kind, Records};
use super::segment::SegmentFile;

/// How long a call waits for a record to be written, before it takes the file system to be stalled. Long enough for a
/// writing thread to lose its processor and get it back.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long after a stall the journal's own thread does the writing.
const CAUTION: Duration = Duration::from_secs(60);

/// How long a strict call waits for the disk.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes that wait in memory for a stalled file system. What comes after them is skipped and counted.
const MAX_QUEUED: usize = 1024 * 1024;

/// Writes that a call makes for others after its own.
const ROUNDS: u32 = 16;

/// Turns a thread looks for its record before it goes to sleep: about the time of one write.
const SPINS: u32 = 100;

/// The journal of this process.
#[derive(Debug)]
pub(super) struct Log {
    segment_size: u64,
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

/// What all threads share. Held for memory only.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) index: Index,
    /// What is to be written, by segment. The last is the current one, and stays when it is empty.
    queue: VecDeque<Chunk>,
    queued: usize,
    /// The place after the last byte that was ever queued.
    end: u64,
    /// What the current segment still takes.
    room: u64,
    /// The segment to go on with.
    pub(super) spare: Option<Arc<SegmentFile>>,
    /// Segments written to since they were last synced, where syncing is asked for.
    pub(super) to_sync: Vec<Arc<SegmentFile>>,
    sync_waiters: Vec<SyncWaiter>,
    waiting: u32,
    /// The keeper has something to do before its next regular round.
    pub(super) chores: bool,
    pub(super) phase: Phase,
    pub(super) trouble: Option<Trouble>,
    /// Records that were skipped and are not yet counted as a metric.
    pub(super) skipped: u64,
    pub(super) lost: u64,
    /// Lost calls that a report has named.
    reported: u64,
}

/// Where the journal is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Running,
    /// The process is about to end: the last call to end is followed by a BYE.
    Finishing,
    /// Nothing is written any more.
    Closed,
}

/// Why records are skipped.
#[derive(Debug)]
pub(super) enum Trouble {
    Write(io::Error),
    Stalled,
    /// The directory is gone.
    Vanished,
}

/// A call that waits for the disk.
#[derive(Debug)]
struct SyncWaiter {
    place: u64,
    since: Instant,
    done: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Chunk {
    segment: Arc<SegmentFile>,
    bytes: Vec<u8>,
    /// The place after its last byte.
    ends: u64,
}

impl Log {
    pub(super) fn new(segment_size: u64, first: SegmentFile, keep_to_sync: bool) -> Self {
        let mut shared = Shared { spare: Some(Arc::new(first)), ..Shared::default() };
        shared.begin_segment(nanoseconds(SystemTime::now()), segment_size);
        Self {
            segment_size,
            keep_to_sync,
            shared: Mutex::new(shared),
            disk: Mutex::default(),
            written: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            born: Instant::now(),
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

    /// Writes that a call begins, and gives its number. `None` when it could not be written down.
    pub(super) fn open(&self, time: u64, body: &[u8]) -> Option<Opened> {
        let (number, place) = {
            let mut shared = self.lock();
            let number = shared.index.next_number();
            let head = Number::of(number);
            let place = self.append(&mut shared, Kind::Open, time, &[head.bytes(), body])?;
            shared.index.opened(time);
            (number, place)
        };
        self.settle(place);
        Some(Opened { number, place })
    }

    /// Writes that a call has ended. The sequence number is taken inside, so that the journal has no number before it
    /// has all smaller ones.
    pub(super) fn close(&self, number: u64, time: u64, body: &[u8], sequence: impl FnOnce() -> u64) -> u64 {
        let (sequence, place) = {
            let mut shared = self.lock();
            let sequence = sequence();
            if !shared.index.is_open(number) {
                return sequence;
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
                    return sequence;
                }
            }
        };
        self.settle(place);
        sequence
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
        self.settle(place);
        true
    }

    /// Adds a record that no one waits for.
    pub(super) fn note(&self, shared: &mut Shared, kind: Kind, time: u64, body: &[u8]) -> bool {
        let noted = self.append(shared, kind, time, &[body]).is_some();
        self.work.notify_one();
        noted
    }

    /// Writes BYE once the process is about to end and no call is open.
    pub(super) fn say_bye(&self, shared: &mut Shared, time: u64) {
        if shared.phase == Phase::Finishing && !shared.index.any_open() {
            let last = Number::of(shared.index.state.last_sequence);
            self.note(shared, Kind::Bye, time, last.bytes());
        }
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
        if shared.room >= size {
            return true;
        }
        self.call_keeper(shared);
        shared.begin_segment(time, self.segment_size) && shared.room >= size
    }

    fn skip(&self, shared: &mut Shared) {
        shared.index.state.skipped += 1;
        shared.skipped += 1;
        if shared.trouble.is_none() && self.stalled.load(Ordering::Relaxed) {
            shared.trouble = Some(Trouble::Stalled);
        }
        self.call_keeper(shared);
    }

    pub(super) fn call_keeper(&self, shared: &mut Shared) {
        if !std::mem::replace(&mut shared.chores, true) {
            self.chores.notify_one();
        }
    }

    /// Returns once everything up to `place` is with the operating system, or once that takes too long.
    pub(super) fn settle(&self, place: u64) {
        if self.is_written(place) {
            return;
        }
        if self.may_write()
            && let Some(buffer) = self.try_disk()
        {
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
        while !self.is_written(place) && !self.stalled.load(Ordering::Acquire) {
            if !self.may_write() {
                self.work.notify_one();
            } else if let Some(buffer) = self.try_disk() {
                drop(shared);
                self.write(buffer, ROUNDS);
                shared = self.lock();
                continue;
            }
            // The right to write is given back before progress is reported, which takes the shared lock: what was held
            // just now is reported after the sleep has begun.
            let now = Instant::now();
            let deadline = *deadline.get_or_insert(now + PATIENCE);
            let Some(left) = deadline.checked_duration_since(now).filter(|left| !left.is_zero()) else {
                self.stall();
                break;
            };
            shared = self.done.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        shared.waiting -= 1;
    }

    fn is_written(&self, place: u64) -> bool {
        self.written.load(Ordering::Acquire) >= place
    }

    fn stall(&self) {
        let until = self.born.elapsed() + CAUTION;
        self.handed_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.stalled.store(true, Ordering::Release);
    }

    /// Whether a calling thread may write: not while writes stall or did so lately, and not where the runtime would
    /// come to rest with it.
    fn may_write(&self) -> bool {
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
    pub(super) fn write_all(&self) {
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
        let shared = self.lock();
        if shared.waiting > 0 {
            self.done.notify_all();
        } else if shared.queued > 0 {
            // Records that no one waits for any more.
            self.work.notify_one();
        }
        if !shared.to_sync.is_empty() {
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

    /// Marks calls that a receiver has acknowledged.
    pub(super) fn sent(&self, sequences: &[u64]) {
        let mut shared = self.lock();
        let mut known = Ranges::default();
        for sequence in sequences {
            if shared.index.sent(*sequence) {
                known.insert(*sequence..=*sequence);
            }
        }
        if known.is_empty() {
            return;
        }
        let mut body = Vec::new();
        known.encode(&mut body, usize::MAX);
        self.note(&mut shared, Kind::Sent, nanoseconds(SystemTime::now()), &body);
        if shared.index.oldest_is_free() || shared.index.oldest_is_held_open() {
            self.call_keeper(&mut shared);
        }
    }

    /// Notes that the exporter no longer has a call. Whether the journal has it.
    pub(super) fn returned(&self, sequence: u64) -> bool {
        self.lock().index.returned(sequence)
    }

    /// Notes that no receiver will ever take a call, so that the journal does not keep it.
    pub(super) fn refused(&self, sequence: u64) {
        let mut shared = self.lock();
        let now = nanoseconds(SystemTime::now());
        if shared.index.refused(sequence, now) {
            shared.lost += 1;
            self.call_keeper(&mut shared);
        }
    }

    /// Calls that only the journal has, with the segments of their records. `None` while their records may be on their
    /// way to the disk.
    pub(super) fn backlog(&self, most: usize) -> Option<(BTreeSet<u64>, BTreeSet<u32>)> {
        let shared = self.lock();
        (shared.index.has_backlog() && self.is_written(shared.end)).then(|| shared.index.backlog(most))
    }

    /// Waits until there is something for the journal's own thread to write. `false` at the end.
    pub(super) fn wait_for_work(&self) -> bool {
        let mut shared = self.lock();
        while shared.queued == 0 {
            if shared.phase == Phase::Closed {
                return false;
            }
            shared = self.work.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Waits for chores, or for `regularly`. `false` at the end.
    pub(super) fn wait_for_chores(&self, regularly: Duration) -> bool {
        let mut shared = self.lock();
        if !shared.chores && shared.phase != Phase::Closed {
            shared = self.chores.wait_timeout(shared, regularly).unwrap_or_else(PoisonError::into_inner).0;
        }
        shared.chores = false;
        let now = Instant::now();
        // A call that is dropped here goes on without a sync.
        shared.sync_waiters.retain(|waiter| now.duration_since(waiter.since) < SYNC_PATIENCE);
        shared.phase != Phase::Closed
    }

    /// Whether one more segment would go beyond the cap.
    pub(super) fn is_full(&self, cap: u64) -> bool {
        self.lock().index.bytes() + self.segment_size > cap
    }

    pub(super) fn is_running(&self) -> bool {
        self.lock().phase == Phase::Running
    }

    /// Notes what the process is.
    pub(super) fn set_resource(&self, resource: Vec<KeyValue>) {
        let mut shared = self.lock();
        shared.index.state.resource = resource;
        let state = shared.index.state.encode();
        self.note(&mut shared, Kind::State, nanoseconds(SystemTime::now()), &state);
    }

    /// The account, if calls were lost that no report has named yet.
    pub(super) fn news(&self) -> Option<State> {
        let mut shared = self.lock();
        let lost = shared.index.state.lost.count();
        (std::mem::replace(&mut shared.reported, lost) < lost).then(|| shared.index.state.clone())
    }

    /// The process is about to end: BYE is written once no call is open. Gives the account if it is written now.
    pub(super) fn finish(&self) -> Option<State> {
        let (place, state) = {
            let mut shared = self.lock();
            if shared.phase == Phase::Running {
                shared.phase = Phase::Finishing;
                self.say_bye(&mut shared, nanoseconds(SystemTime::now()));
            }
            let ended = shared.phase == Phase::Finishing && !shared.index.any_open();
            (shared.end, ended.then(|| shared.index.state.clone()))
        };
        self.settle(place);
        state
    }

    /// Writes no more, if the process has ended in order and every call is delivered. Whether that is so.
    pub(super) fn conclude(&self) -> bool {
        let done = {
            let mut shared = self.lock();
            let done =
                shared.phase == Phase::Finishing && !shared.index.any_open() && shared.index.waiting() == 0;
            if done {
                shared.phase = Phase::Closed;
            }
            done
        };
        if done {
            self.end();
        }
        done
    }

    /// The directory is gone, and with it whatever is written from here on.
    pub(super) fn vanish(&self) {
        let mut shared = self.lock();
        shared.room = 0;
        shared.spare = None;
        shared.trouble = Some(Trouble::Vanished);
    }

    /// A receiver that hears when everything up to `place` survives a loss of power.
    pub(super) fn synced(&self, place: u64) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.lock().sync_waiters.push(SyncWaiter { place, since: Instant::now(), done });
        self.unsynced.notify_one();
        receiver
    }

    /// Waits until something is to be synced: at once where a call waits for it, else `every` so long. Gives the
    /// segments, and the place up to which they are written. `None` at the end.
    pub(super) fn wait_for_unsynced(&self, every: Duration) -> Option<(Vec<Arc<SegmentFile>>, u64)> {
        let mut shared = self.lock();
        let mut since = None;
        loop {
            let written = self.written.load(Ordering::Acquire);
            let asked = shared.sync_waiters.iter().any(|waiter| waiter.place <= written);
            let due = *since.get_or_insert_with(Instant::now) + every;
            let now = Instant::now();
            let any = !shared.to_sync.is_empty();
            if any && (asked || now >= due || shared.phase == Phase::Closed) {
                return Some((std::mem::take(&mut shared.to_sync), written));
            }
            if shared.phase == Phase::Closed {
                return None;
            }
            shared = if any {
                self.unsynced.wait_timeout(shared, due - now).unwrap_or_else(PoisonError::into_inner).0
            } else {
                since = None;
                self.unsynced.wait(shared).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// Reports that everything up to `place` is synced.
    pub(super) fn report_synced(&self, place: u64) {
        let ready: Vec<SyncWaiter> = {
            let mut shared = self.lock();
            let waiters = std::mem::take(&mut shared.sync_waiters);
            let (ready, waiting) = waiters.into_iter().partition(|waiter| waiter.place <= place);
            shared.sync_waiters = waiting;
            ready
        };
        // A call may have been dropped meanwhile.
        ready.into_iter().for_each(|waiter| {
            let _dropped_meanwhile = waiter.done.send(());
        });
    }

    /// Lets calls go on that wait for a disk that fails.
    pub(super) fn sync_failed(&self) {
        let mut shared = self.lock();
        shared.sync_waiters.clear();
        shared.trouble.get_or_insert(Trouble::Write(io::Error::other("the disk could not be synced")));
        self.call_keeper(&mut shared);
    }

    /// Nothing is written from here on, and the journal's threads end.
    pub(super) fn end(&self) {
        self.lock().phase = Phase::Closed;
        self.work.notify_all();
        self.chores.notify_all();
        self.unsynced.notify_all();
    }
}

/// A call that is written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) number: u64,
    pub(super) place: u64,
}

impl Shared {
    /// Goes on to the spare segment, which begins with the account so far. Whether there was one.
    fn begin_segment(&mut self, time: u64, size: u64) -> bool {
        let Some(segment) = self.spare.take() else { return false };
        self.index.begin_segment(segment.id);
        self.index.grow(usize::try_from(segment.length()).unwrap_or(usize::MAX));
        self.room = size.saturating_sub(segment.length());
        self.queue.push_back(Chunk { segment, bytes: Vec::new(), ends: self.end });
        self.put_state(time);
        true
    }

    /// Writes the account, twice: without it the other records of a segment have no service.
    fn put_state(&mut self, time: u64) {
        let state = self.index.state.encode();
        for _ in 0..2 {
            self.put(Kind::State, time, &[&state]);
        }
    }

    fn put(&mut self, kind: Kind, time: u64, body: &[&[u8]]) {
        let Some(chunk) = self.queue.back_mut() else { return };
        let before = chunk.bytes.len();
        record::put(&mut chunk.bytes, chunk.segment.salt, kind, time, body);
        let size = chunk.bytes.len() - before;
        self.end += size as u64;
        chunk.ends = self.end;
        self.queued += size;
        self.room = self.room.saturating_sub(size as u64);
        self.index.grow(size);
    }

    /// The oldest bytes of the queue, moved into `buffer`, with their segment and the place after them.
    fn take(&mut self, buffer: &mut Vec<u8>) -> Option<(Arc<SegmentFile>, u64)> {
        while let Some(front) = self.queue.front_mut() {
            if !front.bytes.is_empty() {
                buffer.clear();
                std::mem::swap(buffer, &mut front.bytes);
                self.queued -= buffer.len();
                return Some((Arc::clone(&front.segment), front.ends));
            }
            if self.queue.len() == 1 {
                return None;
            }
            self.queue.pop_front();
        }
        None
    }

    /// Writes no more into a segment that has failed.
    fn seal(&mut self, id: u32) {
        if self.queue.back().is_some_and(|chunk| chunk.segment.id == id) {
            self.room = 0;
        }
    }

    /// Notes that a segment has bytes that are not synced.
    fn note_unsynced(&mut self, segment: Arc<SegmentFile>) {
        if self.to_sync.last().is_none_or(|last| last.id != segment.id) {
            self.to_sync.push(segment);
        }
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

/// Unix time in nanoseconds.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
