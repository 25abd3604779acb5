use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Too large a share of the calls fails, on the way or at the provider. A call that the caller dropped or cancelled
/// is not a failure.
pub(super) const RULE: Rule = Rule {
    name: RuleName::HighFailureRate,
    advice: "check the key and the endpoint",
    unit: Unit::Share,
    compare: Compare::Above,
    defaults: Settings { threshold: 0.5, min_calls: 11, ..Settings::CRITICAL },
    keys: &[Key::Threshold, Key::MinCalls, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("More than {} of LLM calls fail", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let totals = scope.totals(querier, now)?;
    Ok(scope.share(totals.failed, totals.calls, "calls", "failed"))
}
