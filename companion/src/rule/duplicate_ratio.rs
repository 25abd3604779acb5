use super::config::{Key, Settings};
use super::past::Usual;
use super::scope::Part;
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Scope, Unit, count};
use crate::record::Window;
use crate::store::{Duplicates, Filter, StoreError};
use crate::text::seconds::Seconds;

/// The calls of an hour beyond which repetition is looked up over all services, which a ledger knows without reading them.
const MANY: u64 = 50_000;

/// Too large a share of the calls, and a larger one than within the hour before, repeats the request of an earlier one. Calls without a request hash are not judged.
pub(super) const RULE: Rule = Rule {
    name: RuleName::DuplicateRatio,
    advice: "look for a retry storm or a loop",
    unit: Unit::Share,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings {
        threshold: 0.3,
        learn: true,
        factor: 1.5,
        floor: 0.15,
        min_calls: 20,
        min_events: 8,
        hold: Seconds(30),
        ..Settings::WARNING
    },
    fixed: Some(Settings { threshold: 0.3, min_calls: 10, min_events: 8, ..Settings::WARNING }),
    before: Seconds::HOUR,
    grain: Seconds(0),
    keys: Key::SHARE,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "More LLM calls repeat another than is usual".to_owned();
    }
    format!("More than {} of LLM calls repeat another", Unit::Share.format(settings.threshold))
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let mut parts = Vec::new();
    let (labels, found) = scope.repetition(inputs, u64::MAX, 0)?;
    for (labels, found) in labels.into_iter().zip(&*found) {
        let (part, whole) = (found.duplicates.repeats, found.duplicates.hashed);
        let usual = settings.learn.then_some(Usual::of(0.0, 0));
        let limit = scope.limit(usual, inputs.now);
        parts.push((Part { name: Some(found.name.as_str().into()), labels, part, whole }, limit));
    }
    scope.shares(inputs, parts, "calls with a request hash", "repeat an earlier one", |part, limit| {
        if limit.usual.is_none() {
            return Ok((true, String::new()));
        }
        let before = hour_before(scope, inputs, part)?;
        let share = count(before.repeats) / count(before.hashed).max(1.0);
        let exceeded = count(part.part) > settings.factor * share * count(part.whole);
        Ok((exceeded, match before.hashed {
            0 => "; none had a request hash within the hour before".to_owned(),
            _ => format!("; within the hour before {}", Unit::Share.format(share)),
        }))
    })
}

/// The repeats in the hour before the window: a health check that sends one prompt repeats itself always.
fn hour_before(scope: &Scope, inputs: &Inputs<'_>, part: &Part) -> Result<Duplicates, StoreError> {
    let to = inputs.now.plus_seconds(-scope.settings.window.0);
    let window = Window::last(Seconds::HOUR.0, to);
    let filter = scope.filter_of(part.name.as_deref());
    let many = inputs.totals(window, &scope.filter)?.calls > MANY;
    let all = Filter::default();
    inputs.querier.duplicates(window, if many { &all } else { &filter })
}
