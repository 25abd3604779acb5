use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;

use super::*;
use crate::record::Window;
use crate::store::memory::MemoryStore;
use crate::store::{Appender, Batch, Filter, Page, Querier};

fn framework() -> Vec<KeyValue> {
    vec![
        pair("gen_ai.operation.name", text("chat")),
        pair("gen_ai.system", text("openai")),
        pair("gen_ai.request.model", text("test-model")),
        pair("gen_ai.usage.input_tokens", int(1000)),
        pair("gen_ai.usage.output_tokens", int(100)),
    ]
}

fn operation(name: &str) -> Vec<KeyValue> {
    vec![pair("gen_ai.operation.name", text(name)), pair("gen_ai.request.model", text("test-model"))]
}

/// The ids of the spans that count, when each batch arrives by itself.
fn counted(batches: Vec<Vec<Span>>) -> Vec<u8> {
    let mut store = MemoryStore::new();
    for spans in batches {
        let converted = converted(&batch("app", spans)).unwrap();
        let batch = Batch { calls: &converted.records, passages: &converted.passages, ..Batch::default() };
        store.append_batch(batch).unwrap();
    }
    let all = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    let calls = store.calls(all, &Filter::default(), Page { limit: 100, after: None }).unwrap().calls;
    let mut ids: Vec<u8> = calls.iter().map(|record| record.span_id[0]).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn counts_a_call_once_when_a_framework_wraps_our_span_in_one_batch() {
    assert_eq!(counted(vec![vec![span(1, None, framework()), span(2, Some(1), own())]]), [2]);
}

#[test]
fn counts_a_call_once_when_the_wrapper_arrives_first() {
    assert_eq!(counted(vec![vec![span(1, None, framework())], vec![span(2, Some(1), own())]]), [2]);
}

#[test]
fn counts_a_call_once_when_the_wrapper_arrives_later() {
    assert_eq!(counted(vec![vec![span(2, Some(1), own())], vec![span(1, None, framework())]]), [2]);
}

#[test]
fn finds_a_wrapper_through_spans_in_between_also_over_batches() {
    let (top, between, call) =
        (span(1, None, framework()), span(2, Some(1), vec![]), span(3, Some(2), own()));
    assert_eq!(counted(vec![vec![top.clone(), between.clone(), call.clone()]]), [3]);
    assert_eq!(counted(vec![vec![call.clone()], vec![between.clone()], vec![top.clone()]]), [3]);
    assert_eq!(counted(vec![vec![call.clone()], vec![top.clone(), between.clone()]]), [3]);
    assert_eq!(counted(vec![vec![between, call], vec![top]]), [3]);
}

#[test]
fn drops_every_wrapper_of_two_frameworks() {
    let spans = vec![span(1, None, framework()), span(2, Some(1), framework()), span(3, Some(2), own())];
    assert_eq!(counted(vec![spans]), [3]);
}

#[test]
fn counts_the_inner_one_of_two_third_party_calls_that_report_tokens() {
    assert_eq!(counted(vec![vec![span(1, None, framework()), span(2, Some(1), framework())]]), [2]);
}

#[test]
fn counts_the_outer_one_when_only_it_reports_tokens() {
    let mut inner = framework();
    inner.truncate(3);
    assert_eq!(counted(vec![vec![span(1, None, framework()), span(2, Some(1), inner)]]), [1]);
}

#[test]
fn counts_both_when_the_operations_differ() {
    assert_eq!(counted(vec![vec![span(1, None, operation("embeddings")), span(2, Some(1), own())]]), [1, 2]);
}

#[test]
fn counts_a_call_that_a_tool_of_another_call_makes() {
    let spans = vec![
        span(1, None, framework()),
        span(2, Some(1), operation("execute_tool")),
        span(3, Some(2), own()),
    ];
    assert_eq!(counted(vec![spans.clone()]), [1, 3]);
    assert_eq!(counted(spans.into_iter().rev().map(|span| vec![span]).collect()), [1, 3]);
}

#[test]
fn counts_both_in_different_traces() {
    let mut other = span(1, None, framework());
    other.trace_id = vec![8; 16];
    assert_eq!(counted(vec![vec![span(2, Some(1), own())], vec![other]]), [1, 2]);
}

#[test]
fn counts_our_own_call_once_that_passes_through_a_gateway_of_own() {
    assert_eq!(counted(vec![vec![span(1, None, own()), span(2, Some(1), own())]]).len(), 1);
    let mut another = own();
    another.push(pair("gen_ai.usage.output_tokens", int(7)));
    assert_eq!(counted(vec![vec![span(1, None, own()), span(2, Some(1), another)]]), [1, 2]);
}

#[test]
fn counts_no_span_of_a_server_next_to_the_clients() {
    // SERVER and CONSUMER; INTERNAL, CLIENT, PRODUCER and none are a client's.
    for (kind, witness) in [(2, true), (5, true), (0, false), (1, false), (3, false), (4, false)] {
        let mut server = span(2, Some(1), framework());
        server.kind = kind;
        let client = span(1, None, framework());
        let kept = if witness { 1 } else { 2 };
        assert_eq!(counted(vec![vec![server.clone()], vec![client.clone()]]), [kept], "kind {kind}");
        assert_eq!(counted(vec![vec![client], vec![server.clone()]]), [kept], "kind {kind}");
        let converted = convert("app", vec![server]);
        assert_eq!(converted.records[0].origin == Origin::Witness, witness, "kind {kind}");
    }
}

#[test]
fn survives_a_span_that_is_its_own_ancestor() {
    let spans = vec![span(1, Some(2), framework()), span(2, Some(1), framework()), span(3, Some(3), own())];
    let _ = counted(vec![spans]);
}

proptest! {
    /// Whatever the order and however the batches are cut, the call counts once.
    #[test]
    fn counts_once_however_batches_are_cut(
        (between, order) in (0_u8..3).prop_flat_map(|between| {
            (Just(between), Just((1..=between + 2).collect::<Vec<_>>()).prop_shuffle())
        }),
        cuts in any::<u8>(),
    ) {
        let spans = order.into_iter().map(|id| match id {
            1 => span(1, None, framework()),
            id if id == between + 2 => span(id, Some(id - 1), own()),
            id => span(id, Some(id - 1), vec![]),
        });
        let mut batches = vec![vec![]];
        for (index, span) in spans.enumerate() {
            if cuts >> index & 1 == 1 {
                batches.push(vec![]);
            }
            batches.last_mut().unwrap().push(span);
        }
        prop_assert_eq!(counted(batches), [between + 2]);
    }
}
