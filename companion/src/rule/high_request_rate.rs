use super::config::{Key, Settings};
use super::learned::cells;
use super::past::cell::Cell;
use super::past::{DAY, HOUR, LAG, REGULAR, Usual};
use super::scope::Group;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// After twenty minutes a service is compared with what it did so far.
const YOUNG: i64 = 4;
/// Until it is two days old, twice as much is let through: its first days differ.
const SETTLED: i64 = 2 * DAY;
/// What stays so many times above the usual, and
const ABOVE: f64 = 1.35;
/// began so many times above the hour before, is a surge as well:
const JUMP: f64 = 4.5;
/// after so long (in seconds),
const SUSTAINED: [i64; 2] = [210, 420];
/// and from so many calls per minute on. Customers' own bursts are shorter, or rise with the hour.
const MANY: f64 = 100.0;

/// Many more requests per minute, on average over the window, than is usual at this time of day and was the day before; or
/// somewhat more that came suddenly and stay. Of a service that comes and goes, a time of day says little: it makes more than ever in
/// the last week as well.
pub(super) const RULE: Rule = Rule {
    name: RuleName::HighRequestRate,
    advice: "rate-limit by client address or user",
    unit: Unit::PerMinute,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 150.0,
        learn: true,
        factor: 2.5,
        floor: 30.0,
        hold: Seconds::MINUTE,
        ..Settings::WARNING
    },
    fixed: Some(Settings { threshold: 100.0, ..Settings::WARNING }),
    before: Seconds(SUSTAINED[1]),
    grain: Seconds(0),
    keys: Key::AMOUNT,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    let within = settings.window.words();
    if settings.learn {
        return format!("More LLM requests within {within} than is usual");
    }
    format!("More than {} LLM requests per minute over {within}", Unit::PerMinute.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let length = cells(settings.window);
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let (minutes, past_minutes) = (settings.window.0 as f64 / 60.0, length as f64 * 5.0);
    let samples = scope.groups(inputs, scope.window(inputs.now))?.into_iter().map(|group| {
        let calls = count(group.totals.calls);
        let rate = calls / minutes;
        let usual = scope.usual(inputs, RULE.name, group.name.as_deref(), YOUNG, |history, slot| {
            let per_minute = |cell: &Cell| f64::from(cell.calls) / past_minutes;
            let hour = f64::from(history.sum(slot - LAG - HOUR..slot - LAG).calls) / 60.0;
            let comes_and_goes = history.age(slot) > DAY && history.regularity(slot) < REGULAR;
            let week = comes_and_goes.then(|| history.peak(slot - 7 * DAY..slot - LAG, length, |cell| Some(per_minute(cell))));
            Usual { hour: Some(hour), week: week.flatten(), ..history.usual(slot, length, per_minute) }
        })?;
        let mut limit = scope.limit(usual, inputs.now).until(SETTLED, 2.0);
        limit.value = limit.value.max(of_week(usual));
        if rate <= limit.value && is_sustained(scope, inputs, &group, rate, usual)? {
            limit.value = rate.min(usual.map_or(rate, |usual| ABOVE * usual.peak));
        }
        let verdict = Verdict::of(rate > limit.value);
        // People count calls, so what is usual is in calls of the window as well.
        let description = inputs.sentences.of(verdict, || match limit.usual {
            Some(_) => format!(
                "{} calls in {}; {}",
                Unit::Calls.format(calls),
                settings.window.words(),
                limit.times(minutes).words(Unit::Calls)
            ),
            None => format!(
                "{} requests per minute over {}, {}",
                Unit::PerMinute.format(rate),
                settings.window.words(),
                limit.words(Unit::PerMinute)
            ),
        });
        let (threshold, learned) = (limit.value, limit.usual.is_some());
        Ok(Sample { labels: group.labels, value: rate, threshold, learned, verdict, description })
    });
    Ok(scope.judged(samples.collect::<Result<_, StoreError>>()?))
}

/// The most requests per minute in the last week of a service that comes and goes.
fn of_week(usual: Option<Usual>) -> f64 {
    usual.and_then(|usual| usual.week).unwrap_or(0.0)
}

/// Whether the calls came suddenly, are more than is usual, and have been for minutes.
fn is_sustained(
    scope: &Scope,
    inputs: &Inputs<'_>,
    group: &Group,
    rate: f64,
    usual: Option<Usual>,
) -> Result<bool, StoreError> {
    let Some(usual) = usual.filter(|usual| usual.age >= SETTLED) else { return Ok(false) };
    let sudden = JUMP * usual.hour.unwrap_or(f64::INFINITY);
    let least = (ABOVE * usual.peak).max(sudden).max(of_week(Some(usual))).max(MANY);
    if rate <= least {
        return Ok(false);
    }
    for seconds in SUSTAINED {
        let window = scope.window(inputs.now.plus_seconds(-seconds));
        let before = scope.groups(inputs, window)?;
        let before = before.iter().find(|before| before.labels == group.labels);
        #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
        let minutes = scope.settings.window.0 as f64 / 60.0;
        if before.is_none_or(|before| count(before.totals.calls) / minutes <= least) {
            return Ok(false);
        }
    }
    Ok(true)
}
