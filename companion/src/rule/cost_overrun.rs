use super::config::{Key, Settings};
use super::{Compare, Evaluation, Rule, RuleName, Scope, Unit};
use crate::text::terminal::plural;
use crate::record::Timestamp;
use crate::text::seconds::Seconds;
use crate::store::{Querier, StoreError};

/// More dollars within the window than the threshold. Calls without a price are named, since no dollar counts them.
pub(super) const RULE: Rule = Rule {
    name: RuleName::CostOverrun,
    advice: "lower max_tokens, review the model",
    unit: Unit::Usd,
    compare: Compare::Above,
    defaults: Settings { threshold: 100.0, window: Seconds::HOUR, ..Settings::CRITICAL },
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Usd.format(settings.threshold);
    format!("LLM calls cost more than {limit} within {}", settings.window.words())
}

fn evaluate(scope: &Scope, querier: &dyn Querier, now: Timestamp) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let totals = scope.totals(querier, now)?;
    let cost = totals.cost.as_usd();
    let mut description = format!(
        "{} within {}, threshold {}",
        Unit::Usd.format(cost),
        settings.window.words(),
        Unit::Usd.format(settings.threshold)
    );
    if totals.unpriced > 0 {
        description.push_str(&match totals.unpriced {
            1 => "; 1 call has no price and is not in it".to_owned(),
            calls => format!("; {calls} calls have no price and are not in it"),
        });
    }
    let sample = scope.sample(cost, cost > settings.threshold, description);
    Ok(if totals.calls == 0 {
        Evaluation::empty(sample, scope.no_calls())
    } else if totals.unpriced == totals.calls {
        // A total without any known price must not look like a small bill.
        Evaluation::unknown(format!(
            "none of {} {} has a price",
            totals.calls,
            plural(totals.calls, "call")
        ))
    } else {
        Evaluation::known(vec![sample])
    })
}
