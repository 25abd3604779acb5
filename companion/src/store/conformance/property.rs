//! Totals from any store equal those of the rows, for random calls, windows, filters and times of maintenance.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use spanledger::{CostStatus, Outcome};

use super::records::{BASE, ending_at, tags};
use super::{TestStore, expected};
use crate::record::{CallRecord, ENVIRONMENT, NanoUsd, Timestamp, Window};
use crate::store::history::{SeriesNames, SeriesSum};
use crate::store::sums::Measures;
use crate::store::{Appended, Dimension, Filter, OverviewQuestion, Repetition, Step};

const HOUR: i64 = 3_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// A time within four hours, often at the edge of a minute or an hour.
fn any_time() -> impl Strategy<Value = i64> {
    let start = BASE.0.div_euclid(HOUR) * HOUR;
    let within = 0..4 * HOUR;
    let edge = (0_i64..240, -1_i64..=1).prop_map(|(minute, off)| minute * MINUTE + off);
    let hour = (0_i64..5, -1_i64..=1).prop_map(|(hour, off)| hour * HOUR + off);
    prop_oneof![4 => within, 2 => edge, 1 => hour].prop_map(move |after| start + after)
}

fn window() -> impl Strategy<Value = Window> {
    (any_time(), any_time())
        .prop_map(|(one, other)| Window { from: Timestamp(one.min(other)), to: Timestamp(one.max(other)) })
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: impl Into<Vec<T>>) -> impl Strategy<Value = T> {
    proptest::sample::select(values.into())
}

fn some_of(values: [&'static str; 3]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(one_of(values)).prop_map(|value| value.map(str::to_owned))
}

/// A few that come often, and more that come now and then.
fn hash() -> impl Strategy<Value = Option<String>> {
    let often = one_of(["0123456789abcdef0123456789abcdef", "h", "i"]).prop_map(str::to_owned);
    let rarely = (0_u8..60).prop_map(|number| format!("{number:032x}"));
    proptest::option::of(prop_oneof![often, rarely])
}

prop_compose! {
    pub(crate) fn record()(
        number in 0_u64..10_000,
        end in any_time(),
        duration_ns in -1_000_i64..200_000_000_000,
        first_chunk_ns in proptest::option::of(0_i64..20_000_000_000),
        (service, provider) in (one_of(["shop", "blog", ""]), one_of(["openai", "anthropic"])),
        (request_model, response_model) in (some_of(["a", "b", ""]), some_of(["a", "b", "c"])),
        (outcome, cost_status) in (one_of(Outcome::ALL), one_of(CostStatus::ALL)),
        error_type in some_of(["timeout", "429", ""]),
        error_kind in some_of(["timeout", "rate_limited", ""]),
        status_code in proptest::option::of(one_of([200_u16, 401, 403, 429, 500])),
        tokens in proptest::array::uniform5(proptest::option::of(0_u64..1_000_000)),
        cost in proptest::option::of(0_i64..1_000_000_000_000),
        (user, hash) in (some_of(["ada", "bob", ""]), hash()),
        (team, env) in (some_of(["search", "ads", "é \"q\""]), some_of(["prod", "test", "dev"])),
    ) -> CallRecord {
        let [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens] = tokens;
        let set = [("team", team), ("environment", env)];
        let set = set.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect::<Vec<_>>();
        CallRecord {
            tags: tags(&set),
            start: Timestamp(end - duration_ns),
            duration_ns,
            first_chunk_ns,
            service: service.into(),
            provider: provider.into(),
            request_model,
            response_model,
            outcome,
            cost_status,
            error_type,
            error_kind,
            status_code,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            reasoning_tokens,
            cost: cost.map(NanoUsd),
            user,
            request_hash: hash,
            ..ending_at(number, Timestamp(end))
        }
    }
}

prop_compose! {
    pub(crate) fn filter()(
        service in some_of(["shop", "blog", "none"]),
        model in some_of(["a", "b", ""]),
        provider in some_of(["openai", "anthropic", "none"]),
        user in proptest::option::weighted(0.2, one_of(["ada", "none"])),
        outcome in proptest::option::weighted(0.2, one_of(Outcome::ALL)),
        status_code in proptest::option::weighted(0.2, one_of([200_u16, 429])),
        team in proptest::option::weighted(0.2, one_of(["search", "é \"q\"", "none"])),
        environment in proptest::option::weighted(0.2, one_of(["prod", "dev", ""])),
        nothing in any::<bool>(),
    ) -> Filter {
        if nothing {
            return Filter::default();
        }
        let user = user.map(str::to_owned);
        let environment = environment.map(|name| (ENVIRONMENT, name.to_owned()));
        let tags = team.map(|team| (expected::TEAM, team.to_owned())).into_iter().chain(environment).collect();
        Filter { service, model, provider, user, outcome, status_code, tags, ..Filter::default() }
    }
}

/// A batch, when the housekeeping runs after it, and a question.
pub(crate) fn round() -> impl Strategy<Value = (Vec<CallRecord>, Option<i64>, Window, Filter)> {
    (proptest::collection::vec(record(), 0..60), proptest::option::of(any_time()), window(), filter())
}

pub(crate) fn sums_equal_those_of_the_rows(open: fn() -> TestStore, cases: u32) {
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let rounds = proptest::collection::vec(round(), 1..5);
    let result = runner.run(&rounds, |rounds| {
        let mut store = open();
        let mut calls: Vec<CallRecord> = Vec::new();
        for (batch, maintain, window, filter) in rounds {
            let known = |call: &CallRecord, calls: &[CallRecord]| {
                calls.iter().any(|other| (other.trace_id, other.span_id) == (call.trace_id, call.span_id))
            };
            // The same identity at another time is covered by the store's own tests.
            let batch: Vec<_> = batch.into_iter().filter(|call| !known(call, &calls)).fold(
                Vec::new(),
                |mut distinct, call| {
                    if !known(&call, &distinct) {
                        distinct.push(call);
                    }
                    distinct
                },
            );
            let inserted = batch.len() as u64;
            prop_assert_eq!(
                store.appender.append(&batch).unwrap(),
                Appended { inserted, ..Appended::default() }
            );
            calls.extend(batch);
            if let Some(now) = maintain {
                while store.appender.maintain(Timestamp(now)).unwrap().more {}
            }
            compare(&store, &calls, window, &filter)?;
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

pub(crate) fn compare(
    store: &TestStore,
    calls: &[CallRecord],
    window: Window,
    filter: &Filter,
) -> Result<(), TestCaseError> {
    let querier = &store.querier;
    prop_assert_eq!(querier.totals(window, filter).unwrap(), expected::totals(calls, window, filter));
    for by in expected::DIMENSIONS {
        let found = querier.breakdown(window, filter, by, 100).unwrap();
        prop_assert_eq!(&found, &expected::breakdown(calls, window, filter, by, 100), "{:?}", by);
        let whole = querier.breakdown_of_all(window, filter, by, 100).unwrap();
        prop_assert_eq!(
            (whole.all, whole.groups),
            (expected::totals(calls, window, filter), found),
            "{:?}",
            by
        );
    }
    let latency = querier.latency(window, filter).unwrap();
    expected::assert_close(&latency, &expected::latency(calls, window, filter));
    assert_series(&querier.series(window, filter, 1_800).unwrap(), calls, window, filter)?;
    compare_history(store, calls, window)?;
    let groups = querier.breakdown(window, filter, Dimension::Model, 100).unwrap();
    prop_assert_eq!(
        groups.iter().map(|group| group.totals.calls).sum::<u64>(),
        querier.totals(window, filter).unwrap().calls
    );
    let newest = expected::within(calls, Window { from: Timestamp(i64::MIN), ..window }, filter)
        .map(|call| Timestamp(expected::end(call)))
        .max();
    prop_assert_eq!(querier.last_call(window.to, filter).unwrap(), newest);
    let repeated = querier.repeated(window, filter, 1, 100).unwrap();
    let wanted = expected::repeated(calls, window, filter, 1, 100);
    prop_assert_eq!(
        repeated.iter().map(|seen| (&seen.hash, seen.calls, seen.cost, seen.last)).collect::<Vec<_>>(),
        wanted.iter().map(|seen| (&seen.hash, seen.calls, seen.cost, seen.last)).collect::<Vec<_>>()
    );
    prop_assert_eq!(querier.duplicates(window, filter).unwrap(), expected::duplicates(calls, window, filter));
    compare_overview(store, calls, window)
}

fn assert_series(
    steps: &[Step],
    calls: &[CallRecord],
    window: Window,
    filter: &Filter,
) -> Result<(), TestCaseError> {
    let ends = steps.iter().skip(1).map(|step| step.at).chain([window.to]);
    prop_assert_eq!(steps.first().map(|step| step.at), (window.from < window.to).then_some(window.from));
    for (step, to) in steps.iter().zip(ends) {
        let part = Window { from: step.at, to };
        prop_assert_eq!(step.totals, expected::totals(calls, part, filter));
        expected::assert_close(&step.latency, &expected::latency(calls, part, filter));
    }
    Ok(())
}

/// Every call is in one stretch, under its own series, to the last bucket.
fn compare_history(store: &TestStore, calls: &[CallRecord], window: Window) -> Result<(), TestCaseError> {
    let third = Timestamp(window.from.0 + (window.to.0 - window.from.0) / 3);
    let edges = [window.from, third, window.to];
    let found = store.querier.history(&edges).unwrap();
    prop_assert_eq!(found.len(), 2);
    for (pair, mut found) in edges.windows(2).zip(found) {
        let part = Window { from: pair[0], to: pair[1] };
        let mut wanted: BTreeMap<SeriesNames, SeriesSum> = BTreeMap::new();
        for call in expected::within(calls, part, &Filter::default()) {
            let names = SeriesNames::from(call);
            let empty = || SeriesSum::empty(Arc::new(names.clone()));
            wanted.entry(names.clone()).or_insert_with(empty).count(&Measures::from(call));
        }
        found.sort_by(|one, other| one.names.cmp(&other.names));
        prop_assert_eq!(found, wanted.into_values().collect::<Vec<_>>());
    }
    Ok(())
}

/// The overview says what the small questions say; of repetition it may say less, but never more.
fn compare_overview(store: &TestStore, calls: &[CallRecord], window: Window) -> Result<(), TestCaseError> {
    let any = Filter::default();
    let by = expected::DIMENSIONS.map(|by| (by, 3));
    let asked = OverviewQuestion { window, step_seconds: 900, by: &by, repeated: 1_000 };
    let found = store.querier.overview(&asked).unwrap();
    prop_assert_eq!(found.totals, expected::totals(calls, window, &any));
    expected::assert_close(&found.latency, &expected::latency(calls, window, &any));
    assert_series(&found.steps, calls, window, &any)?;
    for (groups, (by, limit)) in found.groups.iter().zip(by) {
        prop_assert_eq!(groups, &expected::breakdown(calls, window, &any, by, limit), "{:?}", by);
    }

    let Repetition { window: searched, repeated, duplicates, exact } = found.repetition;
    prop_assert!(window.from <= searched.from && searched.to == window.to);
    let all = expected::duplicates(calls, searched, &any);
    prop_assert_eq!(duplicates.hashed, all.hashed);
    prop_assert!(duplicates.repeats <= all.repeats, "{:?} of {:?}", duplicates, all);
    let wanted = expected::repeated(calls, searched, &any, 1, 1_000);
    prop_assert!(repeated.is_sorted_by_key(|seen| (std::cmp::Reverse(seen.calls), &seen.hash)));
    for seen in &repeated {
        let true_one = wanted.iter().find(|other| other.hash == seen.hash).unwrap();
        prop_assert!(1 < seen.calls && seen.calls <= true_one.calls, "{:?} of {:?}", seen, true_one);
        prop_assert!(seen.cost <= true_one.cost && seen.last <= true_one.last);
    }
    if exact {
        prop_assert_eq!(duplicates, all);
        prop_assert_eq!(repeated.len(), wanted.len());
        for (seen, wanted) in repeated.iter().zip(&wanted) {
            prop_assert_eq!((&seen.hash, seen.calls, seen.cost), (&wanted.hash, wanted.calls, wanted.cost));
        }
    }
    Ok(())
}
