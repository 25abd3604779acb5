//! Messages on the span: off by default, here in full, with e-mail addresses taken out.
//!
//! ```sh
//! cargo run --example content_capture
//! ```

#[path = "shared/local.rs"]
mod local;

use serde_json::{Value, json};
use spanledger::semconv::attribute;
use spanledger::{Capture, GenAiMiddleware};

/// Takes out what looks like an e-mail address. The hook sees each part of each message before anything is recorded.
fn redact(part: &mut Value) {
    if let Some(content) = part.get_mut("content").filter(|content| content.is_string()) {
        let words = content.as_str().unwrap_or_default().split(' ');
        let clean: Vec<&str> = words.map(|word| if word.contains('@') { "[e-mail]" } else { word }).collect();
        *content = clean.join(" ").into();
    }
}

#[tokio::main]
async fn main() -> local::Anything {
    let (tracers, spans) = local::in_memory();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(
            GenAiMiddleware::builder()
                .tracer_provider(tracers)
                .capture(Capture::full().max_bytes(4 * 1024).redact(redact))
                .build(),
        )
        .build();

    let (base, key) = local::provider().await?;
    client
        .post(format!("{base}/chat/completions"))
        .bearer_auth(key)
        .json(&json!({
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "Write to alice@example.com please"}],
        }))
        .send()
        .await?
        .bytes()
        .await?;

    let spans = spans.get_finished_spans()?;
    local::show(&spans);
    let input: Value = serde_json::from_str(&local::value(&spans[0], attribute::INPUT_MESSAGES))?;
    assert_eq!(input[0]["parts"][0]["content"], "Write to [e-mail] please");
    let output: Value = serde_json::from_str(&local::value(&spans[0], attribute::OUTPUT_MESSAGES))?;
    assert_eq!(output[0]["role"], "assistant");
    Ok(())
}
