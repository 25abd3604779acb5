use super::config::{Key, Settings};
use super::learned::cells;
use super::past::cell::{Calls, Kept};
use super::past::history::History;
use super::past::{DAY, Usual, slot_of};
use super::scope::GROUPS;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// So many hours of trouble a week do not raise the limit.
const RANK: usize = 2;

/// A user makes many more calls within an hour than in the busiest hours of the week; a new user more than any user did.
pub(super) const RULE: Rule = Rule {
    name: RuleName::UserSpike,
    advice: "look at what the user runs; set a limit for the user",
    unit: Unit::Calls,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::User),
    defaults: Settings {
        threshold: 5_000.0,
        learn: true,
        factor: 5.0,
        floor: 2_000.0,
        window: Seconds::HOUR,
        keep_firing_for: Seconds(900),
        ..Settings::INFO
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(300),
    keys: &[Key::Threshold, Key::Learned],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "A user makes many more LLM calls than before".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    // Calls without a user, and of users beyond the hundred, are no user's.
    let users = inputs.querier.calls_of_users(scope.window(inputs.now), &scope.filter, GROUPS)?;
    let past = inputs.pasts.calls(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    let (slot, length) = (slot_of(inputs.now), cells(settings.window));
    let hour = |history: &History<Calls>| {
        history.hourly_peak(slot, RANK, length, |cell| Some(f64::from(cell.calls()))).unwrap_or(0.0)
    };
    let mut samples = Vec::new();
    for (user, number) in users {
        let calls = count(number);
        let mut usual = None;
        // Few calls are no spike, whatever was before.
        if settings.learn && calls > settings.floor {
            let make = |history: &History<Calls>| {
                let week = hour(history);
                Usual { week: Some(week), ..Usual::of(week, history.age(slot)) }
            };
            usual = past.usual(RULE.name, Some(&user), make).filter(|usual| usual.age >= DAY);
            if usual.is_none() {
                let any = past.histories().map(|(_, history)| hour(history)).fold(0.0, f64::max);
                let peak = any / settings.factor.max(1.0);
                let age = past.all().age(slot);
                usual = (any > 0.0).then(|| Usual { week: Some(any), ..Usual::of(peak, age) });
            }
        }
        let limit = scope.limit(usual, inputs.now);
        let verdict = Verdict::of(calls > limit.value);
        let description = inputs.sentences.of(verdict, || {
            format!(
                "{} {} within {}, {}",
                Unit::Calls.format(calls),
                plural(number, "call"),
                settings.window.words(),
                limit.words(Unit::Calls)
            )
        });
        let (threshold, learned) = (limit.value, limit.usual.is_some());
        let labels = scope.labels_of(By::User, &user);
        samples.push(Sample { labels, value: calls, threshold, learned, verdict, description });
    }
    Ok(scope.judged(samples))
}
