//! Every way a call can end gives exactly one span and one set of metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::support::loopback::{Act, Loopback, answer, stream_end, stream_head};
use crate::support::observed::Observed;
use futures_util::StreamExt;
use opentelemetry::trace::Status;
use reqwest_middleware::ClientWithMiddleware;
use tokio::sync::Notify;

const PATH: &str = "/v1/chat/completions";
const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,
"message":{"role":"assistant","content":"Four."},"finish_reason":"stop"}],
"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}"#;

fn event(data: &str) -> Act {
    Act::Chunk(format!("data: {data}\n\n").into_bytes())
}

fn delta(text: &str) -> Act {
    event(&format!(
        r#"{{"id":"chatcmpl-2","object":"chat.completion.chunk","model":"gpt-4o-2024-08-06","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    ))
}

fn last_delta() -> Act {
    event(
        r#"{"id":"chatcmpl-2","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    )
}

fn usage() -> Act {
    event(
        r#"{"id":"chatcmpl-2","model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2,"total_tokens":13}}"#,
    )
}

fn done() -> Act {
    event("[DONE]")
}

fn request(
    client: &ClientWithMiddleware,
    server: &Loopback,
    stream: bool,
) -> reqwest_middleware::RequestBuilder {
    client.post(server.url(PATH)).json(&serde_json::json!({
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "What is two and two?"}],
        "stream": stream,
    }))
}

/// The one span has this outcome and error type, and the metrics counted one call.
fn assert_ended(observed: &Observed, outcome: &str, error_type: Option<&str>) {
    let span = observed.span();
    assert_eq!(span.outcome(), outcome);
    assert_eq!(span.get("error.type").as_deref(), error_type);
    let failed = matches!(span.0.status, Status::Error { .. });
    assert_eq!(failed, error_type.is_some(), "status Error goes with error.type");
    let metrics = observed.metrics();
    assert_eq!(metrics["spanledger.client.calls"], 1.0);
    assert_eq!(metrics["gen_ai.client.inference.duration"], 1.0);
}

#[tokio::test]
async fn ends_when_a_whole_answer_is_read() {
    let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    let observed = Observed::default();
    let body = request(&observed.client(), &server, false).send().await.unwrap().text().await.unwrap();
    assert_eq!(body, ANSWER);
    assert_ended(&observed, "completed", None);
    let span = observed.span();
    assert_eq!(span.0.name, "chat gpt-4o");
    assert_eq!(span.get("gen_ai.response.model").unwrap(), "gpt-4o-2024-08-06");
    assert_eq!(span.get("gen_ai.response.id").unwrap(), "chatcmpl-1");
    assert_eq!(span.get("gen_ai.usage.input_tokens").unwrap(), "11");
    assert_eq!(span.get("gen_ai.usage.output_tokens").unwrap(), "3");
    assert_eq!(span.get("gen_ai.response.finish_reasons").unwrap(), r#"["stop"]"#);
    assert_eq!(span.get("http.response.status_code").unwrap(), "200");
    assert_eq!(span.get("gen_ai.request.stream"), None);
    assert_eq!(span.get("spanledger.usage.source").unwrap(), "provider");
    assert_eq!(span.get("server.port").unwrap(), server.address.port().to_string());
}

#[tokio::test]
async fn ends_when_a_stream_is_read_to_its_end() {
    let acts = vec![stream_head(), delta("Fo"), delta("ur"), last_delta(), usage(), done(), stream_end()];
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap();
    assert_ended(&observed, "completed", None);
    let span = observed.span();
    assert_eq!(span.get("gen_ai.request.stream").unwrap(), "true");
    assert_eq!(span.get("gen_ai.usage.output_tokens").unwrap(), "2");
    assert!(span.get("gen_ai.response.time_to_first_chunk").is_some());
    let metrics = observed.metrics();
    assert_eq!(metrics["gen_ai.client.inference.time_to_first_chunk"], 1.0);
    assert_eq!(metrics["gen_ai.client.inference.time_per_output_chunk"], 1.0);
}

#[tokio::test]
async fn is_complete_when_the_caller_stops_behind_the_end_marker() {
    let acts = vec![stream_head(), delta("Four"), last_delta(), usage(), done(), Act::Hang];
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    let mut body = request(&observed.client(), &server, true).send().await.unwrap().bytes_stream();
    let mut text = Vec::new();
    while !text.ends_with(b"[DONE]\n\n") {
        text.extend_from_slice(&body.next().await.unwrap().unwrap());
    }
    drop(body);
    assert_ended(&observed, "completed", None);
}

#[tokio::test]
async fn is_dropped_when_the_caller_stops_midway() {
    let server = Loopback::start(vec![stream_head(), delta("Fo"), Act::Hang]).await;
    let observed = Observed::default();
    let mut body = request(&observed.client(), &server, true).send().await.unwrap().bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    assert_ended(&observed, "dropped", None);
    let span = observed.span();
    assert_eq!(span.get("gen_ai.response.finish_reasons").unwrap(), r#"["error"]"#);
    assert_eq!(span.get("gen_ai.usage.output_tokens"), None, "absent is not zero");
    assert_eq!(span.get("spanledger.usage.source").unwrap(), "none");
    assert_eq!(span.get("spanledger.cost.status").unwrap(), "no_usage");
}

#[tokio::test]
async fn is_dropped_when_the_body_is_never_read() {
    let server = Loopback::start(vec![stream_head(), delta("Fo"), Act::Hang]).await;
    let observed = Observed::default();
    drop(request(&observed.client(), &server, true).send().await.unwrap());
    assert_ended(&observed, "dropped", None);
}

#[tokio::test]
async fn is_truncated_when_the_server_aborts() {
    let server = Loopback::start(vec![stream_head(), delta("Fo"), Act::Abort]).await;
    let observed = Observed::default();
    let error = request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap_err();
    assert!(error.is_body() || error.is_decode());
    let span = observed.span();
    assert_eq!(span.outcome(), "truncated");
    assert!(matches!(span.get("error.type").as_deref(), Some("body" | "decode")));
}

#[tokio::test]
async fn is_truncated_when_the_stream_ends_without_its_marker() {
    let server = Loopback::start(vec![stream_head(), delta("Fo"), stream_end()]).await;
    let observed = Observed::default();
    request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap();
    assert_ended(&observed, "truncated", Some("unexpected_end"));
}

#[tokio::test]
async fn is_complete_without_a_marker_when_finish_reason_and_usage_came() {
    let server =
        Loopback::start(vec![stream_head(), delta("Four"), last_delta(), usage(), stream_end()]).await;
    let observed = Observed::default();
    request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap();
    assert_ended(&observed, "completed", None);
}

#[tokio::test]
async fn is_complete_when_an_error_comes_behind_the_end_marker() {
    let acts = vec![stream_head(), delta("Four"), last_delta(), usage(), done(), Act::Abort];
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap_err();
    assert_ended(&observed, "completed", None);
}

#[tokio::test]
async fn is_truncated_when_a_200_is_empty() {
    let server = Loopback::start(answer("200 OK", "text/event-stream", "")).await;
    let observed = Observed::default();
    request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap();
    assert_ended(&observed, "truncated", Some("unexpected_end"));
}

#[tokio::test]
async fn times_out_while_reading() {
    let server = Loopback::start(vec![stream_head(), delta("Fo"), Act::Hang]).await;
    let observed = Observed::default();
    let client =
        reqwest::Client::builder().no_proxy().read_timeout(Duration::from_millis(50)).build().unwrap();
    let client = observed.client_of(client);
    let error = request(&client, &server, true).send().await.unwrap().bytes().await.unwrap_err();
    assert!(error.is_timeout());
    assert_ended(&observed, "timed_out", Some("timeout"));
}

#[tokio::test]
async fn times_out_as_a_whole_before_and_behind_the_headers() {
    for acts in [vec![Act::Hang], vec![stream_head(), delta("Fo"), Act::Hang]] {
        let server = Loopback::start(acts).await;
        let observed = Observed::default();
        let sent = request(&observed.client(), &server, true).timeout(Duration::from_millis(50)).send().await;
        match sent {
            Ok(response) => assert!(response.bytes().await.unwrap_err().is_timeout()),
            Err(error) => assert!(error.is_timeout()),
        }
        assert_ended(&observed, "timed_out", Some("timeout"));
    }
}

#[tokio::test]
async fn is_cancelled_when_the_future_is_dropped_before_the_headers() {
    let server = Loopback::start(vec![Act::Hang]).await;
    let observed = Observed::default();
    let client = observed.client();
    let mut sending = Box::pin(request(&client, &server, false).send());
    tokio::select! {
        biased;
        _ = &mut sending => panic!("the server never answers"),
        () = received(&server) => {}
    }
    drop(sending);
    assert_ended(&observed, "cancelled", None);
    assert_eq!(observed.span().get("http.response.status_code"), None);
}

/// Waits until the server holds a request.
async fn received(server: &Loopback) {
    while server.requests.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn is_dropped_when_the_reader_panics() {
    let server = Loopback::start(vec![stream_head(), delta("Fo"), Act::Hang]).await;
    let observed = Observed::default();
    let response = request(&observed.client(), &server, true).send().await.unwrap();
    let reader = tokio::spawn(async move {
        let mut body = response.bytes_stream();
        body.next().await.unwrap().unwrap();
        panic!("the reader fails");
    });
    assert!(reader.await.unwrap_err().is_panic());
    assert_ended(&observed, "dropped", None);
}

#[test]
fn is_dropped_when_the_runtime_shuts_down() {
    // On one thread nothing is polled any more once the runtime goes; on several, the reader may still see its
    // connection go first, which is another ending.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let observed = Observed::default();
    let client = observed.client();
    runtime.block_on(async {
        let server = Loopback::start(vec![stream_head(), delta("Fo"), Act::Hang]).await;
        let (read, reading) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut body = request(&client, &server, true).send().await.unwrap().bytes_stream();
            body.next().await.unwrap().unwrap();
            read.send(()).unwrap();
            body.next().await;
        });
        reading.await.unwrap();
    });
    assert!(observed.spans().is_empty(), "the stream is still open");
    drop(runtime);
    assert_ended(&observed, "dropped", None);
}

#[tokio::test]
async fn fails_when_nobody_listens_and_keeps_the_key_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let observed = Observed::default();
    let url = format!("http://{address}{PATH}?key=SECRET");
    observed.client().post(url).json(&serde_json::json!({"model": "gpt-4o"})).send().await.unwrap_err();
    assert_ended(&observed, "failed", Some("connect"));
    assert!(!format!("{:?}", observed.spans()).contains("SECRET"));
}

#[tokio::test]
async fn fails_with_the_providers_code_and_else_with_the_status() {
    let coded =
        r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let cases = [
        ("429 Too Many Requests", "application/json", coded, "rate_limit_exceeded"),
        ("500 Internal Server Error", "text/html", "<html>oh no</html>", "500"),
        ("503 Service Unavailable", "text/plain", "", "503"),
    ];
    for (status, content_type, body, error_type) in cases {
        for read in [true, false] {
            let server = Loopback::start(answer(status, content_type, body)).await;
            let observed = Observed::default();
            let response = request(&observed.client(), &server, true).send().await.unwrap();
            let whole = read || body.is_empty();
            if read {
                response.bytes().await.unwrap();
            } else {
                drop(response);
            }
            let expected = if whole || error_type.len() == 3 { error_type } else { "429" };
            assert_ended(&observed, "failed", Some(expected));
        }
    }
}

#[tokio::test]
async fn fails_on_an_error_inside_a_stream() {
    let error = event(r#"{"error":{"message":"overloaded","type":"server_error","code":"overloaded"}}"#);
    let server = Loopback::start(vec![stream_head(), delta("Fo"), error, done(), stream_end()]).await;
    let observed = Observed::default();
    request(&observed.client(), &server, true).send().await.unwrap().bytes().await.unwrap();
    assert_ended(&observed, "failed", Some("overloaded"));
    assert_eq!(observed.span().get("http.response.status_code").unwrap(), "200");
}

#[tokio::test]
async fn two_layers_on_one_client_give_one_span() {
    let server = Loopback::start(answer("200 OK", "application/json", ANSWER)).await;
    let observed = Observed::default();
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(observed.builder().build())
            .with(observed.builder().build())
            .build();
    request(&client, &server, false).send().await.unwrap().bytes().await.unwrap();
    assert_ended(&observed, "completed", None);
}

#[tokio::test]
async fn a_call_that_waits_for_its_chunks_streams_them_on() {
    let more = Arc::new(Notify::new());
    let acts = vec![
        stream_head(),
        delta("Fo"),
        Act::Await(Arc::clone(&more)),
        last_delta(),
        usage(),
        done(),
        stream_end(),
    ];
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    let mut body = request(&observed.client(), &server, true).send().await.unwrap().bytes_stream();
    let first = body.next().await.unwrap().unwrap();
    assert!(first.ends_with(b"\n\n"), "the first chunk arrives while the server holds back the rest");
    assert!(observed.spans().is_empty(), "the span covers the body");
    more.notify_one();
    while body.next().await.is_some() {}
    assert_ended(&observed, "completed", None);
}

#[tokio::test]
async fn asks_for_usage_and_hides_its_chunk_from_a_caller_who_did_not() {
    let acts = vec![stream_head(), delta("Four"), last_delta(), usage(), done(), stream_end()];
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::builder().no_proxy().build().unwrap())
            .with(observed.builder().ask_for_usage(true).build())
            .build();
    let body = request(&client, &server, true).send().await.unwrap().text().await.unwrap();
    assert!(server.requests.lock().unwrap()[0].contains(r#""include_usage":true"#));
    assert!(!body.contains("prompt_tokens"), "the caller did not ask for usage");
    assert!(body.ends_with("data: [DONE]\n\n"));
    assert_ended(&observed, "completed", None);
    assert_eq!(observed.span().get("gen_ai.usage.input_tokens").unwrap(), "11");
}
