use super::config::{Key, Settings};
use super::scope::{Group, Part};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A much larger share of the calls than the day before receives status 429.
pub(super) const RULE: Rule = Rule {
    name: RuleName::RateLimited,
    advice: "slow down, raise the limit",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 0.1,
        learn: true,
        factor: 5.0,
        floor: 0.1,
        min_calls: 10,
        min_events: 5,
        hold: Seconds(30),
        ..Settings::WARNING
    },
    fixed: Some(Settings { threshold: 0.1, min_calls: 10, min_events: 5, ..Settings::WARNING }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: Key::SHARE,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "More LLM calls receive status 429 than is usual".to_owned();
    }
    format!("More than {} of LLM calls received status 429", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let mut parts = Vec::new();
    for Group { name, labels, totals, .. } in scope.groups(inputs, scope.window(inputs.now))? {
        let (part, whole) = (totals.rate_limited, totals.calls);
        let limit =
            scope.share_limit(inputs, RULE.name, name.as_deref(), |cell| cell.rate_limited, |cell| cell.calls)?;
        parts.push((Part { name, labels, part, whole }, limit));
    }
    scope.shares(inputs, parts, "calls", "received status 429", |_, _| Ok((true, String::new())))
}
