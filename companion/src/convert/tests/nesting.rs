use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;

use super::*;

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
    let converter = converter();
    let mut ids: Vec<u8> = batches
        .into_iter()
        .flat_map(|spans| converter.convert(&batch("app", spans), NOW).unwrap().records)
        .map(|record| record.span_id[0])
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn counts_a_call_once_when_a_framework_wraps_our_span_in_one_batch() {
    let spans = vec![span(1, None, framework()), span(2, Some(1), own())];
    let converted = convert("app", spans);
    assert_eq!((converted.records.len(), converted.wrappers), (1, 1));
    assert_eq!(converted.records[0].span_id, [2; 8]);
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
fn keeps_a_third_party_wrapper_whose_inner_third_party_span_reports_no_tokens() {
    let mut inner = framework();
    inner.truncate(3);
    assert_eq!(counted(vec![vec![span(1, None, framework()), span(2, Some(1), inner)]]), [1, 2]);
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
fn looks_no_further_than_four_links() {
    let chain = |between: u8| {
        let mut spans = vec![span(1, None, framework())];
        spans.extend((2..=between + 1).map(|id| span(id, Some(id - 1), vec![])));
        spans.push(span(between + 2, Some(between + 1), own()));
        counted(vec![spans]).len()
    };
    assert_eq!((chain(3), chain(4)), (1, 2));
}

#[test]
fn never_drops_our_own_spans() {
    assert_eq!(counted(vec![vec![span(1, None, own()), span(2, Some(1), own())]]), [1, 2]);
}

#[test]
fn survives_a_span_that_is_its_own_ancestor() {
    let spans = vec![span(1, Some(2), framework()), span(2, Some(1), framework()), span(3, Some(3), own())];
    let _ = counted(vec![spans]);
}

#[test]
fn forgets_a_parent_that_does_not_arrive_within_ten_minutes() {
    let converter = converter();
    let count = |span: Span, minutes: i64| {
        converter.convert(&batch("app", vec![span]), NOW.plus_seconds(60 * minutes)).unwrap().records.len()
    };
    assert_eq!(count(span(2, Some(1), own()), 0), 1);
    assert_eq!(count(span(9, None, own()), 6), 1);
    assert_eq!(count(span(1, None, framework()), 9), 0);
    assert_eq!(count(span(9, None, own()), 12), 1);
    assert_eq!(count(span(1, None, framework()), 12), 1);
}

proptest! {
    /// Children end before their parents; however the batches are cut, the call counts once.
    #[test]
    fn counts_once_however_batches_are_cut(between in 0_u8..3, cuts in any::<u8>()) {
        let mut spans = vec![span(between + 2, Some(between + 1), own())];
        spans.extend((2..=between + 1).rev().map(|id| span(id, Some(id - 1), vec![])));
        spans.push(span(1, None, framework()));
        let mut batches = vec![vec![]];
        for (index, span) in spans.into_iter().enumerate() {
            if cuts >> index & 1 == 1 {
                batches.push(vec![]);
            }
            batches.last_mut().unwrap().push(span);
        }
        prop_assert_eq!(counted(batches), [between + 2]);
    }
}
