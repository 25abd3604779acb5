use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Too large a share of the calls receives status 429.
pub(super) const RULE: Rule = Rule {
    name: RuleName::RateLimited,
    advice: "slow down, raise the limit",
    unit: Unit::Share,
    compare: Compare::Above,
    defaults: Settings { threshold: 0.1, min_calls: 10, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::MinCalls, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("More than {} of LLM calls received status 429", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let totals = scope.totals(querier, now)?;
    Ok(scope.share(totals.rate_limited, totals.calls, "calls", "received status 429"))
}
