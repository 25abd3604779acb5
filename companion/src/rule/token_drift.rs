use super::config::{Key, Settings};
use super::learned::{FEW, Measured, cells, mean};
use super::past::cell::Cell;
use super::past::{DAY, LAG, REGULAR, Usual};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A service's prompts of two days are compared with.
const YOUNG: i64 = 2 * DAY;

/// Prompts grow: the mean input of the calls is far above that of the day before, and above the largest of the week.
pub(super) const RULE: Rule = Rule {
    name: RuleName::TokenDrift,
    advice: "look at what was added to the prompts, and at histories that are never cut",
    unit: Unit::Tokens,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 50_000.0,
        learn: true,
        factor: 2.0,
        floor: 500.0,
        window: Seconds(1800),
        min_calls: 40,
        hold: Seconds(300),
        keep_firing_for: Seconds(1800),
        ..Settings::INFO
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(300),
    keys: Key::MEAN,
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "The prompts of LLM calls have grown".to_owned()
}

fn tokens(cell: &Cell, few: f64) -> Option<f64> {
    mean(cell.input_tokens, cell.with_usage(), few)
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let length = cells(settings.window);
    let mut found = Vec::new();
    for group in scope.groups(inputs, scope.window(inputs.now))? {
        let cell = Cell::from(&group.totals);
        let Some(value) = tokens(&cell, 1.0) else { continue };
        let usual = scope.usual(inputs, RULE.name, group.name.as_deref(), YOUNG, |history, slot| {
            let day = tokens(&history.sum(slot - DAY..slot - LAG), FEW);
            let week = history.peak(slot - 7 * DAY..slot - LAG, length, |cell| tokens(cell, FEW)).unwrap_or(0.0);
            // The limit is `factor` times this: the day's mean, or a third above the week's largest.
            let peak = day.unwrap_or(0.0).max(week * 1.3 / settings.factor.max(1.0));
            Usual { day, regular: history.regularity(slot) >= REGULAR, ..Usual::of(peak, history.age(slot)) }
        })?;
        // Means of a service that comes and goes differ from day to day.
        if usual.is_some_and(|usual| !usual.regular) {
            continue;
        }
        let limit = scope.limit(usual, inputs.now);
        let what = format!(
            "a mean of {} input tokens over {} calls within {}",
            Unit::Tokens.format(value),
            Unit::Calls.format(cell.with_usage()),
            settings.window.words()
        );
        let day = usual.and_then(|usual| usual.day).map(|day| Unit::Tokens.format(day));
        let enough = cell.with_usage() >= count(settings.min_calls);
        found.push(Measured { labels: group.labels, value, limit, enough, what, day });
    }
    Ok(scope.compared(found, RULE.unit, "two days"))
}
