//! What of a ledger travels to another one: every account of a call, and what else is known of an hour.

use serde::{Deserialize, Serialize};

use crate::record::{CallRecord, Timestamp, Window};
use crate::store::StoreError;
use crate::store::identity::Shared;

/// The order in which calls travel: by end, then by identity. Senders that are kept apart may use the same ids, so that their
/// services are a part of it.
pub(crate) type Place = (i64, [u8; 16], [u8; 8], String);

/// One account of a call as the ledger has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct StoredCall {
    /// The call as it is counted.
    pub(crate) call: CallRecord,
    /// Whether it is the counted account of its call.
    pub(crate) counted: bool,
    /// Which of its facts are another account's.
    pub(crate) shared: Shared,
}

impl StoredCall {
    /// When the call ended; saturates.
    pub(crate) const fn end(&self) -> Timestamp {
        Timestamp(self.call.start.0.saturating_add(self.call.duration_ns))
    }

    pub(crate) fn place(&self) -> Place {
        let service = self.shared.own_service.as_ref().unwrap_or(&self.call.service);
        (self.end().0, self.call.trace_id, self.call.span_id, service.clone())
    }
}

/// What a ledger knows of an hour next to its calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HourFacts {
    /// Spans about work with a model that are no calls.
    pub(crate) skipped: Vec<SkippedCount>,
    /// Calls by credential and service.
    pub(crate) keys: Vec<KeyCount>,
    /// Sending processes whose newest call ended in the hour.
    pub(crate) processes: Vec<Process>,
    /// Ranges of missing numbers that were noticed in the hour.
    pub(crate) gaps: Vec<Gap>,
}

impl HourFacts {
    /// Whether all of it is in `known`, the facts of earlier files of the hour, the newest of them last.
    pub(crate) fn adds_nothing_to<'a>(
        &self,
        known: impl DoubleEndedIterator<Item = &'a Self> + Clone,
    ) -> bool {
        let has = |is: &dyn Fn(&Self) -> bool| known.clone().any(is);
        // The newest file that names a process is believed.
        let newest = |process: &Process| {
            let named = |of: &&'a Process| of.instance == process.instance && of.service == process.service;
            known.clone().rev().find_map(|facts| facts.processes.iter().find(named))
        };
        self.skipped.iter().all(|count| has(&|facts| facts.skipped.contains(count)))
            && self.keys.iter().all(|count| has(&|facts| facts.keys.contains(count)))
            && self.gaps.iter().all(|gap| has(&|facts| facts.gaps.contains(gap)))
            && self.processes.iter().all(|process| newest(process) == Some(process))
    }
}

/// Skipped spans of one scope and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkippedCount {
    pub(crate) scope: String,
    pub(crate) reason: String,
    pub(crate) spans: i64,
}

/// Calls of one credential in one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyCount {
    pub(crate) key: String,
    pub(crate) service: String,
    pub(crate) calls: i64,
}

/// A sending process of a service, with what its journal has reported. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    pub(crate) instance: String,
    pub(crate) service: String,
    /// The highest number seen.
    pub(crate) highest: i64,
    /// The end of its newest call.
    pub(crate) last_end: i64,
    /// `orderly` or `died`.
    pub(crate) ended: Option<String>,
    /// When its journal was reported.
    pub(crate) reported: Option<i64>,
    pub(crate) lost_from: Option<i64>,
    pub(crate) lost_to: Option<i64>,
    pub(crate) lost_unnamed: i64,
    pub(crate) skipped: i64,
    /// Numbers that its journal has dropped, both ends included.
    pub(crate) lost: Vec<[i64; 2]>,
}

/// Missing numbers of a process, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gap {
    pub(crate) instance: String,
    pub(crate) service: String,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// When that was noticed, in nanoseconds since 1970.
    pub(crate) noticed: i64,
}

/// A store whose calls can be read whole.
pub(crate) trait Exporter: Send + Sync {
    /// The first hour since 1970 of which the ledger has anything within `window`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn next_hour(&self, window: Window) -> Result<Option<i64>, StoreError>;

    /// Shows `work` one snapshot of what ended within `window`, which is a part of one hour.
    ///
    /// # Errors
    /// [`StoreError`].
    fn hour(&self, window: Window, work: &mut dyn FnMut(&dyn HourRows)) -> Result<(), StoreError>;

    /// The time before which the ledger has deleted calls, if it has.
    ///
    /// # Errors
    /// [`StoreError`].
    fn deleted_before(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// One snapshot of a part of an hour. It may be read several times.
pub(crate) trait HourRows {
    /// Gives every account, in the order of [`Place`], until `take` returns false.
    ///
    /// # Errors
    /// [`StoreError`].
    fn each(&self, take: &mut dyn FnMut(StoredCall) -> bool) -> Result<(), StoreError>;

    /// What else is known of the hour.
    ///
    /// # Errors
    /// [`StoreError`].
    fn facts(&self) -> Result<HourFacts, StoreError>;
}

/// All that is known of one account: what it was in earlier files of its hour, and what it is in the newest one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Versions {
    pub(crate) newest: StoredCall,
    pub(crate) older: Vec<StoredCall>,
}

/// What became of restored calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    /// New accounts that are counted.
    pub(crate) calls: u64,
    /// New accounts of calls that another one counts.
    pub(crate) other_accounts: u64,
    /// Accounts that were there as an earlier file has them, and are now what the newest one has.
    pub(crate) changed: u64,
    /// Accounts that were there.
    pub(crate) known: u64,
    /// Accounts from before what the ledger's retention has deleted.
    pub(crate) too_old: u64,
    /// Accounts without a free place: millions end at that time.
    pub(crate) without_place: u64,
}

impl Restored {
    pub(crate) const fn add(&mut self, more: Self) {
        self.calls += more.calls;
        self.other_accounts += more.other_accounts;
        self.changed += more.changed;
        self.known += more.known;
        self.too_old += more.too_old;
        self.without_place += more.without_place;
    }
}

/// A store that takes in what another one had.
pub(crate) trait Restorer {
    /// Whether the ledger has no calls.
    ///
    /// # Errors
    /// [`StoreError`].
    fn is_empty(&self) -> Result<bool, StoreError>;

    /// Takes in processes and their missing numbers: unknown ones as they are; of a known one what is beyond its highest
    /// number. Comes before the calls, which fill gaps.
    ///
    /// # Errors
    /// [`StoreError`].
    fn restore_processes(&mut self, processes: &[Process], gaps: &[Gap]) -> Result<(), StoreError>;

    /// Takes in accounts with what was decided of them; all or nothing. With `settle` they are also compared with accounts
    /// that the ledger has from elsewhere.
    ///
    /// # Errors
    /// [`StoreError`].
    fn restore(&mut self, batch: &[Versions], settle: bool) -> Result<Restored, StoreError>;

    /// Takes in the counts of an hour; the higher one of two is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    fn restore_counts(
        &mut self,
        hour: i64,
        skipped: &[SkippedCount],
        keys: &[KeyCount],
    ) -> Result<(), StoreError>;

    /// Ends a restoration: processes of which only calls were there are known from here on.
    ///
    /// # Errors
    /// [`StoreError`].
    fn restored(&mut self) -> Result<(), StoreError>;
}
