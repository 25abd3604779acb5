use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use std::borrow::Cow;
use std::collections::HashMap;

use crate::record::{NanoUsd, Window};
use crate::store::{Filter, Repeated, StoreError};
use crate::text::seconds::Seconds;
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
    defaults: Settings { threshold: 9.0, learn: true, factor: 3.0, floor: 9.0, ..Settings::INFO },
    fixed: Some(Settings { threshold: 3.0, ..Settings::INFO }),
    before: Seconds(3 * 3600),
    grain: Seconds(0),
    keys: Key::AMOUNT,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Calls.format(if settings.learn { settings.floor } else { settings.threshold });
    let times = if limit == "1" { "time" } else { "times" };
    format!("The same LLM request more than {limit} {times} within {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    judge(scope, inputs, MANY)
}

/// As [`Rule::evaluate`], where a window of more than `many_calls` is one of many calls.
pub(super) fn judge(scope: &Scope, inputs: &Inputs<'_>, many_calls: u64) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let limit = if settings.learn { settings.floor } else { settings.threshold };
    // Of many calls those that came twice are too many to remember.
    let many = inputs.totals(scope.window(inputs.now), &scope.filter)?.calls > many_calls;
    let more_than = if many { limit.floor().max(1.0) as u64 } else { 1 };
    let mut samples = Vec::new();
    let mut steady = None;
    let (labels, found) = scope.repetition(inputs, more_than, HASHES)?;
    for (labels, found) in labels.into_iter().zip(&*found) {
        let mut repeated = Cow::Borrowed(&*found.repeated);
        if settings.learn && repeated.first().is_some_and(|request| count(request.calls) > limit) {
            if steady.is_none() {
                steady = Some(steady_requests(scope, inputs)?);
            }
            // What came all the time before is no news.
            let usual = |hash: &str| {
                steady.as_ref().and_then(|(steady, _)| steady.get(hash)).copied().unwrap_or(0.0)
            };
            repeated.to_mut().retain(|request| count(request.calls) > settings.factor * usual(&request.hash));
        }
        let most = repeated.first().map_or(found.duplicates.hashed.min(more_than), |request| request.calls);
        if most > 0 {
            let verdict = Verdict::of(count(most) > limit);
            let hours = steady.as_ref().map_or(0, |(_, hours)| *hours);
            let description =
                inputs.sentences.of(verdict, || describe(scope, &repeated, most, limit, hours));
            samples.push(Sample {
                labels,
                value: count(most),
                threshold: limit,
                learned: false,
                verdict,
                description,
            });
        }
    }
    if samples.is_empty() {
        let sample = scope.sample(0.0, false, scope.no_calls());
        return Ok(Evaluation::empty(sample, format!("{} with a request hash", scope.no_calls())));
    }
    Ok(Evaluation::known(samples))
}

/// How often each request that came often came within a window of each of the three hours before, where it came least, and how many
/// of these hours the ledger has: those up to the first with calls.
fn steady_requests(scope: &Scope, inputs: &Inputs<'_>) -> Result<(HashMap<String, f64>, i64), StoreError> {
    let window = scope.settings.window.0;
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let share = window as f64 / 3600.0;
    let (mut steady, mut hours): (Option<HashMap<String, f64>>, _) = (None, 0);
    for hour in 0..3 {
        let to = inputs.now.plus_seconds(-window - hour * 3600);
        let (window, all) = (Window::last(3600, to), Filter::default());
        if inputs.totals(window, &all)?.calls > 0 {
            hours = hour + 1;
        }
        let found = inputs.querier.repeated(window, &all, 3, HASHES)?;
        let mut counts: HashMap<String, f64> =
            found.into_iter().map(|request| (request.hash, count(request.calls) * share)).collect();
        if let Some(known) = steady {
            counts.retain(|hash, _| known.contains_key(hash));
            for (hash, calls) in &mut counts {
                *calls = calls.min(known[hash]);
            }
        }
        steady = Some(counts);
    }
    Ok((steady.unwrap_or_default(), hours))
}

/// The requests beyond the limit, the ten most frequent by their hash.
fn describe(scope: &Scope, repeated: &[Repeated], most: u64, limit: f64, hours: i64) -> String {
    let within = scope.settings.window.words();
    let beyond: Vec<&Repeated> = repeated.iter().filter(|request| count(request.calls) > limit).collect();
    if beyond.is_empty() {
        return format!("no request came more than {most} {} within {within}", plural(most, "time"));
    }
    let named: Vec<String> = beyond.iter().take(TOP).map(|request| name(request)).collect();
    let cost = NanoUsd(beyond.iter().map(|request| request.cost.0).fold(0, i64::saturating_add));
    // As many as were asked for may be more.
    let requests = if beyond.len() < HASHES { beyond.len().to_string() } else { format!("{HASHES} or more") };
    let came = if beyond.len() == 1 { "request" } else { "requests" };
    let limit = Unit::Calls.format(limit);
    let times = if limit == "1" { "time" } else { "times" };
    let cost = Unit::Usd.format(cost.as_usd());
    let before = match hours {
        1 => "hour",
        2 => "two hours",
        _ => "three hours",
    };
    let usual = match scope.settings.learn && hours > 0 {
        true => format!(
            ", and more than {} times as often as throughout the {before} before",
            scope.settings.factor
        ),
        false => String::new(),
    };
    format!(
        "{requests} {came} came more than {limit} {times} within {within}{usual}; together {cost}: {}",
        named.join(", ")
    )
}

fn name(request: &Repeated) -> String {
    let model = if request.model.is_empty() { "an unknown model" } else { &request.model };
    format!("{} to {model} {} {}", request.hash, request.calls, plural(request.calls, "time"))
}
