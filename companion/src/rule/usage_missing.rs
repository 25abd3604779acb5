use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Successful calls without usage, so that neither token totals nor costs include them.
pub(super) const RULE: Rule = Rule {
    name: RuleName::UsageMissing,
    advice: "ask for usage in streams",
    unit: Unit::Share,
    compare: Compare::Above,
    defaults: Settings { threshold: 0.01, min_calls: 20, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::MinCalls, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Share.format(settings.threshold);
    format!("More than {limit} of successful LLM calls report no usage")
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let totals = scope.totals(querier, now)?;
    Ok(scope.share(
        totals.succeeded_without_usage,
        totals.succeeded,
        "successful calls",
        "reported no token usage",
    ))
}
