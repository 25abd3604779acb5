use super::config::{Key, Settings};
use super::scope::Part;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit};
use crate::store::StoreError;

/// Too large a share of the calls repeats the request of an earlier one. Calls without a request hash are not judged.
pub(super) const RULE: Rule = Rule {
    name: RuleName::DuplicateRatio,
    advice: "look for a retry storm or a loop",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { threshold: 0.3, min_calls: 10, min_events: 8, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::MinCalls, Key::MinEvents, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("More than {} of LLM calls repeat another", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let found = scope.repetition(inputs, u64::MAX, 0)?;
    let parts = found.into_iter().map(|(labels, found)| Part {
        labels,
        part: found.duplicates.repeats,
        whole: found.duplicates.hashed,
    });
    Ok(scope.shares(parts.collect(), "calls with a request hash", "repeat an earlier one"))
}
