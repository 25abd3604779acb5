//! A loopback server that speaks the wire formats of OpenAI (chat completions, embeddings) and Anthropic (messages), with
//! good days and bad ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How the provider answers one request. The demo's application asks for it in `metadata.scene`, so that every
/// run shows the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scene {
    /// A whole answer, or a stream to its end, as the request asks.
    Answer,
    /// The same with the token counts of a very long conversation.
    Expensive,
    /// 429 with a `Retry-After`.
    RateLimited,
    /// 500 with an HTML page, as a proxy would send it.
    Broken,
    /// A stream whose connection is cut midway.
    Cut,
    /// 401, as for a key that was revoked.
    Unauthorized,
}

/// The longest time that the provider thinks, in milliseconds.
const LONGEST_WAIT: u64 = 60_000;

#[derive(Deserialize)]
struct Request {
    model: String,
    #[serde(default)]
    stream: bool,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    scene: Scene,
    /// Input and output tokens of a good response. Defaults to those of a short question.
    tokens: Option<(u64, u64)>,
    /// How long the provider thinks, in milliseconds.
    #[serde(default)]
    wait: u64,
}

pub(super) fn router() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(|body: Bytes| answer(body, whole)))
        .route("/v1/messages", post(|body: Bytes| answer(body, message)))
        .route("/v1/embeddings", post(|body: Bytes| answer(body, embedding)))
}

/// `good` makes a whole response of a model and its tokens.
async fn answer(body: Bytes, good: fn(&str, (u64, u64)) -> Response) -> Response {
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &error.to_string()),
    };
    let Metadata { scene, tokens, wait } = request.metadata;
    tokio::time::sleep(Duration::from_millis(wait.min(LONGEST_WAIT))).await;
    match scene {
        Scene::Answer if request.stream => stream(&request.model, tokens.unwrap_or((220, 48)), wait, true),
        Scene::Answer => good(&request.model, tokens.unwrap_or((180, 64))),
        Scene::Expensive => good(&request.model, (96_000, 24_000)),
        Scene::Unauthorized => {
            refusal(StatusCode::UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided.")
        }
        Scene::RateLimited => {
            let mut refused = refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_exceeded",
                "Rate limit reached for requests. Please try again later.",
            );
            refused.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            refused
        }
        Scene::Broken => {
            let page = "<html><body><h1>500 Internal Server Error</h1></body></html>";
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
        Scene::Cut => stream(&request.model, (220, 48), wait, false),
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "requests", "param": null, "code": code}});
    (status, [(header::CONTENT_TYPE, "application/json")], error.to_string()).into_response()
}

fn usage((input, output): (u64, u64)) -> serde_json::Value {
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": input / 4},
        "completion_tokens_details": {"reasoning_tokens": output / 2},
    })
}

/// An id that no other response has: what has the same id is one response.
fn unique(kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{kind}-demo-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn whole(model: &str, tokens: (u64, u64)) -> Response {
    let answer = json!({
        "id": unique("chatcmpl"),
        "object": "chat.completion",
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "A demo answers what a demo is asked."},
            "finish_reason": "stop",
        }],
        "usage": usage(tokens),
    });
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// A response of Anthropic's messages.
fn message(model: &str, (input, output): (u64, u64)) -> Response {
    let answer = json!({
        "id": unique("msg"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "A demo answers what a demo is asked."}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": input - input / 4,
            "cache_read_input_tokens": input / 4,
            "cache_creation_input_tokens": 0,
            "output_tokens": output,
        },
    });
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

fn embedding(model: &str, (input, _): (u64, u64)) -> Response {
    let answer = json!({
        "object": "list",
        "model": model,
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
        "usage": {"prompt_tokens": input, "total_tokens": input},
    });
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// A stream in chunks, with a tenth of `wait` before each; `whole` says whether it comes to its end or breaks off behind the second word.
fn stream(model: &str, tokens: (u64, u64), wait: u64, whole: bool) -> Response {
    let id = unique("chatcmpl");
    let chunk = |choices: serde_json::Value, usage: serde_json::Value| {
        let chunk = json!({
            "id": id,
            "object": "chat.completion.chunk",
            "model": model,
            "choices": choices,
            "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let word = |text: &str| {
        chunk(json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]), json!(null))
    };
    let mut events = vec![word("A "), word("demo ")];
    if whole {
        events.extend([
            word("streams."),
            chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), json!(null)),
            chunk(json!([]), usage(tokens)),
            "data: [DONE]\n\n".to_owned(),
        ]);
    }
    let pause = Duration::from_millis(wait.min(LONGEST_WAIT) / 10);
    let events = futures_util::stream::iter(events).then(move |event| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(Bytes::from(event))
    });
    // The error makes the server close the connection inside the body; the pause lets what came before it leave.
    let cut = futures_util::stream::iter((!whole).then_some(())).then(|()| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(std::io::Error::other("the demo cuts this stream"))
    });
    let body = Body::from_stream(events.chain(cut));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
