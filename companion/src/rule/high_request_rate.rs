use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit, count};
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// More requests per minute, on average over the window, than the threshold.
pub(super) const RULE: Rule = Rule {
    name: RuleName::HighRequestRate,
    advice: "rate-limit by client address or user",
    unit: Unit::PerMinute,
    compare: Compare::Above,
    defaults: Settings { threshold: 100.0, ..Settings::WARNING },
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::PerMinute.format(settings.threshold);
    format!("More than {limit} LLM requests per minute over {}", settings.window.words())
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let calls = scope.totals(querier, now)?.calls;
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let rate = count(calls) * 60.0 / settings.window.0 as f64;
    let description = format!(
        "{} requests per minute over {}, threshold {}",
        Unit::PerMinute.format(rate),
        settings.window.words(),
        Unit::PerMinute.format(settings.threshold)
    );
    let sample = scope.sample(rate, rate > settings.threshold, description);
    Ok(if calls == 0 {
        Evaluation::empty(sample, scope.no_calls())
    } else {
        Evaluation::known(vec![sample])
    })
}
