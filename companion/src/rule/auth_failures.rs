use super::config::{Key, Settings};
use super::learned::cells;
use super::past::{DAY, HOUR, LAG, Usual};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// Calls with status 401 or 403, many more than the day before.
pub(super) const RULE: Rule = Rule {
    name: RuleName::AuthFailures,
    advice: "a key is wrong, revoked or stolen",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    absent: Absent::Unknown,
    by: Some(By::Service),
    defaults: Settings { threshold: 5.0, learn: true, factor: 5.0, floor: 5.0, ..Settings::CRITICAL },
    fixed: Some(Settings { threshold: 5.0, ..Settings::CRITICAL }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: Key::AMOUNT,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "More LLM calls received status 401 or 403 than is usual".to_owned();
    }
    let limit = Unit::Calls.format(settings.threshold);
    format!("{limit} or more LLM calls received status 401 or 403")
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let share = cells(settings.window) as f64 / DAY as f64;
    let samples = scope.groups(inputs, scope.window(inputs.now))?.into_iter().map(|group| {
        let refused = group.totals.unauthorized;
        // The mean of the day before, or its share of as many calls as there are now: such calls come in bursts, so that
        // the peak of the day is no measure.
        let mean = scope.usual(inputs, RULE.name, group.name.as_deref(), HOUR, |history, slot| {
            let day = history.sum(slot - DAY..slot - LAG);
            let of_calls = f64::from(day.unauthorized) / f64::from(day.calls).max(1.0);
            let day = Some(f64::from(day.unauthorized) * share);
            Usual { day, ..Usual::of(of_calls, history.age(slot)) }
        })?;
        let usual = mean.map(|usual| {
            let of_calls = usual.peak * count(group.totals.calls);
            {
                let peak = of_calls.max(usual.day.unwrap_or(0.0));
                Usual { peak, day: None, mean: Some(peak), ..usual }
            }
        });
        let limit = scope.limit(usual, inputs.now);
        let verdict = Verdict::of(count(refused) >= limit.value);
        let description = inputs.sentences.of(verdict, || {
            format!(
                "{refused} {} within {} received status 401 or 403, {}",
                plural(refused, "call"),
                settings.window.words(),
                limit.words(Unit::Calls)
            )
        });
        let (value, threshold, learned) = (count(refused), limit.value, limit.usual.is_some());
        Ok(Sample { labels: group.labels, value, threshold, learned, verdict, description })
    });
    Ok(scope.judged(samples.collect::<Result<_, StoreError>>()?))
}
