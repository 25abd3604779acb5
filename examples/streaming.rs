//! A stream is one span, to its last chunk: with the time to the first chunk, and usage although the caller did not
//! ask for it.
//!
//! ```sh
//! cargo run --example streaming
//! ```

#[path = "shared/local.rs"]
mod local;

use futures_util::StreamExt;
use serde_json::json;
use spanledger::GenAiMiddleware;
use spanledger::semconv::attribute;

#[tokio::main]
async fn main() -> local::Anything {
    let (tracers, spans) = local::in_memory();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(
            GenAiMiddleware::builder()
                .tracer_provider(tracers)
                // OpenAI-style providers count the tokens of a stream only when asked. The chunk that brings the
                // count is hidden from this program, since it did not ask itself.
                .ask_for_usage(true)
                .build(),
        )
        .build();

    let (base, key) = local::provider().await?;
    let response = client
        .post(format!("{base}/chat/completions"))
        .bearer_auth(key)
        .json(&json!({
            "model": "gpt-4o-mini",
            "stream": true,
            "messages": [{"role": "user", "content": "How is it there?"}],
        }))
        .send()
        .await?;
    assert!(spans.get_finished_spans()?.is_empty(), "headers do not end a call");

    let mut body = response.bytes_stream();
    let mut text = String::new();
    while let Some(chunk) = body.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk?));
    }
    drop(body);
    assert!(!text.contains("prompt_tokens"), "the chunk with the usage is hidden");

    let spans = spans.get_finished_spans()?;
    local::show(&spans);
    assert_eq!(spans.len(), 1);
    assert_eq!(local::value(&spans[0], attribute::OUTCOME), "completed");
    assert_eq!(local::value(&spans[0], attribute::USAGE_SOURCE), "provider");
    assert!(!local::value(&spans[0], attribute::USAGE_OUTPUT_TOKENS).is_empty());
    assert!(!local::value(&spans[0], attribute::RESPONSE_TIME_TO_FIRST_CHUNK).is_empty());
    Ok(())
}
