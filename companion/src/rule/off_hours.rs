use super::config::{Key, Settings};
use super::past::{DAY, HOUR, REGULAR, Usual};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// So many days must have been empty at this time of day.
const DAYS: i64 = 3;

/// Calls at a time of day at which the service made none on any day of the week before, an hour to either side. One that comes
/// and goes has no hours to be off.
pub(super) const RULE: Rule = Rule {
    name: RuleName::OffHours,
    advice: "look who calls, and whether a key is used by others",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 100.0,
        learn: true,
        factor: 0.0,
        floor: 100.0,
        window: Seconds(1800),
        keep_firing_for: Seconds(3600),
        ..Settings::INFO
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(300),
    keys: &[Key::Learned, Key::Models, Key::By],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "LLM calls at a time of day without any before".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let mut samples = Vec::new();
    for group in scope.groups(inputs, scope.window(inputs.now))? {
        let calls = count(group.totals.calls);
        let usual = scope.usual(inputs, RULE.name, group.name.as_deref(), DAYS * DAY + HOUR, |history, slot| {
            let days = ((history.age(slot) - HOUR) / DAY).min(7);
            let before = |day: i64| f64::from(history.sum(slot - day * DAY - HOUR..slot - day * DAY + HOUR).calls);
            let most = (1..=days).map(before).fold(0.0, f64::max);
            Usual { regular: history.regularity(slot) >= REGULAR, ..Usual::of(most, history.age(slot)) }
        })?;
        // Only then the threshold is for its calls.
        let off = usual.is_some_and(|usual| usual.peak == 0.0 && usual.regular);
        samples.push(Sample {
            labels: group.labels,
            value: if off { calls } else { 0.0 },
            threshold: settings.floor,
            learned: false,
            verdict: Verdict::of(off && calls >= settings.floor),
            description: format!(
                "{} {} within {}; {}",
                Unit::Calls.format(calls),
                plural(group.totals.calls, "call"),
                settings.window.words(),
                usual.map_or_else(
                    || "too little is known of the days before".to_owned(),
                    |usual| {
                        let most = Unit::Calls.format(usual.peak);
                        format!("on the days before at most {most} in the two hours around this time of day")
                    }
                )
            ),
        });
    }
    Ok(scope.judged_by(settings.floor, samples))
}
