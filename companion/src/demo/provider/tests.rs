use http_body_util::BodyExt;
use opentelemetry::Value;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use reqwest_middleware::ClientBuilder;
use serde_json::json;
use spanledger::GenAiMiddleware;

use super::*;

/// What the middleware makes of each format, whole, as a stream, and with a tool.
#[tokio::test]
async fn every_format_is_one_that_the_library_reads() {
    let address = super::super::sink::serve(router()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let gemini = "v1beta/models/gemini-2.5-flash";
    for (provider, path, streams) in [
        ("openai", "v1/chat/completions".to_owned(), false),
        ("openai", "v1/chat/completions".to_owned(), true),
        ("anthropic", "v1/messages".to_owned(), false),
        ("anthropic", "v1/messages".to_owned(), true),
        ("gcp.gemini", format!("{gemini}:generateContent"), false),
        ("gcp.gemini", format!("{gemini}:streamGenerateContent?alt=sse"), true),
        ("openai", "v1/embeddings".to_owned(), false),
    ] {
        for tool in [false, true] {
            let exporter = InMemorySpanExporter::default();
            let tracers = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
            let middleware =
                GenAiMiddleware::builder().tracer_provider(tracers.clone()).provider(provider).build();
            let client = ClientBuilder::new(client.clone()).with(middleware).build();
            let body = json!({
                "model": "gpt-4o-mini",
                "stream": streams,
                "max_tokens": 10,
                "messages": [{"role": "user", "content": "Hello"}],
                "contents": [{"parts": [{"text": "Hello"}]}],
                "input": "Hello",
                "metadata": {"scene": "answer", "tokens": [400, 20], "tool": tool},
            });
            let url = format!("http://{address}/{path}");
            let response = client.post(&url).json(&body).send().await.unwrap();
            drop(response.bytes().await.unwrap());
            let spans = exporter.get_finished_spans().unwrap();
            let of = |name: &str| {
                let found = spans[0].attributes.iter().find(|pair| pair.key.as_str() == name);
                found.map(|pair| pair.value.clone())
            };
            assert_eq!(of("spanledger.outcome"), Some(Value::from("completed")), "{path} {streams} {tool}");
            assert_eq!(of("gen_ai.usage.input_tokens"), Some(Value::I64(400)), "{path} {streams} {tool}");
            if path != "v1/embeddings" {
                assert_eq!(of("gen_ai.usage.output_tokens"), Some(Value::I64(20)), "{path} {streams} {tool}");
                assert_eq!(
                    of("gen_ai.usage.cache_read.input_tokens"),
                    Some(Value::I64(100)),
                    "{path} {streams} {tool}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_request_without_a_scene_is_refused() {
    let response = respond::<openai::Chat>(Bytes::from_static(b"{}"), None).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("metadata"));
}
