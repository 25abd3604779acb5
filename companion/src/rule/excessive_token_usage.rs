use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::{Key, Settings};
use super::learned::span;
use super::{Absent, By, Compare, Evaluation, Inputs, Labels, OTHER, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::record::{ENVIRONMENT, deployment};
use crate::store::{LargeCall, StoreError};
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// Users whose largest calls are looked at.
const USERS: usize = 1_000;

/// A single call with many more tokens than the user's largest of two days, or than the threshold. The alert names the ten users with the largest calls.
pub(super) const RULE: Rule = Rule {
    name: RuleName::ExcessiveTokenUsage,
    advice: "set a token quota for the user",
    unit: Unit::Tokens,
    compare: Compare::Above,
    absent: Absent::Calm,
    by: Some(By::Service),
    defaults: Settings { threshold: 100_000.0, learn: true, factor: 3.0, floor: 40_000.0, ..Settings::WARNING },
    fixed: Some(Settings { threshold: 100_000.0, ..Settings::WARNING }),
    before: Seconds(0),
    grain: Seconds(0),
    keys: Key::AMOUNT,
    summary,
    evaluate,
};

fn summary(settings: &Settings) -> String {
    if settings.learn {
        return "A single LLM call used more tokens than is usual for its user".to_owned();
    }
    format!("A single LLM call used more than {} tokens", Unit::Tokens.format(settings.threshold))
}

/// A call and the limit for its user, with the largest call of the user that it was made from.
type Judged = (LargeCall, Limit);

#[derive(Clone, Copy)]
struct Limit {
    tokens: f64,
    largest: Option<u64>,
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let settings = &scope.settings;
    // No limit is below this: of smaller calls only the largest are shown, and what is known of their users need not be looked up.
    let least = settings.floor.min(settings.threshold);
    let (window, by) = (scope.window(inputs.now), scope.by.map(By::dimension));
    let calls = inputs.querier.largest_calls_by(window, &scope.filter, least as u64, by, USERS)?;
    let mut known = 0;
    let fixed = |tokens: f64| Limit { tokens, largest: None };
    let limits: Vec<Limit> = match settings.learn {
        false => vec![fixed(settings.threshold); calls.len()],
        true => inputs.pasts.largest(&scope.filter, inputs, |past| {
            known = past.age(inputs.now);
            let limit = |tokens: u64| Limit {
                tokens: (settings.factor * count(tokens)).max(settings.floor),
                largest: Some(tokens),
            };
            let usual = |call: &LargeCall| {
                past.of(&call.service, &call.user, inputs.now).map_or(fixed(settings.threshold), limit)
            };
            let small = |call: &LargeCall| count(call.tokens) <= least;
            // The largest is shown with its limit, also where it is small.
            let limits = calls.iter().enumerate();
            limits.map(|(n, call)| if n > 0 && small(call) { fixed(least) } else { usual(call) }).collect()
        })?,
    };
    let mut names: HashMap<String, Vec<Judged>> = HashMap::new();
    for (call, limit) in calls.into_iter().zip(limits) {
        let name = match scope.by {
            None => String::new(),
            Some(By::Service) => {
                deployment(&call.service, call.tags.get(ENVIRONMENT).unwrap_or_default()).into_owned()
            }
            Some(By::User) => call.user.clone(),
            Some(By::Model) => call.model.clone(),
            Some(By::Tag(key)) => call.tags.get(key).unwrap_or(OTHER).to_owned(),
        };
        names.entry(name).or_default().push((call, limit));
    }
    let labels = |name: &str| scope.by.map_or_else(|| scope.labels.clone().into(), |by| scope.labels_of(by, name));
    let groups: BTreeMap<Arc<Labels>, Vec<Judged>> =
        names.into_iter().map(|(name, calls)| (labels(&name), calls)).collect();
    if groups.is_empty() {
        let sample = scope.sample(0.0, false, scope.no_calls());
        return Ok(Evaluation::empty(sample, format!("{} with known tokens", scope.no_calls())));
    }
    let samples = groups.into_iter().map(|(labels, mut calls)| {
        // The furthest beyond its limit first; without any, the largest.
        calls.sort_by(|(a, one), (b, other)| {
            let beyond = |call: &LargeCall, limit: f64| (count(call.tokens) / limit.max(1.0)).max(1.0);
            beyond(b, other.tokens).total_cmp(&beyond(a, one.tokens)).then_with(|| b.tokens.cmp(&a.tokens))
        });
        let (largest, limit) = calls.first().map_or((0.0, 0.0), |(call, limit)| (count(call.tokens), limit.tokens));
        let verdict = Verdict::of(largest > limit);
        let description = inputs.sentences.of(verdict, || describe(&calls, known));
        Sample { labels, value: largest, threshold: limit, learned: false, verdict, description }
    });
    Ok(Evaluation::known(samples.collect()))
}

/// The call furthest beyond its limit, or all of those beyond, ten of them by name. What it was compared with is of `known` cells.
fn describe(calls: &[Judged], known: i64) -> String {
    let beyond = calls.iter().filter(|(call, limit)| count(call.tokens) > limit.tokens).count();
    let named: Vec<String> = calls.iter().take(beyond.clamp(1, TOP)).map(|(call, _)| name(call)).collect();
    let named = named.join(", ");
    let limit = calls.first().map(|(_, limit)| *limit);
    let largest = limit.and_then(|limit| limit.largest).map_or_else(String::new, |largest| {
        let (span, largest) = (span(known, 2), Unit::Tokens.format(count(largest)));
        format!("; the largest of this user within the {span} before had {largest}")
    });
    let limit = Unit::Tokens.format(limit.map_or(0.0, |limit| limit.tokens));
    match beyond {
        0 | 1 if largest.is_empty() => format!("a call {named}, threshold {limit}"),
        0 | 1 => format!("a call {named}, limit {limit}{largest}"),
        _ => {
            let users = plural(beyond as u64, "user");
            format!("{beyond} {users} with a call of more than {limit} tokens, the largest {named}{largest}")
        }
    }
}

fn name(call: &LargeCall) -> String {
    let user = if call.user.is_empty() { "a caller without a user id" } else { &call.user };
    let trace: String = call.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "of {user} to {} with {} tokens (trace {trace})",
        if call.model.is_empty() { "an unknown model" } else { &call.model },
        Unit::Tokens.format(count(call.tokens)),
    )
}
