use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Sample, Scope, TOP, Unit, count};
use crate::text::terminal::plural;
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Calls in a window beyond which the value of a rule that does not fire is its threshold rather than how often
/// the most frequent request came.
const MANY: u64 = 100_000;

/// The same request more often than the threshold. One alert per request hash, the ten most frequent.
pub(super) const RULE: Rule = Rule {
    name: RuleName::RepeatedRequests,
    advice: "cache or deduplicate",
    unit: Unit::Calls,
    compare: Compare::Above,
    defaults: Settings { threshold: 3.0, ..Settings::INFO },
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Calls.format(settings.threshold);
    let times = if limit == "1" { "time" } else { "times" };
    format!("The same LLM request more than {limit} {times} within {}", settings.window.words())
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    judge(scope, querier, now, MANY)
}

/// As [`Rule::evaluate`], where a window of more than `many_calls` is one of many calls.
pub(super) fn judge(
    scope: &Scope,
    querier: &dyn Querier,
    now: Timestamp,
    many_calls: u64,
) -> Result<Evaluation, StoreError> {
    let window = scope.window(now);
    let limit = scope.settings.threshold;
    let within = scope.settings.window.words();
    // Of many calls those that came twice are too many to remember.
    let many = querier.totals(window, &scope.filter)?.calls > many_calls;
    let more_than = if many { limit.floor().max(1.0) as u64 } else { 1 };
    let repeated = querier.repeated(window, &scope.filter, more_than, TOP)?;
    let mut samples: Vec<Sample> = repeated
        .iter()
        .filter(|request| count(request.calls) > limit)
        .map(|request| Sample {
            labels: scope.labels_with("request_hash", &request.hash),
            ..scope.sample(
                count(request.calls),
                true,
                format!(
                    "request {} to {} came {} {} within {within}, threshold {}; it cost ${} together",
                    request.hash,
                    if request.model.is_empty() { "an unknown model" } else { &request.model },
                    request.calls,
                    plural(request.calls, "time"),
                    Unit::Calls.format(limit),
                    request.cost
                ),
            )
        })
        .collect();
    if samples.is_empty() {
        let most = match repeated.first() {
            Some(request) => request.calls,
            None => querier.duplicates(window, &scope.filter)?.hashed.min(more_than),
        };
        let text = format!("no request came more than {most} {} within {within}", plural(most, "time"));
        let sample = scope.sample(count(most), false, text);
        if most == 0 {
            return Ok(Evaluation::empty(sample, format!("{} with a request hash", scope.no_calls())));
        }
        samples.push(sample);
    }
    Ok(Evaluation::known(samples))
}
