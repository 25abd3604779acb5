use opentelemetry_proto::tonic::common::v1::KeyValueList;
use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400 * Timestamp::SECOND;

fn at(start: i64, end: i64) -> CallRecord {
    let mut call = span(1, None, own());
    call.start_time_unix_nano = start.cast_unsigned();
    call.end_time_unix_nano = end.cast_unsigned();
    convert("app", vec![call]).records.remove(0)
}

#[test]
fn moves_calls_of_1970_and_2200_to_the_present() {
    let year_2200 = 7_258_118_400 * Timestamp::SECOND;
    for (start, end) in [(0, 0), (0, 1), (year_2200, year_2200 + 1), (-1, -1), (i64::MAX, i64::MIN)] {
        let record = at(start, end);
        assert_eq!((record.start, record.duration_ns), (NOW, 0), "{start} {end}");
    }
}

#[test]
fn keeps_the_usable_one_of_two_time_stamps() {
    let ago = NOW.0 - 3 * Timestamp::SECOND;
    assert_eq!((at(0, ago).start.0, at(0, ago).duration_ns), (ago, 0));
    assert_eq!((at(ago, 0).start.0, at(ago, 0).duration_ns), (ago, 0));
}

#[test]
fn makes_a_negative_duration_zero_and_a_call_of_years_a_day() {
    let record = at(NOW.0, NOW.0 - Timestamp::SECOND);
    assert_eq!((record.start.0, record.duration_ns), (NOW.0 - Timestamp::SECOND, 0));
    let record = at(NOW.0 - 900 * DAY, NOW.0);
    assert_eq!((record.start.0, record.duration_ns), (NOW.0 - DAY, DAY));
}

#[test]
fn refuses_calls_without_usable_ids_and_keeps_the_others() {
    let wrong: [(Vec<u8>, Vec<u8>); 5] = [
        (vec![], vec![1; 8]),
        (vec![7; 16], vec![]),
        (vec![0; 16], vec![1; 8]),
        (vec![7; 16], vec![0; 8]),
        (vec![7; 17], vec![1; 9]),
    ];
    let mut spans = vec![span(1, None, own())];
    for (trace_id, span_id) in wrong {
        spans.push(Span { trace_id, span_id, ..span(1, None, own()) });
    }
    let converted = convert("app", spans);
    assert_eq!((converted.records.len(), converted.refused), (1, 5));
}

#[test]
fn keeps_a_call_whose_parent_id_is_malformed() {
    let call = Span { parent_span_id: vec![1; 3], ..span(1, None, own()) };
    assert_eq!(convert("app", vec![call]).records[0].parent_span_id, None);
}

#[test]
fn cuts_huge_strings_at_a_character() {
    let mut attributes = own();
    attributes.push(pair(attribute::USER_ID, text(&"ä".repeat(1_000_000))));
    attributes.push(pair(attribute::RESPONSE_PREVIEW, text(&"€".repeat(1_000_000))));
    let record = one("app", attributes);
    assert_eq!(record.user.unwrap(), "ä".repeat(128));
    assert_eq!(record.response_preview.unwrap().len(), 1023);
}

#[test]
fn leaves_out_values_of_a_wrong_type_or_range() {
    let list = |value| Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(value) }] });
    let mut attributes = own();
    attributes.retain(|pair| !pair.key.starts_with("gen_ai.usage."));
    attributes.extend([
        pair(attribute::USAGE_INPUT_TOKENS, int(-5)),
        pair(attribute::USAGE_OUTPUT_TOKENS, int(i64::MAX)),
        pair(attribute::USAGE_REASONING_TOKENS, Value::DoubleValue(f64::NAN)),
        pair(attribute::USAGE_CACHE_READ_TOKENS, Value::BytesValue(vec![1])),
        pair(attribute::USAGE_COST, Value::DoubleValue(f64::INFINITY)),
        pair(attribute::HTTP_RESPONSE_STATUS_CODE, int(99_999)),
        pair(attribute::RESPONSE_MODEL, list(text("m"))),
        pair(attribute::USER_ID, Value::KvlistValue(KeyValueList::default())),
        pair(attribute::SEQUENCE, int(0)),
        pair(attribute::RESPONSE_TIME_TO_FIRST_CHUNK, Value::DoubleValue(-1.0)),
        pair(attribute::OUTCOME, text("glorious")),
        pair(attribute::COST_STATUS, int(1)),
    ]);
    let record = one("app", attributes);
    assert_eq!(record.total_tokens(), None);
    assert_eq!((record.cost, record.cost_status), (None, CostStatus::NoUsage));
    assert_eq!((record.status_code, record.response_model, record.user), (None, None, None));
    assert_eq!((record.sequence, record.first_chunk_ns), (None, None));
    assert_eq!(record.outcome, Outcome::Completed);
}

#[test]
fn takes_numbers_that_came_as_text_or_as_whole_doubles() {
    let mut attributes = own();
    attributes.extend([
        pair(attribute::USAGE_INPUT_TOKENS, text("12")),
        pair(attribute::USAGE_OUTPUT_TOKENS, Value::DoubleValue(34.0)),
    ]);
    assert_eq!(one("app", attributes).total_tokens(), Some(46));
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<i64>().prop_map(Value::IntValue),
        any::<f64>().prop_map(Value::DoubleValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<Vec<u8>>().prop_map(Value::BytesValue),
    ]
}

proptest! {
    #[test]
    fn bounds_whatever_a_sender_says(
        start in any::<u64>(),
        end in any::<u64>(),
        values in prop::collection::vec((0_usize..9, any_value()), 0..12),
    ) {
        const KEYS: [&str; 9] = [
            attribute::USAGE_INPUT_TOKENS, attribute::USAGE_OUTPUT_TOKENS, attribute::USAGE_CACHE_READ_TOKENS,
            attribute::USAGE_COST, attribute::RESPONSE_TIME_TO_FIRST_CHUNK, attribute::SEQUENCE,
            attribute::USER_ID, "llm.cost.total", "llm.token_count.prompt",
        ];
        let mut call = span(1, None, vec![pair(attribute::OPERATION_NAME, text("chat"))]);
        call.attributes.extend(values.into_iter().map(|(key, value)| pair(KEYS[key], value)));
        (call.start_time_unix_nano, call.end_time_unix_nano) = (start, end);
        let record = convert("app", vec![call]).records.remove(0);
        prop_assert!((0..=DAY).contains(&record.duration_ns));
        prop_assert!(record.start.0 + record.duration_ns <= NOW.plus_seconds(600).0);
        prop_assert!(record.first_chunk_ns.is_none_or(|first| (0..=record.duration_ns).contains(&first)));
        prop_assert!(record.total_tokens().unwrap_or(0) <= 4_000_000_000);
        prop_assert!(record.cost.is_none_or(|cost| (0..=10_000_000_000_000).contains(&cost.0)));
        prop_assert!(record.sequence.is_none_or(|n| (1..=i64::MAX as u64).contains(&n)));
    }
}
