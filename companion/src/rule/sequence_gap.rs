use std::collections::BTreeMap;

use super::config::{Key, Settings};
use super::{Evaluation, OTHER, Rule, RuleName, Sample, Scope, Severity, TOP, Unit, count};
use crate::record::Timestamp;
use crate::seconds::Seconds;
use crate::store::{Querier, SequenceGap as Gap, StoreError};

/// So many gaps are looked at.
const GAPS: usize = 1000;

/// Numbers missing from an instance's sequence for longer than the window. One alert a service. A gap noticed longer ago than the lookback has been told and fires no more.
#[derive(Debug)]
pub(super) struct SequenceGap;

impl Rule for SequenceGap {
    fn name(&self) -> RuleName {
        RuleName::SequenceGap
    }

    fn advice(&self) -> &'static str {
        "calls were lost between the application and the ledger"
    }

    fn unit(&self) -> Unit {
        Unit::Calls
    }

    fn defaults(&self) -> Settings {
        Settings {
            severity: Severity::Critical,
            threshold: 0.0,
            window: Seconds(120),
            lookback: Seconds(86_400),
            ..Settings::base()
        }
    }

    fn keys(&self) -> &'static [Key] {
        &[Key::Threshold, Key::Lookback]
    }

    fn summary(&self, settings: &Settings) -> String {
        format!("LLM calls are missing from the ledger for more than {}", settings.window.words())
    }

    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError> {
        let settings = &scope.settings;
        let mut gaps = querier.sequence_gaps(now.plus_seconds(-settings.window.0), now, GAPS)?;
        // The oldest come first: behind a full answer there may be newer ones, so that none of it is left out.
        if gaps.len() < GAPS {
            let recent = now.plus_seconds(-settings.lookback.0);
            gaps.retain(|gap| gap.noticed >= recent);
        }
        gaps.retain(|gap| {
            scope.filter.service.as_ref().is_none_or(|service| *service == gap.service)
                && !scope.filter.except_services.contains(&gap.service)
        });
        let mut services: BTreeMap<&str, Vec<&Gap>> = BTreeMap::new();
        for gap in &gaps {
            services.entry(&gap.service).or_default().push(gap);
        }
        let mut missing: Vec<(&str, u64, &Gap)> = services
            .into_iter()
            .filter_map(|(service, gaps)| Some((service, numbers(&gaps), *gaps.first()?)))
            .filter(|(_, numbers, _)| count(*numbers) > settings.threshold)
            .collect();
        missing.sort_by_key(|(_, numbers, _)| std::cmp::Reverse(*numbers));
        let rest: Vec<_> = missing.split_off(missing.len().min(TOP));
        if let Some((_, _, gap)) = rest.first() {
            let sum = rest.iter().fold(0, |sum: u64, (_, numbers, _)| sum.saturating_add(*numbers));
            missing.push((OTHER, sum, *gap));
        }
        if missing.is_empty() {
            let sample = scope.sample(0.0, false, "no sequence number is missing".to_owned());
            return Ok(match querier.last_call(now, &scope.filter)? {
                Some(_) => Evaluation::known(vec![sample]),
                None => Evaluation::empty(sample, "the ledger has no call".to_owned()),
            });
        }
        let samples = missing.into_iter().map(|(service, numbers, gap)| Sample {
            labels: scope.labels_with("service", service),
            ..scope.sample(
                count(numbers),
                true,
                missing_calls(numbers, service, &settings.window.words(), gap),
            )
        });
        Ok(Evaluation::known(samples.collect()))
    }
}

fn numbers(gaps: &[&Gap]) -> u64 {
    gaps.iter().fold(0, |sum: u64, gap| sum.saturating_add((gap.last - gap.first).saturating_add(1)))
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
    if *first == 1 {
        text.push_str(", unless it was running before this ledger began");
    }
    text
}
