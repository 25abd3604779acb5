//! What is not parsed is recorded on the span and counted by its reason.

use crate::support::loopback::{Act, Loopback, answer, stream_end};
use crate::support::observed::Observed;

const ANSWER: &str = r#"{"id":"cmpl-1","object":"text_completion","model":"m","service_tier":"flex","system_fingerprint":"fp_1",
"choices":[{"index":0,"text":"Four.","finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#;

async fn call(body: reqwest::Body) -> Observed {
    let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    let observed = Observed::default();
    let request = observed.client().post(server.url("/v1/completions")).body(body);
    request.send().await.unwrap().bytes().await.unwrap();
    observed
}

#[tokio::test]
async fn a_request_that_cannot_be_read_leaves_the_rest_of_the_record() {
    let stream = || futures_util::stream::iter([Ok::<_, std::io::Error>(r#"{"model":"m"}"#)]);
    for body in
        [reqwest::Body::from("prompt=x"), reqwest::Body::from("[]"), reqwest::Body::wrap_stream(stream())]
    {
        let observed = call(body).await;
        let span = observed.span();
        assert_eq!(span.get("spanledger.unparsed").unwrap(), "request");
        assert_eq!(span.get("spanledger.request.hash"), None);
        assert_eq!(span.get("gen_ai.usage.input_tokens").unwrap(), "11");
        let unparsed =
            observed.points().into_iter().find(|(name, ..)| name == "spanledger.client.unparsed").unwrap();
        assert_eq!((unparsed.1["spanledger.unparsed"].as_str(), unparsed.2), ("request", 1.0));
    }
}

#[tokio::test]
async fn says_nothing_where_all_is_read() {
    let observed = call(r#"{"model":"m","prompt":"x","service_tier":"flex"}"#.into()).await;
    let span = observed.span();
    assert_eq!(span.get("spanledger.unparsed"), None);
    assert!(!observed.metrics().contains_key("spanledger.client.unparsed"));
    // Completions are OpenAI's as well, though they have no `openai.api.type`.
    assert_eq!(span.get("openai.api.type"), None);
    assert_eq!(span.get("openai.request.service_tier").unwrap(), "flex");
    assert_eq!(span.get("openai.response.service_tier").unwrap(), "flex");
    assert_eq!(span.get("openai.response.system_fingerprint").unwrap(), "fp_1");
}

/// The limit of the process holds for requests and for responses, whole or in pieces.
#[tokio::test]
async fn beyond_the_memory_of_the_process_bodies_pass_unparsed_and_are_counted() {
    let stream = format!("data: {}\n\ndata: [DONE]\n\n", ANSWER.replace('\n', " "));
    for (content_type, body, stream) in
        [("application/json", ANSWER, false), ("text/event-stream", stream.as_str(), true)]
    {
        // In one write, and cut so that a piece must be held.
        for cut in [0, 60] {
            let server = Loopback::start(cut_answer(content_type, body, cut)).await;
            let observed = Observed::default();
            let client = observed.client_with(observed.builder().memory_limit(0));
            let request = format!(r#"{{"model":"m","prompt":"x","stream":{stream}}}"#);
            let response = client.post(server.url("/v1/completions")).body(request).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), body, "bytes pass unchanged");
            let span = observed.span();
            assert_eq!(span.outcome(), "completed");
            assert_eq!(span.get("spanledger.request.hash"), None);
            let held = !stream || cut > 0;
            let wanted = if held { "memory" } else { "request" };
            assert_eq!(span.get("spanledger.unparsed").unwrap(), wanted, "{content_type}, cut at {cut}");
            let mut reasons: Vec<String> = observed
                .points()
                .into_iter()
                .filter(|(name, ..)| name == "spanledger.client.unparsed")
                .map(|(_, labels, _)| labels["spanledger.unparsed"].clone())
                .collect();
            reasons.sort();
            assert_eq!(reasons, if held { vec!["memory", "request"] } else { vec!["request"] });
            // What is not held is read.
            assert_eq!(span.get("gen_ai.usage.input_tokens").is_some(), !held);
        }
    }
}

/// A response whose body arrives in two chunks, or in one.
fn cut_answer(content_type: &str, body: &str, cut: usize) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    let (begin, rest) = body.as_bytes().split_at(cut);
    let chunks =
        [begin, rest].into_iter().filter(|part| !part.is_empty()).map(|part| Act::Chunk(part.to_vec()));
    std::iter::once(Act::Write(head.into_bytes())).chain(chunks).chain([stream_end()]).collect()
}

/// A request of very many values keeps its parameters, wherever they are, and has no hash.
#[tokio::test]
async fn of_a_request_of_too_many_values_the_parameters_are_read() {
    let keys: String = (0..70_000).map(|key| format!(r#""k{key}":0,"#)).collect();
    let messages = r#"{"role":"user","content":"x"},"#.repeat(40_000);
    for body in [
        format!(r#"{{{keys}"prompt":"x","model":"m","temperature":0.5,"stream":false}}"#),
        format!(
            r#"{{"prompt":"x","metadata":[{}],"temperature":0.5,"model":"m"}}"#,
            messages.trim_end_matches(',')
        ),
    ] {
        let observed = call(body.into()).await;
        let span = observed.span();
        assert_eq!(span.get("gen_ai.request.model").unwrap(), "m");
        assert_eq!(span.get("gen_ai.request.temperature").unwrap(), "0.5");
        assert_eq!(span.get("spanledger.request.hash"), None);
        assert_eq!(span.get("spanledger.unparsed").unwrap(), "request");
    }
    // As many as the largest prompts have.
    let tokens = "17,".repeat(300_000);
    let observed =
        call(format!(r#"{{"model":"m","prompt":[{}]}}"#, tokens.trim_end_matches(',')).into()).await;
    assert!(observed.span().get("spanledger.request.hash").is_some());
}
