use super::config::{Key, Settings};
use super::learned::{Limit, cells};
use super::past::{DAY, HOUR};
use super::scope::Group;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Sentences, Unit, Verdict};
use crate::record::Window;
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// Until it is six hours old, a service has spent too little to compare with.
const YOUNG: i64 = 6 * HOUR;
/// Until it is two days old, twice as much is let through: its first days differ.
const SETTLED: i64 = 2 * DAY;

/// Dollars faster than is usual at this time of day and was the day before; without a past, or with a threshold, more
/// dollars than that. Calls without a price are named, since no dollar counts them.
pub(super) const RULE: Rule = Rule {
    name: RuleName::CostOverrun,
    advice: "lower max_tokens, review the model",
    unit: Unit::Usd,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 100.0,
        learn: true,
        factor: 2.4,
        floor: 20.0,
        window: Seconds(1200),
        hold: Seconds::MINUTE,
        keep_firing_for: Seconds(900),
        ..Settings::CRITICAL
    },
    fixed: Some(Settings { threshold: 100.0, window: Seconds::HOUR, ..Settings::CRITICAL }),
    before: Seconds::HOUR,
    grain: Seconds(0),
    keys: Key::AMOUNT,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "LLM calls cost more than is usual".to_owned();
    }
    let limit = Unit::Usd.format(settings.threshold);
    format!("LLM calls cost more than {limit} within {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    // A total of calls without a price must not look like a small bill.
    let unpriced: u64 = groups.iter().map(|group| group.totals.unpriced).sum();
    let (priced, without): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| group.totals.unpriced < group.totals.calls);
    if priced.is_empty() && !without.is_empty() {
        let calls = plural(unpriced, "call");
        return Ok(Evaluation::unknown(format!("none of {unpriced} {calls} has a price")));
    }
    let mut hour: Option<Vec<Group>> = None;
    let mut samples = Vec::new();
    for group in priced {
        let limit = limit(scope, inputs, &group)?;
        if limit.usual.is_some() || !scope.settings.learn {
            samples.push(sample(scope, inputs.sentences, &limit, group));
            continue;
        }
        // What has no past is judged by the dollars of a whole hour.
        let window = Window::last(Seconds::HOUR.0, inputs.now);
        if hour.is_none() {
            hour = Some(scope.groups(inputs, window)?);
        }
        let whole = hour.iter().flatten().find(|whole| whole.labels == group.labels).cloned().unwrap_or(group);
        let mut settings = scope.clone();
        settings.settings.window = Seconds::HOUR;
        samples.push(sample(&settings, inputs.sentences, &limit, whole));
    }
    Ok(scope.judged(samples))
}

fn limit(scope: &Scope, inputs: &Inputs<'_>, group: &Group) -> Result<Limit, StoreError> {
    let length = cells(scope.settings.window);
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let hours = length as f64 / HOUR as f64;
    let usual = scope.usual(inputs, RULE.name, group.name.as_deref(), YOUNG, |history, slot| {
        history.usual(slot, length, |cell| f64::from(cell.cost) / hours)
    })?;
    Ok(scope.limit(usual, inputs.now).until(SETTLED, 2.0))
}

fn sample(
    scope: &Scope,
    sentences: Sentences,
    limit: &Limit,
    Group { labels, totals, .. }: Group,
) -> Sample {
    let window = scope.settings.window;
    let learned = limit.usual.is_some();
    let cost = totals.cost.as_usd();
    #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
    let pace = cost * 3600.0 / window.0 as f64;
    let value = if learned { pace } else { cost };
    let verdict = Verdict::of(value > limit.value);
    let description = sentences.of(verdict, || {
        let within = format!("{} within {}", Unit::Usd.format(cost), window.words());
        let pace = if learned { format!("{} per hour; ", Unit::Usd.format(pace)) } else { String::new() };
        let without = match totals.unpriced {
            0 => String::new(),
            1 => "; 1 call has no price and is not in it".to_owned(),
            calls => format!("; {calls} calls have no price and are not in it"),
        };
        format!("{within}, {pace}{}{without}", limit.words(Unit::Usd))
    });
    Sample { labels, value, threshold: limit.value, learned, verdict, description }
}
