use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::terminal::plural;

/// Calls with status 401 or 403, as many as the threshold or more.
pub(super) const RULE: Rule = Rule {
    name: RuleName::AuthFailures,
    advice: "a key is wrong, revoked or stolen",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings { threshold: 5.0, ..Settings::CRITICAL },
    keys: &[Key::Threshold, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Calls.format(settings.threshold);
    format!("{limit} or more LLM calls received status 401 or 403")
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    let samples = groups.into_iter().map(|group| {
        let refused = group.totals.unauthorized;
        Sample {
            labels: group.labels,
            value: count(refused),
            threshold: settings.threshold,
            verdict: Verdict::of(count(refused) >= settings.threshold),
            description: format!(
                "{refused} {} within {} received status 401 or 403, threshold {}",
                plural(refused, "call"),
                settings.window.words(),
                Unit::Calls.format(settings.threshold)
            ),
        }
    });
    Ok(scope.judged(samples.collect()))
}
