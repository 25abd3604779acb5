//! async-openai over a client with the middleware: whole answers, and streams that the library stops reading at
//! `[DONE]`.
//!
//! ```sh
//! cargo run -p spanledger-clients --bin async_openai
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]

use std::time::{Duration, Instant};

use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
};
use futures_util::StreamExt;
use spanledger::GenAiMiddleware;
use spanledger::semconv::attribute;
use spanledger_clients::{Anything, in_memory, provider, show, value};

#[tokio::main]
async fn main() -> Anything {
    let (tracers, spans) = in_memory();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(GenAiMiddleware::builder().tracer_provider(tracers).build())
        .build();

    // async-openai takes a tower service in place of its own client.
    let bridge = tower::service_fn(move |request: HttpRequestFactory| {
        let client = client.clone();
        async move {
            client.execute(request.build().await?).await.map_err(|error| match error {
                reqwest_middleware::Error::Reqwest(error) => OpenAIError::Reqwest(error),
                reqwest_middleware::Error::Middleware(error) => OpenAIError::Boxed(error.into()),
            })
        }
    });
    // The service replaces the library's own retries, so they are put back. Outside of the middleware they make
    // each attempt a call; a retry layer on the client itself keeps them in one.
    let service = tower::ServiceBuilder::new().layer(OpenAIRetryLayer::default()).service(bridge);
    let (base, key) = provider().await?;
    let config = OpenAIConfig::new().with_api_base(base).with_api_key(key);
    let openai = async_openai::Client::with_config(config).with_http_service(service);

    let request = CreateChatCompletionRequest {
        model: "gpt-4o-mini".into(),
        messages: vec![ChatCompletionRequestUserMessage::from("How is it there?").into()],
        ..CreateChatCompletionRequest::default()
    };
    let answer = openai.chat().create(request.clone()).await?;
    eprintln!("{}", answer.choices[0].message.content.as_deref().unwrap_or_default());

    // Streams bring usage only when asked: here, or with `ask_for_usage` on the middleware.
    let options = ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None };
    let request = CreateChatCompletionRequest { stream_options: Some(options), ..request };
    let mut stream = openai.chat().create_stream(request).await?;
    while let Some(chunk) = stream.next().await {
        chunk?;
    }
    drop(stream);

    let spans = ended(&spans, 2).await?;
    show(&spans);
    for span in &spans {
        assert_eq!(value(span, attribute::OUTCOME), "completed");
        assert_eq!(value(span, attribute::USAGE_SOURCE), "provider");
    }
    assert_eq!(value(&spans[0], attribute::REQUEST_HASH), value(&spans[1], attribute::REQUEST_HASH));
    Ok(())
}

/// The library reads streams on a task of its own, which drops the body shortly after the last chunk.
async fn ended(
    spans: &opentelemetry_sdk::trace::InMemorySpanExporter,
    count: usize,
) -> Result<Vec<opentelemetry_sdk::trace::SpanData>, Box<dyn std::error::Error + Send + Sync>> {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let spans = spans.get_finished_spans()?;
        if spans.len() == count {
            return Ok(spans);
        }
        tokio::task::yield_now().await;
    }
    Err("a call has not ended within 10 s".into())
}
