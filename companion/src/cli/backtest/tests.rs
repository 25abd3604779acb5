use serde_json::{Value, json};

use super::*;
use crate::evaluate::backtest::replay;
use crate::evaluate::evaluator::Evaluator;
use crate::record::CallRecord;
use crate::rule::config::Preset;
use crate::rule::tests::{FIXED, at, call, failed};
use crate::store::Appender;
use crate::store::memory::MemoryStore;
use crate::store::sqlite::{Ledger, Options};

fn store(calls: &[CallRecord]) -> MemoryStore {
    let mut store = MemoryStore::new();
    store.append(calls).expect("append");
    store
}

/// Two hours of a call every 10 s, of which those between 00:30 and 00:40 fail.
fn an_outage() -> Vec<CallRecord> {
    (0..720)
        .map(|n| n * 10)
        .map(|second| if (1800..2400).contains(&second) { failed(second, 500) } else { call(second) })
        .collect()
}

fn written(format: Format, rules: &str, calls: &[CallRecord], to: i64) -> String {
    tuned(format, rules, calls, to, None)
}

fn tuned(format: Format, rules: &str, calls: &[CallRecord], to: i64, tune: Option<f64>) -> String {
    in_columns(200, format, rules, calls, to, tune)
}

fn in_columns(
    columns: usize,
    format: Format,
    rules: &str,
    calls: &[CallRecord],
    to: i64,
    tune: Option<f64>,
) -> String {
    let window = WindowArgs { last: None, from: Some(rfc3339(at(0))), to: Some(rfc3339(at(to))) };
    let rules: RulesConfig = toml::from_str(&format!("{FIXED}{rules}")).expect("rules");
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let terminal = Terminal { columns, ..Terminal::PLAIN };
    let args = Args { window, format, tune };
    run(&args, &rules, &store(calls), at(to), terminal, &mut out, &mut notes).expect("backtest");
    let notes = String::from_utf8(notes).expect("text");
    assert!(notes.contains("evaluations over"), "{notes}");
    String::from_utf8(out).expect("text")
}

#[test]
fn lists_each_firing_in_the_documented_shape() {
    let json: Value = serde_json::from_str(&written(Format::Json, "", &an_outage(), 7200)).expect("json");
    // 16 of the 30 calls of the window failed at 00:32:45: the call of 00:32:40 is the sixteenth.
    assert_eq!(json["from"], "2026-11-02T00:00:00Z");
    assert_eq!(json["to"], "2026-11-02T02:00:00Z");
    assert_eq!((&json["evaluations"], &json["calls"]), (&481.into(), &720.into()));
    let rules = json["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 12);
    // 59 evaluations of 480: a quarter of an hour of two hours.
    let summary = json!({"rule": "HighFailureRate", "firings": 1, "firings_per_day": 12.0, "messages_per_day": 12.0, "firing_share": 59.0 / 480.0});
    assert!(rules.contains(&summary), "{rules:?}");
    let quiet = json!({"rule": "CostOverrun", "firings": 0, "firings_per_day": 0.0, "messages_per_day": 0.0, "firing_share": 0.0});
    assert!(rules.contains(&quiet), "{rules:?}");
    assert_eq!(
        json["firings"],
        json!([{
            "rule": "HighFailureRate",
            "labels": {"service": "app"},
            "start": "2026-11-02T00:32:45Z",
            "end": "2026-11-02T00:47:30Z",
            "peak": 1.0,
            "threshold": 0.5,
        }])
    );
}

#[test]
fn sums_up_firings_a_day_and_the_share_of_time() {
    let text = written(Format::Text, "", &an_outage(), 7200);
    let words: Vec<&str> = text.lines().nth(3).expect("a line").split_whitespace().collect();
    // 59 evaluations of 480: a quarter of an hour of two hours.
    assert_eq!(words, ["HighFailureRate", "1", "12.00", "12.00", "12.3", "%"], "{text}");
    assert!(text.lines().any(|line| line.contains("11-02 00:32  14 min 45 s  100 %")), "{text}");
    assert!(written(Format::Text, "", &an_outage()[..100], 1000).ends_with("no rule fired\n"));
}

/// Four days of a call every minute, with bursts of two, three and four calls per second.
fn bursts() -> Vec<CallRecord> {
    let mut calls: Vec<_> = (0..4 * 1440).map(|n| call(n * 60)).collect();
    for burst in [2, 3, 4] {
        calls.extend((0..300 * burst).map(|n| call(burst * 20_000 + n / burst)));
    }
    calls.sort_by_key(|call| call.start);
    calls
}

#[test]
fn tuning_proposes_limits_that_are_as_quiet_as_was_asked() {
    let json: Value =
        serde_json::from_str(&tuned(Format::Json, "", &bursts(), 4 * 86_400, Some(1.0))).expect("json");
    let of = |rules: &Value| {
        let rules = rules.as_array().expect("rules").iter();
        rules
            .filter(|rule| rule["rule"] == "HighRequestRate")
            .map(|rule| rule["firings"].clone())
            .collect::<Vec<_>>()
    };
    // One message per week is one in four days: the largest of the three.
    assert_eq!((of(&json["rules"]), of(&json["tuned"]["rules"])), (vec![json!(3)], vec![json!(1)]));
    let proposals = json["tuned"]["proposals"].as_array().expect("proposals");
    let rate = proposals.iter().find(|proposal| proposal["rule"] == "HighRequestRate").expect("a proposal");
    // Three calls per second, and the call of the minute.
    assert_eq!(rate["settings"], json!([["threshold", 182.0]]));

    let text = tuned(Format::Text, "", &bursts(), 4 * 86_400, Some(1.0));
    let (_, config) = text.split_once("# was threshold = 100.0\n").expect("the old limit");
    assert!(config.starts_with("[rules.HighRequestRate]\nthreshold = 182.0\n"), "{text}");
    let quiet = tuned(Format::Text, "", &[call(0)], 60, Some(1.0));
    assert!(quiet.contains("With the limits below:\n\nno rule fired"), "{quiet}");
}

#[test]
fn tuning_lowers_limits_that_nothing_came_near() {
    let calm: Vec<_> = (0..4 * 1440).map(|n| call(n * 60)).collect();
    let json: Value =
        serde_json::from_str(&tuned(Format::Json, "", &calm, 4 * 86_400, Some(1.0))).expect("json");
    let proposals = json["tuned"]["proposals"].as_array().expect("proposals");
    let rate = proposals.iter().find(|proposal| proposal["rule"] == "HighRequestRate").expect("a proposal");
    // One call per minute, and half as much again.
    assert_eq!(rate["settings"], json!([["threshold", 1.5]]));
}

#[test]
fn the_given_configuration_decides() {
    let strict = "interval = '1m'\n[HighFailureRate]\nfor = '5m'\nkeep_firing_for = '0s'";
    let json: Value = serde_json::from_str(&written(Format::Json, strict, &an_outage(), 7200)).expect("json");
    assert_eq!(json["firings"][0]["start"], "2026-11-02T00:38:00Z");
    assert_eq!(json["firings"][0]["end"], "2026-11-02T00:43:00Z");
    let off = "[HighFailureRate]\nenabled = false";
    let json: Value = serde_json::from_str(&written(Format::Json, off, &an_outage(), 7200)).expect("json");
    assert_eq!(json["firings"], json!([]));
    assert!(json["rules"].as_array().expect("rules").iter().all(|rule| rule["rule"] != "HighFailureRate"));
}

#[test]
fn what_still_fires_at_the_end_ends_there() {
    let json: Value = serde_json::from_str(&written(Format::Json, "", &an_outage(), 2100)).expect("json");
    assert_eq!(json["firings"][0]["end"], "2026-11-02T00:35:00Z");
}

#[test]
fn calls_from_before_the_range_count_where_a_window_reaches_them() {
    let calls: Vec<_> = (0..20).map(|n| failed(n, 401)).collect();
    let window = Window { from: at(30), to: at(60) };
    let found =
        backtest(&RulesConfig::of(Preset::Fixed), &store(&calls), window, &mut |_| {}).expect("backtest");
    let rules: Vec<_> = found.firings.iter().map(|firing| (firing.rule, firing.start)).collect();
    assert_eq!(rules, [(RuleName::HighFailureRate, at(30)), (RuleName::AuthFailures, at(30))]);
    assert_eq!((found.calls, found.evaluations), (20, 3));
}

/// Whatever the calls: the sliding part of the ledger answers as the whole ledger does, at every time.
#[test]
fn says_what_a_server_would_have_said() {
    let mut calls = an_outage();
    for (n, call) in calls.iter_mut().enumerate() {
        call.request_hash = Some(format!("{:032x}", n / (1 + n / 100)));
        call.instance = Some("one".to_owned());
        call.sequence = Some(n as u64 + 1);
        call.input_tokens = Some(if n % 300 == 7 { 200_000 } else { 10 });
        call.user = Some(format!("user{}", n % 3));
        call.cost = Some(crate::record::NanoUsd(if n < 400 { 500_000_000 } else { 1 }));
    }
    // Lost on the way; and a quarter of an hour of silence and more.
    calls.remove(50);
    calls.truncate(500);
    let ledger = store(&calls);
    let config = RulesConfig::of(Preset::Fixed);
    let window = Window { from: at(0), to: at(9000) };
    let found = backtest(&config, &ledger, window, &mut |_| {}).expect("backtest");

    let mut evaluator = Evaluator::new(&config);
    let mut expected: Vec<(RuleName, Labels, Timestamp, Option<Timestamp>, f64)> = Vec::new();
    for second in (0..=9000).step_by(15) {
        // A server cannot look at what has not happened.
        let so_far: Vec<_> =
            calls.iter().filter(|call| call.start.0 + call.duration_ns < at(second).0).cloned().collect();
        if second % 600 != 0 && so_far.len() == calls.len() {
            evaluator.evaluate_all(&ledger, at(second));
        } else {
            evaluator.evaluate_all(&store(&so_far), at(second));
        }
        for alert in evaluator
            .each_alert()
            .filter(|alert| alert.firing_since == Some(at(second)) || alert.resolved_at == Some(at(second)))
        {
            match expected
                .iter_mut()
                .rfind(|firing| firing.0 == alert.rule && firing.1 == alert.labels && firing.3.is_none())
            {
                Some(firing) => (firing.3, firing.4) = (alert.resolved_at, alert.peak),
                None => expected.push((alert.rule, alert.labels.clone(), at(second), None, alert.peak)),
            }
        }
    }
    expected.sort_by(|a, b| (a.2, a.0, &a.1).cmp(&(b.2, b.0, &b.1)));
    let rules: std::collections::BTreeSet<_> = found.firings.iter().map(|firing| firing.rule).collect();
    for rule in [
        "HighFailureRate",
        "CostOverrun",
        "ExcessiveTokenUsage",
        "RepeatedRequests",
        "DuplicateRatio",
        "SequenceGap",
        "LedgerSilent",
    ] {
        assert!(
            rules.iter().any(|name| name.as_str() == rule),
            "{rule} does not fire in this test: {rules:?}"
        );
    }
    let found: Vec<_> = found
        .firings
        .into_iter()
        .map(|firing| (firing.rule, firing.labels, firing.start, firing.end))
        .collect();
    let expected: Vec<_> = expected
        .into_iter()
        .map(|firing| (firing.0, firing.1, firing.2, firing.3.unwrap_or(window.to)))
        .collect();
    assert_eq!(found, expected);
}

/// Calls of six hours, some of them many at once: of several services, users, models and keys, with failures, repetition, calls without
/// a price and numbers that are missing.
fn random_calls(seed: u64) -> Vec<CallRecord> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut calls, mut second, mut number) = (Vec::new(), 0, 0);
    while second < 6 * 3600 {
        let burst = random.u8(..) == 0;
        for _ in 0..if burst { random.i64(50..400) } else { 1 } {
            number += if random.u8(..) == 0 { 2 } else { 1 };
            let ended = if random.u8(..) < 20 {
                failed(second, [401, 429, 500][random.usize(..3)])
            } else {
                call(second)
            };
            let tokens = if random.u8(..) < 3 { random.u64(30_000..300_000) } else { random.u64(..2_000) };
            let priced = ended.cost.filter(|_| random.u8(..) > 2);
            calls.push(CallRecord {
                service: ["shop", "blog", "batch"][random.usize(..3)].to_owned(),
                response_model: Some(["gpt-4o", "gpt-4o-mini", "o1"][random.usize(..3)].to_owned()),
                user: random.bool().then(|| format!("user-{}", random.u8(..20))),
                request_hash: Some(format!("{:032x}", random.u32(..if burst { 3 } else { 2_000 }))),
                input_tokens: ended.input_tokens.map(|_| tokens),
                key_fingerprint: random.bool().then(|| format!("key-{}", random.u8(..4)).as_str().into()),
                conversation_id: burst.then(|| "one".to_owned()),
                instance: Some("one".to_owned()),
                sequence: Some(number),
                cost: priced,
                cost_status: if priced.is_some() {
                    ended.cost_status
                } else {
                    spanledger::CostStatus::Unpriced
                },
                ..ended
            });
        }
        let most = if random.u8(..) == 0 { 1_500 } else { 40 };
        second += random.i64(1..most);
    }
    calls
}

#[test]
fn halves_of_the_rules_say_what_all_of_them_together_say() {
    let window = Window { from: at(1800), to: at(6 * 3600) };
    let budget = "name = 'all'\nusd = 0.5\nperiod = 'day'";
    let budget: crate::rule::budget::BudgetConfig = toml::from_str(budget).expect("a budget");
    let budget = std::sync::Arc::new(budget.budget().expect("a budget"));
    let mut fired = std::collections::BTreeSet::new();
    for (seed, toml) in [
        (1, "interval = '1m'"),
        (2, FIXED),
        (3, "interval = '45s'\n[HighRequestRate.services.shop]\nthreshold = 9"),
        (4, "interval = '1m'\n[ExcessiveTokenUsage]\nby = ['user']\n[HighFailureRate]\nby = ['model']"),
    ] {
        let mut config: RulesConfig = toml::from_str(toml).expect("rules");
        config.set_budgets(std::slice::from_ref(&budget));
        let ledger = store(&random_calls(seed));
        let halves = backtest(&config, &ledger, window, &mut |_| {}).expect("backtest");
        let all = replay(&config, &ledger, window, &mut |_| Ok(window.to), &mut |_, _| {}).expect("backtest");
        assert_eq!(halves, all, "{toml}");
        fired.extend(all.firings.iter().map(|firing| firing.rule));
    }
    assert!(fired.len() >= 10, "{fired:?}");
}

#[test]
fn a_ledger_that_cannot_be_read_fails_and_ends() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ledger.db");
    Ledger::open_writer(&path, &Options::default()).expect("open").append(&an_outage()).expect("append");
    let (ledger, window) = (Ledger::open_reader(&path).expect("open"), Window { from: at(0), to: at(7200) });
    let config = RulesConfig::of(Preset::Fixed);
    assert!(backtest(&config, &ledger, window, &mut |_| {}).is_ok());
    drop(folder);
    assert!(backtest(&config, &ledger, window, &mut |_| {}).is_err());
}

#[test]
fn a_narrow_terminal_gets_whole_labels() {
    let text = in_columns(80, Format::Text, "", &an_outage(), 7200, None);
    assert!(text.contains("\n    service=app\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_wrong_number_of_messages_is_answered_with_a_right_one() {
    let hint = "expected a number of messages per week from 0 up, such as 1";
    for wrong in ["x", "-1", "nan", "inf"] {
        assert_eq!(messages(wrong), Err(hint.to_owned()), "{wrong}");
    }
    assert_eq!(messages("0.5"), Ok(0.5));
}
