//! A service is judged in each of its environments by itself: what fails in development pages no one for production.

use std::collections::BTreeSet;

use super::*;
use crate::record::{ENVIRONMENT, Tags};
use crate::rule::RuleName::{
    AgentLoop, AuthFailures, DuplicateRatio, ExcessiveTokenUsage, HighFailureRate, HighRequestRate,
    ModelMismatch, RateLimited, UsageMissing,
};
use crate::store::Filter;

fn in_environment(name: &str, call: CallRecord) -> CallRecord {
    let mut tags = Tags::default();
    assert!(tags.add(ENVIRONMENT.as_str(), name));
    CallRecord { tags, ..call }
}

/// Labels of the alerts that fire.
fn firing(status: &RuleStatus) -> BTreeSet<Labels> {
    status
        .alerts
        .iter()
        .filter(|alert| alert.state == State::Firing)
        .map(|alert| alert.labels.clone())
        .collect()
}

fn of(environment: &str) -> BTreeSet<Labels> {
    let pairs = [("service", "app"), ("environment", environment)];
    [pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()]
    .into()
}

/// Makes the call of a number that a rule is to notice.
type BadCall = fn(i64) -> CallRecord;

#[test]
fn an_alert_is_about_one_environment_and_judges_its_calls_alone() {
    let bad: [(RuleName, BadCall); 7] = [
        (HighFailureRate, |n| failed(n, 500)),
        (RateLimited, |n| failed(n, 429)),
        (AuthFailures, |n| failed(n, 401)),
        (UsageMissing, |n| CallRecord {
            usage_source: UsageSource::None,
            input_tokens: None,
            output_tokens: None,
            ..call(n)
        }),
        (DuplicateRatio, |n| CallRecord { request_hash: Some("a".repeat(32)), ..call(n) }),
        (ExcessiveTokenUsage, |n| CallRecord { input_tokens: Some(200_000), ..call(n) }),
        (HighRequestRate, call),
    ];
    let hash = |n: i64| CallRecord { request_hash: Some(format!("{n:032x}")), ..call(n % 60) };
    for (rule, bad) in bad {
        let (few, many) = if rule == HighRequestRate { (400, 600) } else { (100, 60) };
        let mut calls: Vec<_> = (0..few).map(|n| in_environment("prod", hash(n))).collect();
        calls.extend((0..many).map(|n| in_environment("dev", bad(n % 60))));
        // A process that names no environment is a third.
        calls.extend((0..few).map(hash));
        assert_eq!(firing(&status(rule, &calls, 61)), of("dev"), "{rule}");
        // With settings of its own a service still has its environments.
        let own = format!("{FIXED}[{rule}.services.app]\nfor = '0s'\n");
        let app: Labels = [("service".to_owned(), "app".to_owned())].into();
        assert_eq!(
            firing(&status_of(rule, &app, &own, &calls, 61)),
            of("dev"),
            "{rule} with settings of its own"
        );
        // Without an environment nothing has changed.
        let plain: Vec<_> =
            calls.iter().cloned().map(|call| CallRecord { tags: Tags::default(), ..call }).collect();
        assert!(firing(&status(rule, &plain, 61)).is_subset(&of("")), "{rule}");
    }
}

#[test]
fn what_is_learned_is_learned_of_each_environment() {
    // For a day `prod` makes 100 calls per five minutes and `dev` makes 2; then `dev` makes 100 as well.
    let mut calls = Vec::new();
    for slot in 0..300 {
        let (from, busy) = (slot * 300, slot >= 297);
        calls.extend((0..100).map(|n| in_environment("prod", call(from + 1 + n))));
        calls
            .extend((0..if busy { 600 } else { 2 }).map(|n| in_environment("dev", call(from + 1 + n % 200))));
    }
    let rate = status_of(HighRequestRate, &Labels::new(), "", &calls, 300 * 300);
    let sample =
        rate.alerts.iter().find(|alert| alert.labels.get("environment").is_some_and(|name| name == "dev"));
    assert!(sample.is_some(), "{rate:?}");
    assert!(firing(&rate).is_subset(&of("dev")), "{rate:?}");
}

#[test]
fn loops_and_other_models_have_the_environment_of_their_calls() {
    let turn = |n: i64| CallRecord {
        conversation_id: Some("c-1".to_owned()),
        input_tokens: Some(50_000),
        ..call(n)
    };
    let other = |n: i64| CallRecord { response_model: Some("gpt-3.5-turbo-0125".to_owned()), ..call(n) };
    for (rule, bad) in [(AgentLoop, &turn as &dyn Fn(i64) -> CallRecord), (ModelMismatch, &other)] {
        let mut calls: Vec<_> = (0..40).map(|n| in_environment("dev", bad(n))).collect();
        calls.extend((0..40).map(|n| in_environment("prod", call(n))));
        assert_eq!(firing(&status_of(rule, &Labels::new(), "", &calls, 180)), of("dev"), "{rule}");
    }
}

#[test]
fn a_filter_by_no_environment_finds_the_calls_without_one() {
    let calls = [call(1), in_environment("dev", call(2)), in_environment("prod", call(3))];
    for store in stores(&calls) {
        for (name, ended) in [("", 1), ("dev", 2), ("prod", 3)] {
            let filter = Filter { tags: vec![(ENVIRONMENT, name.to_owned())], ..Filter::default() };
            let window = crate::record::Window { from: at(0), to: at(60) };
            let page = crate::store::Page { limit: 9, after: None };
            let found = store.querier.calls(window, &filter, page).expect("read").calls;
            assert_eq!(
                found.iter().map(|call| call.start.0 + call.duration_ns).collect::<Vec<_>>(),
                [at(ended).0]
            );
        }
    }
}
