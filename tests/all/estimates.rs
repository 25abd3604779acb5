//! Tokens counted from bytes: only on request, only where the provider's count is missing or behind, and marked.

use crate::support::loopback::{Act, Loopback, stream_end, stream_head};
use crate::support::observed::Observed;
use crate::support::recorded::Recorded;
use futures_util::StreamExt;
use reqwest_middleware::ClientBuilder;

const REQUEST: &str = r#"{"model":"claude-sonnet-4-5","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"Count!!"}]}"#;

const OUTPUT_TOKENS: &str = "gen_ai.client.inference.usage.output_tokens";

/// 40 bytes.
const TEXT: &str = "one two three four five six seven eight ";

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// The stream begins to count its output at 1, and says the whole count with its last event.
fn start() -> String {
    event(
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":12,"output_tokens":1}}}"#,
    )
}

fn text() -> String {
    event(&format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{TEXT}"}}}}"#
    ))
}

fn end() -> String {
    event(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":8}}"#)
        + &event(r#"{"type":"message_stop"}"#)
}

/// Sends one request, reads as many bytes of the stream as its `events` have, and drops the rest.
async fn call(estimate: bool, events: &[String], cut: bool) -> (Observed, Recorded) {
    let events = events.concat();
    let last = if cut { Act::Hang } else { stream_end() };
    let server = Loopback::start(vec![stream_head(), Act::Chunk(events.clone().into_bytes()), last]).await;
    let observed = Observed::default();
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(observed.builder().estimate_usage(estimate).provider_of_host("127.0.0.1", "anthropic").build())
        .build();
    let response = client.post(server.url("/v1/messages")).body(REQUEST).send().await.unwrap();
    let mut body = response.bytes_stream();
    let mut read = 0;
    while read < events.len() {
        read += body.next().await.unwrap().unwrap().len();
    }
    drop(body);
    let span = observed.span();
    (observed, span)
}

fn usage(span: &Recorded) -> [Option<String>; 3] {
    ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "spanledger.usage.source"]
        .map(|name| span.get(name))
}

fn is(input: &str, output: &str, source: &str) -> [Option<String>; 3] {
    [input, output, source].map(|text| Some(text.to_owned()))
}

#[tokio::test]
async fn the_first_count_of_a_stream_that_was_cut_is_no_bill() {
    let (observed, span) = call(true, &[start(), text()], true).await;
    assert_eq!(usage(&span), is("12", "10", "estimated"));
    assert_eq!(span.get("spanledger.cost.status").unwrap(), "estimated");
    let cost: f64 = span.get("gen_ai.usage.cost").unwrap().parse().unwrap();
    assert!((cost - (12.0 * 3.0 + 10.0 * 15.0) / 1e6).abs() < 1e-12, "{cost}");
    let metrics = observed.metrics();
    assert!(!metrics.contains_key(OUTPUT_TOKENS), "an estimate is no measurement");
}

#[tokio::test]
async fn nothing_is_estimated_unless_the_application_asks() {
    let (_, span) = call(false, &[start(), text()], true).await;
    assert_eq!(usage(&span), is("12", "1", "partial"));
    let (_, span) = call(false, &[text()], true).await;
    assert_eq!(usage(&span), [None, None, Some("none".to_owned())]);
}

#[tokio::test]
async fn estimates_all_where_the_provider_counted_nothing() {
    let (_, span) = call(true, &[text()], true).await;
    assert_eq!(usage(&span), is(&REQUEST.len().div_ceil(4).to_string(), "10", "estimated"));
}

#[tokio::test]
async fn the_providers_own_count_stands_where_it_is_whole() {
    let (observed, span) = call(true, &[start(), text(), end()], false).await;
    assert_eq!(usage(&span), is("12", "8", "provider"));
    assert_eq!(span.get("spanledger.cost.status").unwrap(), "exact");
    assert!(observed.metrics().contains_key(OUTPUT_TOKENS));
}
