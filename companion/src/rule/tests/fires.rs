use spanledger::{CostStatus, Outcome};

use super::*;
use crate::rule::{ALL, Answers, Inputs, Pasts, Rule, RuleName::*, Sentences, Verdict};

/// The state with the thresholds of the first release, of a newer rule with its defaults.
fn of_preset(rule: &Rule, calls: &[CallRecord], now: i64) -> RuleStatus {
    let toml = if rule.fixed.is_some() { FIXED } else { "" };
    status_of(rule.name, &Labels::new(), toml, calls, now)
}

#[test]
fn no_rule_looks_healthy_over_an_empty_ledger() {
    for rule in ALL.iter().filter(|rule| !rule.name.of_budgets()) {
        let status = of_preset(rule, &[], 3600);
        assert_eq!(status.state, State::Inactive, "{status:?}");
        assert!(status.no_data.is_some(), "{status:?}");
    }
}

#[test]
fn no_rule_fires_over_ordinary_calls() {
    let calls = many(600, |n| CallRecord {
        request_hash: Some(format!("{n:032x}")),
        instance: Some("i".to_owned()),
        sequence: Some(n as u64 + 1),
        ..call(n)
    });
    for rule in ALL.iter().filter(|rule| !rule.name.of_budgets()) {
        if rule.name == HighRequestRate {
            continue;
        }
        let status = of_preset(rule, &calls, 600);
        if rule.fixed.is_none() {
            // Ten minutes are no past to compare with.
            assert_eq!((status.state, &status.error), (State::Inactive, &None), "{status:?}");
            continue;
        }
        assert_eq!(
            (status.state, &status.no_data, &status.error),
            (State::Inactive, &None, &None),
            "{status:?}"
        );
        assert!(status.value.is_some(), "{status:?}");
    }
}

#[test]
fn high_request_rate_fires_above_100_requests_a_minute() {
    assert_fires(&status(HighRequestRate, &many(505, |n| call(n % 300)), 300), 101.0);
}

#[test]
fn high_request_rate_does_not_fire_at_100_requests_a_minute_nor_for_older_calls() {
    assert_calm(&status(HighRequestRate, &many(500, |n| call(n % 300)), 300), 100.0);
    // The window is half-open: a call that ended at its beginning counts, one at its end does not.
    let edge = [call(0), call(300)];
    assert_calm(&status(HighRequestRate, &edge, 300), 0.2);
    let quiet = status(HighRequestRate, &many(505, |n| call(n % 300)), 600);
    assert_no_data(&quiet, "no call within 5 min");
    assert_eq!(quiet.value, Some(0.0));
}

#[test]
fn high_failure_rate_fires_when_more_than_half_of_more_than_10_calls_fail() {
    let mut calls = many(6, |n| failed(n, 500));
    calls.extend(many(5, call));
    let status = status(HighFailureRate, &calls, 60);
    assert_fires(&status, 6.0 / 11.0);
    assert_eq!(
        status.description.as_deref(),
        Some("54.5 % of 11 calls of the last 5 min failed, threshold 50 %")
    );
    assert_eq!(status.alerts[0].summary, "More than 50 % of LLM calls fail");
    assert_eq!(status.advice, "check the key and the endpoint");
}

#[test]
fn high_failure_rate_counts_time_outs_and_truncated_answers_as_failures() {
    for outcome in [Outcome::TimedOut, Outcome::Truncated] {
        let calls = many(11, |n| CallRecord { outcome, ..call(n) });
        assert_fires(&status(HighFailureRate, &calls, 60), 1.0);
    }
}

#[test]
fn high_failure_rate_does_not_fire_at_half_nor_for_what_the_caller_ended() {
    let mut calls = many(6, |n| failed(n, 500));
    calls.extend(many(6, call));
    assert_calm(&status(HighFailureRate, &calls, 60), 0.5);
    for outcome in [Outcome::Dropped, Outcome::Cancelled] {
        let calls = many(20, |n| CallRecord { outcome, ..call(n) });
        assert_calm(&status(HighFailureRate, &calls, 60), 0.0);
    }
}

#[test]
fn high_failure_rate_does_not_judge_10_calls() {
    let status = status(HighFailureRate, &many(10, |n| failed(n, 500)), 60);
    assert_no_data(&status, "10 calls within 5 min; at least 11 are needed");
    assert_eq!(status.value, None);
}

#[test]
fn cost_overrun_fires_above_100_dollars_within_an_hour() {
    let calls = [
        CallRecord { cost: Some(NanoUsd(99_999_999_999)), ..call(1) },
        CallRecord { cost: Some(NanoUsd(2)), ..call(3500) },
    ];
    assert_fires(&status(CostOverrun, &calls, 3600), 100.000_000_001);
}

#[test]
fn cost_overrun_does_not_fire_at_100_dollars_nor_for_older_calls() {
    let calls = [CallRecord { cost: Some(NanoUsd(100_000_000_000)), ..call(1) }];
    assert_calm(&status(CostOverrun, &calls, 3600), 100.0);
    let calls = [CallRecord { cost: Some(NanoUsd(200_000_000_000)), ..call(1) }, call(3600)];
    assert_calm(&status(CostOverrun, &calls, 3602), 0.001);
}

#[test]
fn cost_overrun_does_not_take_unpriced_calls_for_a_small_bill() {
    let unpriced = |n| CallRecord { cost: None, cost_status: CostStatus::Unpriced, ..call(n) };
    assert_no_data(&status(CostOverrun, &many(3, unpriced), 60), "none of 3 calls has a price");
    let mut calls = many(3, unpriced);
    calls.push(call(4));
    let text = status(CostOverrun, &calls, 60).description.expect("description");
    assert_eq!(text, "$0.001 within 1 h, threshold $100.00; 3 calls have no price and are not in it");
}

#[test]
fn excessive_token_usage_fires_for_calls_above_100_000_tokens_and_names_their_users() {
    let large = |n, user: Option<&str>| CallRecord {
        user: user.map(str::to_owned),
        input_tokens: Some(100_000),
        output_tokens: Some(n),
        ..call(1)
    };
    let calls =
        [large(1, Some("ann")), large(7, Some("bob")), large(3, Some("bob")), large(5, None), call(2)];
    let status = status(ExcessiveTokenUsage, &calls, 60);
    assert_fires(&status, 100_007.0);
    let [alert] = status.alerts.as_slice() else { panic!("{status:?}") };
    assert_eq!(alert.labels, Labels::from([("service".to_owned(), "app".to_owned())]));
    let text = "3 users with a call of more than 100,000 tokens, the largest of bob to gpt-4o with 100,007 tokens (trace ";
    assert!(alert.description.starts_with(text), "{}", alert.description);
    assert!(alert.description.contains("of a caller without a user id to gpt-4o with 100,005 tokens"));
    // Each user by itself, where that is wanted.
    let by_user = |user: &str| Labels::from([("user".to_owned(), user.to_owned())]);
    let apart =
        status_of(ExcessiveTokenUsage, &Labels::new(), "[ExcessiveTokenUsage]\nby = ['user']", &calls, 60);
    let labels: Vec<_> = apart.alerts.iter().map(|alert| alert.labels.clone()).collect();
    assert_eq!(labels, [by_user(""), by_user("ann"), by_user("bob")]);
}

#[test]
fn excessive_token_usage_does_not_fire_at_100_000_tokens_nor_for_many_small_calls() {
    let calls = many(200, |n| CallRecord { input_tokens: Some(99_980), ..call(n) });
    assert_calm(&status(ExcessiveTokenUsage, &calls, 250), 100_000.0);
}

#[test]
fn excessive_token_usage_names_the_ten_largest_users_of_many() {
    let calls = many(30, |n| CallRecord {
        user: Some(format!("user{n}")),
        input_tokens: Some(200_000 + n as u64),
        ..call(n)
    });
    let status = status(ExcessiveTokenUsage, &calls, 60);
    assert_eq!(status.alerts.len(), 1);
    let text = &status.alerts[0].description;
    assert!(
        text.starts_with("30 users with a call of more than 100,000 tokens, the largest of user29 "),
        "{text}"
    );
    assert_eq!(text.matches(" (trace ").count(), 10, "{text}");
}

#[test]
fn repeated_requests_fires_when_a_hash_comes_more_than_3_times() {
    let mut calls = many(4, |n| hashed(n, 1));
    calls.extend(many(3, |n| hashed(n, 2)));
    let status = status(RepeatedRequests, &calls, 60);
    assert_fires(&status, 4.0);
    assert_eq!(status.alerts.len(), 1);
    assert_eq!(status.alerts[0].labels, Labels::from([("service".to_owned(), "app".to_owned())]));
    let text = format!(
        "1 request came more than 3 times within 5 min; together $0.004: {:032x} to gpt-4o 4 times",
        1
    );
    assert_eq!(status.alerts[0].description, text);
}

#[test]
fn repeated_requests_fires_once_for_a_storm_and_names_the_ten_most_frequent() {
    let calls = many(200, |n| hashed(n, n % 20));
    let status = status(RepeatedRequests, &calls, 250);
    assert_fires(&status, 10.0);
    let [alert] = status.alerts.as_slice() else { panic!("{status:?}") };
    assert!(
        alert.description.starts_with("20 requests came more than 3 times within 5 min; together $0.20: "),
        "{alert:?}"
    );
    assert_eq!(alert.description.matches(" to gpt-4o 10 times").count(), 10);
}

#[test]
fn repeated_requests_judges_many_calls_by_their_threshold() {
    let others = |repeats: i64| move |n: i64| hashed(n / 10, if n < repeats { 1 } else { 100 + n });
    let scope = configured(FIXED).rule(RepeatedRequests).scopes(RepeatedRequests.rule()).remove(0);
    // What came less often than the threshold is not followed, so that the value is what it is at most.
    for (calls, worst) in [
        (many(200, others(4)), (4.0, true)),
        (many(200, others(2)), (3.0, false)),
        (many(20, others(2)), (2.0, false)),
    ] {
        for store in stores(&calls) {
            let querier = store.querier.as_ref();
            let inputs = Inputs {
                querier,
                ledger: querier,
                pasts: &Pasts::default(),
                answers: &Answers::default(),
                sentences: Sentences::All,
                now: at(60),
            };
            let found = crate::rule::repeated_requests::judge(&scope, &inputs, 50).expect("evaluated");
            let sample = &found.samples[0];
            assert_eq!((sample.value, sample.verdict == Verdict::Exceeded), worst, "{}", store.name);
        }
    }
}

#[test]
fn repeated_requests_does_not_fire_at_3_times_nor_over_two_windows() {
    assert_calm(&status(RepeatedRequests, &many(3, |n| hashed(n, 1)), 60), 3.0);
    assert_calm(&status(RepeatedRequests, &many(6, |n| hashed(n * 100, 1)), 501), 3.0);
    assert_calm(&status(RepeatedRequests, &many(6, |n| hashed(n, n)), 60), 1.0);
    assert_no_data(&status(RepeatedRequests, &many(6, call), 60), "no call within 5 min with a request hash");
}

#[test]
fn duplicate_ratio_fires_when_more_than_30_percent_repeat_another() {
    let calls = many(20, |n| hashed(n, n.min(12)));
    assert_calm(&status(DuplicateRatio, &calls, 60), 0.35);
    let calls = many(20, |n| hashed(n, n.min(11)));
    assert_fires(&status(DuplicateRatio, &calls, 60), 0.4);
}

#[test]
fn duplicate_ratio_does_not_fire_at_30_percent_and_does_not_judge_9_calls() {
    assert_calm(&status(DuplicateRatio, &many(10, |n| hashed(n, n.min(6))), 60), 0.3);
    let reason = "9 calls with a request hash within 5 min; at least 10 are needed";
    let mut calls = many(9, |n| hashed(n, 1));
    calls.push(call(1));
    assert_no_data(&status(DuplicateRatio, &calls, 60), reason);
}

#[test]
fn auth_failures_fires_at_5_answers_401_or_403() {
    let calls = [failed(1, 401), failed(2, 403), failed(3, 401), failed(4, 403), failed(5, 401)];
    assert_fires(&status(AuthFailures, &calls, 60), 5.0);
}

#[test]
fn auth_failures_does_not_fire_at_4_nor_for_other_errors() {
    let mut calls = many(4, |n| failed(n, 401));
    calls.extend(many(4, |n| failed(n, 500)));
    assert_calm(&status(AuthFailures, &calls, 60), 4.0);
}

#[test]
fn rate_limited_fires_when_more_than_10_percent_are_answered_429() {
    let mut calls = many(15, call);
    calls.extend(many(5, |n| failed(n, 429)));
    assert_fires(&status(RateLimited, &calls, 60), 0.25);
}

#[test]
fn rate_limited_does_not_fire_at_10_percent_and_does_not_judge_9_calls() {
    let mut calls = many(9, call);
    calls.push(failed(9, 429));
    assert_calm(&status(RateLimited, &calls, 60), 0.1);
    // A few are no wave.
    calls.extend(many(3, |n| failed(n, 429)));
    let few = status(RateLimited, &calls, 60);
    assert_eq!((few.state, few.value), (State::Inactive, Some(4.0 / 13.0)));
    let reason = "9 calls within 5 min; at least 10 are needed";
    assert_no_data(&status(RateLimited, &many(9, |n| failed(n, 429)), 60), reason);
}

#[test]
fn ledger_silent_fires_after_15_minutes_without_a_call() {
    let status = status(LedgerSilent, &[call(0), call(100)], 1001);
    assert_fires(&status, 901.0);
    assert_eq!(status.threshold, 900.0);
}

#[test]
fn ledger_silent_does_not_fire_within_15_minutes_and_says_when_the_hour_before_was_silent_too() {
    assert_calm(&status(LedgerSilent, &[call(100)], 1000), 900.0);
    let reason = "no call for 1h15m1s, and none in the 1 h before the last 15 min";
    assert_no_data(&status(LedgerSilent, &[call(0)], 4501), reason);
}

#[test]
fn one_call_is_written_in_the_singular() {
    let text = |rule, calls: &[CallRecord], now| {
        let status = status(rule, calls, now);
        status.no_data.or(status.description).expect("a sentence")
    };
    let unpriced = CallRecord { cost: None, cost_status: CostStatus::Unpriced, ..call(1) };
    for (rule, calls, wanted) in [
        (
            UnpricedUsage,
            vec![unpriced.clone()],
            "1 call of gpt-4o within 5 min has no price, and no cost counts it",
        ),
        (AuthFailures, vec![failed(1, 401)], "1 call within 5 min received status 401 or 403, threshold 5"),
        (HighFailureRate, vec![failed(1, 500)], "1 call within 5 min; at least 11 are needed"),
        (CostOverrun, vec![unpriced.clone()], "none of 1 call has a price"),
        (CostOverrun, vec![call(1), unpriced], "; 1 call has no price and is not in it"),
        (
            SequenceGap,
            vec![numbered(1, 1), numbered(10, 3)],
            "1 call of app is missing for more than 2 min, number 2 of instance one",
        ),
    ] {
        let said = text(rule, &calls, 200);
        assert!(said.ends_with(wanted), "{said}");
    }
}
