//! Calls one by one: kept whole, kept once, found again, and missed where they are missing.

use spanledger::Outcome;

use super::records::{self, BASE, call, ending_at};
use super::{ALL, TestStore, any, expected, page};
use crate::record::ids::hex;
use crate::record::{
    CallRecord, NanoUsd, ProcessEnd, ProcessReport, SkipReason, SkippedHours, Timestamp, Window,
};
use crate::store::{Appended, Batch, CallId, Dimension, Filter, Page, SequenceGap, SkippedCalls};

pub(crate) fn gives_back_every_field(store: &mut TestStore) {
    let full = records::every_field();
    let bare = CallRecord { trace_id: [0; 16], span_id: [0; 8], ..records::no_field() };
    let empty = CallRecord {
        request_model: Some(String::new()),
        response_model: Some(String::new()),
        error_type: Some(String::new()),
        error_kind: Some(String::new()),
        user: Some(String::new()),
        request_hash: Some("not hex".into()),
        finish_reasons: vec![String::new()],
        input_tokens: Some(0),
        cost: Some(NanoUsd(0)),
        span_id: [3; 8],
        ..records::no_field()
    };
    let odd = CallRecord {
        request_model: Some("asked".into()),
        request_hash: Some("00112233445566778899AABBCCDDEEFF".into()),
        finish_reasons: vec!["[\"stop\"]".into()],
        span_id: [4; 8],
        ..records::no_field()
    };
    for record in [full, bare, empty, odd] {
        store.appender.append(std::slice::from_ref(&record)).unwrap();
        let filter = Filter { trace_id: Some(record.trace_id), ..any() };
        let found = store.querier.calls(ALL, &filter, page(10)).unwrap().calls;
        let found: Vec<_> = found.into_iter().filter(|call| call.span_id == record.span_id).collect();
        assert_eq!(found, [record]);
    }
}

pub(crate) fn a_repeated_call_changes_nothing(store: &mut TestStore) {
    let (one, two) = (call(1), call(2));
    let within = store.appender.append(&[one.clone(), one.clone(), two.clone()]).unwrap();
    assert_eq!(within, Appended { inserted: 2, duplicates: 1, ..Appended::default() });
    let before = store.querier.totals(ALL, &any()).unwrap();
    let again = store.appender.append(&[two.clone(), one.clone()]).unwrap();
    assert_eq!(again, Appended { duplicates: 2, ..Appended::default() });
    assert_eq!(store.querier.totals(ALL, &any()).unwrap(), before);
    // Half of the identity is none.
    let sibling = CallRecord { span_id: [9; 8], ..one.clone() };
    let cousin = CallRecord { trace_id: [9; 16], ..one };
    assert_eq!(store.appender.append(&[sibling, cousin]).unwrap().inserted, 2);
}

pub(crate) fn counts_skipped_spans_by_whole_hours(store: &mut TestStore) {
    let hour = Timestamp(BASE.0.div_euclid(3_600 * Timestamp::SECOND) * 3_600 * Timestamp::SECOND);
    let skipped = |spans: &[(i64, &str, SkipReason)]| {
        let mut skipped = SkippedHours::default();
        for (seconds, scope, reason) in spans {
            skipped.add(hour.plus_seconds(*seconds), scope, *reason);
        }
        skipped
    };
    let first = skipped(&[
        (0, "a", SkipReason::Agent),
        (3_599, "a", SkipReason::Agent),
        (1, "b", SkipReason::Unknown),
    ]);
    let second = skipped(&[(10, "a", SkipReason::Agent), (3_600, "", SkipReason::Tool)]);
    let calls = [ending_at(1, hour.plus_seconds(10))];
    let batch = Batch { calls: &calls, skipped: Some(&first), ..Batch::default() };
    assert_eq!(store.appender.append_batch(batch).unwrap().inserted, 1);
    let batch = Batch { skipped: Some(&second), ..Batch::default() };
    assert_eq!(store.appender.append_batch(batch).unwrap(), Appended::default());
    let found = |from: i64, to: i64| {
        let window = Window { from: hour.plus_seconds(from), to: hour.plus_seconds(to) };
        let found = store.querier.skipped(window).unwrap();
        found.iter().map(|(scope, reason, spans)| (scope.to_owned(), reason, spans)).collect::<Vec<_>>()
    };
    let of_first = [("a".to_owned(), SkipReason::Agent, 3), ("b".to_owned(), SkipReason::Unknown, 1)];
    assert_eq!(found(100, 200), of_first);
    assert_eq!(found(0, 3_600), of_first);
    assert_eq!(found(3_600, 3_601), [(String::new(), SkipReason::Tool, 1)]);
    assert_eq!(found(0, 7_200).len(), 3);
    assert_eq!(found(7_200, 9_000), []);
    assert_eq!(found(0, 0), []);
}

pub(crate) fn finds_the_newest_call(store: &mut TestStore) {
    let quiet = CallRecord { service: "quiet".into(), ..ending_at(1, BASE) };
    let busy: Vec<_> =
        (2..10).map(|number| ending_at(number, BASE.plus_seconds(number.cast_signed() * 40))).collect();
    store.appender.append(&[quiet]).unwrap();
    store.appender.append(&busy).unwrap();
    let last = |before, filter: &Filter| store.querier.last_call(before, filter).unwrap();
    assert_eq!(last(BASE.plus_seconds(1_000), &any()), Some(BASE.plus_seconds(360)));
    assert_eq!(last(BASE.plus_seconds(360), &any()), Some(BASE.plus_seconds(320)));
    assert_eq!(last(BASE, &any()), None);
    let service = |name: &str| Filter { service: Some(name.into()), ..any() };
    assert_eq!(last(BASE.plus_seconds(1_000), &service("quiet")), Some(BASE));
    assert_eq!(last(BASE.plus_seconds(121), &service("shop")), Some(BASE.plus_seconds(120)));
    assert_eq!(last(BASE.plus_seconds(1_000), &service("none")), None);
}

pub(crate) fn pages_through_all_calls_newest_first(store: &mut TestStore) {
    let calls: Vec<_> =
        (0..25).map(|number| ending_at(number, BASE.plus_seconds(number.cast_signed() / 2))).collect();
    store.appender.append(&calls).unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let found = store.querier.calls(ALL, &any(), Page { limit: 10, after }).unwrap();
        assert!(found.calls.len() <= 10);
        seen.extend(found.calls);
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    assert!(seen.is_sorted_by(|a, b| expected::end(a) >= expected::end(b)));
    seen.sort_by_key(|call| call.trace_id);
    let mut all = calls;
    all.sort_by_key(|call| call.trace_id);
    assert_eq!(seen, all);
    let exact = store.querier.calls(ALL, &any(), page(25)).unwrap();
    assert_eq!((exact.calls.len(), exact.next), (25, None), "nothing follows a page that holds the rest");
}

pub(crate) fn filters_by_each_field(store: &mut TestStore) {
    let odd = CallRecord {
        service: "other".into(),
        provider: "anthropic".into(),
        response_model: Some("claude".into()),
        user: Some("eve".into()),
        request_hash: Some("f".repeat(32)),
        outcome: Outcome::Failed,
        status_code: Some(500),
        error_type: Some("odd".into()),
        error_kind: Some("odd".into()),
        ..call(1)
    };
    let calls = [odd.clone(), call(2), call(3)];
    store.appender.append(&calls).unwrap();
    let filters = [
        Filter { service: Some("other".into()), ..any() },
        Filter { provider: Some("anthropic".into()), ..any() },
        Filter { model: Some("claude".into()), ..any() },
        Filter { user: Some("eve".into()), ..any() },
        Filter { hash: Some("f".repeat(32)), ..any() },
        Filter { trace_id: Some(odd.trace_id), ..any() },
        Filter { outcome: Some(Outcome::Failed), ..any() },
        Filter { error: Some("odd".into()), ..any() },
        Filter { status_code: Some(500), ..any() },
        Filter { except_services: vec!["nobody".into(), call(2).service], ..any() },
        Filter { except_models: vec![call(2).model().to_owned()], ..any() },
    ];
    for filter in filters {
        assert_eq!(store.querier.totals(ALL, &filter).unwrap().calls, 1, "{filter:?}");
        let found = store.querier.calls(ALL, &filter, page(10)).unwrap().calls;
        assert_eq!(found, std::slice::from_ref(&odd), "{filter:?}");
        let users = store.querier.breakdown(ALL, &filter, Dimension::User, 10).unwrap();
        assert_eq!(users, expected::breakdown(&calls, ALL, &filter, Dimension::User, 10), "{filter:?}");
    }
    let none = Filter { service: Some("other".into()), user: Some("nobody".into()), ..any() };
    assert_eq!(store.querier.totals(ALL, &none).unwrap().calls, 0);
    assert_eq!(store.querier.calls(ALL, &none, page(10)).unwrap().calls, []);
}

/// What is missing that was noticed before `before`.
fn gaps(store: &TestStore, before: Timestamp, limit: usize) -> Vec<SequenceGap> {
    let noticed = Window { to: before, ..ALL };
    store.querier.sequence_gaps(noticed, BASE.plus_seconds(1_000), &any(), limit).unwrap().newest
}

pub(crate) fn follows_gaps_in_any_order_of_arrival(store: &mut TestStore) {
    let numbered = |sequence: u64| CallRecord {
        instance: Some("one".into()),
        sequence: Some(sequence),
        ..ending_at(sequence, BASE.plus_seconds(sequence.cast_signed()))
    };
    let later = BASE.plus_seconds(1_000);
    let gap = |first, last, noticed: i64| SequenceGap {
        instance: "one".into(),
        service: "shop".into(),
        first,
        last,
        noticed: BASE.plus_seconds(noticed),
        lost: 0,
        lost_unnamed: 0,
        end: None,
    };
    let mut append = |numbers: &[u64]| {
        let calls: Vec<_> = numbers.iter().map(|number| numbered(*number)).collect();
        store.appender.append(&calls).unwrap();
        gaps(store, later, 10)
    };
    assert_eq!(append(&[1, 2, 3]), []);
    assert_eq!(append(&[10]), [gap(4, 9, 10)]);
    assert_eq!(append(&[6]), [gap(7, 9, 10), gap(4, 5, 6)]);
    assert_eq!(append(&[9, 4]), [gap(7, 8, 9), gap(5, 5, 6)]);
    assert_eq!(append(&[6, 10]), [gap(7, 8, 9), gap(5, 5, 6)], "repeats");
    assert_eq!(append(&[8, 7]), [gap(5, 5, 6)]);
    assert_eq!(append(&[12]), [gap(11, 11, 12), gap(5, 5, 6)]);
    // Only what has been noticed before the given time.
    let noticed = |seconds| gaps(store, BASE.plus_seconds(seconds), 10).len();
    assert_eq!((noticed(6), noticed(7), noticed(12), noticed(13)), (0, 1, 1, 2));
    assert_eq!(gaps(store, later, 1), [gap(11, 11, 12)]);
    let calls = [numbered(5), numbered(11)];
    store.appender.append(&calls).unwrap();
    assert_eq!(gaps(store, later, 10), []);
    // A process whose first calls never came, as far as a store can tell that knows nothing of its own beginning.
    store.appender.append(&[CallRecord { instance: Some("two".into()), ..numbered(20) }]).unwrap();
    let found = gaps(store, later, 10);
    assert_eq!(found, [SequenceGap { instance: "two".into(), ..gap(1, 19, 20) }]);
}

pub(crate) fn knows_what_journals_report_of_processes(store: &mut TestStore) {
    let numbered = |sequence: u64| CallRecord {
        instance: Some("one".into()),
        sequence: Some(sequence),
        ..ending_at(sequence, BASE.plus_seconds(sequence.cast_signed()))
    };
    let report = |seconds: i64, last_sequence, end, lost: &[(u64, u64)]| ProcessReport {
        instance: "one".into(),
        service: "shop".into(),
        at: BASE.plus_seconds(seconds),
        last_sequence,
        end,
        lost: lost.to_vec(),
        lost_calls: 0,
        skipped: 0,
        lost_between: (!lost.is_empty()).then_some((BASE, BASE.plus_seconds(seconds))),
    };
    let later = BASE.plus_seconds(1_000);
    let mut note = |report: ProcessReport| {
        let batch = Batch { processes: &[report], ..Batch::default() };
        store.appender.append_batch(batch).unwrap();
        let found = store.querier.sequence_gaps(Window { to: later, ..ALL }, later, &any(), 10).unwrap();
        let gaps: Vec<_> =
            found.newest.iter().map(|gap| (gap.first, gap.last, gap.noticed, gap.lost, gap.end)).collect();
        (gaps, found.numbers, found.lost, found.lost_between)
    };
    // Of a running process, the calls after them show which numbers are missing.
    let running = report(10, 20, None, &[(4, 6), (9, 9)]);
    assert_eq!(note(running.clone()), (vec![], 0, 0, None));
    let (end, died) = (BASE.plus_seconds(20), Some(ProcessEnd::Died));
    let whole = (vec![(1, 20, end, 4, died)], 20, 4, Some((BASE, end)));
    let last = report(20, 20, died, &[(4, 6), (9, 9)]);
    assert_eq!(note(last.clone()), whole);
    assert_eq!(note(last.clone()), whole, "a report that comes twice");
    assert_eq!(note(running), whole, "a report that comes late");
    // What was dropped and arrives all the same is not lost.
    let calls: Vec<_> = (1..=19).filter(|number| ![4, 5].contains(number)).map(numbered).collect();
    store.appender.append(&calls).unwrap();
    let found = store.querier.sequence_gaps(Window { to: later, ..ALL }, later, &any(), 10).unwrap();
    assert_eq!((found.gaps, found.numbers, found.lost), (2, 3, 2));
    // With the last call, nothing is missing but what was dropped.
    store.appender.append(&[numbered(20)]).unwrap();
    let found = store.querier.sequence_gaps(Window { to: later, ..ALL }, later, &any(), 10).unwrap();
    assert_eq!((found.numbers, found.lost, found.newest[0].first, found.newest[0].last), (2, 2, 4, 5));
}

pub(crate) fn knows_of_dropped_calls_without_a_name_and_of_calls_not_written_down(store: &mut TestStore) {
    let report = |instance: &str, service: &str, at: i64, lost: &[(u64, u64)], lost_calls, skipped| {
        let lost_between = (lost_calls > 0).then_some((BASE, BASE.plus_seconds(at)));
        ProcessReport {
            instance: instance.into(),
            service: service.into(),
            at: BASE.plus_seconds(at),
            last_sequence: 20,
            end: Some(ProcessEnd::Died),
            lost: lost.to_vec(),
            lost_calls,
            lost_between,
            skipped,
        }
    };
    let processes = [
        // Two of its twenty missing calls are named, and five more were dropped.
        report("one", "shop", 10, &[(17, 18)], 7, 0),
        // More than are missing, since some have arrived all the same.
        report("two", "shop", 20, &[], 90, 3),
        report("three", "search", 30, &[], 0, 1),
    ];
    store.appender.append_batch(Batch { processes: &processes, ..Batch::default() }).unwrap();
    let later = BASE.plus_seconds(1_000);
    let ask = |window: Window, filter: &Filter| {
        let found = store.querier.sequence_gaps(window, later, filter, 10).unwrap();
        (found.numbers, found.lost, found.skipped)
    };
    let all = Window { to: later, ..ALL };
    let skipped = |processes, calls| SkippedCalls { processes, calls };
    assert_eq!(ask(all, &any()), (60, 27, skipped(2, 4)));
    let shop = Filter { service: Some("shop".into()), ..any() };
    assert_eq!(ask(all, &shop), (40, 27, skipped(1, 3)));
    let others = Filter { except_services: vec!["shop".into()], ..any() };
    assert_eq!(ask(all, &others), (20, 0, skipped(1, 1)));
    assert_eq!(ask(Window { to: BASE.plus_seconds(30), ..all }, &any()), (40, 27, skipped(1, 3)));
    let found = store.querier.sequence_gaps(all, later, &shop, 10).unwrap();
    let gaps: Vec<_> = found.newest.iter().map(|gap| (&*gap.instance, gap.lost, gap.lost_unnamed)).collect();
    assert_eq!(gaps, [("two", 0, 90), ("one", 2, 5)]);
    // A later report of the same process replaces it.
    let whole = [report("two", "shop", 40, &[], 0, 0)];
    store.appender.append_batch(Batch { processes: &whole, ..Batch::default() }).unwrap();
    assert_eq!(ask(all, &any()), (60, 7, skipped(1, 1)));
}

pub(crate) fn names_the_newest_gaps_of_a_time_and_a_service(store: &mut TestStore) {
    let mut calls = Vec::new();
    // Numbers 2, 4, 6 and so on are missing of each service.
    for (service, seconds) in [("noisy", 0..20_i64), ("quiet", 100..103)] {
        let sent = calls.len() as u64;
        calls.extend(seconds.zip(0_u64..).map(|(second, number)| CallRecord {
            service: service.into(),
            instance: Some(format!("of {service}")),
            sequence: Some(number * 2 + 1),
            ..ending_at(sent + number, BASE.plus_seconds(second))
        }));
    }
    store.appender.append(&calls).unwrap();
    let ask = |from: i64, filter: &Filter, limit| {
        let noticed = Window { from: BASE.plus_seconds(from), to: BASE.plus_seconds(200) };
        let found = store.querier.sequence_gaps(noticed, noticed.to, filter, limit).unwrap();
        let newest: Vec<_> = found.newest.iter().map(|gap| (gap.service.clone(), gap.first)).collect();
        (newest, found.gaps, found.numbers)
    };
    let quiet = vec![("quiet".to_owned(), 4), ("quiet".to_owned(), 2)];
    assert_eq!(ask(0, &any(), 2), (quiet.clone(), 21, 21));
    assert_eq!(ask(50, &any(), 100), (quiet.clone(), 2, 2));
    assert_eq!(ask(101, &any(), 100).1, 2, "the window includes its start");
    assert_eq!(ask(0, &Filter { service: Some("quiet".into()), ..any() }, 100), (quiet.clone(), 2, 2));
    assert_eq!(ask(0, &Filter { except_services: vec!["noisy".into()], ..any() }, 100), (quiet, 2, 2));
    assert_eq!(
        ask(0, &Filter { service: Some("noisy".into()), ..any() }, 1),
        (vec![("noisy".to_owned(), 38)], 19, 19)
    );
}

pub(crate) fn finds_accounts_by_the_beginning_of_an_id(store: &mut TestStore) {
    let id = |first: u8, rest: u8| std::array::from_fn(|at| if at == 0 { first } else { rest });
    let made = |n: i64, trace: u8, span: u8, response: &str| CallRecord {
        trace_id: id(trace, 0x11),
        span_id: std::array::from_fn(|at| if at == 0 { span } else { 0x22 }),
        response_id: Some(response.to_owned()),
        ..ending_at(u64::try_from(n).unwrap(), BASE.plus_seconds(n))
    };
    let calls = [
        made(1, 0xab, 0x01, "chatcmpl-A1"),
        made(2, 0xac, 0xff, "chatcmpl-a2"),
        made(3, 0xff, 0x03, "abc%_"),
    ];
    store.appender.append(&calls).unwrap();
    let found = |text: &str, limit: usize| -> Vec<i64> {
        let accounts = store.querier.accounts(ALL, &CallId::new(text), limit).unwrap();
        assert!(accounts.iter().all(|account| account.counted && account.own == account.call));
        let number = |call: &CallRecord| calls.iter().position(|made| made == call).unwrap();
        accounts.iter().map(|account| i64::try_from(number(&account.call)).unwrap() + 1).collect()
    };
    for (text, expected) in [
        ("a", &[3, 2, 1][..]),
        ("ab", &[3, 1]),
        ("AB1", &[1]),
        ("ab1111", &[1]),
        (&format!("{}1", hex(&calls[0].trace_id)), &[]),
        ("ff", &[3, 2]),
        ("ff2", &[2]),
        ("f", &[3, 2]),
        ("0", &[3, 1]),
        ("chatcmpl-", &[2, 1]),
        ("chatcmpl-a", &[2]),
        ("abc%", &[3]),
        ("%", &[]),
        ("", &[]),
        (&CallId::of(&calls[0]), &[1]),
        (&format!("{}-{}", hex(&calls[0].trace_id), hex(&calls[1].span_id)), &[]),
    ] {
        assert_eq!(found(text, 10), expected, "{text}");
    }
    assert_eq!(found("a", 2), [3, 2]);
    let before = Window { to: BASE.plus_seconds(3), ..ALL };
    assert_eq!(store.querier.accounts(before, &CallId::new("a"), 10).unwrap().len(), 2);
}

/// A process of another service that gives the same name.
pub(crate) fn numbers_of_another_service_change_no_gap(store: &mut TestStore) {
    let numbered = |id: u64, service: &str, sequence: u64| CallRecord {
        service: service.into(),
        instance: Some("one".into()),
        sequence: Some(sequence),
        ..ending_at(id, BASE.plus_seconds(id.cast_signed()))
    };
    let own = [numbered(1, "own", 1), numbered(2, "own", 2), numbered(3, "own", 5)];
    store.appender.append(&own).unwrap();
    let gaps = |store: &TestStore| {
        let filter = Filter { service: Some("own".into()), ..Filter::default() };
        let found = store.querier.sequence_gaps(ALL, ALL.to, &filter, 10).unwrap();
        found.newest.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>()
    };
    assert_eq!(gaps(store), [(3, 4)]);
    let forged: Vec<_> = (3..=4).chain([900]).map(|number| numbered(100 + number, "other", number)).collect();
    store.appender.append(&forged).unwrap();
    assert_eq!(gaps(store), [(3, 4)], "the missing numbers did not come");
    store.appender.append(&[numbered(4, "own", 6)]).unwrap();
    assert_eq!(gaps(store), [(3, 4)], "and no others are missing");
}
