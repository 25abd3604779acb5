use super::config::{Key, Settings};
use super::{Absent, Compare, Evaluation, Inputs, OTHER, Rule, RuleName, Sample, Scope, TOP, Unit, count};
use crate::record::{ProcessEnd, Window};
use crate::store::{SequenceGap, ServiceGaps, StoreError};
use crate::text::seconds::Seconds;

/// So many services are looked at, those that miss most: as many as a store keeps apart.
const SERVICES: usize = 1000;

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
    let (settings, now) = (&scope.settings, inputs.now);
    let noticed =
        Window { from: now.plus_seconds(-settings.lookback.0), to: now.plus_seconds(-settings.window.0) };
    let mut missing = inputs.querier.missing_by_service(noticed, now, &scope.filter, SERVICES)?;
    missing.retain(|service| count(service.numbers) > settings.threshold);
    let rest = missing.split_off(missing.len().min(TOP));
    if let Some(worst) = rest.first() {
        let numbers = rest.iter().fold(0, |sum: u64, service| sum.saturating_add(service.numbers));
        missing.push(ServiceGaps { service: OTHER.to_owned(), numbers, ..worst.clone() });
    }
    if missing.is_empty() {
        return scope.known_or_whole(inputs, Vec::new(), "no sequence number is missing");
    }
    let within = settings.window.words();
    let samples = missing.iter().map(|service| Sample {
        labels: scope.labels_with("service", &service.service),
        ..scope.sample(count(service.numbers), true, description(service, &within))
    });
    Ok(Evaluation::known(samples.collect()))
}

fn description(missing: &ServiceGaps, within: &str) -> String {
    let ServiceGaps { service, numbers, lost, first: gap } = missing;
    let SequenceGap { first, instance, .. } = gap;
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
    if *lost > 0 {
        text.push_str(&format!("; of them {lost} were dropped by a journal at its cap"));
    }
    text
}
