//! What the threads of a journal share: the account, and the queue of what is to be written.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::super::index::Index;
use super::super::record::{self, Kind};
use super::super::segment::SegmentFile;
use super::sync::SyncWaiter;

/// What all threads share. Held for memory only.
#[derive(Debug, Default)]
pub(in crate::journal) struct Shared {
    pub(in crate::journal) index: Index,
    /// What is to be written, by segment. The last is the current one, and stays when it is empty.
    pub(super) queue: VecDeque<Chunk>,
    pub(super) queued: usize,
    /// The place after the last byte that was ever queued.
    pub(super) end: u64,
    /// What the current segment still takes.
    pub(super) room: u64,
    /// What the current segment took beyond that, while there was no other.
    pub(super) over: u64,
    /// The current segment takes nothing more.
    pub(super) sealed: bool,
    /// The segment to go on with.
    pub(in crate::journal) spare: Option<Arc<SegmentFile>>,
    /// Segments written to since they were last synced, where syncing is asked for.
    pub(in crate::journal) to_sync: Vec<Arc<SegmentFile>>,
    pub(super) sync_waiters: Vec<SyncWaiter>,
    pub(super) waiting: u32,
    /// The keeper has something to do before its next regular round.
    pub(in crate::journal) chores: bool,
    pub(in crate::journal) phase: Phase,
    pub(in crate::journal) trouble: Option<Trouble>,
    /// Records that were skipped and are not yet counted as a metric.
    pub(in crate::journal) skipped: u64,
    pub(in crate::journal) lost: u64,
    /// Lost calls that a report has named.
    pub(super) reported: u64,
}

/// Where the journal is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::journal) enum Phase {
    #[default]
    Running,
    /// The process is about to end: the last call to end is followed by a BYE.
    Finishing,
    /// Nothing is written any more.
    Closed,
}

/// Why records are skipped.
#[derive(Debug)]
pub(in crate::journal) enum Trouble {
    Write(io::Error),
    Stalled,
    /// The directory is gone.
    Vanished,
}

#[derive(Debug)]
pub(super) struct Chunk {
    segment: Arc<SegmentFile>,
    bytes: Vec<u8>,
    /// The place after its last byte.
    ends: u64,
}

impl Shared {
    /// Goes on to the spare segment, which begins with the account so far. Whether there was one.
    pub(super) fn begin_segment(&mut self, time: u64, size: u64) -> bool {
        let Some(segment) = self.spare.take() else { return false };
        self.index.begin_segment(segment.id);
        self.index.grow(usize::try_from(segment.length()).unwrap_or(usize::MAX));
        self.room = size.saturating_sub(segment.length());
        (self.over, self.sealed) = (0, false);
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

    pub(super) fn put(&mut self, kind: Kind, time: u64, body: &[&[u8]]) {
        let Some(chunk) = self.queue.back_mut() else { return };
        let before = chunk.bytes.len();
        record::put(&mut chunk.bytes, chunk.segment.salt, kind, time, body);
        let size = chunk.bytes.len() - before;
        self.end += size as u64;
        chunk.ends = self.end;
        self.queued += size;
        self.over += (size as u64).saturating_sub(self.room);
        self.room = self.room.saturating_sub(size as u64);
        self.index.grow(size);
    }

    /// The oldest bytes of the queue, moved into `buffer`, with their segment and the place after them.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>) -> Option<(Arc<SegmentFile>, u64)> {
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
    pub(super) fn seal(&mut self, id: u32) {
        if self.queue.back().is_some_and(|chunk| chunk.segment.id == id) {
            self.sealed = true;
        }
    }

    /// Notes that a segment has bytes that are not synced.
    pub(super) fn note_unsynced(&mut self, segment: Arc<SegmentFile>) {
        if self.to_sync.iter().all(|noted| noted.id != segment.id) {
            self.to_sync.push(segment);
        }
    }
}
