use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit, count};
use crate::text::terminal::plural;
use crate::record::Timestamp;
use crate::store::{Querier, StoreError};

/// Calls with status 401 or 403, as many as the threshold or more.
pub(super) const RULE: Rule = Rule {
    name: RuleName::AuthFailures,
    advice: "a key is wrong, revoked or stolen",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    defaults: Settings { threshold: 5.0, ..Settings::CRITICAL },
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Calls.format(settings.threshold);
    format!("{limit} or more LLM calls received status 401 or 403")
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let totals = scope.totals(querier, now)?;
    let refused = count(totals.unauthorized);
    let description = format!(
        "{} {} within {} received status 401 or 403, threshold {}",
        totals.unauthorized,
        plural(totals.unauthorized, "call"),
        settings.window.words(),
        Unit::Calls.format(settings.threshold)
    );
    let sample = scope.sample(refused, refused >= settings.threshold, description);
    Ok(if totals.calls == 0 {
        Evaluation::empty(sample, scope.no_calls())
    } else {
        Evaluation::known(vec![sample])
    })
}
