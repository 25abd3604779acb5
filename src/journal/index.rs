//! What a process knows of its own journal: which calls are open, which wait for a receiver, and in which segments
//! their records are. Plain data, held in memory and bounded by what the segments hold.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use super::body::State;
use super::ranges::Ranges;

/// Hashes numbers that this process gave out itself, one after the other.
#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

type Numbers<V> = HashMap<u64, V, BuildHasherDefault<NumberHasher>>;

/// A call that has ended and that no receiver has acknowledged.
#[derive(Debug, Clone, Copy)]
struct Closed {
    /// The segments of its two records.
    opened_in: u32,
    closed_in: u32,
}

/// What a segment is kept for.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) id: u32,
    pub(super) bytes: u64,
    /// Calls that are open, with their OPEN in it.
    open: u64,
    /// Records in it of calls that wait for a receiver.
    waiting: u64,
    /// The times of its first and last call, in unix nanoseconds.
    first: u64,
    last: u64,
}

/// The account of one process's journal.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The oldest first; records are added to the last.
    pub(super) segments: VecDeque<Segment>,
    /// By call number: the segment of the OPEN.
    open: Numbers<u32>,
    /// By sequence number.
    closed: Numbers<Closed>,
    /// Sequence numbers that are nowhere but in the journal: the exporter has given them back.
    backlog: BTreeSet<u64>,
    /// Calls whose OPEN is written and whose CLOSE could not be.
    pub(super) void: Ranges,
    pub(super) state: State,
}

/// What became of the oldest segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) id: u32,
    /// Calls that are lost with it.
    pub(super) lost: u64,
}

impl Index {
    /// Records go to a new segment from here on.
    pub(super) fn begin_segment(&mut self, id: u32) {
        self.segments.push_back(Segment { id, bytes: 0, open: 0, waiting: 0, first: u64::MAX, last: 0 });
    }

    fn current(&mut self) -> Option<&mut Segment> {
        self.segments.back_mut()
    }

    fn segment(&mut self, id: u32) -> Option<&mut Segment> {
        let place = self.segments.binary_search_by_key(&id, |segment| segment.id).ok()?;
        self.segments.get_mut(place)
    }

    /// Notes bytes in the current segment.
    pub(super) fn grow(&mut self, bytes: usize) {
        if let Some(segment) = self.current() {
            segment.bytes += bytes as u64;
        }
    }

    /// The number of the next call.
    pub(super) const fn next_number(&self) -> u64 {
        self.state.opened + 1
    }

    /// Notes an OPEN, in the current segment, of the call with [`Index::next_number`].
    pub(super) fn opened(&mut self, time: u64) {
        self.state.opened += 1;
        let number = self.state.opened;
        let Some(segment) = self.current() else { return };
        segment.open += 1;
        segment.first = segment.first.min(time);
        segment.last = segment.last.max(time);
        let id = segment.id;
        self.open.insert(number, id);
    }

    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    pub(super) fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Notes a CLOSE in the current segment.
    pub(super) fn closed(&mut self, number: u64, sequence: u64, time: u64) {
        self.state.last_sequence = self.state.last_sequence.max(sequence);
        let Some(opened_in) = self.open.remove(&number) else { return };
        self.state.closed += 1;
        let Some(closed_in) = self.current().map(|segment| segment.id) else { return };
        if let Some(segment) = self.segment(opened_in) {
            segment.open -= 1;
            segment.waiting += 1;
        }
        if let Some(segment) = self.current() {
            segment.waiting += 1;
            segment.first = segment.first.min(time);
            segment.last = segment.last.max(time);
        }
        self.closed.insert(sequence, Closed { opened_in, closed_in });
    }

    /// Notes that the end of a call cannot be written down.
    pub(super) fn not_closed(&mut self, number: u64) {
        if let Some(id) = self.open.remove(&number) {
            if let Some(segment) = self.segment(id) {
                segment.open -= 1;
            }
            self.void.insert(number..=number);
        }
    }

    /// Notes that a CLOSE did not reach the disk after all.
    pub(super) fn close_failed(&mut self, number: u64, sequence: u64) {
        if self.forget(sequence) {
            self.state.closed -= 1;
            self.void.insert(number..=number);
        }
    }

    /// Notes that an OPEN did not reach the disk after all.
    pub(super) fn not_opened(&mut self, number: u64) {
        if let Some(id) = self.open.remove(&number)
            && let Some(segment) = self.segment(id)
        {
            segment.open -= 1;
        }
    }

    /// Notes that a receiver has acknowledged a call. Whether that was news.
    pub(super) fn sent(&mut self, sequence: u64) -> bool {
        // It was dropped from the journal, and waited in memory.
        let late = self.state.lost.remove(sequence);
        let known = self.forget(sequence);
        if known || late {
            self.state.sent += 1;
        }
        known || late
    }

    /// Forgets a call that has ended. Whether it was known.
    pub(super) fn forget(&mut self, sequence: u64) -> bool {
        self.backlog.remove(&sequence);
        let Some(closed) = self.closed.remove(&sequence) else { return false };
        for id in [closed.opened_in, closed.closed_in] {
            if let Some(segment) = self.segment(id) {
                segment.waiting -= 1;
            }
        }
        true
    }

    /// Notes that a call is no longer with the exporter. Whether the journal has it.
    pub(super) fn returned(&mut self, sequence: u64) -> bool {
        let known = self.closed.contains_key(&sequence);
        if known {
            self.backlog.insert(sequence);
        }
        known
    }

    /// Notes that no receiver will ever take a call.
    pub(super) fn refused(&mut self, sequence: u64, time: u64) -> bool {
        let known = self.forget(sequence);
        if known {
            self.lose(sequence, time, time);
        }
        known
    }

    /// The oldest calls that only the journal has, with the segments that hold them.
    pub(super) fn backlog(&self, most: usize) -> (BTreeSet<u64>, BTreeSet<u32>) {
        let calls: BTreeSet<u64> = self.backlog.iter().copied().take(most).collect();
        let segments = calls.iter().filter_map(|sequence| self.closed.get(sequence));
        let segments = segments.flat_map(|closed| [closed.opened_in, closed.closed_in]).collect();
        (calls, segments)
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Calls that have ended and that no receiver has acknowledged.
    pub(super) fn waiting(&self) -> u64 {
        self.closed.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Calls that are open, with their OPEN in the oldest segment: written once more, they no longer hold it.
    pub(super) fn open_in_oldest(&self) -> Vec<u64> {
        let Some(oldest) = self.segments.front().filter(|segment| segment.open > 0) else {
            return Vec::new();
        };
        self.open.iter().filter(|(_, id)| **id == oldest.id).map(|(number, _)| *number).collect()
    }

    /// Notes that the OPEN of a call was written once more, into the current segment. Whether it is open still.
    pub(super) fn moved(&mut self, number: u64) -> bool {
        let Some(current) = self.current().map(|segment| segment.id) else { return false };
        let Some(id) = self.open.insert(number, current) else {
            self.open.remove(&number);
            return false;
        };
        if let Some(segment) = self.segment(id) {
            segment.open -= 1;
        }
        if let Some(segment) = self.current() {
            segment.open += 1;
        }
        true
    }

    /// Whether the oldest segment has nothing that is still needed. The current one is never free.
    pub(super) fn oldest_is_free(&self) -> bool {
        self.segments.len() > 1
            && self.segments.front().is_some_and(|segment| segment.open == 0 && segment.waiting == 0)
    }

    /// Whether only open calls hold the oldest segment.
    pub(super) fn oldest_is_held_open(&self) -> bool {
        self.segments.len() > 1
            && self.segments.front().is_some_and(|segment| segment.open > 0 && segment.waiting == 0)
    }

    /// Forgets the oldest segment, with the calls in it that no receiver has. The current one stays.
    pub(super) fn drop_oldest(&mut self) -> Option<Dropped> {
        if self.segments.len() < 2 {
            return None;
        }
        let oldest = self.segments.front()?.clone();
        let mut dropped = Dropped { id: oldest.id, lost: 0 };
        if oldest.waiting > 0 {
            let held = self
                .closed
                .iter()
                .filter(|(_, closed)| closed.opened_in == oldest.id || closed.closed_in == oldest.id);
            let held: Vec<u64> = held.map(|(sequence, _)| *sequence).collect();
            for sequence in held {
                // What the exporter still has may yet arrive. It is counted where it is given up.
                dropped.lost += u64::from(self.backlog.contains(&sequence));
                self.forget(sequence);
                self.lose(sequence, oldest.first, oldest.last);
            }
        }
        let held_open: Vec<u64> =
            self.open.iter().filter(|(_, id)| **id == oldest.id).map(|(number, _)| *number).collect();
        held_open.iter().for_each(|number| self.not_opened(*number));
        self.segments.pop_front();
        Some(dropped)
    }

    fn lose(&mut self, sequence: u64, first: u64, last: u64) {
        self.state.lost.insert(sequence..=sequence);
        let (from, to) = self.state.lost_between.unwrap_or((u64::MAX, 0));
        self.state.lost_between = Some((from.min(first), to.max(last)));
    }
}
