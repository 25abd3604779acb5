//! The same spans give the same ledger in every order, in every grouping into batches and with a restart at any time.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use spanledger::{Outcome, UsageSource};

use super::property::compare;
use super::records::BASE;
use super::{ALL, TestStore, accounts::account, any as anything, page};
use crate::record::{CallRecord, Origin, Passage, Timestamp, Window};
use crate::store::Batch;
use crate::store::identity::WITNESS_WAITS;

const MILLISECOND: i64 = 1_000_000;

/// One span of a scenario.
#[derive(Debug, Clone)]
pub(crate) enum Span {
    Call(Box<CallRecord>),
    Passage(Passage),
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(values: impl Into<Vec<T>>) -> impl Strategy<Value = T> {
    proptest::sample::select(values.into())
}

prop_compose! {
    /// A span of one of two traces, whose parent is a lower one; the number is its own.
    fn span()(
        role in one_of([0_u8, 0, 1, 1, 1, 1, 2, 3, 4]),
        trace in 1_u8..3,
        parent in proptest::option::weighted(0.8, 0_u8..4),
        scope in one_of(["framework", "client", "other"]),
        service in one_of(["shop", "gateway"]),
        response_id in proptest::option::of(one_of(["resp-1", "resp-2"])),
        tokens in one_of([None, Some(10_u64), Some(10), Some(20)]),
        outcome in one_of([
            Outcome::Completed, Outcome::Completed, Outcome::Completed, Outcome::Failed, Outcome::Failed,
            Outcome::Truncated, Outcome::Dropped, Outcome::Pending,
        ]),
        (fetched, user) in (proptest::bool::weighted(0.2), proptest::option::of(one_of(["ada", "eve"]))),
        (start, length) in (one_of([0_i64, 1, 2, 3, 900]), one_of([1_000_i64, 998, 996, 400])),
        (hash, numbered) in (proptest::option::of(one_of(["a", "b"])), any::<bool>()),
        embeddings in proptest::bool::weighted(0.1),
    ) -> (Span, u8) {
        let passage = |boundary| Span::Passage(Passage {
            trace_id: [trace; 16], span_id: [0; 8], parent_span_id: None, boundary,
        });
        let origin = match role {
            0 => Origin::Spanledger,
            1 => Origin::ThirdParty,
            2 => Origin::Witness,
            boundary => return (passage(boundary == 4), parent.unwrap_or(u8::MAX)),
        };
        let call = CallRecord {
            origin,
            scope: if origin == Origin::Spanledger { String::new() } else { scope.into() },
            service: service.into(),
            start: Timestamp(BASE.0 + start * MILLISECOND),
            duration_ns: length * MILLISECOND,
            first_chunk_ns: None,
            operation: if embeddings { "embeddings".into() } else { "chat".into() },
            response_id: response_id.map(str::to_owned),
            input_tokens: tokens,
            output_tokens: tokens,
            usage_source: if tokens.is_some() { UsageSource::Provider } else { UsageSource::None },
            outcome,
            fetched: fetched && origin == Origin::Spanledger,
            status_code: None,
            user: user.map(str::to_owned),
            request_hash: hash.map(|hash: &str| hash.repeat(32)),
            instance: numbered.then(|| service.to_owned()),
            ..account(trace, 0, "")
        };
        (Span::Call(Box::new(call)), parent.unwrap_or(u8::MAX))
    }
}

/// Gives each span its id, and a parent among those before it.
fn scenario(spans: Vec<(Span, u8)>) -> Vec<Span> {
    let numbered = |number: usize| [u8::try_from(number + 1).unwrap(); 8];
    let named = spans.into_iter().enumerate().map(|(number, (span, back))| {
        let parent = number.checked_sub(usize::from(back) + 1).map(numbered);
        match span {
            Span::Call(call) => Span::Call(Box::new(CallRecord {
                span_id: numbered(number),
                parent_span_id: parent,
                ..*call
            })),
            Span::Passage(passage) => {
                Span::Passage(Passage { span_id: numbered(number), parent_span_id: parent, ..passage })
            }
        }
    });
    named.collect()
}

/// An order of spans, where batches end, and where the store is opened again or its rollups are closed.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    order: Vec<usize>,
    cuts: u16,
    restarts: u16,
}

fn delivery(spans: usize) -> impl Strategy<Value = Delivery> {
    let order = Just((0..spans).collect::<Vec<_>>()).prop_shuffle();
    (order, any::<u16>(), any::<u16>()).prop_map(|(order, cuts, restarts)| Delivery { order, cuts, restarts })
}

/// A scenario and one way in which it arrives.
pub(crate) fn delivered() -> impl Strategy<Value = (Vec<Span>, Delivery)> {
    proptest::collection::vec(span(), 2..9).prop_flat_map(|spans| {
        let length = spans.len();
        (Just(scenario(spans)), delivery(length))
    })
}

/// What the ledger has at the end.
pub(crate) fn ledger(store: &mut TestStore, spans: &[Span], delivery: &Delivery) -> Vec<CallRecord> {
    let (mut calls, mut passages) = (Vec::new(), Vec::new());
    let last = delivery.order.len() - 1;
    for (turn, place) in delivery.order.iter().enumerate() {
        match &spans[*place] {
            Span::Call(call) => calls.push((**call).clone()),
            Span::Passage(passage) => passages.push(*passage),
        }
        if turn == last || delivery.cuts >> turn & 1 == 1 {
            store
                .appender
                .append_batch(Batch { calls: &calls, passages: &passages, ..Batch::default() })
                .unwrap();
            calls.clear();
            passages.clear();
            if delivery.restarts >> turn & 3 == 3 {
                store.restart(BASE.plus_seconds(3_600));
            }
        }
    }
    store.appender.maintain(Timestamp(BASE.0 + 2 * WITNESS_WAITS)).unwrap();
    let mut found = store.querier.calls(ALL, &anything(), page(1_000)).unwrap().calls;
    found.sort_by_key(|call| (call.trace_id, call.span_id));
    found
}

pub(crate) fn gives_the_same_ledger_in_every_order(open: fn() -> TestStore, cases: u32) {
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let scenarios = proptest::collection::vec(span(), 2..9).prop_flat_map(|spans| {
        let length = spans.len();
        (Just(scenario(spans)), proptest::collection::vec(delivery(length), 2))
    });
    let result = runner.run(&scenarios, |(spans, deliveries)| {
        let mut first: Option<Vec<CallRecord>> = None;
        for delivery in deliveries {
            let mut store = open();
            let found = ledger(&mut store, &spans, &delivery);
            let window = Window { from: BASE.plus_seconds(-600), to: BASE.plus_seconds(600) };
            compare(&store, &found, window, &anything())?;
            prop_assert_eq!(first.get_or_insert_with(|| found.clone()), &found);
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
