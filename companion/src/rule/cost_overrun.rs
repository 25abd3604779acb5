use super::config::{Key, Settings};
use super::scope::Group;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict};
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// More dollars within the window than the threshold. Calls without a price are named, since no dollar counts them.
pub(super) const RULE: Rule = Rule {
    name: RuleName::CostOverrun,
    advice: "lower max_tokens, review the model",
    unit: Unit::Usd,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { threshold: 100.0, window: Seconds::HOUR, ..Settings::CRITICAL },
    keys: &[Key::Threshold, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let limit = Unit::Usd.format(settings.threshold);
    format!("LLM calls cost more than {limit} within {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    // A total of calls without a price must not look like a small bill.
    let unpriced: u64 = groups.iter().map(|group| group.totals.unpriced).sum();
    let (priced, without): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| group.totals.unpriced < group.totals.calls);
    if priced.is_empty() && !without.is_empty() {
        let calls = plural(unpriced, "call");
        return Ok(Evaluation::unknown(format!("none of {unpriced} {calls} has a price")));
    }
    Ok(scope.judged(priced.into_iter().map(|group| sample(&scope.settings, group)).collect()))
}

fn sample(settings: &Settings, Group { labels, totals, .. }: Group) -> Sample {
    let cost = totals.cost.as_usd();
    let mut description = format!(
        "{} within {}, threshold {}",
        Unit::Usd.format(cost),
        settings.window.words(),
        Unit::Usd.format(settings.threshold)
    );
    match totals.unpriced {
        0 => {}
        1 => description.push_str("; 1 call has no price and is not in it"),
        calls => description.push_str(&format!("; {calls} calls have no price and are not in it")),
    }
    let verdict = Verdict::of(cost > settings.threshold);
    Sample { labels, value: cost, threshold: settings.threshold, verdict, description }
}
