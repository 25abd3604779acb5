//! The questions, answered from the columns.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::slides::Sums;
use super::totals::Running;
use super::{ByNumber, Columns, MemoryStore, NEVER};
use crate::record::{CallRecord, SkippedSpans, TagKey, Timestamp, Window};
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
        Ok(self.read().repeated(window, filter, more_than, limit))
    }

    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        Ok(self.read().duplicates(window, filter))
    }

    fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Result<Vec<GroupRepetition>, StoreError> {
        Ok(self.read().repetition(window, filter, question))
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
        Ok(self.read().largest_by(window, filter, small, by, limit))
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

impl Columns {
    /// The numbers of the names in a dimension.
    pub(super) const fn numbers(&self, by: Dimension) -> Option<&Vec<u32>> {
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

pub(super) fn dimension(call: &CallRecord, by: Dimension) -> Option<Cow<'_, str>> {
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
