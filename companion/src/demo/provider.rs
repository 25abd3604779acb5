//! A loopback server that speaks the wire formats of OpenAI (chat completions, embeddings), Anthropic (messages) and Gemini
//! (generateContent), whole and as streams, with good days and bad ones.

mod anthropic;
mod gemini;
mod openai;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How the provider responds to one request. The demo's application asks for it in `metadata.scene`, so that every
/// run shows the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scene {
    /// A whole response, or a stream to its end, as the request asks.
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

/// What a request says, in any of the formats.
#[derive(Deserialize)]
struct Request {
    /// Gemini has it in the path.
    #[serde(default)]
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
    /// Whether the response asks for a tool.
    #[serde(default)]
    tool: bool,
}

/// A good response.
struct Good {
    id: String,
    model: String,
    /// Input and output tokens. A quarter of the input comes from the cache.
    tokens: (u64, u64),
    /// Whether it asks for a tool.
    tool: bool,
}

/// A wire format.
trait Format {
    /// What ids of responses begin with.
    const ID: &'static str;
    /// A whole response.
    fn whole(good: &Good) -> serde_json::Value;
    /// Its stream: what comes before the text, pieces of the text, and what comes after it.
    fn stream(good: &Good) -> [Vec<String>; 3];
}

pub(super) fn router() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(|body: Bytes| respond::<openai::Chat>(body, None)))
        .route("/v1/messages", post(|body: Bytes| respond::<anthropic::Messages>(body, None)))
        .route("/v1/embeddings", post(|body: Bytes| respond::<openai::Embeddings>(body, None)))
        .route(
            "/v1beta/models/{call}",
            post(|Path(call): Path<String>, body: Bytes| respond::<gemini::Contents>(body, Some(call))),
        )
}

/// `call` is `MODEL:METHOD` where the path names them.
async fn respond<F: Format>(body: Bytes, call: Option<String>) -> Response {
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &error.to_string()),
    };
    let (named, method) = call.as_deref().and_then(|call| call.split_once(':')).unwrap_or_default();
    let model = if named.is_empty() { request.model } else { named.to_owned() };
    let streams = request.stream || method.starts_with("stream");
    let Metadata { scene, tokens, wait, tool } = request.metadata;
    tokio::time::sleep(Duration::from_millis(wait.min(LONGEST_WAIT))).await;
    let of = |tokens| Good { id: unique(F::ID), model: model.clone(), tokens, tool };
    match scene {
        Scene::Answer if streams => stream::<F>(&of(tokens.unwrap_or((220, 48))), wait, true),
        Scene::Answer => json_of(&F::whole(&of(tokens.unwrap_or((180, 64))))),
        Scene::Expensive => json_of(&F::whole(&of((96_000, 24_000)))),
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
        Scene::Cut => stream::<F>(&of((220, 48)), wait, false),
    }
}

fn json_of(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "requests", "param": null, "code": code}});
    (status, [(header::CONTENT_TYPE, "application/json")], error.to_string()).into_response()
}

/// An id that no other response has: what has the same id is one response.
fn unique(kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Processes number their own.
    format!("{kind}-demo-{:x}-{number}", std::process::id())
}

/// A stream in chunks, with a tenth of `wait` before each; `whole` says whether it comes to its end or breaks off within the
/// text.
fn stream<F: Format>(good: &Good, wait: u64, whole: bool) -> Response {
    let [mut events, text, after] = F::stream(good);
    if whole {
        events.extend(text.into_iter().chain(after));
    } else {
        events.extend(text.into_iter().take(2));
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

#[cfg(test)]
mod tests;
