use std::collections::{BTreeMap, HashMap};

use super::config::{Key, Settings};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::record::NanoUsd;
use crate::store::{Conversation, StoreError};
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// Conversations looked at in each minute, those with the most calls.
const CONVERSATIONS: usize = 2_000;

/// One conversation makes many calls with much input in a short time: an agent that does not end. One alert per service and environment.
pub(super) const RULE: Rule = Rule {
    name: RuleName::AgentLoop,
    advice: "stop the agent, and give it a limit of turns",
    unit: Unit::Tokens,
    compare: Compare::AtLeast,
    absent: Absent::Calm,
    by: None,
    defaults: Settings {
        threshold: 500_000.0,
        window: Seconds(900),
        min_calls: 30,
        keep_firing_for: Seconds(900),
        ..Settings::WARNING
    },
    fixed: None,
    before: Seconds(120),
    grain: Seconds::MINUTE,
    keys: &[Key::Threshold, Key::MinCalls, Key::Models],
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    format!(
        "One conversation made {} or more LLM calls within {}",
        Unit::Calls.format(count(settings.min_calls)),
        settings.window.words()
    )
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    let enough = |found: &Conversation| found.calls >= settings.min_calls;
    let mut services: BTreeMap<String, Vec<Conversation>> = BTreeMap::new();
    inputs.pasts.conversations(&scope.filter, |minutes| {
        minutes.extend(&scope.filter, inputs, settings.window, |window| {
            inputs.querier.conversations(window, &scope.filter, CONVERSATIONS)
        })?;
        // There are tens of thousands of conversations in a busy quarter of an hour, so only those are copied that have enough
        // calls.
        let mut all: HashMap<(&str, &str), (u64, u64, NanoUsd)> = HashMap::new();
        for found in minutes.iter() {
            let (calls, tokens, cost) = all.entry((&found.deployment, &found.id)).or_default();
            *calls += found.calls;
            *tokens = tokens.saturating_add(found.input_tokens);
            cost.0 = cost.0.saturating_add(found.cost.0);
        }
        for ((deployment, id), (calls, input_tokens, cost)) in all {
            let known = match services.get_mut(deployment) {
                Some(known) => known,
                None => services.entry(deployment.to_owned()).or_default(),
            };
            // Without any that has enough, one is described.
            let leads = known.first().is_none_or(|first| {
                !enough(first) && (input_tokens, calls, first.id.as_str()) > (first.input_tokens, first.calls, id)
            });
            if calls >= settings.min_calls || leads {
                if known.first().is_some_and(|first| !enough(first)) {
                    known.clear();
                }
                let (deployment, id) = (deployment.to_owned(), id.to_owned());
                known.push(Conversation { deployment, id, calls, input_tokens, cost });
            }
        }
        Ok(())
    })?;
    let samples = services.into_iter().map(|(service, mut found)| {
        found.sort_by(|a, b| (b.input_tokens, b.calls, &a.id).cmp(&(a.input_tokens, a.calls, &b.id)));
        let exceeds = |found: &Conversation| enough(found) && count(found.input_tokens) >= settings.threshold;
        let beyond = found.iter().filter(|found| exceeds(found)).count();
        let named: Vec<String> = found.iter().take(beyond.clamp(1, TOP)).map(describe).collect();
        let within = settings.window.words();
        Sample {
            labels: scope.labels_of(By::Service, &service),
            value: found.first().map_or(0.0, |found| if enough(found) { count(found.input_tokens) } else { 0.0 }),
            threshold: settings.threshold,
            learned: false,
            verdict: Verdict::of(beyond > 0),
            description: match beyond {
                0 | 1 => format!("within {within}: {}", named.join(", ")),
                _ => format!("{beyond} conversations within {within}: {}", named.join(", ")),
            },
        }
    });
    let samples: Vec<Sample> = samples.collect();
    if samples.is_empty() {
        let reason = format!("no call of a conversation within {}", settings.window.words());
        return Ok(Evaluation::empty(scope.sample(0.0, false, reason.clone()), reason));
    }
    Ok(Evaluation::known(samples))
}

fn describe(found: &Conversation) -> String {
    format!(
        "conversation {} with {} {}, {} input tokens, {}",
        found.id,
        Unit::Calls.format(count(found.calls)),
        plural(found.calls, "call"),
        Unit::Tokens.format(count(found.input_tokens)),
        Unit::Usd.format(found.cost.as_usd())
    )
}
