//! Secrets planted in every place a call has are found in nothing that leaves it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use support::loopback::{Act, Loopback, answer, stream_end, stream_head};
use support::observed::Observed;

const CANARY: &str = "canary-7f3a";

/// Everything a call can carry that is no parameter: each with a canary of its own.
fn body(stream: bool) -> String {
    serde_json::json!({
        "model": "gpt-4o",
        "stream": stream,
        "system": format!("{CANARY}-system"),
        "messages": [
            {"role": "system", "content": format!("{CANARY}-instructions")},
            {"role": "user", "name": format!("{CANARY}-name"), "content": [
                {"type": "text", "text": format!("{CANARY}-prompt")},
                {"type": "image_url", "image_url": {"url": format!("https://x/{CANARY}-image")}},
            ]},
            {"role": "assistant", "tool_calls": [{"id": format!("{CANARY}-call"), "type": "function",
                "function": {"name": format!("{CANARY}-tool"), "arguments": format!("{CANARY}-arguments")}}]},
            {"role": "tool", "tool_call_id": "x", "content": format!("{CANARY}-result")},
        ],
        "tools": [{"type": "function", "function": {"name": format!("{CANARY}-function")}}],
        "user": format!("{CANARY}-user"),
        "metadata": {"a": format!("{CANARY}-metadata")},
        "safety_identifier": format!("{CANARY}-safety"),
        "prompt_cache_key": format!("{CANARY}-cache"),
        "api_key": format!("{CANARY}-key-in-body"),
        "response_format": {"type": "json_schema", "json_schema": {"name": format!("{CANARY}-schema")}},
        "logit_bias": {"1": format!("{CANARY}-bias")},
        "unknown_field": format!("{CANARY}-unknown"),
    })
    .to_string()
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_reaches_a_span_a_metric_or_a_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let choice = format!(
        r#"{{"index":0,"finish_reason":"stop","message":{{"content":"{CANARY}-answer","refusal":"{CANARY}-refusal",
        "reasoning_content":"{CANARY}-thought"}},"delta":{{"content":"{CANARY}-delta"}},
        "logprobs":{{"content":[{{"token":"{CANARY}-token"}}]}}}}"#
    );
    let whole = format!(
        r#"{{"id":"chatcmpl-1","model":"gpt-4o","choices":[{choice}],"usage":{{"prompt_tokens":1,"completion_tokens":1}},
        "unknown":"{CANARY}-answered"}}"#
    );
    let error = |code: &str| {
        format!(
            r#"{{"error":{{"message":"bad key {CANARY}-message","type":"{CANARY} type","code":"{code}","param":"{CANARY}-param"}}}}"#
        )
    };
    let event = |data: &str| Act::Chunk(format!("data: {}\n\n", data.replace('\n', "")).into_bytes());
    let cases = [
        (false, answer("200 OK", "application/json", &whole)),
        (true, vec![stream_head(), event(&whole), event("[DONE]"), stream_end()]),
        (true, vec![stream_head(), event(&whole), event(&error("server_error")), stream_end()]),
        (false, answer("401 Unauthorized", "application/json", &error("invalid_api_key"))),
        (false, answer("401 Unauthorized", "application/json", &error(&format!("bad key {CANARY}-code")))),
        (false, answer("500 Oh", "text/plain", &format!("panic: {CANARY}-panic"))),
        (true, vec![stream_head(), event(&whole), Act::Abort]),
        (false, vec![Act::Abort]),
    ];
    let observed = Observed::default();
    let calls = cases.len();
    for (stream, acts) in cases {
        let server = Loopback::start(acts).await;
        let url = format!(
            "http://{CANARY}-name:{CANARY}-password@{}/v1/chat/completions?key={CANARY}-query&api-version=1#{CANARY}-fragment",
            server.address
        );
        let mut request = observed.client().post(url).body(body(stream));
        for header in ["authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "x-other"] {
            request = request.header(header, format!("Bearer {CANARY}-{header}"));
        }
        if let Ok(response) = request.send().await {
            drop(response.bytes().await);
        }
    }
    let spans = observed.spans();
    assert_eq!(spans.len(), calls);
    assert_eq!(observed.metrics()["spanledger.client.calls"], calls as f64);
    let everything = format!("{spans:?} {:?}", observed.points());
    assert_eq!(everything.find(CANARY), None, "{everything}");
    // The HTTP client's own lines are the application's to filter; ours must hold no secret at any level.
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("spanledger")).collect();
    assert!(!ours.iter().any(|line| line.contains(CANARY)), "{ours:?}");
}
