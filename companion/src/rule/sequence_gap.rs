use std::collections::{BTreeMap, HashSet};

use super::config::{Key, Settings};
use super::{Absent, Compare, Evaluation, Inputs, OTHER, Rule, RuleName, Sample, Scope, TOP, Unit, count};
use crate::record::{ProcessEnd, Window};
use crate::store::{SequenceGap as Gap, StoreError};
use crate::text::seconds::Seconds;

/// So many gaps are looked at, at a time: as many as a store keeps of one instance.
const GAPS: usize = 1000;

/// Numbers missing from an instance's sequence for longer than the window. One alert per service. A gap noticed longer
/// ago than the lookback fires no more; the report still names it.
pub(super) const RULE: Rule = Rule {
    name: RuleName::SequenceGap,
    advice: "calls were lost between the application and the ledger",
    unit: Unit::Calls,
    compare: Compare::Above,
    absent: Absent::Over("no missing number was noticed within the lookback; the report names older ones"),
    by: None,
    defaults: Settings { window: Seconds(120), lookback: Seconds::HOUR, ..Settings::CRITICAL },
    fixed: Some(Settings { window: Seconds(120), lookback: Seconds::DAY, ..Settings::CRITICAL }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: &[Key::Threshold, Key::Lookback],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!("LLM calls are missing from the ledger for more than {}", settings.window.words())
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let mut missing: Vec<(String, u64, Gap)> = missing(scope, inputs)?
        .into_iter()
        .filter(|(_, (numbers, _))| count(*numbers) > settings.threshold)
        .map(|(service, (numbers, first))| (service, numbers, first))
        .collect();
    missing.sort_by_key(|(_, numbers, _)| std::cmp::Reverse(*numbers));
    let rest: Vec<_> = missing.split_off(missing.len().min(TOP));
    if let Some((_, _, gap)) = rest.first() {
        let sum = rest.iter().fold(0, |sum: u64, (_, numbers, _)| sum.saturating_add(*numbers));
        missing.push((OTHER.to_owned(), sum, gap.clone()));
    }
    if missing.is_empty() {
        return scope.known_or_whole(inputs, Vec::new(), "no sequence number is missing");
    }
    let samples = missing.into_iter().map(|(service, numbers, gap)| Sample {
        labels: scope.labels_with("service", &service),
        ..scope.sample(
            count(numbers),
            true,
            missing_calls(numbers, &service, &settings.window.words(), &gap),
        )
    });
    Ok(Evaluation::known(samples.collect()))
}

/// How many numbers each service misses, with its oldest gap, which gets what all of them have lost. Of a service with more than [`GAPS`] gaps it is the
/// newest of them that count.
fn missing(scope: &Scope, inputs: &Inputs<'_>) -> Result<BTreeMap<String, (u64, Gap)>, StoreError> {
    let (settings, now) = (&scope.settings, inputs.now);
    let noticed =
        Window { from: now.plus_seconds(-settings.lookback.0), to: now.plus_seconds(-settings.window.0) };
    let mut filter = scope.filter.clone();
    let mut services: BTreeMap<String, (u64, Gap)> = BTreeMap::new();
    let mut seen: HashSet<(String, String)> = HashSet::new();
    // One service may fill a result, so the others are queried again without it.
    for _ in 0..=TOP {
        let found = inputs.querier.sequence_gaps(noticed, now, &filter, GAPS)?;
        let whole = found.newest.len() < GAPS;
        for gap in found.newest {
            let (numbers, first) = services.entry(gap.service.clone()).or_insert_with(|| (0, Gap { lost: 0, ..gap.clone() }));
            *numbers = numbers.saturating_add(gap.numbers());
            // What was dropped without a name is counted with the first gap of its process.
            let unnamed = if seen.insert((gap.service.clone(), gap.instance.clone())) { gap.lost_unnamed } else { 0 };
            let lost = first.lost.saturating_add(gap.lost).saturating_add(unnamed);
            if (gap.noticed, gap.first) < (first.noticed, first.first) {
                *first = gap;
            }
            first.lost = lost;
        }
        if whole {
            break;
        }
        filter.except_services.extend(services.keys().cloned());
    }
    // Some of those have arrived all the same.
    services.values_mut().for_each(|(numbers, first)| first.lost = first.lost.min(*numbers));
    Ok(services)
}

fn missing_calls(numbers: u64, service: &str, within: &str, gap: &Gap) -> String {
    let Gap { first, instance, .. } = gap;
    let mut text = match numbers {
        1 => format!(
            "1 call of {service} is missing for more than {within}, number {first} of instance {instance}"
        ),
        _ => format!(
            "{numbers} calls of {service} are missing for more than {within}, the first of them number {first} of instance {instance}"
        ),
    };
    // Numbers begin at 1, and nothing in a span tells when its process began: a beginning that was lost and one from
    // before the ledger look the same.
    if *first == 1 && gap.end.is_none() {
        text.push_str(", unless it was running before this ledger began");
    }
    if gap.end == Some(ProcessEnd::Died) {
        text.push_str(", which died");
    }
    if gap.lost > 0 {
        text.push_str(&format!("; of them {} were dropped by a journal at its cap", gap.lost));
    }
    text
}
