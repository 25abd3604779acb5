use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::record::NanoUsd;
use crate::store::{GroupRepetition, Repeated, StoreError};
use crate::text::terminal::plural;

/// Calls in a window beyond which the value of a rule that does not fire is its threshold rather than how often
/// the most frequent request came.
const MANY: u64 = 100_000;

/// Request hashes that are counted of each group.
const HASHES: usize = 1_000;

/// The same request more often than the threshold. The alert names the ten most frequent: which they are may change with
/// every evaluation of a storm.
pub(super) const RULE: Rule = Rule {
    name: RuleName::RepeatedRequests,
    advice: "cache or deduplicate",
    unit: Unit::Calls,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { threshold: 3.0, ..Settings::INFO },
    keys: &[Key::Threshold, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Calls.format(settings.threshold);
    let times = if limit == "1" { "time" } else { "times" };
    format!("The same LLM request more than {limit} {times} within {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    judge(scope, inputs, MANY)
}

/// As [`Rule::evaluate`], where a window of more than `many_calls` is one of many calls.
pub(super) fn judge(scope: &Scope, inputs: &Inputs<'_>, many_calls: u64) -> Result<Evaluation, StoreError> {
    let limit = scope.settings.threshold;
    // Of many calls those that came twice are too many to remember.
    let many = inputs.querier.totals(scope.window(inputs.now), &scope.filter)?.calls > many_calls;
    let more_than = if many { limit.floor().max(1.0) as u64 } else { 1 };
    let mut samples = Vec::new();
    for (labels, found) in scope.repetition(inputs, more_than, HASHES)? {
        let most = found.repeated.first().map_or(found.duplicates.hashed.min(more_than), |request| request.calls);
        if most > 0 {
            let verdict = Verdict::of(count(most) > limit);
            let description = describe(scope, &found, most);
            samples.push(Sample { labels, value: count(most), threshold: limit, verdict, description });
        }
    }
    if samples.is_empty() {
        let sample = scope.sample(0.0, false, scope.no_calls());
        return Ok(Evaluation::empty(sample, format!("{} with a request hash", scope.no_calls())));
    }
    Ok(Evaluation::known(samples))
}

/// The requests beyond the limit, the ten most frequent by their hash.
fn describe(scope: &Scope, found: &GroupRepetition, most: u64) -> String {
    let limit = scope.settings.threshold;
    let within = scope.settings.window.words();
    let beyond: Vec<&Repeated> = found.repeated.iter().filter(|request| count(request.calls) > limit).collect();
    if beyond.is_empty() {
        return format!("no request came more than {most} {} within {within}", plural(most, "time"));
    }
    let named: Vec<String> = beyond.iter().take(TOP).map(|request| name(request)).collect();
    let cost = NanoUsd(beyond.iter().map(|request| request.cost.0).fold(0, i64::saturating_add));
    // As many as were asked for may be more.
    let requests = if beyond.len() < HASHES { beyond.len().to_string() } else { format!("{HASHES} or more") };
    let came = if beyond.len() == 1 { "request" } else { "requests" };
    let limit = Unit::Calls.format(limit);
    let cost = Unit::Usd.format(cost.as_usd());
    format!("{requests} {came} more than {limit} times within {within} for {cost}: {}", named.join(", "))
}

fn name(request: &Repeated) -> String {
    let model = if request.model.is_empty() { "an unknown model" } else { &request.model };
    format!("{} to {model} {} {}", request.hash, request.calls, plural(request.calls, "time"))
}
