//! rig records each call as an LLM span of its own, which the bridge of `otlp` exports: a backend must see one call.

use std::sync::{Arc, Mutex};

use rig_core::completion::CompletionRequest;
use rig_core::providers::openai::OpenAIConfig;
use rig_reqwest::ReqwestMiddlewareClient;
use spanledger::GenAiMiddleware;
use spanledger::semconv::attribute;
use spanledger_clients::{Anything, Reply, chat, serve};

/// How often `text` is in `bytes`.
fn occurrences(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_sees_one_call_of_rig() -> Anything {
    let exported = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&exported);
    let receiver = serve(move |_, path, body| {
        if path == "/v1/traces" {
            seen.lock().expect("no test panicked").extend_from_slice(body);
        }
        Reply { status: 200, header: ("content-type", "application/x-protobuf".into()), pieces: Vec::new() }
    })
    .await?;
    let provider = serve(|_, _, body| chat(body)).await?;

    let guard = spanledger::otlp::builder().endpoint(receiver).init()?;
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(GenAiMiddleware::new()).build();
    let openai = OpenAIConfig::new("key")
        .with_base_url(format!("{provider}/v1"))
        .connect(ReqwestMiddlewareClient::from(client));
    openai.chat("gpt-4o-mini").call(CompletionRequest::new("How is it there?")).await?;
    tokio::task::spawn_blocking(move || drop(guard)).await?;

    let exported = exported.lock().expect("no test panicked");
    // rig's span is there, and only ours is an account of the call.
    assert_eq!(occurrences(&exported, "rig::completions"), 1);
    assert_eq!(occurrences(&exported, attribute::OUTCOME), 1);
    for name in [attribute::OPERATION_NAME, attribute::REQUEST_MODEL, attribute::USAGE_INPUT_TOKENS] {
        assert_eq!(occurrences(&exported, name), 1, "{name}");
    }
    Ok(())
}
