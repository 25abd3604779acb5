//! Finds traces, the newest first, and the values of an attribute.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Instant;

use super::fields::{Value, span_name};
use super::query::{Attribute, Query, Reduce, Spans, Stage};
use super::{Refusal, scan};
use crate::record::{CallRecord, Timestamp, Window};
use crate::store::{Filter, Querier};

/// How much older than the last trace found the calls are that may still belong to it.
const BEYOND: i64 = 600 * Timestamp::SECOND;
/// Traces that are kept in memory, some 10 MB.
const WAITING: usize = 20_000;
/// Attributes that are listed of all spans together; with more, further spans are counted and not listed.
const LISTED: usize = 32_000;
/// Calls whose attributes are looked at for a list of values, the newest.
const LOOKED_AT: usize = 10_000;

/// What is searched.
#[derive(Debug)]
pub(crate) struct SearchQuestion<'a> {
    pub(crate) query: &'a Query,
    pub(crate) window: Window,
    /// Traces.
    pub(crate) limit: usize,
    /// Spans that are listed of each.
    pub(crate) spans: usize,
    pub(crate) deadline: Instant,
}

/// The traces found, and how many calls were read for them.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) traces: Vec<FoundTrace>,
    pub(crate) read: usize,
}

/// A trace with those of its calls that match.
#[derive(Debug, Clone)]
pub(crate) struct FoundTrace {
    pub(crate) id: [u8; 16],
    /// The service and the name of its first call.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) start: Timestamp,
    pub(crate) end: i64,
    /// Calls and failures by service.
    pub(crate) services: BTreeMap<String, (u32, u32)>,
    /// How many match, and the newest of them.
    pub(crate) matched: u32,
    pub(crate) spans: Vec<FoundSpan>,
    /// Matches of each set of the query, and what the stages add up.
    sets: Vec<u32>,
    reduced: Vec<Reduced>,
}

/// A call that matches.
#[derive(Debug, Clone)]
pub(crate) struct FoundSpan {
    pub(crate) id: [u8; 8],
    pub(crate) name: String,
    pub(crate) start: Timestamp,
    pub(crate) duration_ns: i64,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

impl FoundSpan {
    /// How much it counts towards [`LISTED`]: its own members are some more.
    fn held(&self) -> usize {
        self.attributes.len() + 4
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Reduced {
    count: f64,
    sum: f64,
    least: Option<f64>,
    greatest: Option<f64>,
}

/// Searches.
pub(crate) fn search(question: &SearchQuestion<'_>, ledger: &dyn Querier) -> Result<Found, Refusal> {
    let query = question.query;
    if query.stages.iter().any(|stage| matches!(stage, Stage::Over(_))) {
        return Err(Refusal::Query("a metric has no traces; ask /api/metrics/query_range".to_owned()));
    }
    let mut traces: HashMap<[u8; 16], FoundTrace> = HashMap::new();
    let (mut waiting, mut complete): (VecDeque<[u8; 16]>, HashSet<[u8; 16]>) =
        (VecDeque::new(), HashSet::new());
    let (mut until, mut held) = (i64::MIN, 0);
    let read = scan(ledger, question.window, &query.filter(), question.deadline, |call| {
        let end = call.start.0.saturating_add(call.duration_ns);
        if end < until {
            return false;
        }
        let trace = traces.entry(call.trace_id).or_insert_with(|| {
            waiting.push_back(call.trace_id);
            FoundTrace::empty(call, query)
        });
        held += trace.add(call, query, if held < LISTED { question.spans } else { 0 });
        if complete.len() < question.limit
            && trace.accepted(query)
            && complete.insert(call.trace_id)
            && complete.len() == question.limit
        {
            until = trace.start.0.saturating_sub(BEYOND);
        }
        // The calls of a trace are near each other: what has waited for so long comes to nothing.
        while traces.len() > WAITING
            && let Some(id) = waiting.pop_front()
        {
            if !complete.contains(&id)
                && let Some(gone) = traces.remove(&id)
            {
                held -= gone.spans.iter().map(FoundSpan::held).sum::<usize>();
            }
        }
        true
    })?;
    let mut found: Vec<FoundTrace> = traces.into_values().filter(|trace| trace.accepted(query)).collect();
    found.sort_by_key(|trace| (Reverse(trace.end), trace.id));
    found.truncate(question.limit);
    Ok(Found { traces: found, read })
}

impl FoundTrace {
    fn empty(call: &CallRecord, query: &Query) -> Self {
        Self {
            id: call.trace_id,
            service: String::new(),
            name: String::new(),
            start: Timestamp(i64::MAX),
            end: i64::MIN,
            services: BTreeMap::new(),
            matched: 0,
            spans: Vec::new(),
            sets: vec![0; query.spans.sets()],
            reduced: vec![Reduced::default(); query.stages.len()],
        }
    }

    /// Adds a call, and lists at most `spans` of them. Gives how much more is held.
    fn add(&mut self, call: &CallRecord, query: &Query, spans: usize) -> usize {
        if call.start < self.start {
            self.start = call.start;
            self.service.clone_from(&call.service);
            self.name = span_name(call);
        }
        self.end = self.end.max(call.start.0.saturating_add(call.duration_ns));
        let of_service = self.services.entry(call.service.clone()).or_default();
        of_service.0 = of_service.0.saturating_add(1);
        of_service.1 = of_service.1.saturating_add(u32::from(call.outcome.is_error()));
        if !query.spans.count(call, &mut self.sets.iter_mut()) {
            return 0;
        }
        self.matched = self.matched.saturating_add(1);
        for (reduced, stage) in self.reduced.iter_mut().zip(&query.stages) {
            if let Stage::Reduce(_, attribute, ..) = stage {
                reduced.add(attribute.value(call).and_then(|value| value.number()));
            }
        }
        if self.spans.len() >= spans {
            return 0;
        }
        let span = FoundSpan {
            id: call.span_id,
            name: span_name(call),
            start: call.start,
            duration_ns: call.duration_ns.max(0),
            attributes: listed(call, &query.listed),
        };
        let held = span.held();
        self.spans.push(span);
        held
    }

    /// Whether the whole of it is what the query asks for.
    fn accepted(&self, query: &Query) -> bool {
        self.matched > 0
            && query.spans.holds(&mut self.sets.iter())
            && query.stages.iter().zip(&self.reduced).all(|(stage, reduced)| match stage {
                Stage::Count(compare, wanted) => compare.number(f64::from(self.matched), *wanted),
                Stage::Reduce(reduce, _, compare, wanted) => {
                    reduced.value(*reduce).is_some_and(|value| compare.number(value, *wanted))
                }
                Stage::Over(_) => false,
            })
    }
}

impl Reduced {
    fn add(&mut self, value: Option<f64>) {
        let Some(value) = value else { return };
        self.count += 1.0;
        self.sum += value;
        self.least = Some(self.least.map_or(value, |least| least.min(value)));
        self.greatest = Some(self.greatest.map_or(value, |greatest| greatest.max(value)));
    }

    fn value(&self, reduce: Reduce) -> Option<f64> {
        match reduce {
            Reduce::Sum => (self.count > 0.0).then_some(self.sum),
            Reduce::Average => (self.count > 0.0).then(|| self.sum / self.count),
            Reduce::Least => self.least,
            Reduce::Greatest => self.greatest,
        }
    }
}

impl Spans {
    pub(super) fn sets(&self) -> usize {
        match self {
            Self::Set(_) => 1,
            Self::Both(one, other) | Self::Either(one, other) => one.sets() + other.sets(),
        }
    }

    /// Counts a call in each set that it is in, and whether there is one.
    pub(super) fn count<'a>(&self, call: &CallRecord, sets: &mut impl Iterator<Item = &'a mut u32>) -> bool {
        match self {
            Self::Set(condition) => {
                let holds = condition.holds(call);
                if let Some(count) = sets.next() {
                    *count = count.saturating_add(u32::from(holds));
                }
                holds
            }
            Self::Both(one, other) | Self::Either(one, other) => {
                let first = one.count(call, sets);
                other.count(call, sets) || first
            }
        }
    }

    /// Whether a trace with these counts is taken.
    fn holds<'a>(&self, sets: &mut impl Iterator<Item = &'a u32>) -> bool {
        match self {
            Self::Set(_) => sets.next().is_some_and(|count| *count > 0),
            Self::Both(one, other) => {
                let first = one.holds(sets);
                other.holds(sets) && first
            }
            Self::Either(one, other) => {
                let first = one.holds(sets);
                other.holds(sets) || first
            }
        }
    }
}

fn listed(call: &CallRecord, wanted: &[Attribute]) -> Vec<(&'static str, Value)> {
    let mut attributes: Vec<(&'static str, Value)> = Vec::new();
    for attribute in wanted {
        if let Attribute::Of(field) = attribute
            && let Some(value) = (field.of)(call)
            && attributes.iter().all(|(name, _)| *name != field.name)
        {
            attributes.push((field.name, value));
        }
    }
    attributes
}

/// The values of an attribute among the newest calls that match, with their kind.
pub(crate) fn values(
    query: &Query,
    attribute: Attribute,
    window: Window,
    limit: usize,
    ledger: &dyn Querier,
    deadline: Instant,
) -> Result<BTreeSet<(&'static str, String)>, Refusal> {
    let mut found = BTreeSet::new();
    let mut looked_at = 0;
    scan(ledger, window, &Filter { ..query.filter() }, deadline, |call| {
        looked_at += 1;
        if query.spans.count(call, &mut std::iter::empty())
            && let Some(value) = attribute.value(call)
        {
            found.insert((value.kind(), value.text()));
        }
        looked_at < LOOKED_AT && found.len() < limit
    })?;
    Ok(found)
}
