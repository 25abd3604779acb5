//! What is not parsed is recorded on the span and counted by its reason.

use crate::support::loopback::{Loopback, answer};
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
