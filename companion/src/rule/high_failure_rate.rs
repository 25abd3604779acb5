use super::config::{Key, Settings};
use super::scope::{Group, Part};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::record::Window;
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A much larger share of the calls fails than the day before, on the way or at the provider, and it is no blink: the hour
/// shows it as well. A call that the caller dropped or cancelled is not a failure.
pub(super) const RULE: Rule = Rule {
    name: RuleName::HighFailureRate,
    advice: "check the key and the endpoint",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 0.5,
        learn: true,
        factor: 5.0,
        floor: 0.15,
        min_calls: 11,
        min_events: 5,
        hold: Seconds(30),
        ..Settings::CRITICAL
    },
    fixed: Some(Settings { threshold: 0.5, min_calls: 11, min_events: 5, ..Settings::CRITICAL }),
    before: Seconds::HOUR,
    grain: Seconds(0),
    keys: Key::SHARE,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "More LLM calls fail than is usual".to_owned();
    }
    format!("More than {} of LLM calls fail", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let mut parts = Vec::new();
    for Group { name, labels, totals, .. } in scope.groups(inputs, scope.window(inputs.now))? {
        let limit =
            scope.share_limit(inputs, RULE.name, name.as_deref(), |cell| cell.failed, |cell| cell.calls)?;
        parts.push((Part { name, labels, part: totals.failed, whole: totals.calls }, limit));
    }
    let mut hour: Option<Vec<Group>> = None;
    scope.shares(inputs, parts, "calls", "failed", |part, limit| {
        // Half of all calls is no blink, however short.
        if limit.usual.is_none() || count(part.part) > scope.settings.threshold * count(part.whole) {
            return Ok((true, String::new()));
        }
        if hour.is_none() {
            hour = Some(scope.groups(inputs, Window::last(Seconds::HOUR.0, inputs.now))?);
        }
        let whole = hour.iter().flatten().find(|group| group.labels == part.labels);
        let share = whole.map_or(0.0, |group| count(group.totals.failed) / count(group.totals.calls).max(1.0));
        Ok((share > limit.value / 4.0, format!("; {} within 1 h", Unit::Share.format(share))))
    })
}
