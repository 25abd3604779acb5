use std::collections::BTreeMap;

use super::config::{Key, Settings};
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::record::{SkipReason, Window};
use crate::store::{ArchiveTrouble, Filter, StoreError};
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;
use crate::text::time::to_the_second;

/// Calls reached the companion and are not in the ledger, or are to be archived and cannot be. Counted by whole hours: this one and the one before.
pub(super) const RULE: Rule = Rule {
    name: RuleName::LedgerLosing,
    advice: "look at the clocks of senders and companion, at the disk, at the archive, and at the companion's log",
    unit: Unit::Calls,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: None,
    defaults: Settings { window: Seconds::HOUR, keep_firing_for: Seconds(0), ..Settings::WARNING },
    fixed: None,
    before: Seconds(0),
    grain: Seconds(0),
    keys: &[Key::Threshold],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "Calls are not recorded as they were sent".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let skipped = inputs.ledger.skipped(Window::last(scope.settings.window.0, inputs.now))?;
    let mut results: BTreeMap<SkipReason, (u64, Vec<String>)> = BTreeMap::new();
    for (name, reason, spans) in skipped.iter() {
        if matches!(reason, SkipReason::TooOld | SkipReason::Refused | SkipReason::Dropped) {
            let (calls, scopes) = results.entry(reason).or_default();
            *calls = calls.saturating_add(spans);
            if !name.is_empty() && scopes.len() < TOP {
                scopes.push(name.to_owned());
            }
        }
    }
    let samples = results.into_iter().map(|(reason, (calls, scopes))| {
        let of = if scopes.is_empty() { String::new() } else { format!(" of {}", scopes.join(", ")) };
        let is = if calls == 1 { "is" } else { "are" };
        Sample {
            labels: scope.labels_with("result", reason.as_str()),
            value: count(calls),
            threshold: scope.settings.threshold,
            learned: false,
            verdict: Verdict::of(count(calls) > scope.settings.threshold),
            description: format!(
                "{} {}{of} in this hour and the one before {is} not in the ledger: {}",
                Unit::Calls.format(count(calls)),
                plural(calls, "call"),
                reason.explanation()
            ),
        }
    });
    let mut samples: Vec<Sample> = samples.collect();
    samples.extend(not_archived(scope, inputs)?);
    scope.known_or_whole(inputs, samples, "every call is in the ledger")
}

/// Calls past their retention that stay, since they cannot be archived.
fn not_archived(scope: &Scope, inputs: &Inputs<'_>) -> Result<Option<Sample>, StoreError> {
    let noted = inputs.ledger.archive_trouble()?.filter(|noted| noted.trouble.since <= inputs.now);
    let Some(ArchiveTrouble { trouble, held }) = noted else { return Ok(None) };
    // At least the one without which nothing would have been tried.
    let calls = inputs.ledger.totals(held, &Filter::default())?.calls.max(1);
    Ok(Some(Sample {
        labels: scope.labels_with("result", "not_archived"),
        value: count(calls),
        threshold: scope.settings.threshold,
        learned: false,
        verdict: Verdict::of(count(calls) > scope.settings.threshold),
        description: format!(
            "{} {} past retention cannot be archived and {} not deleted: since {} the archive {}",
            Unit::Calls.format(count(calls)),
            plural(calls, "call"),
            if calls == 1 { "is" } else { "are" },
            to_the_second(trouble.since),
            trouble.kind.in_words(),
        ),
    }))
}
