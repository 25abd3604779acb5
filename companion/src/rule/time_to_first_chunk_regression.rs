use super::config::{Key, Settings};
use super::learned::{Measured, cells, mean};
use super::past::cell::{Cell, Kept};
use super::past::{DAY, HOUR, LAG, Usual, slot_of};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::record::{Timestamp, Window};
use crate::store::StoreError;
use crate::store::sums::FIVE_MINUTES;
use crate::text::seconds::Seconds;

/// Fewer hours of streams say too little of how fast they begin.
const YOUNG: i64 = 6 * HOUR;
/// So many hours of trouble a week do not raise the limit.
const RANK: usize = 4;

/// Streams begin later than on the day before. Judged by whole five minutes.
pub(super) const RULE: Rule = Rule {
    name: RuleName::TimeToFirstChunkRegression,
    advice: "look at the provider's status, the length of the prompts and the prompt cache",
    unit: Unit::Seconds,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 10.0,
        learn: true,
        factor: 1.6,
        floor: 1.0,
        window: Seconds(900),
        min_calls: 30,
        hold: Seconds(300),
        keep_firing_for: Seconds(900),
        ..Settings::WARNING
    },
    fixed: None,
    before: Seconds(300),
    grain: Seconds(300),
    keys: Key::MEAN,
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "Streams of LLM calls begin later than is usual".to_owned()
}

/// In seconds, of so many streams or more.
fn first_chunk(cell: &Cell, few: f64) -> Option<f64> {
    mean(cell.first_chunk, f64::from(cell.first_chunks), few)
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let (slot, length) = (slot_of(inputs.now), cells(settings.window));
    let at = |slot: i64| Timestamp(slot.saturating_mul(FIVE_MINUTES));
    let window = Window { from: at(slot - length), to: at(slot) };
    let found = inputs.querier.five_minutes(window, &scope.filter, scope.by.map(By::dimension))?;
    let mut groups: std::collections::BTreeMap<&str, Cell> = std::collections::BTreeMap::new();
    for five in &found {
        groups.entry(&five.name).or_default().add(&Cell::from(five));
    }
    let past = inputs.pasts.of(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    let few = count(settings.min_calls);
    let mut measured = Vec::new();
    for (name, cell) in groups {
        let Some(value) = first_chunk(&cell, 1.0) else { continue };
        let usual = past.usual(RULE.name, Some(name), |history| {
            let day = first_chunk(&history.sum(slot - DAY..slot - LAG), few);
            let week = history.hourly_peak(slot, RANK, length, |cell| first_chunk(cell, few)).unwrap_or(0.0);
            // The limit is `factor` times this: the day's mean, or a little above the bad hours of the week.
            let peak = day.unwrap_or(0.0).max(week * 1.15 / settings.factor.max(1.0));
            Usual { day, ..Usual::of(peak, history.age(slot)) }
        });
        let usual = usual.filter(|usual| usual.age >= YOUNG && usual.day.is_some());
        let limit = scope.limit(usual.filter(|_| settings.learn), inputs.now);
        let enough = f64::from(cell.first_chunks) >= few;
        let labels = scope.by.map_or_else(|| scope.labels.clone().into(), |by| scope.labels_of(by, name));
        let what = format!(
            "{} streams within {} began after {} on average",
            cell.first_chunks,
            settings.window.words(),
            Unit::Seconds.format(value)
        );
        let day = limit.usual.and_then(|usual| usual.day).map(|day| Unit::Seconds.format(day));
        measured.push(Measured { labels, value, limit, enough, what, day });
    }
    if measured.is_empty() {
        return Ok(Evaluation::unknown(format!("no stream within {}", settings.window.words())));
    }
    Ok(scope.compared(measured, RULE.unit, "six hours"))
}
