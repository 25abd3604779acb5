//! Rules about how calls change against their own past.

use super::*;
use crate::rule::RuleName::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A call every 20 s from [`START`] for `days`, then `after` for half an hour, judged at its end.
fn changed(
    rule: RuleName,
    days: i64,
    before: fn(i64) -> CallRecord,
    after: fn(i64) -> CallRecord,
) -> RuleStatus {
    let mut calls: Vec<_> = (0..days * DAY).step_by(20).map(before).collect();
    calls.extend((days * DAY..days * DAY + 30 * MINUTE).step_by(20).map(after));
    judged(rule, "", &calls, days * DAY + 30 * MINUTE)
}

/// The state of a rule that waits for nothing.
fn judged(rule: RuleName, toml: &str, calls: &[CallRecord], second: i64) -> RuleStatus {
    let toml = format!("{toml}\n[{rule}]\nfor = '0s'");
    status_of(rule, &Labels::new(), &toml, calls, second)
}

#[track_caller]
fn assert_text(status: &RuleStatus, text: &str) {
    let description = status.description.as_deref().unwrap_or_default();
    assert!(description.contains(text), "{description}");
}

/// A call with so many tokens, at two seconds and 0.02 s for each output token.
fn timed(second: i64, output: u64, slower: f64) -> CallRecord {
    let ns = ((2.0 + 0.02 * output as f64) * slower * 1e9) as i64;
    CallRecord {
        output_tokens: Some(output),
        duration_ns: ns,
        start: Timestamp(at(second).0 - ns),
        ..call(second)
    }
}

#[test]
fn latency_regression_fires_when_calls_take_longer_than_their_tokens_explain() {
    let status = changed(
        LatencyRegression,
        1,
        |second| timed(second, 20 + second as u64 % 7 * 20, 1.0),
        |second| timed(second, 20 + second as u64 % 7 * 20, 2.0),
    );
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_text(
        &status,
        "45 calls within 15 min took 1.99x as long as their tokens explain by the day before",
    );
}

#[test]
fn latency_regression_does_not_fire_for_long_answers_nor_for_a_new_service() {
    let normal = |second: i64| timed(second, 20 + second as u64 % 7 * 20, 1.0);
    let status = changed(LatencyRegression, 1, normal, |second| timed(second, 1_000, 1.0));
    assert_eq!(status.state, State::Inactive, "{status:?}");
    assert!(status.value.is_some_and(|value| value < 1.1), "{status:?}");
    let calls: Vec<_> = (0..HOUR).step_by(20).map(normal).collect();
    let new = judged(LatencyRegression, "", &calls, HOUR);
    assert_no_data(&new, "no call within 15 min of a service that is six hours old");
}

fn streamed(second: i64, first_chunk_ms: i64) -> CallRecord {
    CallRecord { stream: true, first_chunk_ns: Some(first_chunk_ms * 1_000_000), ..call(second) }
}

#[test]
fn time_to_first_chunk_regression_fires_far_above_the_day_before() {
    let rule = TimeToFirstChunkRegression;
    let status = changed(rule, 1, |second| streamed(second, 700), |second| streamed(second, 1_400));
    assert_fires(&status, 1.4);
    assert_text(&status, "45 streams within 15 min began after 1.4 s on average, limit ");
}

#[test]
fn time_to_first_chunk_regression_does_not_fire_a_little_above_nor_without_streams() {
    let rule = TimeToFirstChunkRegression;
    let status = changed(rule, 1, |second| streamed(second, 700), |second| streamed(second, 1_000));
    assert_calm(&status, 1.0);
    assert_no_data(&judged(rule, "", &[call(1)], 60), "no stream within 15 min");
}

fn sized(second: i64, input: u64, output: u64) -> CallRecord {
    CallRecord { input_tokens: Some(input), output_tokens: Some(output), ..call(second) }
}

#[test]
fn token_drift_fires_when_prompts_double() {
    let status = changed(TokenDrift, 3, |second| sized(second, 1_000, 50), |second| sized(second, 2_500, 50));
    assert_fires(&status, 2_500.0);
    assert_eq!(status.alerts[0].severity, crate::rule::Severity::Info);
    let text = "a mean of 2,500 input tokens over 90 calls within 30 min, limit 2,275; the day before 1,016";
    assert_eq!(status.alerts[0].description, text);
}

#[test]
fn token_drift_does_not_fire_for_sizes_that_come_every_week() {
    let before = |second: i64| sized(second, if second % DAY < 2 * HOUR { 3_000 } else { 1_000 }, 50);
    let status = changed(TokenDrift, 3, before, |second| sized(second, 3_000, 50));
    assert_calm(&status, 3_000.0);
}

#[test]
fn short_answers_fires_when_responses_are_cut() {
    let status = changed(ShortAnswers, 3, |second| sized(second, 100, 300), |second| sized(second, 100, 60));
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_text(
        &status,
        "a mean of 60 output tokens over 90 calls within 30 min, 4.96x shorter than the day before",
    );
}

#[test]
fn short_answers_does_not_fire_for_half_as_much() {
    let status = changed(ShortAnswers, 3, |second| sized(second, 100, 300), |second| sized(second, 100, 150));
    assert_eq!((status.state, status.no_data), (State::Inactive, None));
}

fn cached(second: i64, cached: u64) -> CallRecord {
    CallRecord { input_tokens: Some(1_000), cache_read_tokens: Some(cached), ..call(second) }
}

#[test]
fn cache_collapse_fires_when_the_cache_serves_much_less() {
    let status = changed(CacheCollapse, 2, |second| cached(second, 800), |second| cached(second, 100));
    assert_eq!(status.state, State::Firing, "{status:?}");
    let text =
        "the cache served 10 % of the input of 90 calls within 30 min, 69.3 % less than the day before";
    assert_text(&status, text);
}

#[test]
fn cache_collapse_does_not_fire_for_a_small_drop() {
    let status = changed(CacheCollapse, 2, |second| cached(second, 800), |second| cached(second, 640));
    assert_eq!(status.state, State::Inactive, "{status:?}");
    // A tenth less of a small share is no collapse either.
    let status = changed(CacheCollapse, 2, |second| cached(second, 80), |second| cached(second, 0));
    assert_eq!(status.state, State::Inactive, "{status:?}");
}

fn of_service(name: &str, call: CallRecord) -> CallRecord {
    CallRecord { service: name.to_owned(), ..call }
}

#[test]
fn service_silent_fires_for_one_service_while_another_goes_on() {
    let end = 3 * DAY;
    let mut calls: Vec<_> = (0..end).step_by(10).map(|second| of_service("shop", call(second))).collect();
    calls.extend((0..end + HOUR).step_by(10).map(|second| of_service("blog", call(second))));
    calls.sort_by_key(|call| call.start);
    let status = judged(ServiceSilent, "", &calls, end + HOUR);
    assert_fires(&status, 3_600.0);
    assert_eq!(status.alerts.len(), 1);
    assert_eq!(status.alerts[0].labels["service"], "shop");
    assert!(status.alerts[0].description.starts_with("shop: no call for 1 h; "), "{status:?}");
}

#[test]
fn service_silent_does_not_fire_for_few_calls_unless_the_window_is_set() {
    let end = 3 * DAY;
    let mut calls: Vec<_> = (0..end).step_by(300).map(call).collect();
    calls.extend((0..end + HOUR).step_by(10).map(|second| of_service("blog", call(second))));
    calls.sort_by_key(|call| call.start);
    let status = judged(ServiceSilent, "", &calls, end + HOUR);
    assert_eq!(status.state, State::Inactive, "{status:?}");
    let app = Labels::from([("service".to_owned(), "app".to_owned())]);
    let toml = "[ServiceSilent.services.app]\nwindow = '30m'\nseverity = 'critical'";
    let status = status_of(ServiceSilent, &app, toml, &calls, end + HOUR);
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_eq!(status.alerts[0].severity, crate::rule::Severity::Critical);
}

/// Calls by day, none from 00:00 to 06:00.
fn by_day(days: i64) -> Vec<CallRecord> {
    (0..days * DAY).step_by(60).filter(|second| second % DAY >= 6 * HOUR).map(call).collect()
}

#[test]
fn off_hours_fires_for_calls_at_night() {
    let mut calls = by_day(5);
    calls.extend((0..120).map(|n| call(5 * DAY + 2 * HOUR + n * 5)));
    let status = judged(OffHours, "", &calls, 5 * DAY + 2 * HOUR + 600);
    assert_fires(&status, 120.0);
}

#[test]
fn off_hours_does_not_fire_where_there_were_calls_before_nor_in_the_first_days() {
    let mut calls = by_day(5);
    calls.push(call(3 * DAY + 2 * HOUR));
    calls.sort_by_key(|call| call.start);
    calls.extend((0..120).map(|n| call(5 * DAY + 2 * HOUR + n * 5)));
    let status = judged(OffHours, "", &calls, 5 * DAY + 2 * HOUR + 600);
    assert_calm(&status, 0.0);
    let mut calls = by_day(2);
    calls.extend((0..120).map(|n| call(2 * DAY + 2 * HOUR + n * 5)));
    assert_calm(&judged(OffHours, "", &calls, 2 * DAY + 2 * HOUR + 600), 0.0);
}

#[test]
fn a_service_that_comes_and_goes_has_no_hours_to_be_off_nor_a_silence_to_report() {
    // Two hours each day, at another time each day.
    let bursts =
        (0..6).flat_map(|day| (0..7_200).step_by(10).map(move |second| day * (DAY + 3 * HOUR) + second));
    let mut calls: Vec<_> = bursts.map(call).collect();
    let end = calls.last().map_or(0, |call| call.start.0 / Timestamp::SECOND - at(0).0 / Timestamp::SECOND);
    calls.extend((0..end + 5 * HOUR).step_by(10).map(|second| of_service("blog", call(second))));
    calls.sort_by_key(|call| call.start);
    let status = judged(ServiceSilent, "", &calls, end + 5 * HOUR);
    assert_eq!(status.state, State::Inactive, "{status:?}");
    let mut calls: Vec<_> = calls.into_iter().filter(|call| call.service == "app").collect();
    calls.extend((0..240).map(|n| call(end + 9 * HOUR + n * 5)));
    let status = judged(OffHours, "", &calls, end + 9 * HOUR + 1_200);
    assert_eq!(status.state, State::Inactive, "{status:?}");
}

fn of_user(name: &str, second: i64) -> CallRecord {
    CallRecord { user: Some(name.to_owned()), ..call(second) }
}

#[test]
fn user_spike_fires_far_above_the_busiest_hours_of_the_user() {
    let mut calls: Vec<_> = (0..2 * DAY).step_by(30).map(|second| of_user("ann", second)).collect();
    calls.extend((0..2_400).map(|n| of_user("ann", 2 * DAY + n / 4)));
    let status = judged(UserSpike, "", &calls, 2 * DAY + 701);
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_eq!(status.alerts[0].labels, Labels::from([("user".to_owned(), "ann".to_owned())]));
    assert_eq!(status.threshold, 2_000.0);
    assert!(
        status.alerts[0].description.ends_with("limit 2,000; in the busiest hours of the 2 days before 120"),
        "{status:?}"
    );
}

#[test]
fn user_spike_does_not_fire_for_a_new_user_like_the_others() {
    let mut calls: Vec<_> = (0..2 * DAY).map(|second| of_user("ann", second)).collect();
    calls.extend((0..2_800).map(|n| of_user("bob", 2 * DAY + n / 4)));
    let status = judged(UserSpike, "", &calls, 2 * DAY + 701);
    assert_eq!(status.state, State::Inactive, "{status:?}");
}

fn of_model(name: &str, second: i64) -> CallRecord {
    CallRecord { response_model: Some(name.to_owned()), ..call(second) }
}

#[test]
fn first_seen_model_fires_for_a_new_model_that_is_called_often() {
    let mut calls: Vec<_> = (0..2 * DAY).step_by(60).map(call).collect();
    calls.extend((0..50).map(|n| of_model("new", 2 * DAY + n * 60)));
    let status = judged(FirstSeenModel, "", &calls, 2 * DAY + 50 * MINUTE);
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_eq!(status.alerts[0].labels["model"], "new");
    let text = "50 calls of model new within 2 h, and none in the 46 h 50 min before";
    assert_eq!(status.alerts[0].description, text);
}

#[test]
fn first_seen_model_does_not_fire_for_few_calls_nor_in_a_new_ledger() {
    let mut calls: Vec<_> = (0..2 * DAY).step_by(60).map(call).collect();
    calls.extend((0..49).map(|n| of_model("new", 2 * DAY + n * 60)));
    assert_eq!(judged(FirstSeenModel, "", &calls, 2 * DAY + 50 * MINUTE).state, State::Inactive);
    let calls: Vec<_> = (0..HOUR).step_by(10).map(call).collect();
    assert_eq!(judged(FirstSeenModel, "", &calls, HOUR).state, State::Inactive);
    // What is called on some days alone is not new on the second.
    let mut calls: Vec<_> = (0..DAY + 6 * HOUR).step_by(60).map(call).collect();
    calls.extend((0..100).map(|n| of_model("new", DAY + 6 * HOUR + n * 30)));
    assert_eq!(judged(FirstSeenModel, "", &calls, DAY + 7 * HOUR).state, State::Inactive);
}

#[test]
fn first_seen_user_fires_for_a_new_user_with_many_calls() {
    let mut calls: Vec<_> = (0..2 * DAY).step_by(60).map(|second| of_user("ann", second)).collect();
    calls.extend((0..200).map(|n| of_user("eve", 2 * DAY + n * 15)));
    let status = judged(FirstSeenUser, "", &calls, 2 * DAY + 50 * MINUTE);
    assert_eq!(status.state, State::Firing, "{status:?}");
    assert_eq!(status.alerts[0].labels["user"], "eve");
}

#[test]
fn first_seen_user_does_not_fire_for_one_who_called_yesterday() {
    let mut calls: Vec<_> = (0..2 * DAY).step_by(60).map(|second| of_user("ann", second)).collect();
    calls.push(of_user("eve", DAY + 7));
    calls.sort_by_key(|call| call.start);
    calls.extend((0..240).map(|n| of_user("eve", 2 * DAY + n * 15)));
    let known = judged(FirstSeenUser, "", &calls, 2 * DAY + 60 * MINUTE);
    // Its value is of users that are new.
    assert_calm(&known, 0.0);
}
