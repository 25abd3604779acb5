use super::config::{Key, Settings};
use super::past::cell::Cell;
use super::scope::{Group, Part};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// Successful calls without usage, so that neither token totals nor costs include them.
pub(super) const RULE: Rule = Rule {
    name: RuleName::UsageMissing,
    advice: "ask for usage in streams",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 0.01,
        learn: true,
        factor: 4.0,
        floor: 0.015,
        window: Seconds(1800),
        min_calls: 20,
        min_events: 4,
        keep_firing_for: Seconds(900),
        ..Settings::WARNING
    },
    fixed: Some(Settings { threshold: 0.01, min_calls: 20, min_events: 4, ..Settings::WARNING }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: Key::SHARE,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "More successful LLM calls report no usage than is usual".to_owned();
    }
    let limit = Unit::Share.format(settings.threshold);
    format!("More than {limit} of successful LLM calls report no usage")
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let mut parts = Vec::new();
    for Group { name, labels, totals, .. } in scope.groups(inputs, scope.window(inputs.now))? {
        let (part, whole) = (totals.succeeded_without_usage, totals.succeeded);
        let share = |cell: &Cell| cell.without_usage;
        let limit = scope.share_limit(inputs, RULE.name, name.as_deref(), share, |cell| cell.succeeded)?;
        parts.push((Part { name, labels, part, whole }, limit));
    }
    scope.shares(inputs, parts, "successful calls", "reported no token usage", |_, _| Ok((true, String::new())))
}
