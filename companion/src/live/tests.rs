use super::*;
use crate::record::CallRecord;
use crate::report::tests::fixture::{NOW, call, ledger, rules};

/// Three calls of the last minute and one before it.
pub(crate) fn present() -> Live {
    let at = |n: u64, seconds: i64| call(n, NOW.plus_seconds(-seconds));
    let calls = [
        CallRecord { user: Some("ada".to_owned()), ..at(1, 5) },
        CallRecord {
            service: "support".to_owned(),
            outcome: spanledger::Outcome::Failed,
            status_code: Some(429),
            error_kind: Some("rate_limited".to_owned()),
            instance: Some("decaf".to_owned()),
            sequence: Some(1),
            ..at(2, 20)
        },
        CallRecord { response_model: Some("claude-sonnet-4-5".to_owned()), ..at(3, 40) },
        CallRecord { sequence: Some(2), ..at(4, 600) },
    ];
    read(&ledger(&calls), &rules(), &Filter::default(), NOW).unwrap()
}

#[test]
fn shows_the_last_minute_and_the_newest_calls() {
    let live = present();
    assert_eq!((live.minute.calls, live.minute.failed, live.minute.tokens), (3, 1, 3600));
    assert_eq!(live.minute.cost_nano_usd, Some(3 * 270_000));
    let names =
        |named: &[Named]| named.iter().map(|one| (one.name.clone(), one.figures.calls)).collect::<Vec<_>>();
    assert_eq!(names(&live.services), [("checkout".to_owned(), 2), ("support".to_owned(), 1)]);
    assert_eq!(names(&live.users), [("ada".to_owned(), 1)]);
    assert_eq!(live.models.len(), 2);
    assert!(live.calls.iter().map(|row| row.start_ns).is_sorted_by(|a, b| a >= b));
    assert_eq!(live.calls.len(), 4);
    assert_eq!(live.minute.p50_seconds, Some(1.0));
}

#[test]
fn what_fires_is_before_what_is_about_to_and_the_most_urgent_first() {
    let live = present();
    let order: Vec<_> = live.rules.iter().map(|rule| (rule.name.as_str(), rule.state.as_str())).collect();
    assert_eq!(
        order,
        [("HighFailureRate", "firing"), ("RepeatedRequests", "firing"), ("RateLimited", "pending")]
    );
    assert_eq!((live.rules[0].value.as_str(), live.rules[0].threshold.as_str()), ("62.2 %", "50 %"));
}

#[test]
fn reads_back_what_it_writes() {
    let live = present();
    let text = serde_json::to_string(&live).unwrap();
    assert_eq!(serde_json::from_str::<Live>(&text).unwrap(), live);
}

#[test]
fn a_filter_leaves_only_what_matches() {
    let calls = [
        call(1, NOW.plus_seconds(-5)),
        CallRecord { service: "x".to_owned(), ..call(2, NOW.plus_seconds(-5)) },
    ];
    let filter = Filter { service: Some("x".to_owned()), ..Filter::default() };
    let live = read(&ledger(&calls), &[], &filter, NOW).unwrap();
    assert_eq!((live.minute.calls, live.calls.len(), live.rules.len()), (1, 1, 0));
}
