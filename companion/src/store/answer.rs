//! What stores answer.

use std::sync::Arc;

use crate::record::{CallRecord, NanoUsd, ProcessEnd, Tags, Timestamp, Window};
use crate::store::archival::Trouble;

/// Totals over calls. All of them are exact.
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
    /// Calls whose cost the provider or the sender reported, and which the price tables have a price for as well.
    pub reported: u64,
    /// Sum of the reported costs of these calls; a part of `cost`.
    pub reported_cost: NanoUsd,
    /// Sum of what the price tables give for these calls.
    pub computed_cost: NanoUsd,
}

/// Totals of one value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The value; empty where the calls gave none.
    pub name: String,
    /// Its totals.
    pub totals: Totals,
}

/// The totals of a window, all of them and by one dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// Over all calls, those without a value of the dimension included.
    pub all: Totals,
    /// The most calls first, ties by name.
    pub groups: Vec<Group>,
}

/// Totals of five minutes of one value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiveMinutes {
    /// When they begin: a multiple of five minutes since 1970.
    pub at: Timestamp,
    /// The value; empty where the calls gave none, and for all calls together.
    pub name: Arc<str>,
    /// Their totals.
    pub totals: Totals,
    /// Calls whose time to the first chunk was measured.
    pub first_chunks: u64,
    /// The sum of these times in nanoseconds.
    pub first_chunk_ns: u64,
}

/// The calls of five minutes of one value of a dimension, or of those that are not named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiveMinuteCalls {
    /// As in [`FiveMinutes`].
    pub at: Timestamp,
    /// The value, as in [`FiveMinutes`]; none for the values that are not named.
    pub name: Option<Arc<str>>,
    /// The number of their calls.
    pub calls: u64,
}

/// Totals of one step of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When the step begins.
    pub at: Timestamp,
    /// Its totals.
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

/// Repetition within one group of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRepetition {
    /// The value of the dimension; empty for all calls together.
    pub name: String,
    /// How many calls carry a hash, and how many of them repeat another.
    pub duplicates: Duplicates,
    /// The hashes asked for, the most calls first, ties by hash.
    pub repeated: Vec<Repeated>,
}

/// The largest call of one user at one service, with one set of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeCall {
    /// The user; empty for calls without one.
    pub user: String,
    /// Input and output tokens of the call.
    pub tokens: u64,
    /// Its service.
    pub service: String,
    /// Its model.
    pub model: String,
    /// Its tags.
    pub tags: Tags,
    /// Its trace.
    pub trace_id: [u8; 16],
}

/// How often one name came with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// The service of the calls, in its environment.
    pub deployment: String,
    /// What is paired: a model that was asked for, say.
    pub subject: String,
    /// With what: the model that the response names.
    pub value: String,
    /// In how many calls.
    pub calls: u64,
}

/// The calls of one credential by one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// `spanledger.key.fingerprint`.
    pub key: String,
    /// The service.
    pub service: String,
    /// The beginning of the first hour with such calls.
    pub first: Timestamp,
    /// How many accounts of calls.
    pub calls: u64,
}

/// The calls of one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Their service, in its environment.
    pub deployment: String,
    /// `gen_ai.conversation.id`.
    pub id: String,
    /// How many.
    pub calls: u64,
    /// Sum over the calls that report it.
    pub input_tokens: u64,
    /// Sum over the priced calls.
    pub cost: NanoUsd,
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
    /// When the earliest call with a higher number ended, which shows the gap; or when the process wrote last.
    pub noticed: Timestamp,
    /// How many of them the journal of the process has dropped, as far as it named them.
    pub lost: u64,
    /// How many calls of the process that has dropped without naming them; in this gap or in another.
    pub lost_unnamed: u64,
    /// How the process ended, where its journal has reported that.
    pub end: Option<ProcessEnd>,
}

impl SequenceGap {
    /// How many numbers are missing.
    #[must_use]
    pub const fn numbers(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// What is missing of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceGaps {
    /// The service.
    pub service: String,
    /// How many numbers are missing.
    pub numbers: u64,
    /// How many of those the journals of its processes have dropped.
    pub lost: u64,
    /// The gap that was noticed first (ties by number, then by instance).
    pub first: SequenceGap,
}

/// What is missing from all sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SequenceGaps {
    /// The newest gaps, newest first (ties by instance and number).
    pub newest: Vec<SequenceGap>,
    /// The services that miss most numbers, those first (ties by name).
    pub services: Vec<ServiceGaps>,
    /// All gaps, named or not.
    pub gaps: u64,
    /// The numbers that are missing in all of them. Exact up to 2^53.
    pub numbers: u64,
    /// How many of those the journals of their processes have dropped. Exact up to 2^53.
    pub lost: u64,
    /// When the first of the dropped ones began and the last ended.
    pub lost_between: Option<(Timestamp, Timestamp)>,
    /// What processes that died had not written down.
    pub skipped: SkippedCalls,
}

/// Calls that journals could not write down. Those of them that no receiver took are missing without a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkippedCalls {
    /// Processes that died after such calls.
    pub processes: u64,
    /// The calls, as far as they were counted. Exact up to 2^53.
    pub calls: u64,
}

/// One page of calls.
#[derive(Debug, Clone, PartialEq)]
pub struct CallPage {
    /// Newest first.
    pub calls: Vec<CallRecord>,
    /// Where the next page continues; `None` at the end.
    pub next: Option<i64>,
}

/// What totals are kept apart by, as far as names are few enough.
pub(crate) const NAMED: [&str; 7] = ["service", "provider", "model", "error", "tag", "user", "key"];

/// What an append did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// New calls.
    pub inserted: u64,
    /// Calls that were known.
    pub duplicates: u64,
    /// Calls so old that retention would have deleted them: skipped, since it cannot be known whether they were stored before.
    pub too_old: u64,
    /// Calls for which there was no place among those that end in the same microsecond: skipped.
    pub without_place: u64,
    /// Calls that the store cannot take and never will as it is, while it takes others: the page on which they belong is
    /// damaged.
    pub not_taken: u64,
    /// New accounts that are not counted: another account of the same call is, or a witness waits for one.
    pub other_accounts: u64,
    /// Calls that were counted before and are not any more: what came shows that another account of the call counts.
    pub undone: u64,
    /// Calls that are counted as `_OTHER`, or under no name, by what has too many names: see [`NAMED`].
    pub others: [u64; NAMED.len()],
    /// Accounts that may be forgotten within a minute of their end, and response ids within ten, since more have come
    /// than are remembered: another account of the same call that comes from now on may be counted as well.
    pub forgotten: u64,
}

impl Appended {
    /// Adds what another append did.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let Self { inserted, duplicates, too_old, without_place, not_taken, .. } = other;
        let Self { other_accounts, undone, others, forgotten, .. } = other;
        self.inserted += inserted;
        self.duplicates += duplicates;
        self.too_old += too_old;
        self.without_place += without_place;
        self.not_taken += not_taken;
        self.other_accounts += other_accounts;
        self.undone += undone;
        self.others.iter_mut().zip(others).for_each(|(all, more)| *all += more);
        self.forgotten += forgotten;
    }

    /// Notes that a row is counted `after` and was `before`; `new` rows came with this append.
    pub(crate) const fn count_change(&mut self, before: bool, after: bool, new: bool) {
        match (before, after, new) {
            (true, false, true) => {
                self.inserted -= 1;
                self.other_accounts += 1;
            }
            (false, true, true) => {
                self.inserted += 1;
                self.other_accounts -= 1;
            }
            (true, false, false) => self.undone += 1,
            // An account that was left out counts again.
            (false, true, false) => self.inserted += 1,
            _ => {}
        }
    }
}

/// What housekeeping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Calls deleted by age or size.
    pub deleted: u64,
    /// Whether more is left for the next call.
    pub more: bool,
    /// Seconds of history that are past their age and stay for now, since no more may be deleted in the time.
    pub behind_seconds: u64,
    /// Sending processes whose numbers are followed no longer: there were too many.
    pub forgotten_instances: u64,
}

/// One account of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallAccount {
    /// The call as it is counted and shown, with what other accounts of it added.
    pub call: CallRecord,
    /// What its own span gave.
    pub own: CallRecord,
    /// Whether it is the account of its call that counts.
    pub counted: bool,
}

/// Why calls cannot be archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveTrouble {
    /// What is in the way, and since when.
    pub(crate) trouble: Trouble,
    /// Calls that would be deleted otherwise.
    pub(crate) held: Window,
}
