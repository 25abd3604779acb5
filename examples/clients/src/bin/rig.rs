//! rig over a client with the middleware.
//!
//! ```sh
//! cargo run -p spanledger-clients --bin rig
//! ```

use rig_core::completion::CompletionRequest;
use rig_core::providers::openai::OpenAIConfig;
use rig_reqwest::ReqwestMiddlewareClient;
use spanledger::GenAiMiddleware;
use spanledger::semconv::attribute;
use spanledger_clients::{Anything, in_memory, provider, show, value};

#[tokio::main]
async fn main() -> Anything {
    let (tracers, spans) = in_memory();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(GenAiMiddleware::builder().tracer_provider(tracers).build())
        .build();

    let (base, key) = provider().await?;
    let openai = OpenAIConfig::new(key).with_base_url(base).connect(ReqwestMiddlewareClient::from(client));
    let answer = openai.chat("gpt-4o-mini").call(CompletionRequest::new("How is it there?")).await?;
    eprintln!("{}", answer.text());

    let spans = spans.get_finished_spans()?;
    show(&spans);
    assert_eq!(spans.len(), 1);
    assert_eq!(value(&spans[0], attribute::OUTCOME), "completed");
    assert_eq!(value(&spans[0], attribute::USAGE_INPUT_TOKENS), "12");
    Ok(())
}
