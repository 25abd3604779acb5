//! A call that is sent several times is one call with a span for each attempt.

use std::time::Duration;

use crate::support::loopback::{Act, Loopback, answer};
use crate::support::observed::Observed;
use opentelemetry::Value;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use spanledger::{AttemptSpans, RetryAfter};

const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o-mini","choices":[{"index":0,"finish_reason":"stop",
    "message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

/// The layers in the order the documentation gives.
fn client(observed: &Observed, retries: u32) -> ClientWithMiddleware {
    let backoff = ExponentialBackoff::builder()
        .retry_bounds(Duration::from_millis(1), Duration::from_millis(2))
        .build_with_max_retries(retries);
    ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(observed.builder().build())
        .with(RetryTransientMiddleware::new_with_policy(backoff))
        .with(RetryAfter::new())
        .with(AttemptSpans::with_tracer_provider(observed.tracers.clone()))
        .build()
}

fn refusal(status: &str, headers: &str) -> Vec<Act> {
    vec![Act::Write(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n").into_bytes(),
    )]
}

fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|found| found.value.clone())
}

async fn ask(client: &ClientWithMiddleware, url: &str) -> reqwest_middleware::Result<String> {
    let response = client.post(url).body(r#"{"model":"gpt-4o-mini","messages":[]}"#).send().await?;
    Ok(response.text().await?)
}

#[tokio::test]
async fn each_attempt_is_a_child_of_its_call_and_counts_up() {
    let server = Loopback::start_each(vec![
        refusal("503 Service Unavailable", ""),
        refusal("429 Too Many Requests", ""),
        answer("200 OK", "application/json", ANSWER),
    ])
    .await;
    let observed = Observed::default();
    let url = server.url("/v1/chat/completions?key=secret&alt=sse");
    assert_eq!(ask(&client(&observed, 5), &url).await.unwrap(), ANSWER);

    let spans = observed.spans();
    let (call, attempts) = spans.split_last().unwrap();
    assert_eq!((call.name.as_ref(), attempts.len()), ("chat gpt-4o-mini", 3));
    assert_eq!(attribute(call, "error.type"), None, "a healed call is no error");
    for (attempt, (status, resends)) in attempts.iter().zip([(503, None), (429, Some(1)), (200, Some(2))]) {
        assert_eq!(attempt.name, "POST");
        assert_eq!(attempt.span_kind, SpanKind::Client);
        assert_eq!(attempt.parent_span_id, call.span_context.span_id());
        assert_eq!(attribute(attempt, "http.request.method"), Some("POST".into()));
        assert_eq!(attribute(attempt, "http.response.status_code"), Some(Value::I64(status)));
        assert_eq!(attribute(attempt, "http.request.resend_count"), resends.map(Value::I64));
        assert_eq!(attribute(attempt, "server.address"), Some("127.0.0.1".into()));
        assert_eq!(attribute(attempt, "server.port"), Some(Value::I64(server.address.port().into())));
        let shown = format!("http://{}/v1/chat/completions?key=REDACTED&alt=sse", server.address);
        assert_eq!(attribute(attempt, "url.full"), Some(shown.into()));
        let error = (status != 200).then(|| Value::from(status.to_string()));
        assert_eq!(attribute(attempt, "error.type"), error);
        assert_eq!(attempt.status == Status::Unset, status == 200);
    }
}

#[tokio::test]
async fn an_attempt_that_gets_no_answer_says_why() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let observed = Observed::default();
    ask(&client(&observed, 1), &format!("http://{nobody}/v1/chat/completions")).await.unwrap_err();
    let spans = observed.spans();
    assert_eq!(spans.len(), 3);
    for attempt in &spans[..2] {
        assert_eq!(attribute(attempt, "error.type"), Some("connect".into()));
        assert_eq!(attribute(attempt, "http.response.status_code"), None);
    }
}

#[tokio::test]
async fn an_attempt_that_is_given_up_ends_without_an_error() {
    let server = Loopback::start(vec![Act::Hang]).await;
    let observed = Observed::default();
    let client = client(&observed, 0);
    let url = server.url("/v1/chat/completions");
    tokio::select! {
        _ = ask(&client, &url) => panic!("nobody answers"),
        () = arrived(&server) => {}
    }
    let spans = observed.spans();
    let attempt = spans.iter().find(|span| span.name == "POST").expect("the attempt's span ended");
    assert_eq!(attribute(attempt, "error.type"), None);
}

/// Waits until a request is on the server's side.
async fn arrived(server: &Loopback) {
    while server.requests.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_the_provider_asks_and_not_after_the_last_attempt() {
    let server = Loopback::start_each(vec![
        refusal("429 Too Many Requests", "retry-after: 7\r\n"),
        refusal("529 Overloaded", "retry-after-ms: 1500\r\n"),
        refusal("503 Service Unavailable", "retry-after: 3600\r\n"),
        refusal("503 Service Unavailable", "retry-after: 50\r\n"),
    ])
    .await;
    let observed = Observed::default();
    let started = tokio::time::Instant::now();
    ask(&client(&observed, 3), &server.url("/v1/chat/completions")).await.unwrap();
    let waited = started.elapsed();
    // Seven seconds, one and a half, and an hour cut to a minute.
    assert!((68.5..69.0).contains(&waited.as_secs_f64()), "waited {waited:?}");
    assert_eq!(server.requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn an_absurd_wait_is_no_wait() {
    let refusal = refusal("429 Too Many Requests", "retry-after: 18446744073709000000\r\n");
    let server = Loopback::start_each(vec![refusal]).await;
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
        .with(RetryAfter::new().max_wait(Duration::MAX))
        .build();
    assert_eq!(client.post(server.url("/")).send().await.unwrap().status(), 429);
}
