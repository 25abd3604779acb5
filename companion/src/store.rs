//! The seam between the ledger and the database below it. Every store passes one conformance suite.
//!
//! Calls are counted in a window by the moment they **end** (`start + duration`): the moment at which their
//! facts are known, and at which an alert on them can be expected.

pub mod memory;

use std::path::PathBuf;

use crate::record::{CallRecord, NanoUsd, Timestamp, Window};

#[cfg(test)]
pub(crate) mod conformance;
mod overview;
pub mod sqlite;
mod sums;
pub mod writer;

pub use overview::{Overview, OverviewQuestion, Repetition};

/// Takes calls in. One appender writes a ledger at a time; it may block on the disk.
pub trait Appender: Send {
    /// Appends a batch and returns when it is durable. All or nothing. A call whose (trace id, span id) is
    /// known changes nothing and is counted as a duplicate; the same holds within the batch.
    ///
    /// # Errors
    /// [`StoreError`], after which nothing of the batch is in the ledger and the batch may be sent again.
    fn append(&mut self, batch: &[CallRecord]) -> Result<Appended, StoreError>;

    /// Appends several batches, each all or nothing, and answers for each. A store may make them durable
    /// together, which is cheaper; by default they are appended one after the other.
    fn append_group(&mut self, batches: &[Vec<CallRecord>]) -> Vec<Result<Appended, StoreError>> {
        batches.iter().map(|batch| self.append(batch)).collect()
    }

    /// Deletes what is past its retention at `now` and does the store's housekeeping. Does a bounded amount
    /// of work a call.
    ///
    /// # Errors
    /// [`StoreError`]; the ledger stays usable.
    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError>;
}

/// Answers questions. Shared between threads; each answer is a short read transaction, so that no question
/// holds back the writer's checkpoint.
pub trait Querier: Send + Sync {
    /// Sums over all calls of a window.
    ///
    /// # Errors
    /// [`StoreError`], as for every question below.
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError>;

    /// Sums by one dimension, the most calls first (ties by name), at most `limit` groups.
    ///
    /// # Errors
    /// [`StoreError`].
    fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError>;

    /// Sums for each `step_seconds` of a window, oldest first; steps without calls are present with zeros. The first
    /// begins with the window. Steps of whole minutes begin on whole minutes after that, so that the first may be
    /// shorter by less than a minute; the last ends with the window.
    ///
    /// # Errors
    /// [`StoreError`].
    fn series(&self, window: Window, filter: &Filter, step_seconds: i64) -> Result<Vec<Step>, StoreError>;

    /// Everything a report says about a window. A store that can answer it faster than by asking itself the other
    /// questions does so; see [`Repetition`] for what may then be a lower bound.
    ///
    /// # Errors
    /// [`StoreError`], also when the series would be refused.
    fn overview(&self, question: &OverviewQuestion<'_>) -> Result<Overview, StoreError> {
        overview::one_by_one(self, question)
    }

    /// Distribution of durations and of times to the first chunk.
    ///
    /// # Errors
    /// [`StoreError`].
    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError>;

    /// Request hashes seen more than `more_than` times, the most calls first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<Repeated>, StoreError>;

    /// How many calls of a window carry a hash, and how many of those repeat another's of the window.
    ///
    /// # Errors
    /// [`StoreError`].
    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError>;

    /// The largest single call of each user above `more_than` tokens, largest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn largest_calls(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError>;

    /// Sequence numbers that are missing at `now` below a higher one of the same instance that has been in
    /// the ledger since before `older_than`. At most `limit` gaps, oldest first. Numbers older than the
    /// retention are not missing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sequence_gaps(
        &self,
        older_than: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<SequenceGap>, StoreError>;

    /// When the newest call that ended before `before` ended.
    ///
    /// # Errors
    /// [`StoreError`].
    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError>;

    /// Calls that match, newest first; those that end in the same microsecond in any order. `page.after`
    /// continues where an earlier page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError>;
}

/// Which calls a question is about. An absent field matches all; several must all match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Exact `service.name`.
    pub service: Option<String>,
    /// Exact model, as [`CallRecord::model`] names it.
    pub model: Option<String>,
    /// Exact provider.
    pub provider: Option<String>,
    /// Exact user id. Questions with this or a later field read rows, not roll-ups.
    pub user: Option<String>,
    /// Exact request hash.
    pub hash: Option<String>,
    /// Exact trace id.
    pub trace_id: Option<[u8; 16]>,
    /// Exact outcome.
    pub outcome: Option<spanledger::Outcome>,
    /// Exact HTTP status.
    pub status_code: Option<u16>,
    /// Services whose calls are left out.
    pub except_services: Vec<String>,
    /// Models whose calls are left out.
    pub except_models: Vec<String>,
}

/// What sums can be taken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// [`CallRecord::model`].
    Model,
    /// The provider.
    Provider,
    /// The service.
    Service,
    /// The user; calls without one are left out.
    User,
    /// `error.type`; calls without one are left out.
    Error,
    /// The outcome.
    Outcome,
    /// The cost status.
    CostStatus,
}

/// Sums over calls. All of them are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All calls.
    pub calls: u64,
    /// Outcome `completed`.
    pub succeeded: u64,
    /// Outcome `truncated`, `failed` or `timed_out`.
    pub failed: u64,
    /// HTTP status 401 or 403.
    pub unauthorized: u64,
    /// HTTP status 429.
    pub rate_limited: u64,
    /// Succeeded and without any usage.
    pub succeeded_without_usage: u64,
    /// Has usage, has no price.
    pub unpriced: u64,
    /// Sum over the calls that report it.
    pub input_tokens: u64,
    /// Sum over the calls that report it.
    pub output_tokens: u64,
    /// Sum over the calls that report it.
    pub cache_read_tokens: u64,
    /// Sum over the calls that report it.
    pub cache_write_tokens: u64,
    /// Sum over the calls that report it.
    pub reasoning_tokens: u64,
    /// Sum over the priced calls.
    pub cost: NanoUsd,
    /// Sum of durations in nanoseconds; with `calls` the mean.
    pub duration_ns: u64,
}

/// Sums of one value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The value; empty where the calls gave none.
    pub name: String,
    /// Its sums.
    pub totals: Totals,
}

/// Sums of one step of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When the step begins.
    pub at: Timestamp,
    /// Its sums.
    pub totals: Totals,
    /// Its latencies.
    pub latency: LatencySummary,
}

/// Quantiles of durations in seconds; `None` where nothing was measured. Stores may answer from logarithmic
/// histograms, at most 2 % off.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatencySummary {
    /// The whole call.
    pub duration: Quantiles,
    /// To the first chunk, streams only.
    pub first_chunk: Quantiles,
}

/// Mean and quantiles of one measure, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantiles {
    /// Number of measurements.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// A request hash that came several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// `spanledger.request.hash`.
    pub hash: String,
    /// Calls with it.
    pub calls: u64,
    /// The model of the newest of them.
    pub model: String,
    /// What they cost together.
    pub cost: NanoUsd,
    /// When the newest ended.
    pub last: Timestamp,
}

/// Repetition within a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Calls that carry a request hash.
    pub hashed: u64,
    /// Calls whose hash another, earlier call of the window carries: `hashed` minus distinct hashes.
    pub repeats: u64,
}

/// The largest call of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeCall {
    /// The user; empty for calls without one.
    pub user: String,
    /// Input and output tokens of the call.
    pub tokens: u64,
    /// Its model.
    pub model: String,
    /// Its trace.
    pub trace_id: [u8; 16],
}

/// Numbers missing from one process's sequence, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceGap {
    /// `spanledger.instance`.
    pub instance: String,
    /// The service of that instance.
    pub service: String,
    /// First missing number.
    pub first: u64,
    /// Last missing number.
    pub last: u64,
    /// When the higher number came that shows the gap.
    pub noticed: Timestamp,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most this many rows.
    pub limit: usize,
    /// The `next` of the page before; `None` for the first.
    pub after: Option<i64>,
}

/// One page of calls.
#[derive(Debug, Clone, PartialEq)]
pub struct CallPage {
    /// Newest first.
    pub calls: Vec<CallRecord>,
    /// Where the next page continues; `None` at the end.
    pub next: Option<i64>,
}

/// What an append did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// New calls.
    pub inserted: u64,
    /// Calls that were known, or so old that retention would have deleted them and nobody can tell.
    pub duplicates: u64,
}

/// What housekeeping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Calls deleted by age or size.
    pub deleted: u64,
    /// Whether more is left for the next call.
    pub more: bool,
}

/// Why a store could not do what was asked. Says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space is left. Nothing was damaged; retry after making room.
    #[error(
        "no space is left for the ledger {path}: free space or lower retention.max_size, then send again"
    )]
    Full {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("the ledger {path} cannot be written: check the permissions of the file and its folder")]
    ReadOnly {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The file is no ledger, or it is broken.
    #[error(
        "the ledger {path} is damaged or is no ledger ({detail}): restore a backup, or move it away to start anew"
    )]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// The database's own words.
        detail: String,
    },
    /// A newer version wrote the file.
    #[error(
        "the ledger {path} has schema {found}, this version reads up to {supported}: use the newer spanledger"
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// The schema version found.
        found: i64,
        /// The newest this version reads.
        supported: i64,
    },
    /// There is no such file and the command does not create one.
    #[error("there is no ledger at {path}: start `spanledger serve` first, or name one with --ledger")]
    Missing {
        /// The ledger's file.
        path: PathBuf,
    },
    /// Another process holds the file. Retry.
    #[error(
        "the ledger {path} is locked by another process: if `spanledger serve` runs, stop it first, else wait and try again"
    )]
    Busy {
        /// The ledger's file.
        path: PathBuf,
    },
    /// Anything else the database says.
    #[error("the ledger {path} failed: {detail}")]
    Other {
        /// The ledger's file.
        path: PathBuf,
        /// The database's own words.
        detail: String,
    },
}
