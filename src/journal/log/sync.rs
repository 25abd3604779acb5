//! Waits for the disk, where a journal promises to survive a loss of power.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::segment::SegmentFile;
use super::{Log, Phase, Trouble};
use crate::clock;

/// How long a strict call waits for the disk.
pub(super) const SYNC_PATIENCE: Duration = Duration::from_secs(10);

/// A call that waits for the disk.
#[derive(Debug)]
pub(super) struct SyncWaiter {
    place: u64,
    pub(super) since: Instant,
    done: oneshot::Sender<()>,
}

impl Log {
    /// A receiver that hears when everything up to `place` survives a loss of power.
    pub(in crate::journal) fn synced(&self, place: u64) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.lock().sync_waiters.push(SyncWaiter { place, since: clock::now(), done });
        self.unsynced.notify_one();
        receiver
    }

    /// Waits until something is to be synced: at once where a call waits for it, else `every` so long. Gives the
    /// segments, and the place up to which they are written. `None` at the end.
    pub(in crate::journal) fn wait_for_unsynced(
        &self,
        every: Duration,
    ) -> Option<(Vec<Arc<SegmentFile>>, u64)> {
        let mut shared = self.lock();
        let mut since = None;
        loop {
            let written = self.written.load(Ordering::Acquire);
            let asked = shared.sync_waiters.iter().any(|waiter| waiter.place <= written);
            let due = *since.get_or_insert_with(clock::now) + every;
            let now = clock::now();
            let any = !shared.to_sync.is_empty();
            // What a call asks for may have been synced along with an earlier one, and is then reported at once.
            if asked || any && (now >= due || shared.phase == Phase::Closed) {
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
    pub(in crate::journal) fn report_synced(&self, place: u64) {
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

    /// Lets calls go on that wait for a disk that fails. The segments are synced again next time.
    pub(in crate::journal) fn sync_failed(&self, segments: Vec<Arc<SegmentFile>>) {
        let mut shared = self.lock();
        shared.sync_waiters.clear();
        segments.into_iter().for_each(|segment| shared.note_unsynced(segment));
        shared.trouble.get_or_insert(Trouble::Write(io::Error::other("the disk could not be synced")));
        self.call_keeper(&mut shared);
    }
}
