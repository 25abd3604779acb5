//! Spans about work with a model that are not recorded: how many, of which scope and why.

use std::collections::BTreeMap;

/// The scope under which further scopes are counted.
pub const OTHER_SCOPES: &str = "_OTHER";
/// Scopes that are counted by their names.
const MOST_SCOPES: usize = 100;

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
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 7] =
        [Self::Agent, Self::Tool, Self::Workflow, Self::Operation, Self::Log, Self::Pending, Self::Unknown];

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
            Self::Tool => "a tool",
            Self::Workflow => "a workflow, a chain or a step; its calls have spans of their own",
            Self::Operation => "an operation that is no inference call, or a part of one",
            Self::Log => "a log line",
            Self::Pending => "the beginning of a span that is sent whole later",
            Self::Unknown => "not understood: neither a known operation nor a model with tokens",
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
        matches!(self, Self::Unknown)
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
        let scope = if known(scope) {
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
        let mut twice = skipped.clone();
        twice.absorb(&skipped);
        assert_eq!(twice.iter().map(|(_, _, spans)| spans).sum::<u64>(), 2 * (MOST_SCOPES as u64 + 52));
    }

    #[test]
    fn reads_back_the_names_of_the_reasons() {
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(SkipReason::parse("no reason"), None);
    }
}
