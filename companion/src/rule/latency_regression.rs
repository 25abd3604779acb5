use super::config::{Key, Settings};
use super::learned::{Measured, cells, span};
use super::past::cell::Cell;
use super::past::{HOUR, Usual, slot_of};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// Fewer hours of calls say too little of how long they take.
const YOUNG: i64 = 6 * HOUR;
/// So many hours of trouble a week do not raise the limit.
const RANK: usize = 4;

/// Calls take longer than their tokens explain: longer answers take longer, and are no regression.
pub(super) const RULE: Rule = Rule {
    name: RuleName::LatencyRegression,
    advice: "look at the provider's status, the region and the network",
    unit: Unit::Times,
    compare: Compare::Above,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 1.6,
        learn: true,
        factor: 1.15,
        floor: 1.6,
        window: Seconds(900),
        min_calls: 30,
        hold: Seconds(300),
        keep_firing_for: Seconds(900),
        ..Settings::WARNING
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds::MINUTE,
    keys: Key::MEAN,
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "LLM calls take longer than their tokens explain".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    if groups.is_empty() {
        return Ok(Evaluation::unknown(scope.no_calls()));
    }
    let past = inputs.pasts.of(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    let (slot, length) = (slot_of(inputs.now), cells(settings.window));
    let mut measured = Vec::new();
    for group in groups {
        let usual = past.usual(RULE.name, group.name.as_deref(), |history| {
            let durations = history.durations(slot);
            let few = settings.min_calls;
            let slower = |cell: &Cell| {
                let durations = durations.as_ref()?;
                (f64::from(cell.calls) >= count(few)).then(|| f64::from(cell.duration) / durations.of(cell))
            };
            let peak = history.hourly_peak(slot, RANK, length, slower).unwrap_or(0.0);
            Usual { durations, ..Usual::of(peak, history.age(slot)) }
        });
        let known = usual.filter(|usual| usual.age >= YOUNG);
        let Some((usual, durations)) = known.and_then(|usual| Some((usual, usual.durations?))) else { continue };
        let cell = Cell::from(&group.totals);
        let slower = f64::from(cell.duration) / durations.of(&cell).max(f64::MIN_POSITIVE);
        let limit = scope.limit(Some(usual).filter(|_| settings.learn), inputs.now);
        let enough = count(group.totals.calls) >= count(settings.min_calls);
        let what = format!(
            "{} calls within {} took {} as long as their tokens explain by the {} before, {} on average",
            group.totals.calls,
            settings.window.words(),
            Unit::Times.format(slower),
            span(usual.age, 1),
            Unit::Seconds.format(f64::from(cell.duration) / f64::from(cell.calls).max(1.0))
        );
        measured.push(Measured { labels: group.labels, value: slower, limit, enough, what, day: None });
    }
    Ok(scope.compared(measured, RULE.unit, "six hours"))
}
