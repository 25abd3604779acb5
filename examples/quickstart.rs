//! Two lines: one installs OpenTelemetry over OTLP, one puts the middleware on the client.
//!
//! ```sh
//! cargo run --example quickstart --features otlp
//! ```
//!
//! With `OTEL_EXPORTER_OTLP_ENDPOINT` set, spans and metrics go there; with `OPENAI_BASE_URL` or `OPENAI_API_KEY`, the
//! question goes to that provider. Without them both ends are played here.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

#[path = "shared/local.rs"]
mod local;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use spanledger::semconv::metric;

#[tokio::main]
async fn main() -> local::Anything {
    let received = Arc::new(AtomicUsize::new(0));
    let collector = match std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT") {
        Ok(endpoint) => endpoint,
        Err(_) => collector(Arc::clone(&received)).await?,
    };

    // An application says `let _telemetry = spanledger::otlp::init()?;` and leaves the rest to the environment.
    let telemetry = spanledger::otlp::builder().service_name("quickstart").endpoint(collector).init()?;
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(spanledger::GenAiMiddleware::new())
        .build();

    let (base, key) = local::provider().await?;
    let answer: serde_json::Value = client
        .post(format!("{base}/chat/completions"))
        .bearer_auth(key)
        .json(&json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How is it there?"}]}))
        .send()
        .await?
        .json()
        .await?;
    eprintln!("{}", answer["choices"][0]["message"]["content"]);

    // Dropping the guard sends what is left.
    drop(telemetry);
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        assert_eq!(received.load(Ordering::Relaxed), 2, "the span and the metrics have arrived");
    }
    Ok(())
}

/// A collector that counts exports about the call.
async fn collector(received: Arc<AtomicUsize>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    local::serve(move |_, path, body| {
        let wanted: &[u8] =
            if path == "/v1/traces" { b"chat gpt-4o-mini" } else { metric::INFERENCE_DURATION.as_bytes() };
        if body.windows(wanted.len()).any(|window| window == wanted) {
            received.fetch_add(1, Ordering::Relaxed);
        }
        local::Reply {
            status: 200,
            header: ("content-type", "application/x-protobuf".into()),
            pieces: Vec::new(),
        }
    })
    .await
}
