//! What became of calls that have ended: acknowledged, given back, or refused.

use std::collections::BTreeSet;

use opentelemetry::KeyValue;

use super::super::body::State;
use super::super::ranges::Ranges;
use super::super::record::Kind;
use super::{Log, Shared, this_time};

impl Log {
    /// Marks calls that a receiver has acknowledged.
    pub(in crate::journal) fn sent(&self, sequences: &[u64]) {
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
        self.note(&mut shared, Kind::Sent, this_time(), &body);
        if shared.index.oldest_is_free() || shared.index.oldest_is_held_open() {
            self.call_keeper(&mut shared);
        }
    }

    /// Notes that the exporter no longer has a call. Whether the journal has it.
    pub(in crate::journal) fn returned(&self, sequence: u64) -> bool {
        self.lock().index.returned(sequence)
    }

    /// Notes that no receiver will ever take a call, so that the journal does not keep it.
    pub(in crate::journal) fn refused(&self, sequence: u64) {
        let mut shared = self.lock();
        let now = this_time();
        if shared.index.refused(sequence, now) {
            shared.lost += 1;
            self.call_keeper(&mut shared);
        }
    }

    /// Calls that only the journal has, with the segments of their records. `None` while their records may be on their
    /// way to the disk.
    pub(in crate::journal) fn backlog(&self, most: usize) -> Option<(BTreeSet<u64>, BTreeSet<u32>)> {
        let shared = self.lock();
        (shared.index.has_backlog() && self.is_written(shared.end)).then(|| shared.index.backlog(most))
    }

    /// The account, if calls were lost that no report has named yet.
    pub(in crate::journal) fn news(&self) -> Option<State> {
        let mut shared = self.lock();
        let lost = shared.index.state.lost.count();
        (std::mem::replace(&mut shared.reported, lost) < lost).then(|| shared.index.state.clone())
    }

    /// Notes what the process is.
    pub(in crate::journal) fn set_resource(&self, resource: Vec<KeyValue>) {
        let mut shared = self.lock();
        shared.index.state.resource = resource;
        self.note_state(&mut shared);
    }

    /// Writes the account once more.
    pub(in crate::journal) fn note_state(&self, shared: &mut Shared) {
        let state = shared.index.state.encode();
        self.note(shared, Kind::State, this_time(), &state);
    }
}
