//! A ledger in memory: calls sorted by the time they ended, with running totals, so that a window's totals are
//! two lookups. Backtests run on it; it keeps only what the rules can still look at.

mod accounts;
mod grouped;
mod largest;
mod query;
mod repetition;
mod slides;
#[cfg(test)]
mod tests;
mod totals;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use crate::record::{CallRecord, SkippedHours, Timestamp, Window};
use crate::store::{Appended, Appender, Batch, Filter, Maintained, StoreError, Totals};
use crate::text::seconds::Seconds;

use self::accounts::Stored;
use self::slides::Slides;
use self::totals::Running;
use crate::store::sequence::Sequences;

/// A store in memory. Clones share the same calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryStore {
    columns: Arc<RwLock<Columns>>,
    retention: Option<Seconds>,
}

/// The calls, oldest first, one column a fact that questions read often. All columns have the same length.
#[derive(Debug, Default)]
struct Columns {
    /// The number of calls that retention has removed: with an index it names a call forever.
    removed: usize,
    ends: Vec<i64>,
    /// Totals up to and including the call.
    sums: Vec<Running>,
    /// What all removed calls sum up to, so that differences stay exact.
    base: Running,
    services: Vec<u32>,
    /// Services in their environments.
    deployments: Vec<u32>,
    models: Vec<u32>,
    /// 0 without a user.
    users: Vec<u32>,
    /// Input and output tokens; 0 where none are known.
    tokens: Vec<u64>,
    /// 0 without a hash.
    hashes: Vec<u32>,
    /// The call before with the same hash, as `removed + index`; `NEVER` without one.
    earlier: Vec<usize>,
    /// Other stores may have them too.
    records: Vec<Arc<CallRecord>>,
    names: HashMap<String, u32>,
    hash_names: HashMap<String, u32>,
    last_hash: u32,
    newest_of_hash: HashMap<u32, usize>,
    known: HashSet<([u8; 16], [u8; 8])>,
    /// All accounts, counted or not; only where calls are appended, and not taken.
    accounts: Stored,
    sequences: Sequences,
    skipped: SkippedHours,
    /// Only in a part of a ledger, whose windows move on.
    slides: Option<Slides>,
}

/// By a number of a name. What is asked of a part of a ledger is asked thousands of times.
type ByNumber<T> = HashMap<u32, T, BuildHasherDefault<NumberHasher>>;

/// Numbers are given in order, so that an odd multiple spreads them.
#[derive(Debug, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

const NEVER: usize = usize::MAX;
/// Services, models and users remembered beyond their calls.
const NAMES: usize = 100_000;

impl MemoryStore {
    /// An empty store that keeps everything.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An empty store for a part of a ledger: [`Appender::maintain`] removes calls that ended longer than
    /// `retention` ago, and sequence numbers below the first of an instance are not missing but before the part.
    #[must_use]
    pub(crate) fn sliding(retention: Seconds) -> Self {
        let (sequences, slides) = (Sequences::of_a_part(), Some(Slides::default()));
        let columns = Columns { sequences, slides, ..Columns::default() };
        Self { columns: Arc::new(RwLock::new(columns)), retention: Some(retention) }
    }

    /// Takes calls each of which is the one account of its call, as a ledger gives them back, without a copy of each.
    pub(crate) fn take(&mut self, calls: Vec<Arc<CallRecord>>) -> Appended {
        let mut columns = self.write();
        let mut done = Appended::default();
        let mut sorted = true;
        for call in calls {
            if !columns.known.insert((call.trace_id, call.span_id)) {
                done.duplicates += 1;
                continue;
            }
            sorted &= columns.ends.last().is_none_or(|last| *last <= end(&call).0);
            columns.push(call);
            done.inserted += 1;
        }
        if !sorted {
            columns.rebuild();
        }
        done
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Columns> {
        // Writers leave the columns whole even when they panic between calls: lengths are checked by rebuild.
        self.columns.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Columns> {
        self.columns.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Appender for MemoryStore {
    fn append_batch(&mut self, batch: Batch<'_>) -> Result<Appended, StoreError> {
        let mut columns = self.write();
        if let Some(skipped) = batch.skipped {
            columns.skipped.absorb(skipped);
        }
        let appended = columns.append(batch);
        batch.processes.iter().for_each(|report| columns.sequences.note(report));
        Ok(appended)
    }

    fn maintain(&mut self, now: Timestamp) -> Result<Maintained, StoreError> {
        let mut columns = self.write();
        columns.end_waiting(now);
        let Some(retention) = self.retention else { return Ok(Maintained::default()) };
        columns.skipped.forget_before(now.plus_seconds(-retention.0));
        let cut = columns.position(now.plus_seconds(-retention.0));
        // Removing moves all that stays, so it waits until half can go: each call moves once on average.
        if cut == 0 || cut * 2 < columns.ends.len() {
            return Ok(Maintained::default());
        }
        columns.remove_first(cut, now.plus_seconds(-retention.0));
        Ok(Maintained { deleted: cut as u64, ..Maintained::default() })
    }
}

/// When the call ended; this is the time it counts at.
fn end(call: &CallRecord) -> Timestamp {
    Timestamp(call.start.0.saturating_add(call.duration_ns))
}

impl Columns {
    fn push(&mut self, call: Arc<CallRecord>) {
        let sum = self.sums.last().map_or(self.base, |sum| *sum);
        self.sums.push(sum.with(&call));
        self.ends.push(end(&call).0);
        let service = self.intern(&call.service);
        self.services.push(service);
        let deployment =
            if call.environment().is_empty() { service } else { self.intern(&call.deployment()) };
        self.deployments.push(deployment);
        let model = self.intern(call.model());
        self.models.push(model);
        let user = call.user.as_deref().map_or(0, |user| self.intern(user));
        self.users.push(user);
        self.tokens.push(call.total_tokens().unwrap_or(0));
        let hash = call.request_hash.as_deref().map_or(0, |hash| self.intern_hash(hash));
        self.hashes.push(hash);
        let this = self.removed + self.records.len();
        let earlier = if hash == 0 { None } else { self.newest_of_hash.insert(hash, this) };
        self.earlier.push(earlier.unwrap_or(NEVER));
        self.sequences.see(&call, end(&call));
        self.records.push(call);
    }

    /// Numbers start at 1 and are never given twice.
    fn intern_hash(&mut self, hash: &str) -> u32 {
        if let Some(number) = self.hash_names.get(hash) {
            return *number;
        }
        self.last_hash = self.last_hash.saturating_add(1);
        self.hash_names.insert(hash.to_owned(), self.last_hash);
        self.last_hash
    }

    /// Numbers start at 1.
    fn intern(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len() + 1).unwrap_or(u32::MAX);
        self.names.insert(name.to_owned(), number);
        number
    }

    /// The number of a name that a filter asks for; 0, which no call has, when no call has it.
    fn number(&self, name: &str) -> u32 {
        self.names.get(name).copied().unwrap_or(0)
    }

    /// Sorts the calls and derives every column again.
    fn rebuild(&mut self) {
        let mut records = std::mem::take(&mut self.records);
        records.sort_by_key(|call| end(call).0);
        let fresh = Self {
            removed: self.removed,
            base: self.base,
            known: std::mem::take(&mut self.known),
            accounts: std::mem::take(&mut self.accounts),
            sequences: std::mem::take(&mut self.sequences),
            skipped: std::mem::take(&mut self.skipped),
            // What they know of has other numbers now.
            slides: self.slides.as_ref().map(|_| Slides::default()),
            ..Self::default()
        };
        *self = fresh;
        // The sequences have seen these calls, in the order of their arrival, and do not depend on it.
        let sequences = std::mem::take(&mut self.sequences);
        for call in records {
            self.push(call);
        }
        self.sequences = sequences;
    }

    fn remove_first(&mut self, count: usize, before: Timestamp) {
        self.base = self.sums[count - 1];
        self.removed += count;
        for call in self.records.drain(..count) {
            self.known.remove(&(call.trace_id, call.span_id));
        }
        self.accounts.forget(before);
        self.ends.drain(..count);
        self.sums.drain(..count);
        self.services.drain(..count);
        self.deployments.drain(..count);
        self.models.drain(..count);
        self.users.drain(..count);
        self.tokens.drain(..count);
        self.hashes.drain(..count);
        self.earlier.drain(..count);
        // Hashes are nearly all of the names. What `earlier` says of calls that are gone, no window reaches.
        let (newest, removed) = (&mut self.newest_of_hash, self.removed);
        newest.retain(|_, index| *index >= removed);
        self.hash_names.retain(|_, number| newest.contains_key(number));
        self.sequences.forget(before);
        if self.names.len() > NAMES {
            self.rebuild();
        }
    }

    /// The index of the first call that ended at `at` or later.
    fn position(&self, at: Timestamp) -> usize {
        self.ends.partition_point(|end| *end < at.0)
    }

    fn range(&self, window: Window) -> std::ops::Range<usize> {
        let from = self.position(window.from);
        from..self.position(window.to).max(from)
    }

    /// Totals over `range`, without a filter.
    fn difference(&self, range: &std::ops::Range<usize>) -> Totals {
        if range.is_empty() {
            return Totals::default();
        }
        let before = if range.start == 0 { self.base } else { self.sums[range.start - 1] };
        self.sums[range.end - 1].since(&before)
    }

    /// The indexes in `window` of calls that match.
    fn matching<'a>(&'a self, window: Window, filter: &'a Filter) -> impl Iterator<Item = usize> + 'a {
        let matcher = Matcher::new(self, filter);
        self.range(window).filter(move |index| matcher.matches(self, *index))
    }
}

/// A filter with its names looked up once.
#[derive(Debug)]
struct Matcher<'a> {
    filter: &'a Filter,
    service: Option<u32>,
    model: Option<u32>,
    except_services: Vec<u32>,
    except_models: Vec<u32>,
    rest: bool,
}

impl<'a> Matcher<'a> {
    fn new(columns: &Columns, filter: &'a Filter) -> Self {
        let numbers = |names: &[String]| names.iter().map(|name| columns.number(name)).collect();
        Self {
            filter,
            service: filter.service.as_deref().map(|name| columns.number(name)),
            model: filter.model.as_deref().map(|name| columns.number(name)),
            except_services: numbers(&filter.except_services),
            except_models: numbers(&filter.except_models),
            rest: filter.provider.is_some()
                || !filter.tags.is_empty()
                || filter.error.is_some()
                || filter.user.is_some()
                || filter.hash.is_some()
                || filter.trace_id.is_some()
                || filter.outcome.is_some()
                || filter.status_code.is_some(),
        }
    }

    fn matches(&self, columns: &Columns, index: usize) -> bool {
        let (service, model) = (columns.services[index], columns.models[index]);
        self.service.is_none_or(|wanted| wanted == service)
            && self.model.is_none_or(|wanted| wanted == model)
            && !self.except_services.contains(&service)
            && !self.except_models.contains(&model)
            && (!self.rest || self.rest_matches(&columns.records[index]))
    }

    fn rest_matches(&self, call: &CallRecord) -> bool {
        let filter = self.filter;
        filter.provider.as_ref().is_none_or(|wanted| *wanted == call.provider)
            && filter.tags.iter().all(|(key, value)| call.tags.has(*key, value))
            && filter.error.as_ref().is_none_or(|wanted| Some(wanted) == call.error_kind.as_ref())
            && filter.user.as_ref().is_none_or(|wanted| Some(wanted) == call.user.as_ref())
            && filter.hash.as_ref().is_none_or(|wanted| Some(wanted) == call.request_hash.as_ref())
            && filter.trace_id.is_none_or(|wanted| wanted == call.trace_id)
            && filter.outcome.is_none_or(|wanted| wanted == call.outcome)
            && filter.status_code.is_none_or(|wanted| Some(wanted) == call.status_code)
    }
}
