//! OTLP in JSON: what is lenient, and what one bad span costs. That it says the same as protobuf is part of all other
//! tests.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn read(request: impl AsRef<[u8]>) -> Result<Converted, Malformed> {
    converter().convert(Encoded::Json(request.as_ref()), NOW)
}

fn call(id: u8) -> Json {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({
        "traceId": "07".repeat(16), "spanId": format!("{id:02x}").repeat(8), "name": "chat test-model",
        "startTimeUnixNano": (NOW.0 - 2_000_000_000).to_string(), "endTimeUnixNano": NOW.0.to_string(),
        "attributes": [text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", "test-model"),
            text("spanledger.outcome", "completed")],
    })
}

/// A request with these spans, each as text.
fn request(spans: impl IntoIterator<Item = String>) -> String {
    let spans: Vec<String> = spans.into_iter().collect();
    let service =
        json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "checkout" } }] });
    format!(
        r#"{{"resourceSpans":[{{"resource":{service},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    )
}

/// The call 1 with `more` members, as text.
fn with(more: &str) -> String {
    let call = call(1).to_string();
    format!("{},{more}}}", call.strip_suffix('}').unwrap())
}

fn attributes(more: &str) -> String {
    with("").replace(",}", "}").replace("\"attributes\":[", &format!("\"attributes\":[{more},"))
}

#[test]
fn refuses_text_that_is_no_request_and_says_where() {
    for (text, error) in [
        ("", Malformed::Syntax(0)),
        ("[]", Malformed::Member("the request")),
        ("5", Malformed::Member("the request")),
        ("{\"resourceSpans\":5}", Malformed::Member("resourceSpans")),
        ("{\"resourceSpans\":[]", Malformed::Syntax(19)),
        ("{\"resourceSpans\":[]}}", Malformed::Syntax(20)),
        ("{\"resourceSpans\":[{}}", Malformed::Syntax(20)),
        ("{\"other\":[1,]}", Malformed::Syntax(12)),
    ] {
        assert_eq!(read(text).unwrap_err(), error, "{text}");
    }
    for text in
        ["{}", "null", " {\"resourceSpans\":null}\n", "{\"resourceSpans\":[null,{},{\"scopeSpans\":null}]}"]
    {
        assert!(read(text).is_ok_and(|read| read.malformed == 0), "{text}");
    }
}

#[test]
fn a_bad_span_costs_that_span_alone() {
    for (bad, reason) in [
        ("5".to_owned(), "span"),
        ("[]".to_owned(), "span"),
        (with("\"startTimeUnixNano\":\"soon\""), "startTimeUnixNano"),
        (with("\"endTimeUnixNano\":true"), "endTimeUnixNano"),
        (with("\"name\":5"), "name"),
        (with("\"attributes\":{}"), "attributes"),
        (with("\"attributes\":[7]"), "attribute"),
        (with("\"status\":[]"), "status"),
        (with("\"kind\":{}"), "kind"),
        (attributes(r#"{"key":5}"#), "key"),
        (attributes(r#"{"key":"k","value":"v"}"#), "value"),
        (attributes(r#"{"key":"k","value":{"stringValue":5}}"#), "stringValue"),
        (attributes(r#"{"key":"k","value":{"intValue":1.5}}"#), "intValue"),
        (attributes(r#"{"key":"k","value":{"intValue":"many"}}"#), "intValue"),
        (attributes(r#"{"key":"k","value":{"intValue":NaN}}"#), "intValue"),
        (attributes(r#"{"key":"k","value":{"doubleValue":[]}}"#), "doubleValue"),
        (attributes(r#"{"key":"k","value":{"boolValue":"yes"}}"#), "boolValue"),
        (attributes(r#"{"key":"k","value":{"arrayValue":[1]}}"#), "arrayValue"),
    ] {
        let good = (11..=14).map(|id| call(id).to_string());
        let read = read(request(good.clone().chain([bad.clone()]).chain(good))).unwrap();
        assert_eq!((read.records.len(), read.malformed), (8, 1), "{bad}");
        assert_eq!(read.reason, Some(Malformed::Member(reason)), "{bad}");
    }
}

#[test]
fn a_bad_resource_or_scope_costs_its_spans_alone() {
    let spans = format!("[{},{}]", call(1), call(2));
    let good = format!(r#"{{"scopeSpans":[{{"spans":{spans}}}]}}"#);
    for (bad, refused) in [
        (format!(r#"{{"resource":5,"scopeSpans":[{{"spans":{spans}}}]}}"#), 2),
        (format!(r#"{{"scopeSpans":[{{"spans":{spans},"scope":[]}}]}}"#), 2),
        ("5".to_owned(), 1),
        (r#"{"scopeSpans":{}}"#.to_owned(), 1),
        (r#"{"scopeSpans":["x"]}"#.to_owned(), 1),
        (r#"{"scopeSpans":[{"spans":7}]}"#.to_owned(), 1),
    ] {
        let read = read(format!(r#"{{"resourceSpans":[{good},{bad},{good}]}}"#)).unwrap();
        assert_eq!((read.records.len(), read.malformed), (4, refused), "{bad}");
    }
}

#[test]
fn repairs_what_senders_write_though_it_is_not_quite_json() {
    let model = |text: &[u8]| {
        let call = attributes(r#"{"key":"gen_ai.response.model","value":{"stringValue":"MODEL"}}"#);
        let at = call.find("MODEL").unwrap();
        let request = request([call.clone()]);
        let at = request.find(&call).unwrap() + at;
        [&request.as_bytes()[..at], text, &request.as_bytes()[at + 5..]].concat()
    };
    for (text, read_as) in [
        (b"m\xff1".as_slice(), "m\u{FFFD}1"),
        (b"m\\ud83d", "m\u{FFFD}"),
        (b"m\\ud83d\\ude00 \\u00e4\xe2\x82", "m\u{1F600} ä\u{FFFD}"),
        (b"m\n1", "m\n1"),
    ] {
        let read = read(model(text)).unwrap();
        assert_eq!(read.records[0].response_model.as_deref(), Some(read_as));
    }
    for number in ["NaN", "Infinity", "-Infinity", "1e400", "\"NaN\"", "99999999999999999999"] {
        let odd =
            format!(r#"{{"key":"gen_ai.response.time_to_first_chunk","value":{{"doubleValue":{number}}}}}"#);
        let read = read(request([attributes(&odd)])).unwrap();
        assert_eq!((read.records.len(), read.malformed), (1, 0), "{number}");
        assert_eq!(read.records[0].first_chunk_ns, None, "{number}");
    }
    for number in ["99999999999999999999", "\"-99999999999999999999\"", "null"] {
        let odd = format!(r#"{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":{number}}}}}"#);
        let read = read(request([attributes(&odd)])).unwrap();
        assert_eq!((read.records.len(), read.malformed), (1, 0), "{number}");
    }
}

#[test]
fn reads_each_of_lists_that_are_given_twice() {
    let [one, two, three] = [1, 2, 3].map(call);
    let twice = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{one}],"spans":[{two}]}}],"scopeSpans":[{{"spans":[{three}]}}]}}]}}"#
    );
    assert_eq!(read(&twice).unwrap().records.len(), 3);
    let again = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{one}]}}]}}],"resourceSpans":[{{"scopeSpans":[{{"spans":[{two}]}}]}}]}}"#
    );
    assert_eq!(read(&again).unwrap().records.len(), 2);
}

#[test]
fn takes_the_names_of_protobuf_as_the_collector_does() {
    let mut snake = request([call(1).to_string(), call(2).to_string()]);
    for (camel, name) in [
        ("resourceSpans", "resource_spans"),
        ("scopeSpans", "scope_spans"),
        ("traceId", "trace_id"),
        ("spanId", "span_id"),
        ("startTimeUnixNano", "start_time_unix_nano"),
        ("endTimeUnixNano", "end_time_unix_nano"),
        ("stringValue", "string_value"),
    ] {
        assert!(snake.contains(camel));
        snake = snake.replace(camel, name);
    }
    assert_eq!(
        read(&snake).unwrap().records,
        read(request([call(1).to_string(), call(2).to_string()])).unwrap().records
    );
}

#[test]
fn takes_a_request_that_begins_with_the_mark_of_utf_8() {
    let marked = format!("\u{feff}{}", request([call(1).to_string()]));
    assert_eq!(read(marked).unwrap().records.len(), 1);
}

#[test]
fn takes_integers_in_every_form() {
    for number in ["12", "\"12\"", "12.0", "1.2e1", "\"12.0\""] {
        let tokens = format!(r#"{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":{number}}}}}"#);
        let read = read(request([attributes(&tokens)])).unwrap();
        assert_eq!(read.records[0].input_tokens, Some(12), "{number}");
    }
}

#[test]
fn a_bad_id_is_as_good_as_none() {
    for id in ["5", "\"\"", "\"xyz\"", "null", "[\"07\"]", "\"0000000000000000\"", "\"0707\""] {
        let read = read(request([call(1).to_string(), with(&format!("\"spanId\":{id}"))])).unwrap();
        assert_eq!((read.records.len(), read.refused, read.malformed), (1, 1, 0), "{id}");
    }
}

#[test]
fn reads_a_call_however_deep_its_values_nest() {
    let value = [r#"{"arrayValue":{"values":[{"kvlistValue":{"x":"#, "null", "}}]}}"];
    let deep = [value[0].repeat(100_000), value[1].to_owned(), value[2].repeat(100_000)].concat();
    let read = read(request([attributes(&format!(r#"{{"key":"deep","value":{deep}}}"#))])).unwrap();
    assert_eq!((read.records.len(), read.malformed), (1, 0));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<i64>().prop_map(Value::IntValue),
        any::<f64>().prop_map(Value::DoubleValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<Vec<u8>>().prop_map(Value::BytesValue),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(|values| {
            let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
            Value::ArrayValue(ArrayValue { values })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn says_the_same_as_protobuf(
        values in prop::collection::vec((0_usize..10, any_value()), 0..12),
        (name, scope, message) in (any::<String>(), any::<String>(), any::<String>()),
        (kind, code) in (-1_i32..8, -1_i32..4),
        (start, end) in (any::<u64>(), any::<u64>()),
        ids in any::<(Vec<u8>, [u8; 8], [u8; 8])>(),
    ) {
        const KEYS: [&str; 10] = [
            attribute::OPERATION_NAME, attribute::REQUEST_MODEL, attribute::USAGE_INPUT_TOKENS,
            attribute::USAGE_COST, attribute::RESPONSE_FINISH_REASONS, attribute::OUTCOME, attribute::SEQUENCE,
            attribute::USER_ID, "llm.cost.total", "ü\"\n",
        ];
        let mut call = span(1, None, own());
        call.attributes.extend(values.into_iter().map(|(key, value)| pair(KEYS[key], value)));
        let exception = pair("exception.message", text(&message));
        call.events = vec![Event { time_unix_nano: end, name: "exception".to_owned(), attributes: vec![exception], ..Event::default() }];
        call.status = Some(Status { code, message });
        (call.name, call.kind) = (name, kind);
        (call.start_time_unix_nano, call.end_time_unix_nano) = (start, end);
        let odd = Span { trace_id: ids.0, span_id: ids.1.to_vec(), parent_span_id: ids.2.to_vec(), ..call.clone() };
        // The comparison is within.
        convert(&scope, vec![call, odd]);
    }
}
