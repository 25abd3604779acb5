//! Calls without a price, and without usage.

use spanledger::{CostStatus, Outcome, UsageSource};

use super::*;
use crate::rule::RuleName::*;

#[test]
fn unpriced_usage_fires_for_each_model_without_a_price() {
    let unpriced = |n: i64, model: &str| CallRecord {
        cost: None,
        cost_status: CostStatus::Unpriced,
        response_model: Some(model.to_owned()),
        ..call(n)
    };
    let calls = [call(1), unpriced(2, "m1"), unpriced(3, "m2"), unpriced(4, "m2")];
    let status = status(UnpricedUsage, &calls, 60);
    assert_fires(&status, 2.0);
    let models: Vec<_> =
        status.alerts.iter().map(|alert| (alert.labels["model"].as_str(), alert.value)).collect();
    assert_eq!(models, [("m1", 1.0), ("m2", 2.0)]);
    assert_eq!(status.alerts[0].description, "1 call of m1 within 5 min has no price, and no cost counts it");
}

#[test]
fn unpriced_usage_fires_once_for_more_than_ten_models() {
    let calls = many(25, |n| CallRecord {
        cost: None,
        cost_status: CostStatus::Unpriced,
        response_model: Some(format!("m{n}")),
        ..call(n)
    });
    let status = status(UnpricedUsage, &calls, 60);
    assert_eq!(status.alerts.len(), 1);
    assert_eq!(status.alerts[0].labels["model"], "_OTHER");
    assert_eq!(status.alerts[0].value, 25.0);
    assert!(
        status.alerts[0].description.ends_with(
            "no cost counts them; the most of m0 (1), m1 (1), m10 (1), m11 (1), \
        m12 (1), m13 (1), m14 (1), m15 (1), m16 (1), m17 (1)"
        ),
        "{}",
        status.alerts[0].description
    );
}

#[test]
fn unpriced_usage_does_not_fire_for_free_models_nor_without_usage() {
    let free = CallRecord { cost: Some(NanoUsd(0)), cost_status: CostStatus::Free, ..call(1) };
    assert_calm(&status(UnpricedUsage, &[free, failed(2, 500)], 60), 0.0);
}

fn without_usage(seconds: i64) -> CallRecord {
    CallRecord {
        input_tokens: None,
        output_tokens: None,
        usage_source: UsageSource::None,
        cost: None,
        cost_status: CostStatus::NoUsage,
        ..call(seconds)
    }
}

#[test]
fn usage_missing_fires_when_more_than_1_percent_of_successful_calls_have_none() {
    let mut calls = many(16, call);
    calls.extend(many(4, without_usage));
    assert_fires(&status(UsageMissing, &calls, 60), 0.2);
}

#[test]
fn usage_missing_does_not_fire_at_1_percent_nor_for_failed_calls() {
    let mut calls = many(99, call);
    calls.push(without_usage(20));
    calls.extend(many(50, |n| failed(n, 500)));
    assert_calm(&status(UsageMissing, &calls, 150), 0.01);
    // One such call of twenty is an event, not a share.
    let mut calls = many(19, call);
    calls.push(without_usage(20));
    assert_calm(&status(UsageMissing, &calls, 60), 0.05);
    calls.remove(0);
    assert_no_data(
        &status(UsageMissing, &calls, 60),
        "19 successful calls within 5 min; at least 20 are needed",
    );
}

#[test]
fn usage_missing_does_not_fire_for_calls_whose_response_is_still_to_come() {
    let pending = |n| CallRecord { outcome: Outcome::Pending, ..without_usage(n) };
    let mut calls = many(20, call);
    calls.extend(many(20, pending));
    assert_calm(&status(UsageMissing, &calls, 60), 0.0);
    // Alone they are nothing to judge.
    let alone = status(UsageMissing, &many(20, pending), 60);
    assert_eq!((alone.state, alone.alerts.len()), (State::Inactive, 0), "{alone:?}");
    assert!(alone.no_data.is_some(), "{alone:?}");
    // As many completed ones without usage fire.
    calls.truncate(20);
    calls.extend(many(20, without_usage));
    assert_fires(&status(UsageMissing, &calls, 60), 0.5);
}
