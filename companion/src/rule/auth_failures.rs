use super::config::{Key, Settings};
use super::learned::{cells, span};
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
        let before = mean.map(|usual| Before::of(usual, count(group.totals.calls)));
        let limit = scope.limit(before.as_ref().map(|before| before.usual), inputs.now);
        let verdict = Verdict::of(count(refused) >= limit.value);
        let description = inputs.sentences.of(verdict, || {
            format!(
                "{refused} {} within {} received status 401 or 403, {}{}",
                plural(refused, "call"),
                settings.window.words(),
                limit.words(Unit::Calls),
                before.as_ref().filter(|_| limit.usual.is_some()).map_or_else(String::new, Before::words)
            )
        });
        let (value, threshold, learned) = (count(refused), limit.value, limit.usual.is_some());
        Ok(Sample { labels: group.labels, value, threshold, learned, verdict, description })
    });
    Ok(scope.judged(samples.collect::<Result<_, StoreError>>()?))
}

/// The refused calls of the day before, as they are compared with those of now.
struct Before {
    usual: Usual,
    /// Whether they are those of as many calls as there are now, which are more than the mean of the day.
    of_as_many: bool,
}

impl Before {
    /// `usual` has the share of the day's calls as its peak, and the mean of the day.
    fn of(usual: Usual, calls: f64) -> Self {
        let (of_calls, mean) = (usual.peak * calls, usual.day.unwrap_or(0.0));
        Self {
            usual: Usual { peak: of_calls.max(mean), day: None, ..usual },
            of_as_many: of_calls > mean,
        }
    }

    fn words(&self) -> String {
        let refused = Unit::Calls.format(self.usual.peak);
        let before = span(self.usual.age, 1);
        match self.of_as_many {
            true => format!("; {refused} of as many calls the {before} before"),
            false => format!("; {refused} on average the {before} before"),
        }
    }
}
