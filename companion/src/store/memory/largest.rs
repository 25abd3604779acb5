//! The largest calls, by their tokens.

use std::cmp::Ordering;

use super::{ByNumber, Columns};
use crate::record::Window;
use crate::store::{Dimension, Filter, LargeCall};

impl Columns {
    pub(super) fn largest_by(
        &self,
        window: Window,
        filter: &Filter,
        small: u64,
        by: Option<Dimension>,
        limit: usize,
    ) -> Vec<LargeCall> {
        let all = self.matching(window, filter).filter(|index| self.tokens[*index] > 0);
        // The first under a value must be the largest call of its user: so it is of what a user at a service has one of.
        let is_one_of_a_user = matches!(by, None | Some(Dimension::Deployment | Dimension::User));
        // What is cut off at the limit depends on all of them.
        if !is_one_of_a_user || self.range(window).len() > limit {
            return self.largest(all, limit);
        }
        let numbers = by.and_then(|by| self.numbers(by));
        let mut first: ByNumber<usize> = ByNumber::default();
        let mut indexes = Vec::new();
        for index in all {
            if self.tokens[index] > small {
                indexes.push(index);
                continue;
            }
            let first = first.entry(numbers.map_or(0, |numbers| numbers[index])).or_insert(index);
            if self.by_size(index, *first).is_lt() {
                *first = index;
            }
        }
        indexes.extend(first.into_values());
        self.largest(indexes.into_iter(), limit)
    }

    /// Of each user at each service, with one set of tags, the largest call of those at `indexes`; the largest first. Of equal calls
    /// the one with the lower trace id, so that the result does not depend on their order.
    pub(super) fn largest(&self, indexes: impl Iterator<Item = usize>, limit: usize) -> Vec<LargeCall> {
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
}
