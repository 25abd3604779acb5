use super::config::{Key, Settings};
use super::scope::{Group, Part};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit};
use crate::store::StoreError;

/// Too large a share of the calls receives status 429.
pub(super) const RULE: Rule = Rule {
    name: RuleName::RateLimited,
    advice: "slow down, raise the limit",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings { threshold: 0.1, min_calls: 10, min_events: 5, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::MinCalls, Key::MinEvents, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("More than {} of LLM calls received status 429", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    let parts = groups.into_iter().map(|Group { labels, totals, .. }| Part {
        labels,
        part: totals.rate_limited,
        whole: totals.calls,
    });
    Ok(scope.shares(parts.collect(), "calls", "received status 429"))
}
