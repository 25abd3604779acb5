//! Who asked: per-call facts on the span, from request extensions and from W3C baggage.
//!
//! ```sh
//! cargo run --example call_context
//! ```

#[path = "shared/local.rs"]
mod local;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::{Context, KeyValue};
use serde_json::json;
use spanledger::semconv::attribute;
use spanledger::{CallContext, GenAiMiddleware};

#[tokio::main]
async fn main() -> local::Anything {
    let (tracers, spans) = local::in_memory();
    let middleware = GenAiMiddleware::builder().tracer_provider(tracers).read_baggage(true).build();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(middleware).build();
    let (base, key) = local::provider().await?;
    let ask = || {
        client.post(format!("{base}/chat/completions")).bearer_auth(&key).json(
            &json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How is it there?"}]}),
        )
    };

    // What this call knows about itself.
    let context = CallContext::new()
        .user_id("alice")
        .client_address("203.0.113.7")
        .conversation_id("thread-7")
        .attribute(KeyValue::new("app.feature", "welcome"));
    ask().with_extension(context).send().await?.bytes().await?;

    // What the service before this one said about the request; a server's propagator puts it there.
    let baggage = Context::current().with_baggage([KeyValue::new(attribute::USER_ID, "bob")]);
    ask().send().with_context(baggage).await?.bytes().await?;

    let spans = spans.get_finished_spans()?;
    local::show(&spans);
    assert_eq!(local::value(&spans[0], attribute::USER_ID), "alice");
    assert_eq!(local::value(&spans[0], attribute::CLIENT_ADDRESS), "203.0.113.7");
    assert_eq!(local::value(&spans[0], attribute::CONVERSATION_ID), "thread-7");
    assert_eq!(local::value(&spans[0], "app.feature"), "welcome");
    assert_eq!(local::value(&spans[1], attribute::USER_ID), "bob");
    Ok(())
}
