//! Spans about work with a model that are not recorded: how many, of which scope and why.

use std::collections::BTreeMap;

use super::{Timestamp, Window};

/// The scope under which further scopes are counted.
pub(crate) const OTHER_SCOPES: &str = "_OTHER";
/// Scopes that are counted by their names.
const MOST_SCOPES: usize = 100;
/// Hours that are kept apart in memory.
const MOST_HOURS: usize = 200;
const HOUR: i64 = 3_600 * Timestamp::SECOND;

/// Why a span about work with a model is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// An agent, whose calls have spans of their own.
    Agent,
    /// A tool, whose calls have spans of their own.
    Tool,
    /// A workflow, a chain or a step.
    Workflow,
    /// Retrieval, reranking, a guardrail or an evaluation, or a part of a call.
    Operation,
    /// A log line about no call.
    Log,
    /// The beginning of a span that comes whole later.
    Pending,
    /// It names an operation that is not known, or neither an operation nor a model with tokens.
    Unknown,
    /// A call from before what retention has deleted.
    TooOld,
    /// A call without usable ids, or a span that cannot be read.
    Refused,
    /// A call that the ledger could not take. Its sender was asked to retry, and may have given up.
    Dropped,
    /// No span: a request to a known provider that no format of the library takes. Its scope is the provider and the
    /// shape of the path.
    Unrecognised,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Agent,
        Self::Tool,
        Self::Workflow,
        Self::Operation,
        Self::Log,
        Self::Pending,
        Self::Unknown,
        Self::TooOld,
        Self::Refused,
        Self::Dropped,
        Self::Unrecognised,
    ];

    /// Its name as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Workflow => "workflow",
            Self::Operation => "other_operation",
            Self::Log => "log",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::TooOld => "too_old",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::Unrecognised => "unrecognised_request",
        }
    }

    /// The reason whose label is `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// What a reader of a report needs to know of it.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Agent => "an agent; its calls have spans of their own",
            Self::Tool => "a tool that was run",
            Self::Workflow => "a workflow, chain or step; its calls have spans of their own",
            Self::Operation => "no call to a model, or a part of one",
            Self::Log => "a log line",
            Self::Pending => "the beginning of a span that is sent whole later",
            Self::Unknown => "no known operation, and no model with tokens",
            Self::TooOld => {
                "a call from before what retention has deleted; refused, by the hour of its receipt"
            }
            Self::Refused => "no usable ids, or it cannot be read; refused, by the hour of its receipt",
            Self::Dropped => "the ledger could not take it; its sender was asked to retry later",
            Self::Unrecognised => "a request to a known provider that no format takes",
        }
    }

    /// Whether calls below it are no repetition of anything above it.
    #[must_use]
    pub const fn is_boundary(self) -> bool {
        matches!(self, Self::Agent | Self::Tool | Self::Workflow)
    }

    /// Whether calls may be missing because of it.
    #[must_use]
    pub const fn may_miss_calls(self) -> bool {
        matches!(self, Self::Unknown | Self::TooOld | Self::Refused | Self::Dropped | Self::Unrecognised)
    }
}

/// Counts of skipped spans by scope and reason, of a bounded number of scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkippedSpans {
    counts: BTreeMap<(String, SkipReason), u64>,
    scopes: usize,
}

impl SkippedSpans {
    /// Counts `spans` of `scope`.
    pub fn add(&mut self, scope: &str, reason: SkipReason, spans: u64) {
        let known = |scope: &str| {
            self.counts
                .range((scope.to_owned(), SkipReason::Agent)..)
                .next()
                .is_some_and(|((first, _), _)| first == scope)
        };
        let scope = if scope == OTHER_SCOPES || known(scope) {
            scope
        } else if self.scopes < MOST_SCOPES {
            self.scopes += 1;
            scope
        } else {
            OTHER_SCOPES
        };
        let count = self.counts.entry((scope.to_owned(), reason)).or_default();
        *count = count.saturating_add(spans);
    }

    /// Counts all of `other`.
    pub fn absorb(&mut self, other: &Self) {
        for (scope, reason, spans) in other.iter() {
            self.add(scope, reason, spans);
        }
    }

    /// Scope, reason and number of spans, by scope.
    pub fn iter(&self) -> impl Iterator<Item = (&str, SkipReason, u64)> {
        self.counts.iter().map(|((scope, reason), spans)| (scope.as_str(), *reason, *spans))
    }

    /// Whether nothing was skipped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// Skipped spans by the hour in which they ended, of a bounded number of hours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkippedHours {
    hours: BTreeMap<i64, SkippedSpans>,
}

impl SkippedHours {
    /// Counts one span of `scope` that ended at `end`.
    pub fn add(&mut self, end: Timestamp, scope: &str, reason: SkipReason) {
        self.add_many(end, scope, reason, 1);
    }

    /// Counts `spans` of `scope` that ended at `end`.
    pub fn add_many(&mut self, end: Timestamp, scope: &str, reason: SkipReason, spans: u64) {
        if spans > 0 {
            self.hour(end.0.div_euclid(HOUR)).add(scope, reason, spans);
        }
    }

    /// Counts all of `other`.
    pub fn absorb(&mut self, other: &Self) {
        for (hour, skipped) in other.iter() {
            self.hour(hour).absorb(skipped);
        }
    }

    /// Where spans of an hour are counted: with too many hours, in the newest of them.
    fn hour(&mut self, hour: i64) -> &mut SkippedSpans {
        let full = self.hours.len() >= MOST_HOURS && !self.hours.contains_key(&hour);
        let newest = self.hours.last_key_value().map(|(newest, _)| *newest);
        self.hours.entry(newest.filter(|_| full).unwrap_or(hour)).or_default()
    }

    /// The hours since 1970 with what ended in them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &SkippedSpans)> {
        self.hours.iter().map(|(hour, skipped)| (*hour, skipped))
    }

    /// Everything of the hours that `window` touches.
    #[must_use]
    pub fn within(&self, window: Window) -> SkippedSpans {
        let mut found = SkippedSpans::default();
        for (_, skipped) in self.hours.range(hours_of(window)) {
            found.absorb(skipped);
        }
        found
    }

    /// Forgets the hours before the one that holds `time`.
    pub fn forget_before(&mut self, time: Timestamp) {
        self.hours = self.hours.split_off(&time.0.div_euclid(HOUR));
    }

    /// Whether nothing was skipped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }
}

/// The hours since 1970 that `window` touches.
#[must_use]
pub(crate) fn hours_of(window: Window) -> std::ops::Range<i64> {
    let first = window.from.0.div_euclid(HOUR);
    let after = if window.to > window.from { (window.to.0 - 1).div_euclid(HOUR) + 1 } else { first };
    first..after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_scope_and_reason_and_bounds_the_scopes() {
        let mut skipped = SkippedSpans::default();
        for number in 0..MOST_SCOPES + 50 {
            skipped.add(&format!("scope {number}"), SkipReason::Unknown, 1);
        }
        skipped.add("scope 0", SkipReason::Tool, 2);
        let found: Vec<_> = skipped.iter().collect();
        assert_eq!(found.len(), MOST_SCOPES + 2);
        assert_eq!(found[0], (OTHER_SCOPES, SkipReason::Unknown, 50));
        assert_eq!(found[1..3], [("scope 0", SkipReason::Tool, 2), ("scope 0", SkipReason::Unknown, 1)]);
        let mut behind = SkippedSpans::default();
        behind.add(OTHER_SCOPES, SkipReason::Unknown, 1);
        behind.absorb(&skipped);
        assert_eq!(behind.iter().map(|(_, _, spans)| spans).sum::<u64>(), MOST_SCOPES as u64 + 53);
        assert_eq!(behind.iter().next(), Some((OTHER_SCOPES, SkipReason::Unknown, 51)));
        let mut twice = skipped.clone();
        twice.absorb(&skipped);
        assert_eq!(twice.iter().map(|(_, _, spans)| spans).sum::<u64>(), 2 * (MOST_SCOPES as u64 + 52));
    }

    #[test]
    fn counts_by_the_hours_that_a_window_touches_and_bounds_the_hours() {
        let mut skipped = SkippedHours::default();
        let at = |seconds: i64| Timestamp(seconds * Timestamp::SECOND);
        for seconds in [0, 3_599, 3_600, 7_200] {
            skipped.add(at(seconds), "a", SkipReason::Unknown);
        }
        let spans = |from, to| {
            let window = Window { from: at(from), to: at(to) };
            skipped.within(window).iter().map(|(_, _, spans)| spans).sum::<u64>()
        };
        assert_eq!([spans(0, 3_600), spans(1, 3_601), spans(3_599, 7_201), spans(5, 5)], [2, 3, 4, 0]);
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        assert_eq!(skipped.within(all).iter().next(), Some(("a", SkipReason::Unknown, 4)));

        let mut kept = skipped.clone();
        kept.forget_before(at(3_601));
        assert_eq!(kept.iter().map(|(hour, _)| hour).collect::<Vec<_>>(), [1, 2]);
        for hour in 0..2 * MOST_HOURS as i64 {
            skipped.add(at(hour * 3_600), "b", SkipReason::Tool);
        }
        assert_eq!(skipped.iter().count(), MOST_HOURS);
        assert_eq!(
            skipped.within(all).iter().map(|(_, _, spans)| spans).sum::<u64>(),
            4 + 2 * MOST_HOURS as u64
        );
    }

    #[test]
    fn reads_back_the_names_of_the_reasons() {
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(SkipReason::parse("no reason"), None);
    }
}
