use super::*;
use crate::report::tests::fixture::{NOW, call};
use crate::store::Appender as _;
use crate::store::memory::MemoryStore;

/// A call that ended `seconds` before [`NOW`].
fn ended(n: u64, seconds: i64) -> CallRecord {
    call(n, NOW.plus_seconds(-seconds - 1))
}

fn numbers(calls: &[CallRecord]) -> Vec<u64> {
    calls.iter().map(|call| u64::from_be_bytes(call.span_id)).collect()
}

#[test]
fn prints_every_call_once_whatever_the_order_of_arrival() {
    let mut store = MemoryStore::new();
    store.append(&[ended(1, 500), ended(2, 60), ended(3, 5)]).unwrap();
    let (mut follower, all) = (Follower::default(), Filter::default());
    assert_eq!(numbers(&follower.begin(&store, &all, 2, NOW).unwrap()), [3, 2]);
    assert_eq!(numbers(&follower.look(&store, &all, NOW).unwrap()), [0_u64; 0]);
    // One ended before calls that were printed, one is from a clock that is ahead.
    store.append(&[ended(4, 30), ended(5, -90), ended(6, 1)]).unwrap();
    assert_eq!(numbers(&follower.look(&store, &all, NOW).unwrap()), [4, 6, 5]);
    store.append(&[ended(7, 100), ended(8, 4_000)]).unwrap();
    assert_eq!(numbers(&follower.look(&store, &all, NOW.plus_seconds(1)).unwrap()), [7]);
    assert_eq!(numbers(&follower.look(&store, &all, NOW.plus_seconds(2)).unwrap()), [0_u64; 0]);
    assert_eq!(follower.late(&store, &all).unwrap(), 1, "the one that ended long before it arrived");
    // Time goes on, and what is forgotten is older than what is read.
    assert_eq!(numbers(&follower.look(&store, &all, NOW.plus_seconds(300)).unwrap()), [0_u64; 0]);
    assert!(follower.newest.len() <= 1);
}

#[test]
fn shows_older_calls_first_where_the_last_minutes_have_too_few() {
    let mut store = MemoryStore::new();
    store.append(&[ended(1, 5_000), ended(2, 4_000), ended(3, 3_000), ended(4, 10)]).unwrap();
    let found = Follower::default().begin(&store, &Filter::default(), 3, NOW).unwrap();
    assert_eq!(numbers(&found), [4, 3, 2]);
}

#[test]
fn a_call_that_another_account_is_counted_for_is_not_printed_again() {
    let mut store = MemoryStore::new();
    let (mut follower, all) = (Follower::default(), Filter::default());
    follower.begin(&store, &all, 10, NOW).unwrap();
    let with_id = |n| CallRecord { response_id: Some("chatcmpl-1".to_owned()), ..ended(n, 10) };
    store.append(&[CallRecord { origin: crate::record::Origin::ThirdParty, ..with_id(1) }]).unwrap();
    assert_eq!(numbers(&follower.look(&store, &all, NOW).unwrap()), [1]);
    store.append(&[with_id(2)]).unwrap();
    assert_eq!(numbers(&follower.look(&store, &all, NOW).unwrap()), [0_u64; 0]);
}

#[test]
fn lines_are_aligned_and_harmless() {
    let hostile = CallRecord {
        response_model: Some("model\u{1b}[2J".to_owned()),
        user: Some("ada\n".to_owned()),
        status_code: Some(429),
        outcome: spanledger::Outcome::Failed,
        cost: None,
        ..ended(2, 1)
    };
    let mut out = Vec::new();
    assert!(print(&[ended(1, 2), hostile], CallsFormat::Text, &mut out).unwrap());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "11-23 11:59:57  gpt-4o-mini-2024-07…  completed      1,200     $0.00027       1 s  –\n\
         11-23 11:59:58  model\\u{1b}[2J        failed 429     1,200            –       1 s  ada\\u{a}\n"
    );
    let mut out = Vec::new();
    assert!(print(&[ended(1, 2), ended(2, 2)], CallsFormat::Json, &mut out).unwrap());
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["start"].is_string())
    );
}

#[test]
fn prints_nothing_that_a_terminal_obeys_in_any_form() {
    let mut hostile = ended(1, 5);
    hostile.response_model = Some("x\u{9b}31m\u{7f}\u{85}\u{202e}\u{200b}\u{2028}y".to_owned());
    for form in [CallsFormat::Text, CallsFormat::Json, CallsFormat::Csv] {
        let mut out = Vec::new();
        assert!(print(std::slice::from_ref(&hostile), form, &mut out).unwrap());
        let printed = String::from_utf8(out).unwrap();
        let hidden =
            |character: char| matches!(character, '\u{7f}'..='\u{9f}' | '\u{200b}' | '\u{202e}' | '\u{2028}');
        assert!(printed.contains('x') && !printed.contains(hidden), "{form:?}: {printed:?}");
    }
}
