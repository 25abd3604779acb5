//! Another backend reads the library's spans as they are meant: each call once, with the same tokens and the same cost.

use serde_json::{Value, json};
use spanledger_e2e::application::Application;
use spanledger_e2e::exchange::{Exchange, Known};
use spanledger_e2e::phoenix::Phoenix;
use spanledger_e2e::provider::Provider;
use spanledger_e2e::{Result, python};
use tracing::Instrument;

/// What the provider counts. Phoenix and this project count cached tokens as a part of the input.
struct Usage {
    uncached: u64,
    read: u64,
    written: u64,
    output: u64,
}

/// A message of Claude, whole or streamed.
fn claude(id: &str, stream: bool, usage: &Usage) -> Exchange {
    let model = "claude-sonnet-4-5-20250929";
    let counts = json!({
        "input_tokens": usage.uncached,
        "cache_read_input_tokens": usage.read,
        "cache_creation_input_tokens": usage.written,
        "output_tokens": usage.output,
    });
    let message = json!({
        "id": id, "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "It is sunny."}], "usage": counts,
    });
    let body = if stream {
        let events = [
            json!({"type": "message_start", "message": message}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": usage.output}}),
            json!({"type": "message_stop"}),
        ];
        events
            .iter()
            .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
            .collect()
    } else {
        message.to_string()
    };
    let request = json!({"model": model, "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": "How is it?"}]});
    let known = Known {
        input_tokens: Some(usage.uncached + usage.read + usage.written),
        output_tokens: Some(usage.output),
        cache_read_tokens: Some(usage.read),
        cache_write_tokens: Some(usage.written),
        ..Known::default()
    };
    Exchange {
        id: id.to_owned(),
        host: "api.anthropic.com".to_owned(),
        path: "/v1/messages".to_owned(),
        request: request.to_string().into(),
        status: 200,
        content_type: if stream { "text/event-stream" } else { "application/json" }.to_owned(),
        body: body.into(),
        cut: false,
        known,
    }
}

/// A chat completion of which most of the input was cached.
fn openai(id: &str) -> Exchange {
    let usage = json!({
        "prompt_tokens": 1200, "completion_tokens": 80, "total_tokens": 1280,
        "prompt_tokens_details": {"cached_tokens": 1024},
        "completion_tokens_details": {"reasoning_tokens": 0},
    });
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": "Sunny."}, "finish_reason": "stop"});
    let body = json!({"id": id, "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18", "choices": [choice], "usage": usage});
    let known = Known {
        input_tokens: Some(1200),
        output_tokens: Some(80),
        cache_read_tokens: Some(1024),
        ..Known::default()
    };
    Exchange {
        host: "api.openai.com".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        request: json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How is it?"}]})
            .to_string()
            .into(),
        body: body.to_string().into(),
        known,
        ..claude(id, false, &Usage { uncached: 0, read: 0, written: 0, output: 0 })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn phoenix_counts_the_tokens_and_the_cost_that_the_library_reports() -> Result<()> {
    let Some(python) = python("phoenix.server")? else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let phoenix = Phoenix::start(&python, directory.path()).await?;
    let exchanges = [
        claude("cached", false, &Usage { uncached: 50, read: 1000, written: 300, output: 70 }),
        claude("cached-stream", true, &Usage { uncached: 50, read: 0, written: 4000, output: 70 }),
        claude("uncached", false, &Usage { uncached: 500, read: 0, written: 0, output: 70 }),
        openai("openai"),
    ];
    let provider = Provider::start(&exchanges).await?;
    let application = Application::with_bridge("phoenix-test", phoenix.http, &provider)?;
    for exchange in &exchanges {
        // As a client library records the call that it makes through the middleware.
        let library = tracing::info_span!(
            target: "rig::completions",
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.usage.input_tokens = exchange.known.input_tokens,
            gen_ai.usage.output_tokens = exchange.known.output_tokens
        );
        application.call(exchange).instrument(library).await?;
    }
    // Phoenix takes no metrics, so that not everything is taken.
    drop(application.flush().await);

    let spans = phoenix.spans(2 * exchanges.len()).await?;
    let calls: Vec<&Value> = spans.iter().filter(|span| span["spanKind"] == "llm").collect();
    assert_eq!(calls.len(), exchanges.len(), "{spans:#?}");
    for exchange in &exchanges {
        let of_exchange = |span: &&Value| attribute(span, "/session/id") == exchange.id;
        let call = calls
            .iter()
            .copied()
            .find(of_exchange)
            .ok_or_else(|| format!("{} is missing: {spans:#?}", exchange.id))?;
        let found = Known {
            input_tokens: call["tokenCountPrompt"].as_u64(),
            output_tokens: call["tokenCountCompletion"].as_u64(),
            cache_read_tokens: call["tokenPromptDetails"]["cacheRead"].as_u64(),
            cache_write_tokens: call["tokenPromptDetails"]["cacheWrite"].as_u64(),
            ..Known::default()
        };
        assert_eq!(found, exchange.known, "{}", exchange.id);
        let total = exchange
            .known
            .input_tokens
            .zip(exchange.known.output_tokens)
            .map(|(input, output)| input + output);
        assert_eq!(call["tokenCountTotal"].as_u64(), total, "{}", exchange.id);
        let theirs = call["costSummary"]["total"]["cost"].as_f64().ok_or("no cost in Phoenix")?;
        let ours = attribute(call, "/gen_ai/usage/cost").as_f64().ok_or("no cost on the span")?;
        assert!((theirs - ours).abs() < 1e-9, "{}: {theirs} in Phoenix, {ours} on the span", exchange.id);
    }
    Ok(())
}

/// An attribute of a span, by its JSON pointer.
fn attribute(span: &Value, pointer: &str) -> Value {
    let attributes = span["attributes"].as_str().unwrap_or_default();
    let attributes: Value = serde_json::from_str(attributes).unwrap_or_default();
    attributes.pointer(pointer).cloned().unwrap_or_default()
}
