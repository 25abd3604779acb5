//! Arithmetic on [`Totals`]: every field is a sum over calls, so that differences of running sums are exact.

use spanledger::UsageSource;

use crate::record::{CallRecord, NanoUsd};
use crate::store::Totals;

/// What one call adds.
pub(super) fn of(call: &CallRecord) -> Totals {
    let has_usage = call.total_tokens().is_some() || call.usage_source != UsageSource::None;
    Totals {
        calls: 1,
        succeeded: u64::from(call.succeeded()),
        failed: u64::from(call.failed()),
        unauthorized: u64::from(matches!(call.status_code, Some(401 | 403))),
        rate_limited: u64::from(call.status_code == Some(429)),
        succeeded_without_usage: u64::from(call.succeeded() && call.usage_source == UsageSource::None),
        unpriced: u64::from(has_usage && call.cost.is_none()),
        input_tokens: call.input_tokens.unwrap_or(0),
        output_tokens: call.output_tokens.unwrap_or(0),
        cache_read_tokens: call.cache_read_tokens.unwrap_or(0),
        cache_write_tokens: call.cache_write_tokens.unwrap_or(0),
        reasoning_tokens: call.reasoning_tokens.unwrap_or(0),
        cost: call.cost.unwrap_or_default(),
        duration_ns: u64::try_from(call.duration_ns).unwrap_or(0),
    }
}

/// Sums wrap: a running sum may pass 2^64 where the difference of two of them does not.
pub(super) fn plus(a: Totals, b: &Totals) -> Totals {
    combine(a, b, u64::wrapping_add, i64::wrapping_add)
}

/// The sums between two running sums.
pub(super) fn minus(a: Totals, b: &Totals) -> Totals {
    combine(a, b, u64::wrapping_sub, i64::wrapping_sub)
}

fn combine(a: Totals, b: &Totals, count: fn(u64, u64) -> u64, money: fn(i64, i64) -> i64) -> Totals {
    Totals {
        calls: count(a.calls, b.calls),
        succeeded: count(a.succeeded, b.succeeded),
        failed: count(a.failed, b.failed),
        unauthorized: count(a.unauthorized, b.unauthorized),
        rate_limited: count(a.rate_limited, b.rate_limited),
        succeeded_without_usage: count(a.succeeded_without_usage, b.succeeded_without_usage),
        unpriced: count(a.unpriced, b.unpriced),
        input_tokens: count(a.input_tokens, b.input_tokens),
        output_tokens: count(a.output_tokens, b.output_tokens),
        cache_read_tokens: count(a.cache_read_tokens, b.cache_read_tokens),
        cache_write_tokens: count(a.cache_write_tokens, b.cache_write_tokens),
        reasoning_tokens: count(a.reasoning_tokens, b.reasoning_tokens),
        cost: NanoUsd(money(a.cost.0, b.cost.0)),
        duration_ns: count(a.duration_ns, b.duration_ns),
    }
}
