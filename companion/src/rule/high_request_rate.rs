use super::config::{Key, Settings};
use super::learned::cells;
use super::past::DAY;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;

/// After twenty minutes a service is compared with what it did so far.
const YOUNG: i64 = 4;
/// Until it is two days old, twice as much is let through: its first days differ.
const SETTLED: i64 = 2 * DAY;

/// More requests per minute, on average over the window, than is usual at this time of day and was the day before.
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
    before: Seconds(0),
    grain: Seconds(0),
    keys: &[Key::Threshold, Key::Learned, Key::Models, Key::By],
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
            history.usual(slot, length, |cell| f64::from(cell.calls) / past_minutes)
        })?;
        let limit = scope.limit(usual, inputs.now).until(SETTLED, 2.0);
        // People count calls, so what is usual is in calls of the window as well.
        let description = match limit.usual {
            Some(_) => {
                format!(
                    "{} calls in {}; {}",
                    Unit::Calls.format(calls),
                    settings.window.words(),
                    limit.times(minutes).words(Unit::Calls)
                )
            }
            None => format!(
                "{} requests per minute over {}, {}",
                Unit::PerMinute.format(rate),
                settings.window.words(),
                limit.words(Unit::PerMinute)
            ),
        };
        Ok(Sample {
            labels: group.labels,
            value: rate,
            threshold: limit.value,
            learned: limit.usual.is_some(),
            verdict: Verdict::of(rate > limit.value),
            description,
        })
    });
    Ok(scope.judged(samples.collect::<Result<_, StoreError>>()?))
}
