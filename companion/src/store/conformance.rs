//! What every store must do. A store's tests call [`store_conformance`] with a function that opens an empty
//! [`TestStore`].

use std::any::Any;

use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::{CallRecord, NanoUsd, Timestamp, Window};
use crate::store::sums::FIVE_MINUTES;
use crate::store::{
    Appended, Appender, Dimension, Duplicates, Filter, OverviewQuestion, Page, Querier, RepetitionQuestion,
    SequenceGaps, Step,
};

pub(crate) mod accounts;
pub(crate) mod calls;
pub(crate) mod expected;
pub(crate) mod orders;
pub(crate) mod property;
pub(crate) mod records;

pub(crate) use accounts::*;
pub(crate) use calls::*;
use records::{BASE, call, ending_at};

/// An empty store under test.
pub(crate) struct TestStore {
    pub(crate) appender: Box<dyn Appender>,
    pub(crate) querier: Box<dyn Querier>,
    /// Opens the store again to write, after the appender is closed; nothing where a store lives in memory only.
    pub(crate) reopen: Option<Box<dyn Fn() -> Box<dyn Appender>>>,
    /// What must live as long as the store: a folder, for one.
    pub(crate) _keep: Box<dyn Any>,
}

impl TestStore {
    /// Ends the appender as its writer does, and opens the store again.
    pub(crate) fn restart(&mut self, now: Timestamp) {
        self.appender.maintain(now).unwrap();
        if let Some(reopen) = &self.reopen {
            self.appender = Box::new(crate::store::memory::MemoryStore::new());
            self.appender = reopen();
        }
    }
}

/// The store, where the machine has what it needs. Tests of a store without its engine pass on no CI: see the engine.
pub(crate) fn opened(store: impl Into<Option<TestStore>>) -> Option<TestStore> {
    store.into()
}

/// Makes one test of each rule: `store_conformance!(open)` where `open` is a `fn() -> TestStore`, or a `fn() ->
/// Option<TestStore>` for a store that needs an engine. A store whose questions take
/// milliseconds tries a part of the properties' cases: `store_conformance!(open, 8)` one in eight.
macro_rules! store_conformance {
    ($open:path) => {
        $crate::store::conformance::store_conformance!($open, 1);
    };
    ($open:path, $part:expr) => {
        $crate::store::conformance::store_conformance!(
            $open:
            answers_about_nothing
            gives_back_every_field
            a_repeated_call_changes_nothing
            counts_a_call_in_the_window_that_holds_its_end
            counts_what_each_sum_says
            breaks_down_by_each_dimension
            makes_a_series_of_whole_windows
            sums_five_minutes_by_each_dimension
            refuses_a_step_that_is_not_positive
            measures_latency_within_two_percent
            finds_repeated_requests
            finds_repetition_within_each_group
            finds_the_largest_call_of_each_user
            follows_gaps_in_any_order_of_arrival
            knows_what_journals_report_of_processes
            knows_of_dropped_calls_without_a_name_and_of_calls_not_written_down
            names_the_newest_gaps_of_a_time_and_a_service
            numbers_of_another_service_change_no_gap
            counts_skipped_spans_by_whole_hours
            finds_the_newest_call
            pages_through_all_calls_newest_first
            filters_by_each_field
            finds_accounts_by_the_beginning_of_an_id
            takes_hostile_records
            counts_a_call_once_by_its_response
            keeps_calls_apart_whose_ids_repeat
            an_account_that_does_not_count_uses_its_credential
            undoes_a_wrapper_when_the_call_within_it_comes
            counts_a_call_once_that_a_gateway_passes_on
            counts_a_failed_call_once
            counts_a_failed_attempt_within_a_call_that_succeeds
            finds_a_wrapper_through_a_call_of_another_kind
            keeps_calls_below_an_agent_or_a_tool_apart
            leaves_out_the_total_of_several_calls
            looks_no_further_than_its_links
            replaces_a_pending_response_by_the_fetched_one
            counts_a_response_once_however_often_it_is_fetched
            never_counts_a_witness_next_to_a_client
            counts_a_witness_that_stays_alone
            counts_accounts_without_a_link_once
            never_counts_accounts_without_a_link_more_than_once_each
            maintenance_without_retention_changes_no_answer
        );
        #[test]
        fn sums_equal_those_of_the_rows() {
            if $crate::store::conformance::opened($open()).is_some() {
                let open = || $crate::store::conformance::opened($open()).unwrap();
                $crate::store::conformance::property::sums_equal_those_of_the_rows(open, 48 / $part);
            }
        }
        #[test]
        fn gives_the_same_ledger_in_every_order() {
            if $crate::store::conformance::opened($open()).is_some() {
                let open = || $crate::store::conformance::opened($open()).unwrap();
                $crate::store::conformance::orders::gives_the_same_ledger_in_every_order(open, 96 / $part);
            }
        }
    };
    ($open:path: $($rule:ident)*) => {
        $(#[test]
        fn $rule() {
            if let Some(mut store) = $crate::store::conformance::opened($open()) {
                $crate::store::conformance::$rule(&mut store);
            }
        })*
    };
}
pub(crate) use store_conformance;

const ALL: Window = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };

fn any() -> Filter {
    Filter::default()
}

fn page(limit: usize) -> Page {
    Page { limit, after: None }
}

pub(crate) fn answers_about_nothing(store: &mut TestStore) {
    let querier = &store.querier;
    assert_eq!(querier.totals(ALL, &any()).unwrap(), crate::store::Totals::default());
    assert_eq!(querier.breakdown(ALL, &any(), Dimension::Model, 10).unwrap(), []);
    assert_eq!(querier.latency(ALL, &any()).unwrap(), crate::store::LatencySummary::default());
    assert_eq!(querier.repeated(ALL, &any(), 0, 10).unwrap(), []);
    assert_eq!(querier.duplicates(ALL, &any()).unwrap(), Duplicates::default());
    assert_eq!(querier.largest_calls(ALL, &any(), 0, 10).unwrap(), []);
    assert_eq!(querier.sequence_gaps(ALL, BASE, &any(), 10).unwrap(), SequenceGaps::default());
    assert_eq!(querier.last_call(BASE, &any()).unwrap(), None);
    assert_eq!(querier.calls(ALL, &any(), page(10)).unwrap().calls, []);
    let upside_down = Window { from: BASE, to: BASE.plus_seconds(-1) };
    assert_eq!(querier.totals(upside_down, &any()).unwrap().calls, 0);
    assert_eq!(querier.series(upside_down, &any(), 60).unwrap(), []);
    for window in [upside_down, Window { from: BASE, to: BASE.plus_seconds(60) }] {
        let by = [(Dimension::User, 10)];
        let asked = OverviewQuestion { window, step_seconds: 60, by: &by, repeated: 10 };
        let found = querier.overview(&asked).unwrap();
        assert_eq!((found.totals.calls, found.groups, found.repetition.repeated), (0, vec![vec![]], vec![]));
    }
    assert_eq!(store.appender.append(&[]).unwrap(), Appended::default());
}

pub(crate) fn counts_a_call_in_the_window_that_holds_its_end(store: &mut TestStore) {
    let minute = BASE.0.div_euclid(60_000_000_000) * 60_000_000_000;
    for (number, end) in [minute, minute + 1, minute + 999, minute + 60_000_000_000].into_iter().enumerate() {
        store.appender.append(&[ending_at(number as u64, Timestamp(end))]).unwrap();
    }
    let calls = |from: i64, to: i64| {
        let window = Window { from: Timestamp(minute + from), to: Timestamp(minute + to) };
        store.querier.totals(window, &any()).unwrap().calls
    };
    assert_eq!(calls(0, 1), 1);
    assert_eq!(calls(1, 1), 0);
    assert_eq!(calls(1, 999), 1);
    assert_eq!(calls(1, 1_000), 2);
    assert_eq!(calls(0, 60_000_000_000), 3);
    assert_eq!(calls(1, 60_000_000_001), 3);
    assert_eq!(calls(-60_000_000_000, 120_000_000_000), 4);
    // The second stretch begins where the first, which is empty, does.
    let edges = [0, 0, 2, 60_000_000_001].map(|after| Timestamp(minute + after));
    let stretches = store.querier.history(&edges).unwrap();
    let calls = stretches.iter().map(|sums| sums.iter().map(|sum| sum.totals.calls).sum::<u64>());
    assert_eq!(calls.collect::<Vec<_>>(), [0, 2, 2]);
}

pub(crate) fn counts_what_each_sum_says(store: &mut TestStore) {
    let unpriced = CallRecord { cost: None, cost_status: CostStatus::Unpriced, ..call(2) };
    let silent = CallRecord {
        input_tokens: None,
        output_tokens: None,
        usage_source: UsageSource::None,
        cost: None,
        cost_status: CostStatus::NoUsage,
        ..call(3)
    };
    let denied = CallRecord { outcome: Outcome::Failed, status_code: Some(401), ..call(4) };
    let forbidden = CallRecord { outcome: Outcome::Failed, status_code: Some(403), ..call(5) };
    let limited = CallRecord { outcome: Outcome::Failed, status_code: Some(429), ..call(6) };
    let dropped = CallRecord { outcome: Outcome::Dropped, ..call(7) };
    // Whatever their senders say of the cost: usage and no price, and no price but no usage either.
    let costless = CallRecord { cost: None, cost_status: CostStatus::Exact, ..call(8) };
    let unused = CallRecord {
        input_tokens: None,
        output_tokens: None,
        cost: None,
        cost_status: CostStatus::Unpriced,
        outcome: Outcome::Dropped,
        ..call(9)
    };
    let free = CallRecord { cost: Some(NanoUsd(0)), cost_status: CostStatus::Free, ..call(10) };
    let calls = [call(1), unpriced, silent, denied, forbidden, limited, dropped, costless, unused, free];
    store.appender.append(&calls).unwrap();
    let totals = store.querier.totals(ALL, &any()).unwrap();
    assert_eq!(totals, expected::totals(&calls, ALL, &any()));
    assert_eq!(
        (totals.calls, totals.succeeded, totals.failed, totals.unauthorized, totals.rate_limited),
        (10, 5, 3, 2, 1)
    );
    assert_eq!((totals.succeeded_without_usage, totals.unpriced), (1, 2));
}

pub(crate) fn breaks_down_by_each_dimension(store: &mut TestStore) {
    let model = |number, model: &str| CallRecord {
        response_model: Some(model.into()),
        user: Some(format!("user of {model}")),
        ..call(number)
    };
    let failed = CallRecord {
        outcome: Outcome::Failed,
        error_type: Some("rate_limit_exceeded".into()),
        error_kind: Some("rate_limited".into()),
        user: None,
        ..model(6, "b")
    };
    let calls = [model(1, "c"), model(2, "a"), model(3, "b"), model(4, "b"), model(5, "c"), failed];
    store.appender.append(&calls).unwrap();
    let names = |by, limit| -> Vec<(String, u64)> {
        let groups = store.querier.breakdown(ALL, &any(), by, limit).unwrap();
        assert_eq!(groups, expected::breakdown(&calls, ALL, &any(), by, limit));
        groups.into_iter().map(|group| (group.name, group.totals.calls)).collect()
    };
    assert_eq!(names(Dimension::Model, 10), [("b".into(), 3), ("c".into(), 2), ("a".into(), 1)]);
    assert_eq!(names(Dimension::Model, 1), [("b".into(), 3)]);
    assert_eq!(
        names(Dimension::User, 10),
        [("user of b".into(), 2), ("user of c".into(), 2), ("user of a".into(), 1)]
    );
    assert_eq!(names(Dimension::Error, 10), [("rate_limited".into(), 1)]);
    assert_eq!(names(Dimension::Outcome, 10), [("completed".into(), 5), ("failed".into(), 1)]);
    assert_eq!(names(Dimension::CostStatus, 10), [("exact".into(), 6)]);
    assert_eq!(names(Dimension::Provider, 10), [("openai".into(), 6)]);
    assert_eq!(names(Dimension::Service, 10), [("shop".into(), 6)]);
}

pub(crate) fn makes_a_series_of_whole_windows(store: &mut TestStore) {
    let calls: Vec<_> =
        [0, 1, 59, 61, 200].iter().map(|after| ending_at(*after as u64, BASE.plus_seconds(*after))).collect();
    store.appender.append(&calls).unwrap();
    let window = Window { from: BASE, to: BASE.plus_seconds(210) };
    let counts = |step_seconds| -> Vec<(i64, u64)> {
        let steps = store.querier.series(window, &any(), step_seconds).unwrap();
        let after = |step: &Step| (step.at.0 - BASE.0).div_euclid(Timestamp::SECOND);
        steps.iter().map(|step| (after(step), step.totals.calls)).collect()
    };
    assert_eq!(counts(50), [(0, 2), (50, 2), (100, 0), (150, 0), (200, 1)]);
    // BASE is 43.46 s past a whole minute.
    assert_eq!(counts(60), [(0, 2), (16, 2), (76, 0), (136, 0), (196, 1)]);
    assert_eq!(counts(120), [(0, 4), (76, 0), (196, 1)]);
    let steps = store.querier.series(window, &any(), 120).unwrap();
    assert_eq!((steps[0].latency.duration.count, steps[1].latency.duration.p50), (4, None));
}

pub(crate) fn refuses_a_step_that_is_not_positive(store: &mut TestStore) {
    let window = Window { from: BASE, to: BASE.plus_seconds(60) };
    assert!(store.querier.series(window, &any(), 0).is_err());
    assert!(store.querier.series(window, &any(), -60).is_err());
    assert!(store.querier.series(ALL, &any(), 1).is_err(), "a series without bound");
    let asked = OverviewQuestion { window, step_seconds: 0, by: &[], repeated: 0 };
    assert!(store.querier.overview(&asked).is_err());
}

pub(crate) fn measures_latency_within_two_percent(store: &mut TestStore) {
    let calls: Vec<_> = (1..=200_u64)
        .map(|number| CallRecord {
            duration_ns: number.pow(3).cast_signed() * 10_000,
            first_chunk_ns: (number % 2 == 0).then_some(number.cast_signed() * 1_000_000),
            ..call(number)
        })
        .collect();
    store.appender.append(&calls).unwrap();
    let latency = store.querier.latency(ALL, &any()).unwrap();
    expected::assert_close(&latency, &expected::latency(&calls, ALL, &any()));
    assert_eq!((latency.duration.count, latency.first_chunk.count), (200, 100));
}

pub(crate) fn finds_repeated_requests(store: &mut TestStore) {
    let hashed = |number, hash: &str| CallRecord {
        request_hash: Some(hash.repeat(32 / hash.len())),
        response_model: Some(format!("model {number}")),
        ..call(number)
    };
    let calls = [
        hashed(1, "a"),
        hashed(2, "b"),
        hashed(3, "a"),
        hashed(4, "c"),
        hashed(5, "b"),
        hashed(6, "a"),
        CallRecord { request_hash: None, ..call(7) },
    ];
    store.appender.append(&calls).unwrap();
    let repeated = store.querier.repeated(ALL, &any(), 1, 10).unwrap();
    assert_eq!(repeated, expected::repeated(&calls, ALL, &any(), 1, 10));
    let found: Vec<_> =
        repeated.iter().map(|seen| (&seen.hash[..1], seen.calls, seen.model.as_str())).collect();
    assert_eq!(found, [("a", 3, "model 6"), ("b", 2, "model 5")]);
    assert_eq!(store.querier.repeated(ALL, &any(), 2, 10).unwrap().len(), 1);
    assert_eq!(store.querier.repeated(ALL, &any(), 0, 2).unwrap().len(), 2);
    let duplicates = store.querier.duplicates(ALL, &any()).unwrap();
    assert_eq!(duplicates, Duplicates { hashed: 6, repeats: 3 });
}

pub(crate) fn sums_five_minutes_by_each_dimension(store: &mut TestStore) {
    let of = |number, seconds: i64, service: &str, user: Option<&str>| CallRecord {
        service: service.to_owned(),
        user: user.map(str::to_owned),
        first_chunk_ns: user.map(|_| 400_000_000),
        ..ending_at(number, Timestamp(BASE.0.div_euclid(FIVE_MINUTES) * FIVE_MINUTES).plus_seconds(seconds))
    };
    let calls = vec![
        of(1, 0, "shop", Some("ada")),
        of(2, 299, "shop", None),
        of(3, 299, "batch", Some("ada")),
        of(4, 300, "shop", Some("bob")),
        of(5, 1_000, "shop", Some("bob")),
    ];
    store.appender.append(&calls).unwrap();
    let start = Timestamp(BASE.0.div_euclid(FIVE_MINUTES) * FIVE_MINUTES);
    let asked = |querier: &dyn Querier, to: i64, filter: &Filter, by: Option<Dimension>| {
        let window = Window { from: start.plus_seconds(-400), to: start.plus_seconds(to) };
        let found = querier.five_minutes(window, filter, by).unwrap();
        let found = found.iter().map(|five| {
            let at = (five.at.0 - start.0) / 1_000_000_000;
            (at, five.name.to_string(), five.totals.calls, five.first_chunks, five.first_chunk_ns / 1_000_000)
        });
        found.collect::<Vec<_>>()
    };
    let five =
        |at: i64, name: &str, calls: u64, chunks: u64| (at, name.to_owned(), calls, chunks, 400 * chunks);
    // Before and after the buckets are closed.
    for close in [false, true] {
        if close {
            store.appender.maintain(start.plus_seconds(86_400)).unwrap();
        }
        let querier = store.querier.as_ref();
        assert_eq!(
            asked(querier, 1_200, &any(), None),
            [five(0, "", 3, 2), five(300, "", 1, 1), five(900, "", 1, 1)]
        );
        // Only whole five minutes.
        let services = [five(0, "batch", 1, 1), five(0, "shop", 2, 1), five(300, "shop", 1, 1)];
        assert_eq!(asked(querier, 1_199, &any(), Some(Dimension::Service)), services);
        let shop = Filter { service: Some("shop".to_owned()), ..any() };
        assert_eq!(asked(querier, 600, &shop, None), [five(0, "", 2, 1), five(300, "", 1, 1)]);
        // Rollups of users have no times to the first chunk.
        let users = asked(querier, 600, &any(), Some(Dimension::User));
        let users: Vec<_> = users.iter().map(|(at, name, calls, ..)| (*at, name.as_str(), *calls)).collect();
        assert_eq!(users, [(0, "ada", 2), (300, "bob", 1)]);
        assert_eq!(asked(querier, 600, &shop, Some(Dimension::User)), []);

        let named = |by, most| {
            let window = Window { from: start, to: start.plus_seconds(1_200) };
            let found = querier.five_minute_calls(window, &any(), by, most).unwrap();
            let found = found.iter().map(|five| {
                let name = five.name.as_deref().unwrap_or("(others)").to_owned();
                ((five.at.0 - start.0) / 1_000_000_000, name, five.calls)
            });
            found.collect::<Vec<_>>()
        };
        let calls = |at: i64, name: &str, calls: u64| (at, name.to_owned(), calls);
        let first =
            [calls(0, "shop", 2), calls(0, "(others)", 1), calls(300, "shop", 1), calls(900, "shop", 1)];
        assert_eq!(named(Some(Dimension::Service), 1), first);
        let users = [calls(0, "ada", 2), calls(300, "bob", 1), calls(900, "bob", 1)];
        assert_eq!(named(Some(Dimension::User), 1), users);
        let none = [calls(0, "(others)", 2), calls(300, "(others)", 1), calls(900, "(others)", 1)];
        assert_eq!(named(Some(Dimension::User), 0), none);
    }
}

pub(crate) fn finds_repetition_within_each_group(store: &mut TestStore) {
    let of = |number, service: &str, user: Option<&str>, hash: &str| CallRecord {
        service: service.to_owned(),
        user: user.map(str::to_owned),
        request_hash: Some(hash.repeat(32)),
        ..call(number)
    };
    let mut calls = vec![
        of(1, "shop", Some("ada"), "a"),
        of(2, "shop", Some("ada"), "a"),
        of(3, "shop", Some("bob"), "b"),
        of(4, "batch", None, "a"),
        of(5, "batch", None, "a"),
        of(6, "shop", Some("ada"), "a"),
        CallRecord { request_hash: None, ..of(7, "shop", None, "c") },
    ];
    // Few calls, and more than a store remembers one by one.
    for more in [0, 40] {
        calls.extend((0..more).map(|n| CallRecord {
            request_hash: Some(format!("{n:032x}")),
            ..of(100 + n, "batch", Some("eve"), "")
        }));
        store.appender.append(&calls).unwrap();
        for by in [None, Some(Dimension::Service), Some(Dimension::User), Some(Dimension::Model)] {
            for groups in [1, 10] {
                let question = RepetitionQuestion { by, groups, more_than: 1, hashes: 5 };
                let found = store.querier.repetition(ALL, &any(), &question).unwrap();
                assert_eq!(found, expected::repetition(&calls, ALL, &any(), &question), "{by:?}");
            }
        }
    }
    let question = RepetitionQuestion { by: Some(Dimension::Service), groups: 9, more_than: 2, hashes: 5 };
    let found = store.querier.repetition(ALL, &any(), &question).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|group| (group.name.as_str(), group.duplicates.repeats, group.repeated.len()))
        .collect();
    assert_eq!(found, [("batch", 1, 0), ("shop", 2, 1)]);
}

pub(crate) fn finds_the_largest_call_of_each_user(store: &mut TestStore) {
    let of = |number, user: Option<&str>, tokens| CallRecord {
        user: user.map(str::to_owned),
        input_tokens: Some(tokens),
        output_tokens: None,
        ..call(number)
    };
    let calls = [
        of(1, Some("ada"), 50),
        of(2, Some("ada"), 70),
        of(3, Some("bob"), 60),
        of(4, None, 80),
        of(5, Some("eve"), 10),
        CallRecord { service: "other".to_owned(), ..of(6, Some("ada"), 65) },
    ];
    store.appender.append(&calls).unwrap();
    // Of many callers, with as many tokens as others, those with the most and of these the first by name.
    let many: Vec<_> =
        (0..400).map(|n| of(100 + n, Some(&format!("{:03}", n * 7 % 100)), n * 37 % 50 / 5)).collect();
    store.appender.append(&many).unwrap();
    for limit in [1, 3, 20, 200] {
        let mut largest: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
        for call in calls.iter().chain(&many).filter(|call| call.service != "other") {
            let tokens = largest.entry(call.user.as_deref().unwrap_or("")).or_default();
            *tokens = (*tokens).max(call.input_tokens.unwrap());
        }
        let mut expected: Vec<_> = largest
            .iter()
            .filter(|(_, tokens)| **tokens > 2)
            .map(|(user, tokens)| (*tokens, *user))
            .collect();
        expected.sort_by_key(|(tokens, user)| (std::cmp::Reverse(*tokens), *user));
        expected.truncate(limit);
        let asked = Filter { except_services: vec!["other".to_owned()], ..any() };
        let found = store.querier.largest_calls(ALL, &asked, 2, limit).unwrap();
        let found: Vec<_> = found.iter().map(|call| (call.tokens, call.user.as_str())).collect();
        assert_eq!(found, expected, "{limit}");
    }
    let found = store.querier.largest_calls(ALL, &any(), 10, 10).unwrap();
    let found: Vec<_> = found.iter().map(|call| (call.user.as_str(), call.tokens, call.trace_id)).collect();
    assert_eq!(
        found,
        [
            ("", 80, calls[3].trace_id),
            ("ada", 70, calls[1].trace_id),
            ("ada", 65, calls[5].trace_id),
            ("bob", 60, calls[2].trace_id)
        ]
    );
    assert_eq!(store.querier.largest_calls(ALL, &any(), 10, 2).unwrap().len(), 2);
}

pub(crate) fn takes_hostile_records(store: &mut TestStore) {
    let calls = records::hostile();
    assert_eq!(store.appender.append(&calls).unwrap().inserted, calls.len() as u64);
    assert_eq!(store.appender.append(&calls).unwrap().duplicates, calls.len() as u64);
    for _ in 0..3 {
        let found = store.querier.calls(ALL, &any(), page(1_000)).unwrap().calls;
        // The last possible time is in no window.
        let visible: Vec<_> = calls.iter().filter(|call| expected::end(call) < i64::MAX).cloned().collect();
        assert_eq!(found.len(), visible.len());
        assert!(visible.iter().all(|call| found.contains(call)));
        assert_eq!(store.querier.totals(ALL, &any()).unwrap(), expected::totals(&calls, ALL, &any()));
        for by in expected::DIMENSIONS {
            let groups = store.querier.breakdown(ALL, &any(), by, 1_000).unwrap();
            assert_eq!(groups, expected::breakdown(&calls, ALL, &any(), by, 1_000));
        }
        store.querier.latency(ALL, &any()).unwrap();
        store.querier.sequence_gaps(ALL, ALL.to, &any(), 1_000).unwrap();
        store.appender.maintain(BASE).unwrap();
    }
}

pub(crate) fn maintenance_without_retention_changes_no_answer(store: &mut TestStore) {
    let calls: Vec<_> =
        (0..200).map(|number| ending_at(number, BASE.plus_seconds(number.cast_signed() * 61))).collect();
    store.appender.append(&calls).unwrap();
    let window = Window { from: BASE.plus_seconds(90), to: BASE.plus_seconds(10_000) };
    for now in [0, 600, 5_000, 50_000] {
        while store.appender.maintain(BASE.plus_seconds(now)).unwrap().more {}
        assert_eq!(store.querier.totals(window, &any()).unwrap(), expected::totals(&calls, window, &any()));
        for by in expected::DIMENSIONS {
            let groups = store.querier.breakdown(window, &any(), by, 10).unwrap();
            assert_eq!(groups, expected::breakdown(&calls, window, &any(), by, 10), "{by:?} at {now}");
        }
        assert_eq!(store.querier.calls(ALL, &any(), page(1_000)).unwrap().calls.len(), 200);
    }
}
