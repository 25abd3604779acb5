use super::config::{Key, Settings};
use super::scope::{Group, Part};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit};
use crate::store::StoreError;

/// Too large a share of the calls fails, on the way or at the provider. A call that the caller dropped or cancelled
/// is not a failure.
pub(super) const RULE: Rule = Rule {
    name: RuleName::HighFailureRate,
    advice: "check the key and the endpoint",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings { threshold: 0.5, min_calls: 11, min_events: 5, ..Settings::CRITICAL },
    keys: &[Key::Threshold, Key::MinCalls, Key::MinEvents, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("More than {} of LLM calls fail", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    let parts = groups.into_iter().map(|Group { labels, totals, .. }| Part {
        labels,
        part: totals.failed,
        whole: totals.calls,
    });
    Ok(scope.shares(parts.collect(), "calls", "failed"))
}
