//! The report as JSON: documented in `docs/report-json.md` and stable. Fields are added, never renamed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::{Report, Skipped};
use super::figures::{drift, known_cost, known_tokens, mean_seconds, success_rate};
use crate::record::{NanoUsd, ProcessEnd, Window};
use crate::rule::budget::Standing;
use crate::store::{Group, Quantiles, Repeated, SequenceGap, Totals};
use crate::text::time::rfc3339;
use crate::text::unit::Unit;

/// The report as indented JSON with a line end.
///
/// # Errors
/// [`serde_json::Error`], which plain data does not cause.
pub(crate) fn to_json(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Document::of(report))?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Document<'a> {
    window: Span,
    generated_at: String,
    totals: Sums,
    latency_seconds: Latency,
    time_to_first_chunk_seconds: Latency,
    outcomes: Vec<Named<'a>>,
    models: Vec<Named<'a>>,
    providers: Vec<Named<'a>>,
    services: Vec<Named<'a>>,
    users: Vec<Named<'a>>,
    errors: Vec<Named<'a>>,
    repeated: Vec<Hash<'a>>,
    duplicates: Repetition,
    unpriced: Vec<Named<'a>>,
    gaps: Gaps<'a>,
    skipped: Vec<SkippedSpans<'a>>,
    rules: Vec<Rule<'a>>,
    budgets: Vec<Budget<'a>>,
    tags: BTreeMap<&'a str, Vec<Named<'a>>>,
}

#[derive(Serialize)]
struct Span {
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Sums {
    calls: u64,
    succeeded: u64,
    failed: u64,
    success_rate: Option<f64>,
    unauthorized: u64,
    rate_limited: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    cost_usd: Option<f64>,
    unpriced_calls: u64,
    succeeded_without_usage: u64,
    reported_cost: ReportedCost,
}

/// The costs that providers and senders reported, next to what the price tables give for the same calls.
#[derive(Serialize)]
struct ReportedCost {
    calls: u64,
    reported_usd: Option<f64>,
    computed_usd: Option<f64>,
    drift: Option<f64>,
}

#[derive(Serialize)]
struct Latency {
    count: u64,
    mean: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    sums: Sums,
    latency_mean_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Hash<'a> {
    name: &'a str,
    calls: u64,
    model: &'a str,
    cost_usd: Option<f64>,
    last_at: String,
}

#[derive(Serialize)]
struct Repetition {
    window: Span,
    hashed_calls: u64,
    repeated_calls: u64,
    ratio: Option<f64>,
    exact: bool,
}

#[derive(Serialize)]
struct Gaps<'a> {
    count: u64,
    missing_calls: u64,
    lost_calls: u64,
    lost_from: Option<String>,
    lost_to: Option<String>,
    skipped_calls: u64,
    skipped_processes: u64,
    newest: Vec<Gap<'a>>,
}

#[derive(Serialize)]
struct Gap<'a> {
    instance: &'a str,
    service: &'a str,
    first: u64,
    last: u64,
    missing_calls: u64,
    lost_calls: u64,
    process_end: Option<&'static str>,
    noticed_at: String,
}

#[derive(Serialize)]
struct SkippedSpans<'a> {
    scope: &'a str,
    reason: &'static str,
    spans: u64,
    may_be_calls: bool,
    explanation: &'static str,
}

#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
    state: &'static str,
    severity: &'a str,
    value: Option<f64>,
    threshold: f64,
    unit: &'static str,
    advice: &'a str,
    detail: Option<&'a str>,
    labels: &'a BTreeMap<String, String>,
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::PerMinute => "per_minute",
        Unit::Share => "share",
        Unit::Usd => "usd",
        Unit::Tokens => "tokens",
        Unit::Calls => "calls",
        Unit::Services => "services",
        Unit::Seconds => "seconds",
        Unit::Times => "times",
    }
}

/// One budget in its current period.
#[derive(Serialize)]
struct Budget<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    period: Span,
    limit_usd: f64,
    spent_usd: f64,
    share: f64,
    period_share: f64,
    unpriced_calls: u64,
    forecast_usd: Option<f64>,
    forecast_error: Option<f64>,
}

impl<'a> Budget<'a> {
    fn of(budget: &'a Standing) -> Self {
        Self {
            name: &budget.name,
            labels: &budget.labels,
            period: Span::of(budget.period),
            limit_usd: budget.limit.as_usd(),
            spent_usd: budget.spent.as_usd(),
            share: budget.share(),
            period_share: budget.elapsed,
            unpriced_calls: budget.unpriced,
            forecast_usd: budget.forecast.map(|forecast| forecast.usd),
            forecast_error: budget.forecast.map(|forecast| forecast.error),
        }
    }
}

impl<'a> Document<'a> {
    fn of(report: &'a Report) -> Self {
        let repetition = &report.repetition;
        let named = |groups: &'a [Group]| groups.iter().map(Named::of).collect::<Vec<_>>();
        Self {
            window: Span::of(report.window),
            generated_at: rfc3339(report.generated),
            totals: Sums::of(&report.totals),
            latency_seconds: Latency::of(report.latency.duration),
            time_to_first_chunk_seconds: Latency::of(report.latency.first_chunk),
            outcomes: named(&report.outcomes),
            models: named(&report.models),
            providers: named(&report.providers),
            services: named(&report.services),
            users: named(&report.users),
            errors: named(&report.errors),
            repeated: repetition.repeated.iter().map(Hash::of).collect(),
            duplicates: Repetition {
                window: Span::of(repetition.window),
                hashed_calls: repetition.duplicates.hashed,
                repeated_calls: repetition.duplicates.repeats,
                ratio: crate::text::number::share(
                    repetition.duplicates.repeats,
                    repetition.duplicates.hashed,
                ),
                exact: repetition.exact,
            },
            unpriced: named(&report.unpriced),
            gaps: Gaps {
                count: report.missing.gaps,
                missing_calls: report.missing.numbers,
                lost_calls: report.missing.lost,
                lost_from: report.missing.lost_between.map(|(from, _)| rfc3339(from)),
                lost_to: report.missing.lost_between.map(|(_, to)| rfc3339(to)),
                skipped_calls: report.missing.skipped.calls,
                skipped_processes: report.missing.skipped.processes,
                newest: report.missing.newest.iter().map(Gap::of).collect(),
            },
            skipped: report.skipped.iter().map(SkippedSpans::of).collect(),
            budgets: report.budgets.iter().map(Budget::of).collect(),
            rules: report
                .rules
                .iter()
                .map(|rule| Rule {
                    name: &rule.name,
                    state: rule.state.as_str(),
                    severity: &rule.severity,
                    value: rule.value,
                    threshold: rule.threshold,
                    unit: unit(rule.unit),
                    advice: &rule.advice,
                    detail: rule.detail.as_deref(),
                    labels: &rule.labels,
                })
                .collect(),
            tags: report.tags.iter().map(|(key, groups)| (key.as_str(), named(groups))).collect(),
        }
    }
}

impl Span {
    fn of(window: Window) -> Self {
        Self { from: rfc3339(window.from), to: rfc3339(window.to) }
    }
}

impl Sums {
    fn of(totals: &Totals) -> Self {
        let tokens = |sum| known_tokens(totals, sum);
        Self {
            calls: totals.calls,
            succeeded: totals.succeeded,
            failed: totals.failed,
            success_rate: success_rate(totals),
            unauthorized: totals.unauthorized,
            rate_limited: totals.rate_limited,
            input_tokens: tokens(totals.input_tokens),
            output_tokens: tokens(totals.output_tokens),
            cache_read_tokens: tokens(totals.cache_read_tokens),
            cache_write_tokens: tokens(totals.cache_write_tokens),
            reasoning_tokens: tokens(totals.reasoning_tokens),
            cost_usd: known_cost(totals).map(NanoUsd::as_usd),
            unpriced_calls: totals.unpriced,
            succeeded_without_usage: totals.succeeded_without_usage,
            reported_cost: ReportedCost {
                calls: totals.reported,
                reported_usd: (totals.reported > 0).then(|| totals.reported_cost.as_usd()),
                computed_usd: (totals.reported > 0).then(|| totals.computed_cost.as_usd()),
                drift: drift(totals),
            },
        }
    }
}

impl Latency {
    fn of(quantiles: Quantiles) -> Self {
        let Quantiles { count, mean, p50, p95, p99 } = quantiles;
        Self { count, mean, p50, p95, p99 }
    }
}

impl<'a> Named<'a> {
    fn of(group: &'a Group) -> Self {
        Self {
            name: &group.name,
            sums: Sums::of(&group.totals),
            latency_mean_seconds: mean_seconds(&group.totals),
        }
    }
}

impl<'a> SkippedSpans<'a> {
    fn of(skipped: &'a Skipped) -> Self {
        Self {
            scope: &skipped.scope,
            reason: skipped.reason.as_str(),
            spans: skipped.spans,
            may_be_calls: skipped.reason.may_miss_calls(),
            explanation: skipped.reason.explanation(),
        }
    }
}

impl<'a> Gap<'a> {
    fn of(gap: &'a SequenceGap) -> Self {
        Self {
            instance: &gap.instance,
            service: &gap.service,
            first: gap.first,
            last: gap.last,
            missing_calls: gap.numbers(),
            lost_calls: gap.lost,
            process_end: gap.end.map(ProcessEnd::as_str),
            noticed_at: rfc3339(gap.noticed),
        }
    }
}

impl<'a> Hash<'a> {
    fn of(repeated: &'a Repeated) -> Self {
        Self {
            name: &repeated.hash,
            calls: repeated.calls,
            model: &repeated.model,
            // The sum alone does not say whether it is nothing or unknown.
            cost_usd: (repeated.cost.0 != 0).then(|| repeated.cost.as_usd()),
            last_at: rfc3339(repeated.last),
        }
    }
}
