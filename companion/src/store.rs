//! The seam between the ledger and the database below it. Every store passes one conformance suite.
//!
//! Calls are counted in a window by the time they **end** (`start + duration`): the time at which their
//! facts are known, and at which an alert on them can be expected.

pub(crate) mod memory;

use crate::record::{
    CallRecord, Passage, ProcessReport, SkippedHours, SkippedSpans, TagKey, Timestamp, Window,
};

mod answer;
pub(crate) mod archival;
pub(crate) mod clickhouse;
#[cfg(test)]
pub(crate) mod conformance;
mod error;
pub(crate) mod export;
mod histogram;
pub(crate) mod history;
pub(crate) mod identity;
mod missing;
pub(crate) mod most_calls;
mod newest;
mod overview;
pub(crate) mod own_clock;
pub(crate) mod private_file;
mod question;
mod sequence;
pub(crate) mod sqlite;
pub(crate) mod sums;
pub(crate) mod writer;

pub(crate) use answer::{
    Appended, ArchiveTrouble, Breakdown, CallAccount, CallPage, Conversation, Duplicates, FiveMinuteCalls,
    FiveMinutes, Group, GroupRepetition, KeyUse, LargeCall, LatencySummary, Maintained, NAMED, Pairing,
    Quantiles, Repeated, SequenceGap, SequenceGaps, ServiceGaps, SkippedCalls, Step, Totals,
};
pub use error::StoreError;
pub(crate) use overview::{Overview, OverviewQuestion, Repetition};
pub(crate) use question::CallId;
pub(crate) use question::RepetitionQuestion;
pub use question::{Dimension, Filter, Page};

/// What one request brought.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch<'a> {
    /// The calls.
    pub calls: &'a [CallRecord],
    /// Spans that are no calls, and may connect accounts of one call in a trace. They need not be durable.
    pub passages: &'a [Passage],
    /// What journals report of their processes: numbers that never came, although no later one shows it.
    pub processes: &'a [ProcessReport],
    /// Which of the other spans are about work with a model, for reports. They are counted again when they retry later.
    pub skipped: Option<&'a SkippedHours>,
}

/// Takes calls in. One appender writes a ledger at a time; it may block on the disk.
pub trait Appender: Send {
    /// Appends a batch and returns when it is durable. All or nothing. A call whose (trace id, span id) is
    /// known changes nothing and is counted as a duplicate; the same holds within the batch. Of several accounts of one
    /// call one is counted, whatever the order and the batches in which they come (see `store::identity`). A call from before what
    /// retention has deleted is left out and counted as too old.
    ///
    /// # Errors
    /// [`StoreError`], after which nothing of the batch is in the ledger and the batch may be sent again.
    fn append_batch(&mut self, batch: Batch<'_>) -> Result<Appended, StoreError>;

    /// Appends calls, as [`Appender::append_batch`] does.
    ///
    /// # Errors
    /// [`StoreError`].
    fn append(&mut self, calls: &[CallRecord]) -> Result<Appended, StoreError> {
        self.append_batch(Batch { calls, ..Batch::default() })
    }

    /// Appends several batches, each all or nothing, and answers for each. A store may make them durable
    /// together, which is cheaper; by default they are appended one after the other.
    fn append_group(&mut self, batches: &[Batch<'_>]) -> Vec<Result<Appended, StoreError>> {
        batches.iter().map(|batch| self.append_batch(*batch)).collect()
    }

    /// Deletes what is past its retention at `now` and does the store's housekeeping. Does a bounded amount
    /// of work a call.
    ///
    /// # Errors
    /// [`StoreError`]; the ledger stays usable.
    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError>;
}

impl Appender for Box<dyn Appender> {
    fn append_batch(&mut self, batch: Batch<'_>) -> Result<Appended, StoreError> {
        self.as_mut().append_batch(batch)
    }

    fn append_group(&mut self, batches: &[Batch<'_>]) -> Vec<Result<Appended, StoreError>> {
        self.as_mut().append_group(batches)
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        self.as_mut().maintain(now)
    }
}

/// Answers questions. Shared between threads; each answer is a short read transaction, so that no question
/// holds back the writer's checkpoint.
pub trait Querier: Send + Sync {
    /// Totals over all calls of a window.
    ///
    /// # Errors
    /// [`StoreError`], as for every question below.
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError>;

    /// Totals by one dimension, the most calls first (ties by name), at most `limit` groups. Of more than a thousand users with as
    /// many calls as the last one any may be named.
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

    /// As [`Querier::breakdown`], with the totals over all calls. A store that can answer both at once does so.
    ///
    /// # Errors
    /// [`StoreError`].
    fn breakdown_of_all(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Breakdown, StoreError> {
        let all = self.totals(window, filter)?;
        Ok(Breakdown { all, groups: self.breakdown(window, filter, by, limit)? })
    }

    /// The `limit` users with the most calls, those first (ties by name), and their calls. Of users with as many calls as the last
    /// one any may be named.
    ///
    /// # Errors
    /// [`StoreError`].
    fn calls_of_users(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let groups = self.breakdown(window, filter, Dimension::User, limit)?;
        Ok(groups.into_iter().map(|group| (group.name, group.totals.calls)).collect())
    }

    /// Totals of each whole five minutes of `window` for each value of a dimension, or for all calls together, by time and
    /// name. Where there were no calls there is nothing. Five minutes that lasted long ago may be known no more, nor
    /// those of users under a filter.
    ///
    /// # Errors
    /// [`StoreError`].
    fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError>;

    /// The number of calls of each whole five minutes, by time: of the `most` values with the most calls there by name, and of
    /// the others together. Of values with as many calls any may be named. Otherwise as [`Querier::five_minutes`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn five_minute_calls(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
        most: usize,
    ) -> Result<Vec<FiveMinuteCalls>, StoreError> {
        Ok(sums::most_called(self.five_minutes(window, filter, by)?, most))
    }

    /// Totals for each `step_seconds` of a window, oldest first; steps without calls are present with zeros. The first
    /// begins with the window. Steps of whole minutes begin on whole minutes after that, so that the first may be
    /// shorter by less than a minute; the last ends with the window.
    ///
    /// # Errors
    /// [`StoreError`].
    fn series(&self, window: Window, filter: &Filter, step_seconds: i64) -> Result<Vec<Step>, StoreError>;

    /// Totals and latencies by series of each stretch between two neighbours of `edges`, which rise, all of one snapshot of
    /// the ledger. Within a stretch in no order, and without series that had no call. Where the calls themselves are
    /// deleted a stretch has the whole minutes, later the whole hours, that begin within it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn history(&self, edges: &[Timestamp]) -> Result<Vec<Vec<history::SeriesSum>>, StoreError>;

    /// Everything a report says about a window. A store that can answer it faster than by asking itself the other
    /// questions does so; see `Repetition` for what may then be a lower bound.
    ///
    /// # Errors
    /// [`StoreError`], also when the series would be refused.
    fn overview(&self, question: &OverviewQuestion<'_>) -> Result<Overview, StoreError> {
        overview::one_by_one(self, question)
    }

    /// Keys of tags that totals can be taken by, by name; at most 16.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError>;

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

    /// How many calls of a window carry a hash, and how many of those repeat another's of the window. Of a large
    /// window a store may estimate the repeats within three thousandths of the calls.
    ///
    /// # Errors
    /// [`StoreError`].
    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError>;

    /// Repetition within each value of a dimension, the most calls first. Of a large window a store may estimate the
    /// repeats as [`Querier::duplicates`] does.
    ///
    /// # Errors
    /// [`StoreError`].
    fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError>;

    /// The largest single call of each user at each service above `more_than` tokens, largest first, at most `limit`.
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

    /// As [`Querier::largest_calls`] above 0 tokens, where of the calls with `small` tokens or fewer only the first under each value of
    /// `by` are needed, or the first of all: a store may leave out the others.
    ///
    /// # Errors
    /// [`StoreError`].
    fn largest_calls_by(
        &self,
        window: Window,
        filter: &Filter,
        _small: u64,
        _by: Option<Dimension>,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        self.largest_calls(window, filter, 0, limit)
    }

    /// Each model that was asked for with each that a response named, by service, the most calls first, at most `limit`.
    /// Calls that name only one of them are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    fn served_models(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Pairing>, StoreError>;

    /// The calls of each conversation by service, the most calls first, then the most input tokens, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn conversations(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError>;

    /// Which service used which credential within the whole hours that the window touches, the most calls first, at most
    /// `limit`. Every account of a client with the fingerprint of its key shows a use, also one by which its call does not
    /// count: a gateway uses its own key for a call that counts as its client's. Of an hour a store may leave out what is
    /// beyond the first thousand.
    ///
    /// # Errors
    /// [`StoreError`].
    fn key_uses(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError>;

    /// Sequence numbers that are missing at `now` below a higher one of the same instance, where the first such
    /// call ended in the window `noticed`. The last number that a journal reports of a process that has ended counts like
    /// one that came. What a journal has dropped is missing, and is named as lost. The newest `limit` gaps are named,
    /// and the `limit` services that miss most. Of the filter only the services count: nothing else is known of a call that is missing. Numbers older than the retention are not missing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError>;

    /// The services of [`Querier::sequence_gaps`] alone.
    ///
    /// # Errors
    /// [`StoreError`].
    fn missing_by_service(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<ServiceGaps>, StoreError> {
        Ok(self.sequence_gaps(noticed, now, filter, limit)?.services)
    }

    /// What keeps calls from being archived, and so from being deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn archive_trouble(&self) -> Result<Option<ArchiveTrouble>, StoreError> {
        Ok(None)
    }

    /// Spans about work with a model that are no calls, of the whole hours that the window touches.
    ///
    /// # Errors
    /// [`StoreError`].
    fn skipped(&self, window: Window) -> Result<SkippedSpans, StoreError>;

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

    /// Accounts of calls whose trace id, span id or response id begins with `id`, the counted ones and the others, newest
    /// first, at most `limit`. Reads every row of the window.
    ///
    /// # Errors
    /// [`StoreError`].
    fn accounts(&self, window: Window, id: &CallId, limit: usize) -> Result<Vec<CallAccount>, StoreError>;
}
