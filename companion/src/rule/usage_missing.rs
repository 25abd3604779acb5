use super::config::{Key, Settings};
use super::scope::{Group, Part};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit};
use crate::store::StoreError;

/// Successful calls without usage, so that neither token totals nor costs include them.
pub(super) const RULE: Rule = Rule {
    name: RuleName::UsageMissing,
    advice: "ask for usage in streams",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings { threshold: 0.01, min_calls: 20, min_events: 4, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::MinCalls, Key::MinEvents, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Share.format(settings.threshold);
    format!("More than {limit} of successful LLM calls report no usage")
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    let parts = groups.into_iter().map(|Group { labels, totals, .. }| Part {
        labels,
        part: totals.succeeded_without_usage,
        whole: totals.succeeded,
    });
    Ok(scope.shares(parts.collect(), "successful calls", "reported no token usage"))
}
