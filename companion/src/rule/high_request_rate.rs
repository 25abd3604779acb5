use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;

/// More requests per minute, on average over the window, than the threshold.
pub(super) const RULE: Rule = Rule {
    name: RuleName::HighRequestRate,
    advice: "rate-limit by client address or user",
    unit: Unit::PerMinute,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { threshold: 100.0, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::PerMinute.format(settings.threshold);
    format!("More than {limit} LLM requests per minute over {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    let samples = groups.into_iter().map(|group| {
        #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
        let rate = count(group.totals.calls) * 60.0 / settings.window.0 as f64;
        Sample {
            labels: group.labels,
            value: rate,
            threshold: settings.threshold,
            verdict: Verdict::of(rate > settings.threshold),
            description: format!(
                "{} requests per minute over {}, threshold {}",
                Unit::PerMinute.format(rate),
                settings.window.words(),
                Unit::PerMinute.format(settings.threshold)
            ),
        }
    });
    Ok(scope.judged(samples.collect()))
}
