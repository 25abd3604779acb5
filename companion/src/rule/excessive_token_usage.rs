use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Sample, Scope, TOP, Unit, count};
use crate::record::Timestamp;
use crate::record::ids::hex;
use crate::store::{LargeCall, Querier, StoreError};

/// A single call with more tokens than the threshold. One alert per user, the ten largest.
pub(super) const RULE: Rule = Rule {
    name: RuleName::ExcessiveTokenUsage,
    advice: "set a token quota for the user",
    unit: Unit::Tokens,
    compare: Compare::Above,
    defaults: Settings { threshold: 100_000.0, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("A single LLM call used more than {} tokens", Unit::Tokens.format(settings.threshold))
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let largest = querier.largest_calls(scope.window(now), &scope.filter, 0, TOP)?;
    let limit = scope.settings.threshold;
    let mut samples: Vec<Sample> = largest
        .iter()
        .filter(|call| count(call.tokens) > limit)
        .map(|call| Sample {
            labels: scope.labels_with("user", &call.user),
            ..scope.sample(count(call.tokens), true, describe(call, limit))
        })
        .collect();
    if samples.is_empty() {
        let Some(call) = largest.first() else {
            let sample = scope.sample(0.0, false, scope.no_calls());
            return Ok(Evaluation::empty(sample, format!("{} with known tokens", scope.no_calls())));
        };
        samples.push(scope.sample(count(call.tokens), false, describe(call, limit)));
    }
    Ok(Evaluation::known(samples))
}

fn describe(call: &LargeCall, limit: f64) -> String {
    let user = if call.user.is_empty() { "a caller without a user id" } else { &call.user };
    let trace = hex(&call.trace_id);
    format!(
        "a call of {user} to {} used {} tokens, threshold {}; trace {trace}",
        if call.model.is_empty() { "an unknown model" } else { &call.model },
        Unit::Tokens.format(count(call.tokens)),
        Unit::Tokens.format(limit)
    )
}
