//! The answers a store must give, computed from the records in the plainest way.

use std::collections::{BTreeMap, HashMap};

use spanledger::Outcome;

use crate::record::{CallRecord, NanoUsd, TagKey, Timestamp, Window};
use crate::store::{
    Dimension, Duplicates, Filter, Group, GroupRepetition, LatencySummary, Quantiles, Repeated,
    RepetitionQuestion, Totals,
};

pub(crate) const DIMENSIONS: [Dimension; 9] = [
    Dimension::Model,
    Dimension::Provider,
    Dimension::Service,
    Dimension::Deployment,
    Dimension::User,
    Dimension::Error,
    Dimension::Outcome,
    Dimension::CostStatus,
    Dimension::Tag(TEAM),
];

/// The key of a tag that calls have.
pub(crate) const TEAM: TagKey = TagKey::of_static("team");

pub(crate) fn end(call: &CallRecord) -> i64 {
    call.start.0.saturating_add(call.duration_ns)
}

pub(crate) fn within<'a>(
    calls: &'a [CallRecord],
    window: Window,
    filter: &'a Filter,
) -> impl Iterator<Item = &'a CallRecord> {
    let wanted = |call: &CallRecord| {
        filter.service.as_ref().is_none_or(|service| *service == call.service)
            && filter.model.as_ref().is_none_or(|model| model == call.model())
            && filter.provider.as_ref().is_none_or(|provider| *provider == call.provider)
            && filter.tags.iter().all(|(key, value)| call.tags.get(*key).unwrap_or_default() == value)
            && (filter.user.is_none() || filter.user == call.user)
            && (filter.hash.is_none() || filter.hash == call.request_hash)
            && filter.trace_id.is_none_or(|trace_id| trace_id == call.trace_id)
            && filter.error.as_ref().is_none_or(|wanted| Some(wanted) == call.error_kind.as_ref())
            && filter.outcome.is_none_or(|outcome| outcome == call.outcome)
            && (filter.status_code.is_none() || filter.status_code == call.status_code)
            && !filter.except_services.contains(&call.service)
            && !filter.except_models.iter().any(|model| model == call.model())
    };
    calls.iter().filter(move |call| (window.from.0..window.to.0).contains(&end(call)) && wanted(call))
}

pub(crate) fn totals(calls: &[CallRecord], window: Window, filter: &Filter) -> Totals {
    sum(within(calls, window, filter))
}

fn sum<'a>(calls: impl Iterator<Item = &'a CallRecord>) -> Totals {
    let mut sums = Totals::default();
    for call in calls {
        sums.calls += 1;
        match call.outcome {
            Outcome::Completed => sums.succeeded += 1,
            Outcome::Truncated | Outcome::Failed | Outcome::TimedOut => sums.failed += 1,
            Outcome::Dropped | Outcome::Cancelled | Outcome::Pending | Outcome::Interrupted => {}
        }
        match call.status_code {
            Some(401 | 403) => sums.unauthorized += 1,
            Some(429) => sums.rate_limited += 1,
            _ => {}
        }
        if call.succeeded() && call.total_tokens().is_none() {
            sums.succeeded_without_usage += 1;
        }
        if call.total_tokens().is_some() && call.cost.is_none() {
            sums.unpriced += 1;
        }
        for (sum, tokens) in [
            (&mut sums.input_tokens, call.input_tokens),
            (&mut sums.output_tokens, call.output_tokens),
            (&mut sums.cache_read_tokens, call.cache_read_tokens),
            (&mut sums.cache_write_tokens, call.cache_write_tokens),
            (&mut sums.reasoning_tokens, call.reasoning_tokens),
            (&mut sums.duration_ns, Some(call.duration_ns.max(0).cast_unsigned())),
        ] {
            *sum = sum.saturating_add(tokens.unwrap_or(0));
        }
        if let (Some(reported), Some(computed)) = (call.cost, call.computed_cost) {
            sums.reported += 1;
            sums.reported_cost = NanoUsd(sums.reported_cost.0.saturating_add(reported.0));
            sums.computed_cost = NanoUsd(sums.computed_cost.0.saturating_add(computed.0));
        }
        sums.cost = NanoUsd(sums.cost.0.saturating_add(call.cost.map_or(0, |cost| cost.0)));
    }
    sums
}

pub(crate) fn breakdown(
    calls: &[CallRecord],
    window: Window,
    filter: &Filter,
    by: Dimension,
    limit: usize,
) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<&CallRecord>> = BTreeMap::new();
    for call in within(calls, window, filter) {
        let name = match by {
            Dimension::Model => Some(call.model().to_owned()),
            Dimension::Provider => Some(call.provider.clone()),
            Dimension::Service => Some(call.service.clone()),
            Dimension::Deployment => Some(call.deployment().into_owned()),
            Dimension::User => call.user.clone(),
            Dimension::Error => call.error_kind.clone(),
            Dimension::Outcome => Some(call.outcome.to_string()),
            Dimension::CostStatus => Some(call.cost_status.as_str().to_owned()),
            Dimension::Tag(key) => call.tags.get(key).map(str::to_owned),
        };
        if let Some(name) = name {
            groups.entry(name).or_default().push(call);
        }
    }
    let mut groups: Vec<_> =
        groups.into_iter().map(|(name, calls)| Group { name, totals: sum(calls.into_iter()) }).collect();
    // Stable, so that names stay in order within the same count.
    groups.sort_by_key(|group| std::cmp::Reverse(group.totals.calls));
    groups.truncate(limit);
    groups
}

pub(crate) fn latency(calls: &[CallRecord], window: Window, filter: &Filter) -> LatencySummary {
    let (mut durations, mut first_chunks) = (Vec::new(), Vec::new());
    for call in within(calls, window, filter) {
        durations.push(call.duration_ns.max(0));
        first_chunks.extend(call.first_chunk_ns.map(|ns| ns.max(0)));
    }
    LatencySummary { duration: quantiles(durations), first_chunk: quantiles(first_chunks) }
}

/// Nearest rank: the smallest value that so many percent do not exceed.
fn quantiles(mut values: Vec<i64>) -> Quantiles {
    if values.is_empty() {
        return Quantiles::default();
    }
    values.sort_unstable();
    let at = |percent: usize| Some(values[(values.len() * percent).div_ceil(100) - 1] as f64 / 1e9);
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    Quantiles {
        count: values.len() as u64,
        mean: Some(sum as f64 / values.len() as f64 / 1e9),
        p50: at(50),
        p95: at(95),
        p99: at(99),
    }
}

/// Counts must be equal, seconds within 2 %.
pub(crate) fn assert_close(found: &LatencySummary, exact: &LatencySummary) {
    for (found, exact) in [(found.duration, exact.duration), (found.first_chunk, exact.first_chunk)] {
        assert_eq!(found.count, exact.count);
        let pairs = [
            (found.mean, exact.mean),
            (found.p50, exact.p50),
            (found.p95, exact.p95),
            (found.p99, exact.p99),
        ];
        for (found, exact) in pairs {
            match (found, exact) {
                (Some(found), Some(exact)) => {
                    assert!((found - exact).abs() <= exact.abs() * 0.02 + 1e-9, "{found} for {exact}");
                }
                (found, exact) => assert_eq!(found, exact),
            }
        }
    }
}

pub(crate) fn repeated(
    calls: &[CallRecord],
    window: Window,
    filter: &Filter,
    more_than: u64,
    limit: usize,
) -> Vec<Repeated> {
    let mut by_hash: BTreeMap<&str, Vec<&CallRecord>> = BTreeMap::new();
    for call in within(calls, window, filter) {
        if let Some(hash) = &call.request_hash {
            by_hash.entry(hash).or_default().push(call);
        }
    }
    let mut repeated: Vec<_> = by_hash
        .into_iter()
        .filter(|(_, calls)| calls.len() as u64 > more_than)
        .filter_map(|(hash, calls)| {
            let newest = calls.iter().max_by_key(|call| end(call))?;
            Some(Repeated {
                hash: hash.to_owned(),
                calls: calls.len() as u64,
                model: newest.model().to_owned(),
                cost: sum(calls.iter().copied()).cost,
                last: Timestamp(end(newest)),
            })
        })
        .collect();
    repeated.sort_by_key(|seen| std::cmp::Reverse(seen.calls));
    repeated.truncate(limit);
    repeated
}

pub(crate) fn duplicates(calls: &[CallRecord], window: Window, filter: &Filter) -> Duplicates {
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for call in within(calls, window, filter) {
        if let Some(hash) = &call.request_hash {
            *seen.entry(hash).or_default() += 1;
        }
    }
    let hashed = seen.values().sum::<u64>();
    Duplicates { hashed, repeats: hashed - seen.len() as u64 }
}

pub(crate) fn repetition(
    calls: &[CallRecord],
    window: Window,
    filter: &Filter,
    question: &RepetitionQuestion,
) -> Vec<GroupRepetition> {
    let names: Vec<String> = match question.by {
        None => vec![String::new()],
        Some(by) => breakdown(calls, window, filter, by, question.groups)
            .into_iter()
            .map(|group| group.name)
            .collect(),
    };
    let group = |name: String| {
        let own: Vec<CallRecord> = calls
            .iter()
            .filter(|call| match question.by {
                None => true,
                Some(Dimension::User) => call.user.as_ref() == Some(&name),
                Some(Dimension::Service) => call.service == name,
                Some(Dimension::Model) => call.model() == name,
                Some(by) => panic!("{by:?} is not asked for"),
            })
            .cloned()
            .collect();
        GroupRepetition {
            name,
            duplicates: duplicates(&own, window, filter),
            repeated: repeated(&own, window, filter, question.more_than, question.hashes),
        }
    };
    names.into_iter().map(group).collect()
}
