//! What a journal reports of its process.

use spanledger::semconv::process_end;

use super::Timestamp;

/// A report on one process: how far its calls are numbered, whether it has ended, and which calls its journal dropped. A
/// later report of the same process replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessReport {
    /// `spanledger.instance`.
    pub instance: String,
    /// `service.name`.
    pub service: String,
    /// When it was made; of a process that has ended, when that wrote last.
    pub at: Timestamp,
    /// The last number that it gave to a call.
    pub last_sequence: u64,
    /// How it ended; `None` while it runs.
    pub end: Option<ProcessEnd>,
    /// Numbers of calls that were dropped, both ends included, in rising order; the newest where there are many.
    pub lost: Vec<(u64, u64)>,
    /// How many calls were dropped, also those that `lost` does not name.
    pub lost_calls: u64,
    /// When the first of them began and the last ended.
    pub lost_between: Option<(Timestamp, Timestamp)>,
    /// Calls that its journal could not write down before it died, as far as they are counted.
    pub skipped: u64,
}

impl ProcessReport {
    /// Calls that were dropped and that `lost` does not name.
    #[must_use]
    pub fn lost_unnamed(&self) -> u64 {
        let named = self.lost.iter().fold(0, |total: u64, (first, last)| {
            total.saturating_add(last.saturating_sub(*first).saturating_add(1))
        });
        self.lost_calls.saturating_sub(named)
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ProcessEnd {
    /// In order, with no call in flight.
    Orderly,
    /// Without a word: killed, crashed, or with calls in flight.
    Died,
}

impl ProcessEnd {
    /// The end with this name in the library's conventions.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            process_end::ORDERLY => Some(Self::Orderly),
            process_end::DIED => Some(Self::Died),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orderly => process_end::ORDERLY,
            Self::Died => process_end::DIED,
        }
    }
}
