use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Too large a share of the calls repeats the request of an earlier one. Calls without a request hash are not judged.
pub(super) const RULE: Rule = Rule {
    name: RuleName::DuplicateRatio,
    advice: "look for a retry storm or a loop",
    unit: Unit::Share,
    compare: Compare::Above,
    defaults: Settings { threshold: 0.3, min_calls: 10, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::MinCalls, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("More than {} of LLM calls repeat another", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let found = querier.duplicates(scope.window(now), &scope.filter)?;
    Ok(scope.share(found.repeats, found.hashed, "calls with a request hash", "repeat an earlier one"))
}
