//! Limits that are learned from the past of the same calls.

use super::*;
use crate::rule::RuleName::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// One call of `app` every `step` seconds.
fn steady(from: i64, to: i64, step: usize) -> Vec<CallRecord> {
    (from..to).step_by(step).map(call).collect()
}

/// What a rule with the default limits finds at `now`, having looked every 15 s from `from` on.
fn after(name: RuleName, calls: &[CallRecord], from: i64, now: i64) -> RuleStatus {
    let store = &stores(calls)[1];
    let mut evaluator = Evaluator::new(&configured(""));
    let mut found = None;
    for second in (from..=now).step_by(15) {
        let statuses = evaluator.evaluate_all(store.querier.as_ref(), at(second));
        found = statuses.into_iter().find(|status| status.name == name);
    }
    found.expect("evaluated")
}

/// The alert of a rule at one time, which must wait for nothing.
fn now(name: RuleName, toml: &str, calls: &[CallRecord], second: i64) -> RuleStatus {
    let toml = format!("{toml}\n[{name}]\nfor = '0s'");
    status_of(name, &Labels::new(), &toml, calls, second)
}

#[test]
fn high_request_rate_fires_above_what_a_service_did_before_and_says_what_that_was() {
    // 20 calls in five minutes for three days, then 400 within two minutes.
    let mut calls = steady(0, 3 * DAY, 15);
    calls.extend((0..400).map(|n| call(3 * DAY + n % 120)));
    let status = now(HighRequestRate, "", &calls, 3 * DAY + 121);
    assert_fires(&status, 82.2);
    assert_eq!(status.threshold, 30.0);
    assert_eq!(
        status.alerts[0].description,
        "411 calls in 5 min; limit 150; usual for 00:00 UTC: 20 to 20, the day before at most 20"
    );
    assert_eq!(status.alerts[0].summary, "More LLM requests within 5 min than is usual");
}

#[test]
fn high_request_rate_does_not_fire_for_what_a_service_does_every_day() {
    // 600 calls within five minutes at noon, every day.
    let noon = |day: i64| (0..600).map(move |n| call(day * DAY + 12 * HOUR + n / 2));
    let mut calls = steady(0, 4 * DAY, 60);
    calls.extend((0..4).flat_map(noon));
    calls.sort_by_key(|call| call.start);
    let second = 3 * DAY + 12 * HOUR + 300;
    let status = now(HighRequestRate, "", &calls, second);
    assert_eq!((status.state, status.value), (State::Inactive, Some(121.0)));
    assert!(status.description.expect("text").contains("usual for 12:05 UTC: 5 to 605"));
    // The same at another time of the day is within the limit as well; three times as much is not.
    assert_eq!(status.threshold, 302.5);
}

/// A call every 15 s, one per second for ten minutes of each noon, and two per second for a while after three days.
fn a_surge(seconds: i64) -> Vec<CallRecord> {
    let mut calls = steady(0, 3 * DAY, 15);
    calls.extend((0..3).flat_map(|day| (0..600).map(move |n| call(day * DAY + 12 * HOUR + n))));
    calls.extend((0..2 * seconds).map(|n| call(3 * DAY + n / 2)));
    calls.sort_by_key(|call| call.start);
    calls
}

#[test]
fn high_request_rate_fires_for_what_is_not_much_above_the_usual_and_comes_suddenly_and_stays() {
    let calls = a_surge(13 * MINUTE);
    let status = now(HighRequestRate, "", &calls, 3 * DAY + 13 * MINUTE);
    assert_fires(&status, 120.0);
    // A third above the 320 calls of noon.
    assert!((status.threshold - 86.4).abs() < 0.1, "{status:?}");
}

#[test]
fn high_request_rate_does_not_fire_for_a_sudden_rise_of_minutes_below_the_limit() {
    let calls = a_surge(8 * MINUTE);
    assert_calm(&now(HighRequestRate, "", &calls, 3 * DAY + 8 * MINUTE), 120.0);
}

#[test]
fn high_request_rate_of_a_batch_that_runs_at_another_hour_of_each_day_is_that_of_its_week() {
    // Ten minutes of 300 calls per minute, on each day three hours later, and on the sixth day so many calls per second.
    let run = |per_second: i64| {
        let mut calls: Vec<_> =
            (0..5).flat_map(|day| (0..3_000).map(move |n| call(day * (DAY + 3 * HOUR) + n / 5))).collect();
        let from = 6 * DAY + 20 * HOUR;
        calls.extend((0..600 * per_second).map(|n| call(from + n / per_second)));
        now(HighRequestRate, "", &calls, from + 10 * MINUTE)
    };
    assert_calm(&run(5), 300.0);
    let status = run(6);
    assert_fires(&status, 360.0);
    assert_eq!(status.threshold, 300.0);
    let text = status.description.unwrap();
    assert!(text.ends_with("in the busiest hours of the 6 days before 1,500"), "{text}");
}

#[test]
fn a_young_service_is_judged_by_a_fixed_threshold() {
    let calls = steady(0, 10 * MINUTE, 1);
    let status = now(HighRequestRate, "", &calls, 10 * MINUTE);
    assert_calm(&status, 60.0);
    assert_eq!(status.threshold, 150.0);
    assert_eq!(status.description.as_deref(), Some("60 requests per minute over 5 min, threshold 150"));
}

#[test]
fn a_threshold_that_is_set_wins() {
    let calls = steady(0, DAY, 15);
    let status = status_of(HighRequestRate, &Labels::new(), "[HighRequestRate]\nthreshold = 3", &calls, DAY);
    assert_eq!((status.threshold, status.value), (3.0, Some(4.0)));
    let window = "[LedgerSilent]\nwindow = '1m'";
    assert_fires(&status_of(LedgerSilent, &Labels::new(), window, &[call(10)], 100), 90.0);
}

#[test]
fn an_alert_keeps_the_limit_with_which_it_began() {
    // A surge that lasts for an hour becomes usual after 15 minutes, and must not end the alert by that.
    let mut calls = steady(0, 3 * DAY, 15);
    calls.extend((0..7200).map(|n| call(3 * DAY + n / 2)));
    let status = after(HighRequestRate, &calls, 3 * DAY + 5 * MINUTE, 3 * DAY + 55 * MINUTE);
    assert_eq!(status.state, State::Firing);
    assert_eq!(status.alerts[0].threshold, 30.0);
    assert!(status.threshold > 200.0, "{status:?}");
}

#[test]
fn cost_overrun_fires_far_above_the_usual_pace() {
    let dear = |call: CallRecord, usd: i64| CallRecord { cost: Some(NanoUsd(usd * 1_000_000_000)), ..call };
    // 12 dollars per hour for three days.
    let mut calls: Vec<_> = (0..3 * DAY).step_by(300).map(|second| dear(call(second), 1)).collect();
    assert_eq!(now(CostOverrun, "", &calls, 3 * DAY).state, State::Inactive);
    calls.push(dear(call(3 * DAY + 1), 8));
    let status = now(CostOverrun, "", &calls, 3 * DAY + 2);
    assert_fires(&status, 33.0);
    let text = "$11.00 within 20 min, $33.00 per hour; limit $28.80; usual for 00:00 UTC: ";
    assert!(status.alerts[0].description.starts_with(text), "{:?}", status.alerts[0].description);
}

#[test]
fn high_failure_rate_fires_far_above_the_day_before_and_not_for_a_blink() {
    let mixed = |from: i64, to: i64, step: usize, every: i64| {
        (from..to).step_by(step).map(move |n| if n % every == 0 { failed(n, 500) } else { call(n) })
    };
    // One call in twenty fails every day; then one in two for ten minutes.
    let mut calls: Vec<_> = mixed(0, DAY, 10, 200).collect();
    let before = calls.len();
    calls.extend(mixed(DAY, DAY + 600, 5, 10));
    let status = now(HighFailureRate, "", &calls, DAY + 600);
    assert_fires(&status, 0.5);
    assert!((0.25..0.251).contains(&status.threshold), "{status:?}");
    let text = &status.alerts[0].description;
    assert!(text.contains("failed, limit 25"), "{text}");
    assert!(text.contains(" % on average the day before; ") && text.ends_with(" % within 1 h"), "{text}");
    // Three minutes of it are less than a quarter of the limit within the hour.
    calls.truncate(before);
    calls.extend(mixed(DAY, DAY + 60, 5, 10));
    let status = now(HighFailureRate, "", &calls, DAY + 60);
    assert_eq!(status.state, State::Inactive, "{status:?}");
}

#[test]
fn auth_failures_does_not_fire_for_the_usual_share_of_many_calls() {
    let some = |second: i64| if second % 1000 == 0 { failed(second, 401) } else { call(second) };
    let mut calls: Vec<_> = (0..DAY).step_by(20).map(some).collect();
    // A burst of 1,000 calls with the same share of such failures, and one with a hundred times as many.
    let burst = |share: i64| {
        move |n: i64| if n % share == 0 { failed(DAY + n / 10, 401) } else { call(DAY + n / 10) }
    };
    let before = calls.len();
    calls.extend((0..1000).map(burst(50)));
    assert_eq!(now(AuthFailures, "", &calls, DAY + 101).state, State::Inactive);
    calls.truncate(before);
    calls.extend((0..1000).map(burst(5)));
    let status = now(AuthFailures, "", &calls, DAY + 101);
    assert_eq!(status.state, State::Firing);
    let text = &status.alerts[0].description;
    assert!(
        text.contains("received status 401 or 403, limit 10")
            && text.ends_with("of as many calls the day before"),
        "{text}"
    );
}

#[test]
fn no_sentence_claims_more_past_than_the_ledger_has() {
    let text = |name: RuleName, calls: &[CallRecord], second: i64| {
        let status = now(name, "", calls, second);
        assert_eq!(status.state, State::Firing, "{status:?}");
        status.alerts[0].description.clone()
    };
    // Two hours of calls, and then many.
    let mut calls = steady(0, 2 * HOUR, 15);
    calls.extend((0..2_000).map(|n| call(2 * HOUR + n % 120)));
    let found = text(HighRequestRate, &calls, 2 * HOUR + 121);
    assert!(
        found.ends_with(", the 2 h before at most 20") || found.ends_with("; the 2 h before at most 20"),
        "{found}"
    );
    let mut calls = steady(0, 2 * HOUR, 15);
    calls.extend((0..200).map(|n| failed(2 * HOUR + n % 120, 401)));
    let found = text(AuthFailures, &calls, 2 * HOUR + 121);
    assert!(found.ends_with(" on average the 2 h before"), "{found}");
    // Of the three hours before the window the ledger has one and a part.
    let mut calls = many(420, |n| hashed(n * 15, n));
    calls.extend(many(60, |n| hashed(105 * MINUTE + n, 7_000)));
    let found = text(RepeatedRequests, &calls, 107 * MINUTE);
    assert!(found.contains(" times as often as throughout the two hours before; together $"), "{found}");
    let found = text(DuplicateRatio, &calls[420..], 107 * MINUTE);
    assert!(found.ends_with("; none had a request hash within the hour before"), "{found}");
}

#[test]
fn excessive_token_usage_fires_at_three_times_the_largest_of_the_user() {
    let sized = |second: i64, tokens: u64| CallRecord {
        user: Some("ann".to_owned()),
        input_tokens: Some(tokens),
        output_tokens: Some(0),
        ..call(second)
    };
    let mut calls: Vec<_> = (0..DAY).step_by(600).map(|second| sized(second, 15_000)).collect();
    calls.push(sized(DAY, 44_000));
    assert_eq!(now(ExcessiveTokenUsage, "", &calls, DAY + 1).state, State::Inactive);
    calls.push(sized(DAY + 1, 46_000));
    let status = now(ExcessiveTokenUsage, "", &calls, DAY + 2);
    assert_fires(&status, 46_000.0);
    assert_eq!(status.threshold, 45_000.0);
    let text = &status.alerts[0].description;
    assert!(
        text.ends_with("limit 45,000; the largest of this user within the 23 h before had 15,000"),
        "{text}"
    );
    // Of a user who is not known, only what is large for everybody.
    calls.push(CallRecord { user: Some("bob".to_owned()), ..sized(DAY + 600, 90_000) });
    assert_eq!(now(ExcessiveTokenUsage, "", &calls, DAY + 601).state, State::Inactive);
}

#[test]
fn repeated_requests_does_not_fire_for_what_comes_all_the_time() {
    let hashed = |second: i64, hash: &str| CallRecord { request_hash: Some(hash.repeat(32)), ..call(second) };
    // A health check every ten seconds.
    let mut calls: Vec<_> = (0..4 * HOUR).step_by(10).map(|second| hashed(second, "a")).collect();
    assert_eq!(now(RepeatedRequests, "", &calls, 4 * HOUR).state, State::Inactive);
    assert_eq!(now(DuplicateRatio, "", &calls, 4 * HOUR).state, State::Inactive);
    calls.extend((0..40).map(|n| hashed(4 * HOUR + n, "b")));
    let status = now(RepeatedRequests, "", &calls, 4 * HOUR + 41);
    assert_fires(&status, 40.0);
    let text = &status.alerts[0].description;
    assert!(!text.contains(&"a".repeat(32)), "{text}");
    assert!(
        text.contains(
            " came more than 9 times within 5 min, and more than 3 times as often as throughout the three hours before; together $"
        ),
        "{text}"
    );
    // Among requests that differ, their share is news.
    let different = |second: i64| CallRecord { request_hash: Some(format!("{second:032x}")), ..call(second) };
    let mut calls: Vec<_> = (0..4 * HOUR).step_by(10).map(different).collect();
    calls.extend((0..40).map(|n| hashed(4 * HOUR + n, "b")));
    let status = now(DuplicateRatio, "", &calls, 4 * HOUR + 41);
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert!(status.alerts[0].description.ends_with(", limit 15 %; within the hour before 0 %"), "{status:?}");
}

#[test]
fn ledger_silent_fires_for_longer_than_the_silences_of_the_week_and_until_a_call() {
    // A call every 10 s, with a break of 20 min every six hours.
    let breaks = |second: &i64| second % (6 * HOUR) >= 20 * MINUTE;
    let calls: Vec<_> = (0..4 * DAY - 1).step_by(10).filter(|second| breaks(second)).map(call).collect();
    let last = 4 * DAY - 10;
    let silent = |minutes: i64| now(LedgerSilent, "", &calls, last + minutes * MINUTE);
    assert_eq!(silent(14).state, State::Inactive);
    // As long as the others.
    assert_eq!(silent(20).state, State::Inactive);
    let status = silent(45);
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert!(status.alerts[0].description.contains("were expected"), "{status:?}");
    // The hour before the silence is long past, and the alert goes on.
    assert_eq!(after(LedgerSilent, &calls, last + 40 * MINUTE, last + 3 * HOUR).state, State::Firing);
}

#[test]
fn in_the_first_week_more_calls_must_be_missing() {
    // One call every 20 s: the 40 that make a silence are missing after 14 minutes, 1.7 times as many after 23.
    let fires = |days: i64, minutes: i64| {
        let calls: Vec<_> = (0..days * DAY).step_by(20).map(call).collect();
        now(LedgerSilent, "", &calls, days * DAY - 20 + minutes * MINUTE).state == State::Firing
    };
    assert!(fires(8, 16));
    assert!(!fires(3, 17));
    assert!(fires(3, 24));
}

#[test]
fn the_fixed_preset_has_the_thresholds_of_the_first_release() {
    let config = configured(FIXED);
    let thresholds: Vec<_> = crate::rule::ALL
        .iter()
        .filter(|rule| config.rule(rule.name).settings.enabled)
        .map(|rule| {
            let settings = &config.rule(rule.name).settings;
            assert!(!settings.learn, "{}", rule.name);
            format!("{} {} {}", rule.name, rule.threshold(settings), settings.window)
        })
        .collect();
    assert_eq!(
        thresholds,
        [
            "HighRequestRate 100 5m",
            "HighFailureRate 0.5 5m",
            "CostOverrun 100 1h",
            "ExcessiveTokenUsage 100000 5m",
            "RepeatedRequests 3 5m",
            "DuplicateRatio 0.3 5m",
            "UnpricedUsage 0 5m",
            "UsageMissing 0.01 5m",
            "AuthFailures 5 5m",
            "RateLimited 0.1 5m",
            "SequenceGap 0 2m",
            "LedgerSilent 900 15m",
        ]
    );
}

#[test]
fn a_rule_fires_for_the_team_whose_calls_fail_and_not_for_another() {
    let of_team = |team: &str, mut call: CallRecord| {
        assert!(call.tags.add("team", team));
        call
    };
    let mut calls: Vec<_> = (0..20).map(|n| of_team("search", failed(n * 10, 500))).collect();
    calls.extend((0..60).map(|n| of_team("ads", call(n * 3))));
    calls.sort_by_key(|call| call.start);
    let toml = "preset = 'fixed'\n[HighFailureRate]\nby = ['tag:team']";
    let status = status_of(RuleName::HighFailureRate, &Labels::new(), toml, &calls, 210);
    assert_fires(&status, 1.0);
    let labels: Vec<_> = status.alerts.iter().map(|alert| alert.labels.clone()).collect();
    assert_eq!(labels, [Labels::from([("tag_team".to_owned(), "search".to_owned())])]);
}
