//! The questions, answered from the columns.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::slides::Sums;
use super::totals::Running;
use super::{ByNumber, Columns, MemoryStore, NEVER, end};
use crate::record::{CallRecord, NanoUsd, SkippedSpans, TagKey, Timestamp, Window};
use crate::store::history::{SeriesNames, SeriesSum};
use crate::store::overview::steps;
use crate::store::sums::{FIVE_MINUTES, Measures, whole_five_minutes};
use crate::store::{
    CallAccount, CallId, CallPage, Conversation, Dimension, Duplicates, Filter, FiveMinutes, Group,
    GroupRepetition, KeyUse, LargeCall, LatencySummary, Page, Pairing, Quantiles, Querier, Repeated,
    RepetitionQuestion, SequenceGaps, Step, StoreError, Totals,
};

impl Querier for MemoryStore {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        Ok(self.read().totals(window, filter))
    }

    fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        Ok(self.read().breakdown(window, filter, by, limit))
    }

    fn five_minutes(
        &self,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError> {
        let columns = self.read();
        let mut sums: BTreeMap<(Timestamp, Cow<'_, str>), FiveMinutes> = BTreeMap::new();
        let window = whole_five_minutes(window);
        // As a ledger on disk, which adds users up without a filter only.
        if by == Some(Dimension::User) && *filter != Filter::default() {
            return Ok(Vec::new());
        }
        for index in columns.matching(window, filter) {
            let call = &*columns.records[index];
            let Some(name) = by.map_or(Some("".into()), |by| dimension(call, by)) else { continue };
            let at = Timestamp(columns.ends[index].div_euclid(FIVE_MINUTES) * FIVE_MINUTES);
            let empty = FiveMinutes::empty(at, (&*name).into());
            let sum = sums.entry((at, name)).or_insert(empty);
            sum.count(&Measures::from(call));
        }
        Ok(sums.into_values().collect())
    }

    fn series(&self, window: Window, filter: &Filter, step_seconds: i64) -> Result<Vec<Step>, StoreError> {
        let steps = steps(window, step_seconds)
            .map_err(|detail| StoreError::Other { path: "(memory)".into(), detail })?;
        let columns = self.read();
        let sums = |part: Window| Step {
            at: part.from,
            totals: columns.totals(part, filter),
            latency: columns.latency(part, filter),
        };
        Ok(steps.into_iter().map(sums).collect())
    }

    fn history(&self, edges: &[Timestamp]) -> Result<Vec<Vec<SeriesSum>>, StoreError> {
        let columns = self.read();
        let stretches = edges.windows(2).map(|pair| {
            let mut sums: HashMap<SeriesNames, SeriesSum> = HashMap::new();
            for index in columns.range(Window { from: pair[0], to: pair[1] }) {
                let call = &*columns.records[index];
                let names = SeriesNames::from(call);
                let empty = || SeriesSum::empty(Arc::new(names.clone()));
                sums.entry(names.clone()).or_insert_with(empty).count(&Measures::from(call));
            }
            sums.into_values().collect()
        });
        Ok(stretches.collect())
    }

    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        let columns = self.read();
        let keys = columns.records.iter().flat_map(|call| call.tags.iter()).map(|(key, _)| key);
        Ok(keys.collect::<std::collections::BTreeSet<_>>().into_iter().take(16).collect())
    }

    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        Ok(self.read().latency(window, filter))
    }

    fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<Repeated>, StoreError> {
        let columns = self.read();
        let mut found: Vec<(u32, u64)> = columns
            .hash_counts(window, filter, more_than > 0)
            .into_iter()
            .filter(|(_, calls)| *calls > more_than)
            .collect();
        let mut repeated: HashMap<u32, Repeated> = HashMap::new();
        // Names break ties, so every hash that reaches the count at the limit is looked at.
        found.sort_by_key(|(_, calls)| Reverse(*calls));
        if let Some((_, least)) = limit.checked_sub(1).and_then(|last| found.get(last)).copied() {
            found.retain(|(_, calls)| *calls >= least);
        }
        let wanted: HashMap<u32, u64> = found.into_iter().collect();
        if !wanted.is_empty() {
            for index in columns.matching(window, filter) {
                let hash = columns.hashes[index];
                let Some(calls) = wanted.get(&hash) else { continue };
                let call = &*columns.records[index];
                let entry = repeated.entry(hash).or_insert_with(|| Repeated {
                    hash: call.request_hash.clone().unwrap_or_default(),
                    calls: *calls,
                    model: String::new(),
                    cost: NanoUsd(0),
                    last: Timestamp(i64::MIN),
                });
                entry.cost.0 = entry.cost.0.saturating_add(call.cost.unwrap_or_default().0);
                entry.last = end(call);
                call.model().clone_into(&mut entry.model);
            }
        }
        let mut repeated: Vec<Repeated> = repeated.into_values().collect();
        repeated.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.hash.cmp(&b.hash)));
        repeated.truncate(limit);
        Ok(repeated)
    }

    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        let columns = self.read();
        if *filter == Filter::default() {
            let range = columns.range(window);
            let hashed = range.clone().filter(|index| columns.hashes[*index] != 0).count();
            let repeats = range.clone().filter(|index| columns.repeats(*index, &range)).count();
            return Ok(Duplicates { hashed: hashed as u64, repeats: repeats as u64 });
        }
        let counts = columns.hash_counts(window, filter, false);
        let hashed = counts.values().sum::<u64>();
        Ok(Duplicates { hashed, repeats: hashed - counts.len() as u64 })
    }

    fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError> {
        let columns = self.read();
        // By the number of the name; of a dimension without numbers, by the place of the name in the order in which they come.
        let numbers = question.by.and_then(|by| columns.numbers(by));
        let mut places: HashMap<Cow<'_, str>, u32> = HashMap::new();
        let mut groups: ByNumber<GroupHashes<'_>> = ByNumber::default();
        if question.by.is_none() {
            groups.insert(0, GroupHashes::of("".into()));
        }
        // Nearly all hashes come once, and of them a number is enough: those that another call of the window has are counted apart.
        let range = columns.range(window);
        let again: ByNumber<()> = match question.more_than {
            0 => ByNumber::default(),
            _ => {
                let again = range.clone().filter(|index| columns.repeats(*index, &range));
                again.map(|index| (columns.hashes[index], ())).collect()
            }
        };
        for index in columns.matching(window, filter) {
            let call = &*columns.records[index];
            let name = || question.by.map_or(Some("".into()), |by| dimension(call, by));
            let number = match (numbers, question.by) {
                (Some(numbers), _) => numbers[index],
                (None, None) => 0,
                (None, Some(_)) => {
                    let Some(name) = name() else { continue };
                    let next = u32::try_from(places.len()).unwrap_or(u32::MAX);
                    *places.entry(name).or_insert(next)
                }
            };
            let group = match groups.entry(number) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let Some(name) = name() else { continue };
                    place.insert(GroupHashes::of(name))
                }
            };
            group.calls += 1;
            let hash = columns.hashes[index];
            if hash == 0 {
                continue;
            }
            if question.more_than > 0 && !again.contains_key(&hash) {
                group.once += 1;
                continue;
            }
            let entry = group.hashes.entry(hash).or_insert_with(|| Repeated {
                hash: String::new(),
                calls: 0,
                model: String::new(),
                cost: NanoUsd(0),
                last: Timestamp(i64::MIN),
            });
            entry.calls += 1;
            entry.cost.0 = entry.cost.0.saturating_add(call.cost.unwrap_or_default().0);
            entry.last = end(call);
            if entry.calls - 1 == question.more_than {
                entry.hash = call.request_hash.clone().unwrap_or_default();
            }
            if entry.calls > question.more_than {
                call.model().clone_into(&mut entry.model);
            }
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
        groups.truncate(if question.by.is_some() { question.groups } else { 1 });
        let found = groups.into_iter().map(|GroupHashes { name, once, hashes, .. }| {
            let counted: u64 = hashes.values().map(|seen| seen.calls).sum();
            let duplicates = Duplicates { hashed: once + counted, repeats: counted - hashes.len() as u64 };
            let mut repeated: Vec<Repeated> =
                hashes.into_values().filter(|seen| seen.calls > question.more_than).collect();
            repeated.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.hash.cmp(&b.hash)));
            repeated.truncate(question.hashes);
            GroupRepetition { name: name.into_owned(), duplicates, repeated }
        });
        Ok(found.collect())
    }

    fn largest_calls(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        let columns = self.read();
        let large = columns.matching(window, filter).filter(|index| columns.tokens[*index] > more_than);
        Ok(columns.largest(large, limit))
    }

    fn largest_calls_by(
        &self,
        window: Window,
        filter: &Filter,
        small: u64,
        by: Option<Dimension>,
        limit: usize,
    ) -> Result<Vec<LargeCall>, StoreError> {
        let columns = self.read();
        let all = columns.matching(window, filter).filter(|index| columns.tokens[*index] > 0);
        // The first under a value must be the largest call of its user: so it is of what a user at a service has one of.
        let is_one_of_a_user = matches!(by, None | Some(Dimension::Deployment | Dimension::User));
        // What is cut off at the limit depends on all of them.
        if !is_one_of_a_user || columns.range(window).len() > limit {
            return Ok(columns.largest(all, limit));
        }
        let numbers = by.and_then(|by| columns.numbers(by));
        let mut first: ByNumber<usize> = ByNumber::default();
        let mut indexes = Vec::new();
        for index in all {
            if columns.tokens[index] > small {
                indexes.push(index);
                continue;
            }
            let first = first.entry(numbers.map_or(0, |numbers| numbers[index])).or_insert(index);
            if columns.by_size(index, *first).is_lt() {
                *first = index;
            }
        }
        indexes.extend(first.into_values());
        Ok(columns.largest(indexes.into_iter(), limit))
    }

    fn served_models(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Pairing>, StoreError> {
        Ok(self.read().served_models(window, filter, limit))
    }

    fn conversations(
        &self,
        window: Window,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError> {
        Ok(self.read().conversations(window, filter, limit))
    }

    fn key_uses(&self, window: Window, limit: usize) -> Result<Vec<KeyUse>, StoreError> {
        Ok(self.read().key_uses(window, limit))
    }

    fn sequence_gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> Result<SequenceGaps, StoreError> {
        Ok(self.read().sequences.gaps(noticed, now, filter, limit))
    }

    fn skipped(&self, window: Window) -> Result<SkippedSpans, StoreError> {
        Ok(self.read().skipped.within(window))
    }

    fn last_call(&self, before: Timestamp, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
        let columns = self.read();
        let matcher = super::Matcher::new(&columns, filter);
        let newest = (0..columns.position(before)).rev().find(|index| matcher.matches(&columns, *index));
        Ok(newest.map(|index| Timestamp(columns.ends[index])))
    }

    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        let columns = self.read();
        let matcher = super::Matcher::new(&columns, filter);
        // A cursor is the number of the last call of the page before; calls keep their numbers in retention.
        let below = page.after.and_then(|after| usize::try_from(after).ok()).unwrap_or(NEVER);
        let mut found = columns
            .range(window)
            .rev()
            .filter(|index| columns.removed + index < below && matcher.matches(&columns, *index));
        let indexes: Vec<usize> = found.by_ref().take(page.limit).collect();
        let more = found.next().is_some();
        let last = indexes.last().and_then(|index| i64::try_from(columns.removed + index).ok());
        Ok(CallPage {
            calls: indexes.into_iter().map(|index| CallRecord::clone(&columns.records[index])).collect(),
            next: last.filter(|_| more),
        })
    }

    fn accounts(&self, window: Window, id: &CallId, limit: usize) -> Result<Vec<CallAccount>, StoreError> {
        Ok(self.read().accounts.find(window, id, limit))
    }
}

/// The request hashes of the calls under one name.
struct GroupHashes<'a> {
    name: Cow<'a, str>,
    calls: u64,
    /// Hashes that no other call of the window has.
    once: u64,
    hashes: ByNumber<Repeated>,
}

impl<'a> GroupHashes<'a> {
    fn of(name: Cow<'a, str>) -> Self {
        Self { name, calls: 0, once: 0, hashes: ByNumber::default() }
    }
}

impl Columns {
    /// Of each user at each service, with one set of tags, the largest call of those at `indexes`; the largest first. Of equal calls
    /// the one with the lower trace id, so that the result does not depend on their order.
    fn largest(&self, indexes: impl Iterator<Item = usize>, limit: usize) -> Vec<LargeCall> {
        let who = |index: usize| (self.users[index], self.services[index], &self.records[index].tags);
        let mut largest: Vec<usize> = indexes.collect();
        largest.sort_unstable_by(|one, other| {
            who(*one).cmp(&who(*other)).then_with(|| self.by_size(*one, *other))
        });
        largest.dedup_by_key(|index| who(*index));
        largest.sort_by(|one, other| self.by_size(*one, *other));
        largest.truncate(limit);
        let call = |index: usize| {
            let call = &*self.records[index];
            LargeCall {
                user: call.user.clone().unwrap_or_default(),
                tokens: self.tokens[index],
                service: call.service.clone(),
                model: call.model().to_owned(),
                tags: call.tags.clone(),
                trace_id: call.trace_id,
            }
        };
        largest.into_iter().map(call).collect()
    }

    /// The order of large calls: by their tokens, the most first, then by all that tells them apart.
    fn by_size(&self, one: usize, other: usize) -> Ordering {
        let (a, b) = (&self.records[one], &self.records[other]);
        self.tokens[other].cmp(&self.tokens[one]).then_with(|| {
            let names =
                (a.user.as_deref(), &a.service, &a.tags).cmp(&(b.user.as_deref(), &b.service, &b.tags));
            names.then_with(|| (a.trace_id, one).cmp(&(b.trace_id, other)))
        })
    }

    /// The numbers of the names in a dimension.
    const fn numbers(&self, by: Dimension) -> Option<&Vec<u32>> {
        match by {
            Dimension::Service => Some(&self.services),
            Dimension::Deployment => Some(&self.deployments),
            Dimension::Model => Some(&self.models),
            Dimension::User => Some(&self.users),
            _ => None,
        }
    }

    fn breakdown(&self, window: Window, filter: &Filter, by: Dimension, limit: usize) -> Vec<Group> {
        let numbers = self.numbers(by);
        let mut sums: Vec<(Cow<'_, str>, Totals)> = match (numbers, &self.slides) {
            (Some(numbers), Some(slides)) => {
                let named = |(call, sum): &(usize, Running)| {
                    let name = dimension(&self.records[call - self.removed], by)?;
                    Some((name, sum.since(&Running::default())))
                };
                let named = |sums: &Sums| sums.values().filter_map(named).collect();
                slides.sums(self, numbers, window, filter, by, named)
            }
            (Some(numbers), None) => {
                // By the number of the name, with a call that has it.
                let mut sums: ByNumber<(usize, Totals)> = ByNumber::default();
                for index in self.matching(window, filter) {
                    let (_, sum) = sums.entry(numbers[index]).or_insert((index, Totals::default()));
                    sum.count(&Measures::from(&*self.records[index]));
                }
                let named = |(index, sum): (usize, Totals)| Some((dimension(&self.records[index], by)?, sum));
                sums.into_values().filter_map(named).collect()
            }
            (None, _) => {
                let mut sums: HashMap<Cow<'_, str>, Totals> = HashMap::new();
                for index in self.matching(window, filter) {
                    if let Some(name) = dimension(&self.records[index], by) {
                        sums.entry(name).or_default().count(&Measures::from(&*self.records[index]));
                    }
                }
                sums.into_iter().collect()
            }
        };
        sums.sort_by(|(a, one), (b, other)| other.calls.cmp(&one.calls).then_with(|| a.cmp(b)));
        sums.truncate(limit);
        sums.into_iter().map(|(name, totals)| Group { name: name.into_owned(), totals }).collect()
    }

    fn totals(&self, window: Window, filter: &Filter) -> Totals {
        if *filter == Filter::default() {
            return self.difference(&self.range(window));
        }
        let mut totals = Totals::default();
        for index in self.matching(window, filter) {
            totals.count(&Measures::from(&*self.records[index]));
        }
        totals
    }

    /// Calls by hash; with `repeated_only` hashes that come once may be left out. Without a filter they are found
    /// without counting them, and they are nearly all.
    fn hash_counts(&self, window: Window, filter: &Filter, repeated_only: bool) -> HashMap<u32, u64> {
        let mut counts = HashMap::new();
        if repeated_only && *filter == Filter::default() {
            let range = self.range(window);
            for index in range.clone().filter(|index| self.repeats(*index, &range)) {
                *counts.entry(self.hashes[index]).or_insert(1) += 1;
            }
            return counts;
        }
        for index in self.matching(window, filter) {
            let hash = self.hashes[index];
            if hash != 0 {
                *counts.entry(hash).or_default() += 1;
            }
        }
        counts
    }

    /// Whether an earlier call of `range` has the hash of this one.
    fn repeats(&self, index: usize, range: &std::ops::Range<usize>) -> bool {
        self.earlier[index] != NEVER && self.earlier[index] >= self.removed + range.start
    }

    fn latency(&self, window: Window, filter: &Filter) -> LatencySummary {
        let mut durations = Vec::new();
        let mut first_chunks = Vec::new();
        for index in self.matching(window, filter) {
            let measures = Measures::from(&*self.records[index]);
            durations.push(measures.duration());
            first_chunks.extend(measures.first_chunk());
        }
        LatencySummary { duration: quantiles(durations), first_chunk: quantiles(first_chunks) }
    }
}

/// Nearest-rank quantiles of nanoseconds, in seconds.
#[expect(clippy::cast_precision_loss, reason = "durations fit f64 to the microsecond")]
fn quantiles(mut nanos: Vec<u64>) -> Quantiles {
    if nanos.is_empty() {
        return Quantiles::default();
    }
    nanos.sort_unstable();
    let at = |percent: usize| {
        let rank = (nanos.len() * percent).div_ceil(100).max(1);
        Some(nanos[rank - 1] as f64 / 1e9)
    };
    let sum: u128 = nanos.iter().map(|nanos| u128::from(*nanos)).sum();
    Quantiles {
        count: nanos.len() as u64,
        mean: Some(sum as f64 / nanos.len() as f64 / 1e9),
        p50: at(50),
        p95: at(95),
        p99: at(99),
    }
}

fn dimension(call: &CallRecord, by: Dimension) -> Option<Cow<'_, str>> {
    let name = match by {
        Dimension::Model => Some(call.model()),
        Dimension::Provider => Some(&*call.provider),
        Dimension::Service => Some(&*call.service),
        Dimension::Deployment => return Some(call.deployment()),
        Dimension::User => call.user.as_deref(),
        Dimension::Tag(key) => call.tags.get(key),
        Dimension::Error => call.error_kind.as_deref(),
        Dimension::Outcome => Some(call.outcome.as_str()),
        Dimension::CostStatus => Some(call.cost_status.as_str()),
    };
    name.map(Cow::Borrowed)
}
