use std::collections::BTreeMap;

use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Labels, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::store::{LargeCall, StoreError};
use crate::text::terminal::plural;

/// Users whose largest calls are looked at.
const USERS: usize = 1_000;

/// A single call with more tokens than the threshold. The alert names the ten users with the largest calls.
pub(super) const RULE: Rule = Rule {
    name: RuleName::ExcessiveTokenUsage,
    advice: "set a token quota for the user",
    unit: Unit::Tokens,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { threshold: 100_000.0, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("A single LLM call used more than {} tokens", Unit::Tokens.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let limit = scope.settings.threshold;
    let calls = inputs.querier.largest_calls(scope.window(inputs.now), &scope.filter, 0, USERS)?;
    let mut groups: BTreeMap<Labels, Vec<LargeCall>> = BTreeMap::new();
    for call in calls {
        let labels = match scope.by {
            None => scope.labels.clone(),
            Some(by @ By::Service) => scope.labels_with(by.as_str(), &call.service),
            Some(by @ By::User) => scope.labels_with(by.as_str(), &call.user),
            Some(by @ By::Model) => scope.labels_with(by.as_str(), &call.model),
        };
        groups.entry(labels).or_default().push(call);
    }
    if groups.is_empty() {
        let sample = scope.sample(0.0, false, scope.no_calls());
        return Ok(Evaluation::empty(sample, format!("{} with known tokens", scope.no_calls())));
    }
    let samples = groups.into_iter().map(|(labels, calls)| {
        // The largest is first.
        let largest = calls.first().map_or(0.0, |call| count(call.tokens));
        let (verdict, description) = (Verdict::of(largest > limit), describe(&calls, limit));
        Sample { labels, value: largest, threshold: limit, verdict, description }
    });
    Ok(Evaluation::known(samples.collect()))
}

/// The largest call, or all of those beyond the limit, the ten largest by name.
fn describe(calls: &[LargeCall], limit: f64) -> String {
    let beyond = calls.iter().filter(|call| count(call.tokens) > limit).count();
    let named: Vec<String> = calls.iter().take(beyond.clamp(1, TOP)).map(name).collect();
    let named = named.join(", ");
    let limit = Unit::Tokens.format(limit);
    match beyond {
        0 | 1 => format!("a call {named}, threshold {limit}"),
        _ => {
            let users = plural(beyond as u64, "user");
            format!("{beyond} {users} with a call of more than {limit} tokens, the largest {named}")
        }
    }
}

fn name(call: &LargeCall) -> String {
    let user = if call.user.is_empty() { "a caller without a user id" } else { &call.user };
    let trace: String = call.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "of {user} to {} with {} tokens (trace {trace})",
        if call.model.is_empty() { "an unknown model" } else { &call.model },
        Unit::Tokens.format(count(call.tokens)),
    )
}
