//! A ledger in a vector: each answer by the plainest possible means.

use std::collections::{BTreeMap, HashMap};

use crate::record::{CallRecord, NanoUsd, Timestamp, Window};
use crate::store::*;

#[derive(Debug, Default)]
pub(crate) struct Memory(pub(crate) Vec<CallRecord>);

fn end(call: &CallRecord) -> Timestamp {
    Timestamp(call.start.0 + call.duration_ns)
}

fn sums<'a>(calls: impl IntoIterator<Item = &'a CallRecord>) -> Totals {
    let mut t = Totals::default();
    for call in calls {
        t.calls += 1;
        t.succeeded += u64::from(call.succeeded());
        t.failed += u64::from(call.failed());
        t.unauthorized += u64::from(matches!(call.status_code, Some(401 | 403)));
        t.rate_limited += u64::from(call.status_code == Some(429));
        t.succeeded_without_usage += u64::from(call.succeeded() && call.total_tokens().is_none());
        t.unpriced += u64::from(call.cost_status == spanledger::CostStatus::Unpriced);
        t.input_tokens += call.input_tokens.unwrap_or(0);
        t.output_tokens += call.output_tokens.unwrap_or(0);
        t.cache_read_tokens += call.cache_read_tokens.unwrap_or(0);
        t.cache_write_tokens += call.cache_write_tokens.unwrap_or(0);
        t.reasoning_tokens += call.reasoning_tokens.unwrap_or(0);
        t.cost.0 += call.cost.unwrap_or_default().0;
        t.duration_ns += call.duration_ns as u64;
    }
    t
}

fn quantiles(mut seconds: Vec<f64>) -> Quantiles {
    seconds.sort_by(f64::total_cmp);
    let n = seconds.len();
    let at = |q: f64| seconds.get(((n as f64 * q).ceil() as usize).saturating_sub(1)).copied();
    Quantiles {
        count: n as u64,
        mean: (n > 0).then(|| seconds.iter().sum::<f64>() / n as f64),
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
    }
}

fn latencies<'a>(calls: impl IntoIterator<Item = &'a CallRecord> + Clone) -> LatencySummary {
    LatencySummary {
        duration: quantiles(calls.clone().into_iter().map(|c| c.duration_ns as f64 / 1e9).collect()),
        first_chunk: quantiles(
            calls.into_iter().filter_map(|c| c.first_chunk_ns).map(|ns| ns as f64 / 1e9).collect(),
        ),
    }
}

impl Memory {
    fn matching(&self, window: Window, filter: &Filter) -> Vec<&CallRecord> {
        let is =
            |wanted: &Option<String>, have: Option<&str>| wanted.as_deref().is_none_or(|w| have == Some(w));
        self.0
            .iter()
            .filter(|c| (window.from..window.to).contains(&end(c)))
            .filter(|c| is(&filter.service, Some(&c.service)) && is(&filter.model, Some(c.model())))
            .filter(|c| is(&filter.provider, Some(&c.provider)) && is(&filter.user, c.user.as_deref()))
            .filter(|c| is(&filter.hash, c.request_hash.as_deref()))
            .filter(|c| filter.trace_id.is_none_or(|id| id == c.trace_id))
            .filter(|c| filter.outcome.is_none_or(|outcome| outcome == c.outcome))
            .filter(|c| filter.status_code.is_none_or(|status| c.status_code == Some(status)))
            .collect()
    }
}

impl Querier for Memory {
    fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        Ok(sums(self.matching(window, filter)))
    }

    fn breakdown(
        &self,
        window: Window,
        filter: &Filter,
        by: Dimension,
        limit: usize,
    ) -> Result<Vec<Group>, StoreError> {
        let mut groups: BTreeMap<&str, Vec<&CallRecord>> = BTreeMap::new();
        for call in self.matching(window, filter) {
            let name = match by {
                Dimension::Model => Some(call.model()),
                Dimension::Provider => Some(call.provider.as_str()),
                Dimension::Service => Some(call.service.as_str()),
                Dimension::User => call.user.as_deref(),
                Dimension::Error => call.error_type.as_deref(),
                Dimension::Outcome => Some(call.outcome.as_str()),
                Dimension::CostStatus => Some(call.cost_status.as_str()),
            };
            if let Some(name) = name {
                groups.entry(name).or_default().push(call);
            }
        }
        let mut groups: Vec<Group> = groups
            .into_iter()
            .map(|(name, calls)| Group { name: name.to_owned(), totals: sums(calls) })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.totals.calls));
        groups.truncate(limit);
        Ok(groups)
    }

    fn series(&self, window: Window, filter: &Filter, step_seconds: i64) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::new();
        let mut at = window.from;
        while at < window.to {
            let step = Window { from: at, to: at.plus_seconds(step_seconds).min(window.to) };
            let calls = self.matching(step, filter);
            steps.push(Step { at, totals: sums(calls.clone()), latency: latencies(calls) });
            at = step.to;
        }
        Ok(steps)
    }

    fn latency(&self, window: Window, filter: &Filter) -> Result<LatencySummary, StoreError> {
        Ok(latencies(self.matching(window, filter)))
    }

    fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> Result<Vec<Repeated>, StoreError> {
        let mut by_hash: HashMap<&str, Vec<&CallRecord>> = HashMap::new();
        for call in self.matching(window, filter) {
            if let Some(hash) = call.request_hash.as_deref() {
                by_hash.entry(hash).or_default().push(call);
            }
        }
        let mut repeated: Vec<Repeated> = by_hash
            .into_iter()
            .filter(|(_, calls)| calls.len() as u64 > more_than)
            .map(|(hash, calls)| {
                let newest = calls.iter().max_by_key(|call| end(call)).unwrap();
                Repeated {
                    hash: hash.to_owned(),
                    calls: calls.len() as u64,
                    model: newest.model().to_owned(),
                    cost: NanoUsd(calls.iter().map(|call| call.cost.unwrap_or_default().0).sum()),
                    last: end(newest),
                }
            })
            .collect();
        repeated.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.hash.cmp(&b.hash)));
        repeated.truncate(limit);
        Ok(repeated)
    }

    fn duplicates(&self, window: Window, filter: &Filter) -> Result<Duplicates, StoreError> {
        let calls = self.matching(window, filter);
        let hashes: Vec<&str> = calls.iter().filter_map(|call| call.request_hash.as_deref()).collect();
        let distinct: std::collections::HashSet<_> = hashes.iter().collect();
        Ok(Duplicates { hashed: hashes.len() as u64, repeats: (hashes.len() - distinct.len()) as u64 })
    }

    fn largest_calls(&self, _: Window, _: &Filter, _: u64, _: usize) -> Result<Vec<LargeCall>, StoreError> {
        Ok(Vec::new())
    }

    fn sequence_gaps(&self, _: Timestamp, _: Timestamp, _: usize) -> Result<Vec<SequenceGap>, StoreError> {
        Ok(Vec::new())
    }

    fn last_call(&self, before: Timestamp, _: &Filter) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.0.iter().map(end).filter(|at| *at < before).max())
    }

    fn calls(&self, window: Window, filter: &Filter, page: Page) -> Result<CallPage, StoreError> {
        let mut calls: Vec<&CallRecord> = self.matching(window, filter);
        calls.sort_by_key(|call| std::cmp::Reverse(end(call)));
        let start = page.after.unwrap_or(0) as usize;
        let taken: Vec<CallRecord> =
            calls.iter().skip(start).take(page.limit).map(|c| (*c).clone()).collect();
        let reached = start + taken.len();
        Ok(CallPage { calls: taken, next: (reached < calls.len()).then_some(reached as i64) })
    }
}
