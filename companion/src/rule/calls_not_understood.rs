use std::collections::BTreeMap;

use super::config::{Key, Settings};
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::record::{SkipReason, SkippedSpans, Window};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// Spans and requests that look like work with a model and are not understood, many more than the day before: a new library,
/// or an API that no format takes. Counted by whole hours: this one and the one before.
pub(super) const RULE: Rule = Rule {
    name: RuleName::CallsNotUnderstood,
    advice: "look at the skipped spans of the report; name the operation, or update the library",
    unit: Unit::Calls,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: None,
    defaults: Settings {
        threshold: 20.0,
        learn: true,
        factor: 3.0,
        floor: 20.0,
        window: Seconds::HOUR,
        keep_firing_for: Seconds(0),
        ..Settings::INFO
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds::MINUTE,
    keys: &[Key::Threshold, Key::Learned],
    summary,
    evaluate,
};

/// What the calls of an hour are compared with.
const HOURS: i64 = 24;

fn summary(_settings: &Settings) -> String {
    "Spans about LLM calls are not understood".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let window = Window::last(settings.window.0, inputs.now);
    let now = by_scope(&inputs.ledger.skipped(window)?);
    let before = Window { from: window.from.plus_seconds(-HOURS * 3600), to: window.from.plus_seconds(-3600) };
    let before = if settings.learn { by_scope(&inputs.ledger.skipped(before)?) } else { BTreeMap::new() };
    let samples = now.into_iter().map(|(name, spans)| {
        // Two hours of the day before, on average.
        let usual = count(before.get(&name).copied().unwrap_or(0)) * 2.0 / count(HOURS.unsigned_abs());
        let limit = match settings.learn {
            true => (settings.factor * usual).max(settings.floor),
            false => settings.threshold,
        };
        let of = if name.is_empty() { "a scope without a name" } else { &name };
        Sample {
            value: count(spans),
            threshold: limit,
            learned: settings.learn,
            verdict: Verdict::of(count(spans) > limit),
            description: format!(
                "{} spans or requests of {of} in this hour and the one before, limit {}; {} in two hours of the day before, on average",
                Unit::Calls.format(count(spans)),
                Unit::Calls.format(limit),
                Unit::Calls.format(usual)
            ),
            labels: scope.labels_with("scope", &name),
        }
    });
    let samples: Vec<Sample> = samples.collect();
    scope.known_or_whole(inputs, samples, "everything was understood")
}

fn by_scope(skipped: &SkippedSpans) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for (scope, reason, spans) in skipped.iter() {
        if matches!(reason, SkipReason::Unknown | SkipReason::Unrecognised) {
            *found.entry(scope.to_owned()).or_default() += spans;
        }
    }
    found
}
