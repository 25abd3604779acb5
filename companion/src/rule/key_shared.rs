use std::collections::BTreeMap;

use super::config::{Key, Settings};
use super::learned::span;
use super::past::DAY;
use super::{Absent, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::record::{Timestamp, Window};
use crate::store::sums::FIVE_MINUTES;
use crate::store::{KeyUse, StoreError};
use crate::text::number;
use crate::text::seconds::Seconds;

/// Credentials and services looked at.
const USES: usize = 10_000;
/// How far back a use is usual.
const USUAL: i64 = 8 * DAY;

/// A credential is used by a service that did not use it in the last eight days; one that is younger than a day, by more services
/// than the threshold. Only calls with the opt-in fingerprint of their key count, by whole hours: this one and the one before.
pub(super) const RULE: Rule = Rule {
    name: RuleName::KeyShared,
    advice: "ask who gave the key to the service; give each service a key of its own",
    unit: Unit::Services,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: None,
    defaults: Settings {
        threshold: 2.0,
        learn: true,
        window: Seconds::HOUR,
        min_calls: 5,
        keep_firing_for: Seconds(0),
        ..Settings::WARNING
    },
    fixed: None,
    before: Seconds(0),
    grain: Seconds::MINUTE,
    keys: &[Key::Threshold, Key::Learned, Key::MinCalls],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "A key is used by a service that did not use it before".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let newest = Window::last(settings.window.0, inputs.now);
    let hour = 3_600 * Timestamp::SECOND;
    let until = Timestamp(newest.from.0.div_euclid(hour).saturating_mul(hour));
    let before = Window { from: Timestamp(until.0.saturating_sub(USUAL * FIVE_MINUTES)), to: until };
    let mut known: BTreeMap<String, Vec<KeyUse>> = BTreeMap::new();
    for found in inputs.ledger.key_uses(before, USES)? {
        known.entry(found.key.clone()).or_default().push(found);
    }
    let mut keys: BTreeMap<String, Vec<KeyUse>> = BTreeMap::new();
    for found in inputs.ledger.key_uses(newest, USES)? {
        if found.calls >= settings.min_calls {
            keys.entry(found.key.clone()).or_default().push(found);
        }
    }
    // So long the keys of calls are known.
    let oldest = known.values().flatten().map(|found| found.first).min();
    let before = oldest.map(|oldest| span((until.0 - oldest.0).div_euclid(FIVE_MINUTES), 8));
    let samples = keys.into_iter().map(|(key, now)| {
        let known = known.get(&key).map_or(&[][..], Vec::as_slice);
        let is_old = |found: &KeyUse| found.first <= inputs.now.plus_seconds(-Seconds::DAY.0);
        let learned = settings.learn && known.iter().any(is_old);
        let new: Vec<&KeyUse> =
            now.iter().filter(|now| known.iter().all(|known| known.service != now.service)).collect();
        // An alert goes on by the limit of its beginning while one that began within a day uses the key, and ends with that.
        let fresh = now.iter().any(|now| {
            let mut uses = known.iter().filter(|known| known.service == now.service);
            !uses.any(is_old)
        });
        let used_by = if fresh { known.len() + new.len() } else { now.len() };
        let services = count(used_by as u64);
        let limit = if learned { count(known.len() as u64) } else { settings.threshold };
        let named = |uses: &mut dyn Iterator<Item = &KeyUse>| {
            let names: Vec<String> = uses.take(TOP).map(|one| format!("{} ({})", one.service, number::count(one.calls))).collect();
            names.join(", ")
        };
        let is = if new.is_empty() { String::new() } else { format!("; new: {}", named(&mut new.iter().copied())) };
        let used = match &before {
            None => "no key was seen before".to_owned(),
            Some(before) if known.is_empty() => format!("none in the {before} before"),
            Some(before) => format!("in the {before} before {}", named(&mut known.iter())),
        };
        Sample {
            labels: scope.labels_with("key", &key),
            value: services,
            threshold: limit,
            learned,
            verdict: Verdict::of(services > limit),
            description: format!(
                "key {key} is used by {} (calls): {used}{is}",
                number::counted(used_by as u64, "service")
            ),
        }
    });
    let samples: Vec<Sample> = samples.collect();
    if samples.is_empty() {
        let reason = "no call with the fingerprint of its key".to_owned();
        return Ok(Evaluation::empty(scope.sample(0.0, false, reason.clone()), reason));
    }
    Ok(Evaluation::known(samples))
}
