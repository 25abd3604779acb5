//! What the rules about new models and new users share.

use super::learned::span;
use super::past::history::KEPT;
use super::past::{DAY, slot_of};
use super::scope::{Inputs, Scope};
use super::{Evaluation, Sample, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::terminal::plural;

/// So long a ledger must know what is called.
const YOUNG: i64 = 2 * DAY;

/// Judges the calls of each group that was first seen within the window.
pub(super) fn evaluate(scope: &Scope, inputs: &Inputs<'_>, what: &str) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let slot = slot_of(inputs.now);
    let groups = scope.groups(inputs, scope.window(inputs.now))?;
    let past = inputs.pasts.calls(&scope.filter, scope.by, inputs)?;
    let past = past.read();
    // In a ledger that is new, everything is, and what is called on some days alone.
    let age = past.histories().map(|(_, history)| history.age(slot)).max().unwrap_or(0);
    let window = settings.window.0 / 300;
    // What was looked at without the window itself.
    let before = span(age.min(KEPT) - window, 7);
    let mut samples = Vec::new();
    for group in groups {
        let Some(name) = group.name.as_deref() else { continue };
        let seen = past.history(Some(name)).map_or(0, |history| history.age(slot));
        // With more groups than are remembered, one that is not may be old.
        let new = age >= YOUNG && seen <= window && (seen > 0 || !past.overflows());
        let calls = count(group.totals.calls);
        let verdict = Verdict::of(new && calls >= settings.floor);
        let description = inputs.sentences.of(verdict, || {
            let named = scope.by.map_or_else(|| name.into(), |by| by.words(name));
            format!(
                "{} {} of {what} {named} within {}{}",
                Unit::Calls.format(calls),
                plural(group.totals.calls, "call"),
                settings.window.words(),
                match (new, age >= YOUNG) {
                    (true, _) => format!(", and none in the {before} before"),
                    (false, true) => ", and some before".to_owned(),
                    (false, false) => String::new(),
                }
            )
        });
        // Calls of what is not new are none of those that the threshold is for.
        let (value, threshold) = (if new { calls } else { 0.0 }, settings.floor);
        samples.push(Sample { labels: group.labels, value, threshold, learned: false, verdict, description });
    }
    Ok(scope.judged_by(settings.floor, samples))
}
