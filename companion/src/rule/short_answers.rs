use super::config::{Key, Settings};
use super::learned::{FEW, Measured, cells, mean};
use super::past::cell::Cell;
use super::past::{DAY, LAG, REGULAR, Usual};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// A service's responses of two days are compared with.
const YOUNG: i64 = 2 * DAY;
/// So many hours of trouble a week do not raise the limit.
const RANK: usize = 4;

/// Answers are cut: the mean output of the calls is far below that of the day before, and of every hour of the week but a few.
/// The value is how many times shorter they are.
pub(super) const RULE: Rule = Rule {
    name: RuleName::ShortAnswers,
    advice: "look at max_tokens, at refusals and at the finish reasons",
    unit: Unit::Times,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 4.0,
        learn: true,
        factor: 1.2,
        floor: 3.0,
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
    "The responses of LLM calls have become short".to_owned()
}

fn tokens(cell: &Cell, few: f64) -> Option<f64> {
    mean(cell.output_tokens, cell.with_usage(), few)
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let length = cells(settings.window);
    let past = inputs.pasts.of(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    let slot = super::past::slot_of(inputs.now);
    let mut found = Vec::new();
    for group in scope.groups(inputs, scope.window(inputs.now))? {
        let cell = Cell::from(&group.totals);
        let Some(now) = tokens(&cell, 1.0) else { continue };
        let usual = past.usual(RULE.name, group.name.as_deref(), |history| {
            let day = tokens(&history.sum(slot - DAY..slot - LAG), FEW);
            let shorter = |cell: &Cell| Some(day? / tokens(cell, FEW)?.max(1.0));
            let peak = history.hourly_peak(slot, RANK, length, shorter).unwrap_or(0.0);
            Usual { day, regular: history.regularity(slot) >= REGULAR, ..Usual::of(peak, history.age(slot)) }
        });
        let Some((usual, day)) = usual.filter(|usual| usual.age >= YOUNG && usual.regular).and_then(|usual| Some((usual, usual.day?)))
        else {
            continue;
        };
        let limit = scope.limit(Some(usual).filter(|_| settings.learn), inputs.now);
        let value = day / now.max(1.0);
        let what = format!(
            "a mean of {} output tokens over {} calls within {}, {} shorter than the day before",
            Unit::Tokens.format(now),
            Unit::Calls.format(cell.with_usage()),
            settings.window.words(),
            Unit::Times.format(value)
        );
        let enough = cell.with_usage() >= count(settings.min_calls);
        let day = Some(format!("{} tokens", Unit::Tokens.format(day)));
        found.push(Measured { labels: group.labels, value, limit, enough, what, day });
    }
    Ok(scope.compared(found, RULE.unit, "two days"))
}
