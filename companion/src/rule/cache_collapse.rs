use super::config::{Key, Settings};
use super::learned::{FEW, Measured, cells};
use super::past::cell::Cell;
use super::past::{DAY, LAG, Usual, slot_of};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// Shares of a whole day are compared with.
const YOUNG: i64 = DAY;
/// So many hours of trouble a week do not raise the limit.
const RANK: usize = 4;

/// The provider's cache serves much less of the input than the day before. The value is by how much the share fell: at least by
/// the floor, by `factor` of what it was, and below all hours of the week but a few.
pub(super) const RULE: Rule = Rule {
    name: RuleName::CacheCollapse,
    advice: "look at what changed at the beginning of the prompts: the cache needs the same prefix",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 0.3,
        learn: true,
        factor: 0.3,
        floor: 0.1,
        window: Seconds(1800),
        min_calls: 20,
        hold: Seconds(300),
        keep_firing_for: Seconds(1800),
        ..Settings::WARNING
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(300),
    keys: Key::MEAN,
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "The prompt cache serves less than is usual".to_owned()
}

/// The share of the input that came from the cache.
fn share(cell: &Cell, few: f64) -> Option<f64> {
    (cell.with_usage() >= few.max(1.0) && cell.input_tokens > 0.0)
        .then(|| f64::from(cell.cache_read_tokens) / f64::from(cell.input_tokens))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let (slot, length) = (slot_of(inputs.now), cells(settings.window));
    let past = inputs.pasts.of(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    let mut found = Vec::new();
    for group in scope.groups(inputs, scope.window(inputs.now))? {
        let cell = Cell::from(&group.totals);
        let Some(now) = share(&cell, 1.0) else { continue };
        let usual = past.usual(RULE.name, group.name.as_deref(), |history| {
            let day = share(&history.sum(slot - DAY..slot - LAG), FEW);
            let fall = |cell: &Cell| Some(day? - share(cell, FEW)?);
            let lowest = history.hourly_peak(slot, RANK, length, fall).unwrap_or(0.0);
            // The limit is `factor` times this.
            let peak = day.unwrap_or(0.0).max(lowest / settings.factor.max(0.01));
            Usual { day, ..Usual::of(peak, history.age(slot)) }
        });
        let Some((usual, day)) = usual.filter(|usual| usual.age >= YOUNG).and_then(|usual| Some((usual, usual.day?)))
        else {
            continue;
        };
        let limit = scope.limit(Some(usual).filter(|_| settings.learn), inputs.now);
        let value = (day - now).max(0.0);
        let what = format!(
            "the cache served {} of the input of {} calls within {}, {} less than the day before",
            Unit::Share.format(now),
            Unit::Calls.format(cell.with_usage()),
            settings.window.words(),
            Unit::Share.format(value)
        );
        let enough = cell.with_usage() >= count(settings.min_calls);
        let day = Some(Unit::Share.format(day));
        found.push(Measured { labels: group.labels, value, limit, enough, what, day });
    }
    Ok(scope.compared(found, RULE.unit, "a day"))
}
