//! Rules about what only the calls themselves know, and about what is not in the ledger.

use super::*;
use crate::record::{SkipReason, SkippedHours};
use crate::rule::RuleName::*;
use crate::store::Batch;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn served(second: i64, asked: &str, served: &str) -> CallRecord {
    CallRecord { request_model: Some(asked.into()), response_model: Some(served.into()), ..call(second) }
}

fn judged(rule: RuleName, calls: &[CallRecord], second: i64) -> RuleStatus {
    status_of(rule, &Labels::new(), "", calls, second)
}

#[test]
fn model_mismatch_fires_where_another_model_serves_than_was_asked_for() {
    let mut calls: Vec<_> = (0..10 * MINUTE).step_by(30).map(call).collect();
    calls.extend((0..12).map(|n| served(60 + n, "gpt-4o", "gpt-4o-mini-2024-07-18")));
    let status = judged(ModelMismatch, &calls, 12 * MINUTE);
    assert_fires(&status, 12.0);
    assert_eq!(status.alerts[0].labels, Labels::from([("service".to_owned(), "app".to_owned())]));
    let text = "12 of 32 calls within 15 min served by another model: gpt-4o as gpt-4o-mini-2024-07-18 (12)";
    assert_eq!(status.alerts[0].description, text);
}

#[test]
fn model_mismatch_does_not_fire_for_snapshots_few_calls_and_aliases() {
    let snapshots: Vec<_> = (0..50).map(|n| served(60 + n, "gpt-4o", "gpt-4o-2024-08-06")).collect();
    assert_calm(&judged(ModelMismatch, &snapshots, 5 * MINUTE), 0.0);
    let few: Vec<_> = (0..9).map(|n| served(60 + n, "gpt-4o", "gpt-4o-mini")).collect();
    assert_calm(&judged(ModelMismatch, &few, 5 * MINUTE), 9.0);
    // The name of a route, from the first day on.
    let route: Vec<_> = (0..50).map(|n| served(60 + n, "fast", "gpt-4o-mini")).collect();
    assert_calm(&judged(ModelMismatch, &route, 5 * MINUTE), 0.0);
}

#[test]
fn model_mismatch_does_not_fire_for_what_an_alias_has_meant_all_day_and_fires_when_it_changes() {
    let alias = |second| served(second, "prod-4", "gpt-4o-2024-08-06");
    let mut calls: Vec<_> = (0..DAY).step_by(60).map(alias).collect();
    calls.extend((0..50).map(|n| served(DAY + n, "prod-4", "gpt-4o-2024-11-20")));
    assert_calm(&judged(ModelMismatch, &calls, DAY + 5 * MINUTE), 0.0);
    calls.extend((0..50).map(|n| served(DAY + 60 + n, "prod-4", "gpt-4o-mini")));
    assert_fires(&judged(ModelMismatch, &calls, DAY + 5 * MINUTE), 50.0);
    // After half a day it is what the alias means.
    let half: Vec<_> =
        (0..13 * HOUR).step_by(60).map(|n| served(DAY + 120 + n, "prod-4", "gpt-4o-mini")).collect();
    calls.extend(half);
    assert_calm(&judged(ModelMismatch, &calls, DAY + 13 * HOUR), 0.0);
}

fn turn(second: i64, conversation: &str, tokens: u64) -> CallRecord {
    CallRecord { conversation_id: Some(conversation.into()), input_tokens: Some(tokens), ..call(second) }
}

#[test]
fn agent_loop_fires_for_one_conversation_of_many_turns_and_tokens() {
    let mut calls: Vec<_> = (0..40).map(|n| turn(n * 10, "loop", 15_000)).collect();
    calls.extend((0..40).map(|n| turn(n * 10 + 5, "chat", 1_000)));
    calls.sort_by_key(|call| call.start);
    let status = judged(AgentLoop, &calls, 10 * MINUTE);
    assert_fires(&status, 600_000.0);
    let text = "within 15 min: conversation loop with 40 calls, 600,000 input tokens, $0.04";
    assert_eq!(status.alerts[0].description, text);
}

#[test]
fn agent_loop_does_not_fire_for_few_turns_few_tokens_nor_many_conversations() {
    let few: Vec<_> = (0..29).map(|n| turn(n * 10, "long", 100_000)).collect();
    assert_calm(&judged(AgentLoop, &few, 10 * MINUTE), 0.0);
    let small: Vec<_> = (0..100).map(|n| turn(n * 4, "chat", 4_000)).collect();
    assert_calm(&judged(AgentLoop, &small, 10 * MINUTE), 400_000.0);
    let many: Vec<_> = (0..400).map(|n| turn(n, &format!("chat {}", n % 20), 50_000)).collect();
    assert_calm(&judged(AgentLoop, &many, 10 * MINUTE), 0.0);
    assert_no_data(&judged(AgentLoop, &[call(1)], MINUTE), "no call of a conversation within 15 min");
}

/// The state of a rule at `now` with these spans skipped: hours, scopes, reasons and numbers.
fn skipping(rule: RuleName, spans: &[(i64, &str, SkipReason, u64)], now: i64) -> RuleStatus {
    let mut skipped = SkippedHours::default();
    for (hour, scope, reason, number) in spans {
        skipped.add_many(at(hour * HOUR), scope, *reason, *number);
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ledger.db");
    let known = call(0);
    let mut sqlite = Ledger::open_writer(&path, &Options::default()).expect("open");
    let mut memory = MemoryStore::new();
    for appender in [&mut sqlite as &mut dyn Appender, &mut memory] {
        let batch =
            Batch { calls: std::slice::from_ref(&known), skipped: Some(&skipped), ..Batch::default() };
        appender.append_batch(batch).expect("append");
    }
    let reader = Ledger::open_reader(&path).expect("open");
    let [first, second] = [&reader as &dyn Querier, &memory].map(|querier| {
        let statuses = Evaluator::new(&configured("")).evaluate_all(querier, at(now));
        statuses.into_iter().find(|status| status.name == rule).expect("the rule")
    });
    assert_eq!((&first.alerts, first.value), (&second.alerts, second.value));
    first
}

#[test]
fn calls_not_understood_fires_for_a_library_that_is_new() {
    let spans =
        [(30, "new.library", SkipReason::Unknown, 15), (30, "new.library", SkipReason::Unrecognised, 10)];
    let status = skipping(CallsNotUnderstood, &spans, 30 * HOUR + 600);
    assert_fires(&status, 25.0);
    assert_eq!(status.alerts[0].labels, Labels::from([("scope".to_owned(), "new.library".to_owned())]));
    let text = "25 spans or requests of new.library in this hour and the one before, limit 20; 0 in two hours of the day before, on average";
    assert_eq!(status.alerts[0].description, text);
}

#[test]
fn calls_not_understood_does_not_fire_for_what_comes_all_day_nor_for_agents() {
    let all_day: Vec<_> = (0..31).map(|hour| (hour, "library", SkipReason::Unknown, 40)).collect();
    let status = skipping(CallsNotUnderstood, &all_day, 30 * HOUR + 600);
    assert_calm(&status, 80.0);
    let agents = skipping(CallsNotUnderstood, &[(0, "agents", SkipReason::Agent, 1_000)], 600);
    assert_calm(&agents, 0.0);
}

#[test]
fn ledger_losing_fires_for_calls_that_are_not_in_the_ledger() {
    let spans = [
        (0, "", SkipReason::Refused, 1),
        (0, "a.library", SkipReason::TooOld, 3),
        (0, "", SkipReason::Dropped, 2),
    ];
    let status = skipping(LedgerLosing, &spans, 600);
    let mut found: Vec<_> =
        status.alerts.iter().map(|alert| (alert.labels["result"].as_str(), alert.value)).collect();
    found.sort_by_key(|(result, _)| *result);
    assert_eq!(found, [("dropped", 2.0), ("refused", 1.0), ("too_old", 3.0)]);
    let old = status.alerts.iter().find(|alert| alert.labels["result"] == "too_old").expect("an alert");
    assert!(old.description.starts_with("3 calls of a.library in this hour"), "{}", old.description);
}

#[test]
fn ledger_losing_does_not_fire_two_hours_later_nor_for_other_spans() {
    let spans = [(0, "", SkipReason::Refused, 5), (2, "tools", SkipReason::Tool, 9)];
    let status = skipping(LedgerLosing, &spans, 2 * HOUR + 600);
    assert_calm(&status, 0.0);
}

fn of_service(name: &str, call: CallRecord) -> CallRecord {
    CallRecord { service: name.to_owned(), ..call }
}

#[test]
fn service_silent_fires_where_calls_are_declared_to_be_expected() {
    // Monday, 02:00 to 04:00 UTC: outside of the working hours.
    let mut calls: Vec<_> = (0..2 * HOUR).step_by(300).map(call).collect();
    calls.extend((0..12 * HOUR).step_by(60).map(|second| of_service("blog", call(second))));
    calls.sort_by_key(|call| call.start);
    let app = Labels::from([("service".to_owned(), "app".to_owned())]);
    let state = |expected: &str, now: i64| {
        let toml = format!(
            "working_hours = 'Mon-Fri 09:00-17:00 UTC'\n[ServiceSilent.services.app]\nexpected = '{expected}'"
        );
        status_of(ServiceSilent, &app, &toml, &calls, now)
    };
    let always = state("always", 4 * HOUR);
    assert_eq!(always.state, State::Firing, "{always:?}");
    // What is declared pages.
    assert_eq!(always.alerts[0].severity, crate::rule::Severity::Warning);
    for (now, expected) in [
        (4 * HOUR, State::Inactive),
        (9 * HOUR + 10 * MINUTE, State::Inactive),
        (9 * HOUR + 16 * MINUTE, State::Firing),
        (12 * HOUR, State::Firing),
    ] {
        let status = state("working hours", now);
        assert_eq!(status.state, expected, "{now} {status:?}");
    }
    // Few calls make none likely.
    assert_eq!(state("learned", 12 * HOUR).state, State::Inactive);
}

/// A call with this key every ten minutes, of a service.
fn with_key(key: &str, service: &str, from: i64, to: i64) -> Vec<CallRecord> {
    let keyed =
        |second| CallRecord { key_fingerprint: Some(key.into()), ..of_service(service, call(second)) };
    (from..to).step_by(600).map(keyed).collect()
}

#[test]
fn key_shared_fires_when_another_service_uses_a_key() {
    let mut calls = with_key("1a2b3c", "shop", 0, 2 * DAY);
    calls.extend(with_key("1a2b3c", "scraper", 2 * DAY - HOUR, 2 * DAY));
    calls.extend(with_key("4d5e6f", "blog", 0, 2 * DAY));
    calls.sort_by_key(|call| call.start);
    let status = judged(KeyShared, &calls, 2 * DAY);
    assert_fires(&status, 2.0);
    assert_eq!(status.alerts.len(), 1);
    assert_eq!(status.alerts[0].labels, Labels::from([("key".to_owned(), "1a2b3c".to_owned())]));
    let text = "key 1a2b3c is used by 2 services (calls): in the 47 h before shop (282); new: scraper (6)";
    assert_eq!(status.alerts[0].description, text);
    // It is usual after some hours, and counts as long as it uses the key: the alert goes on by the limit of its beginning.
    let uses = |from: i64, to: i64| {
        let mut calls = with_key("1a2b3c", "shop", 0, 2 * DAY);
        calls.extend(with_key("1a2b3c", "scraper", from, to));
        calls.sort_by_key(|call| call.start);
        judged(KeyShared, &calls, 2 * DAY)
    };
    assert_calm(&uses(2 * DAY - 5 * HOUR, 2 * DAY), 2.0);
    assert_calm(&uses(2 * DAY - 5 * HOUR, 2 * DAY - 3 * HOUR), 1.0);
    // Of a key that is new, two services are no wonder, and three are.
    let mut new = with_key("new", "a", 0, HOUR);
    new.extend(with_key("new", "b", 0, HOUR));
    assert_calm(&judged(KeyShared, &new, HOUR), 2.0);
    new.extend(with_key("new", "c", 0, HOUR));
    assert_fires(&judged(KeyShared, &new, HOUR), 3.0);
}

#[test]
fn key_shared_does_not_fire_for_the_services_of_every_day_few_calls_nor_other_keys() {
    let mut calls = with_key("1a2b3c", "shop", 0, 2 * DAY);
    calls.extend(with_key("1a2b3c", "blog", 0, 2 * DAY));
    calls.extend(with_key("1a2b3c", "once", 2 * DAY - 2400, 2 * DAY));
    calls.extend(with_key("other", "scraper", 2 * DAY - HOUR, 2 * DAY));
    calls.sort_by_key(|call| call.start);
    let status = judged(KeyShared, &calls, 2 * DAY);
    assert_eq!((status.state, status.no_data), (State::Inactive, None));
    assert_no_data(&judged(KeyShared, &[call(1)], MINUTE), "no call with the fingerprint of its key");
}
