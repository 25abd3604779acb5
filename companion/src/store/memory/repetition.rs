//! Repeated requests, found by their hashes.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::query::dimension;
use super::{ByNumber, Columns, NEVER, end};
use crate::record::{CallRecord, NanoUsd, Timestamp, Window};
use crate::store::{Duplicates, Filter, GroupRepetition, Repeated, RepetitionQuestion};

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

    /// Counts a call by the number of its hash. Texts are copied once a hash has come more than `more_than` times.
    fn count(&mut self, hash: u32, call: &CallRecord, more_than: u64) {
        let seen = self.hashes.entry(hash).or_insert_with(|| Repeated {
            hash: String::new(),
            calls: 0,
            model: String::new(),
            cost: NanoUsd(0),
            last: Timestamp(i64::MIN),
        });
        seen.calls += 1;
        seen.cost.0 = seen.cost.0.saturating_add(call.cost.unwrap_or_default().0);
        seen.last = end(call);
        if seen.calls - 1 == more_than {
            seen.hash = call.request_hash.clone().unwrap_or_default();
        }
        if seen.calls > more_than {
            call.model().clone_into(&mut seen.model);
        }
    }
}

impl Columns {
    pub(super) fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Vec<Repeated> {
        let mut found: Vec<(u32, u64)> = self
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
            for index in self.matching(window, filter) {
                let hash = self.hashes[index];
                let Some(calls) = wanted.get(&hash) else { continue };
                let call = &*self.records[index];
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
        most_repeated(repeated.into_values(), limit)
    }

    pub(super) fn duplicates(&self, window: Window, filter: &Filter) -> Duplicates {
        if *filter == Filter::default() {
            let range = self.range(window);
            let hashed = range.clone().filter(|index| self.hashes[*index] != 0).count();
            let repeats = range.clone().filter(|index| self.repeats(*index, &range)).count();
            return Duplicates { hashed: hashed as u64, repeats: repeats as u64 };
        }
        let counts = self.hash_counts(window, filter, false);
        let hashed = counts.values().sum::<u64>();
        Duplicates { hashed, repeats: hashed - counts.len() as u64 }
    }

    pub(super) fn repetition(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> Vec<GroupRepetition> {
        // By the number of the name; of a dimension without numbers, by the place of the name in the order in which they come.
        let numbers = question.by.and_then(|by| self.numbers(by));
        let mut places: HashMap<Cow<'_, str>, u32> = HashMap::new();
        let mut groups: ByNumber<GroupHashes<'_>> = ByNumber::default();
        if question.by.is_none() {
            groups.insert(0, GroupHashes::of("".into()));
        }
        // Nearly all hashes come once, and of them a number is enough: those that another call of the window has are counted apart.
        let range = self.range(window);
        let again: ByNumber<()> = match question.more_than {
            0 => ByNumber::default(),
            _ => {
                let again = range.clone().filter(|index| self.repeats(*index, &range));
                again.map(|index| (self.hashes[index], ())).collect()
            }
        };
        for index in self.matching(window, filter) {
            let call = &*self.records[index];
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
            let hash = self.hashes[index];
            if hash == 0 {
                continue;
            }
            if question.more_than > 0 && !again.contains_key(&hash) {
                group.once += 1;
                continue;
            }
            group.count(hash, call, question.more_than);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
        groups.truncate(if question.by.is_some() { question.groups } else { 1 });
        let found = groups.into_iter().map(|GroupHashes { name, once, hashes, .. }| {
            let counted: u64 = hashes.values().map(|seen| seen.calls).sum();
            let duplicates = Duplicates { hashed: once + counted, repeats: counted - hashes.len() as u64 };
            let repeated = hashes.into_values().filter(|seen| seen.calls > question.more_than);
            let repeated = most_repeated(repeated, question.hashes);
            GroupRepetition { name: name.into_owned(), duplicates, repeated }
        });
        found.collect()
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
}

/// The most repeated first, of equal counts by hash.
fn most_repeated(repeated: impl Iterator<Item = Repeated>, limit: usize) -> Vec<Repeated> {
    let mut repeated: Vec<Repeated> = repeated.collect();
    repeated.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.hash.cmp(&b.hash)));
    repeated.truncate(limit);
    repeated
}
