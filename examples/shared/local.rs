//! What the examples need to run anywhere: a provider on a loopback port that answers like OpenAI's chat
//! completions, and spans kept in memory to be shown.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for tests and measurements, not part of what ships"
)]
#![allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "each example uses its own part")]

use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::net::TcpListener;

/// What an example's `main` gives.
pub type Anything = Result<(), Box<dyn Error + Send + Sync>>;

/// A response: a status, a header, and the pieces of the body.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The one header in addition to those of the transport.
    pub header: (&'static str, String),
    /// The body's chunks.
    pub pieces: Vec<String>,
}

/// Serves `answer` on a free loopback port and gives the base URL. The closure gets the number of the request, from
/// 0, its path and its body.
pub async fn serve(
    answer: impl Fn(usize, &str, &[u8]) -> Reply + Send + Sync + 'static,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            let service = service_fn(move |request: Request<Incoming>| {
                let (answer, number) = (Arc::clone(&answer), count.fetch_add(1, Ordering::Relaxed));
                async move {
                    let path = request.uri().path().to_owned();
                    let body =
                        request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                    let Reply { status, header, pieces } = answer(number, &path, &body);
                    let frames =
                        pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
                    Response::builder()
                        .status(status)
                        .header(header.0, header.1)
                        .body(StreamBody::new(futures_util::stream::iter(frames)))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(url)
}

/// What a chat completion answers: whole, or as a stream when the request asks for one.
pub fn chat(body: &[u8]) -> Reply {
    let request: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let model = request["model"].as_str().unwrap_or("gpt-4o-mini");
    let usage = r#"{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}"#;
    if request["stream"] != true {
        let body = format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"{model}","choices":[{{"index":0,
            "finish_reason":"stop","message":{{"role":"assistant","content":"It is quiet here."}}}}],"usage":{usage}}}"#
        );
        return Reply {
            status: 200,
            header: ("content-type", "application/json".into()),
            pieces: vec![body],
        };
    }
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"{model}\",\"choices\":{choices}{usage}}}\n\n"
        )
    };
    let mut pieces: Vec<String> = ["It", " is", " quiet", " here."]
        .iter()
        .map(|word| chunk(&format!(r#"[{{"index":0,"delta":{{"role":"assistant","content":"{word}"}},"finish_reason":null}}]"#), ""))
        .collect();
    pieces.push(chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#, ""));
    if request["stream_options"]["include_usage"] == true {
        pieces.push(chunk("[]", &format!(",\"usage\":{usage}")));
    }
    pieces.push("data: [DONE]\n\n".into());
    Reply { status: 200, header: ("content-type", "text/event-stream".into()), pieces }
}

/// Serves chat completions, and ends this process within the call of this number, as a crash would.
pub async fn dying_within_call(last: usize) -> Result<String, Box<dyn Error + Send + Sync>> {
    serve(move |number, _, body| if number + 1 < last { chat(body) } else { std::process::abort() }).await
}

/// Runs this program once more, with `path`, until it ends. Gives the path in that other process, and `None` after its end.
pub fn in_another_process(path: &Path) -> Result<Option<PathBuf>, Box<dyn Error + Send + Sync>> {
    const PATH: &str = "SPANLEDGER_EXAMPLE_PATH";
    if let Some(given) = std::env::var_os(PATH) {
        return Ok(Some(given.into()));
    }
    let status = std::process::Command::new(std::env::current_exe()?).env(PATH, path).status()?;
    println!("the application has ended: {status}");
    Ok(None)
}

/// The base URL and key of an OpenAI-style provider: `OPENAI_BASE_URL` and `OPENAI_API_KEY`, or a local stand-in.
/// Real providers speak TLS, which is the application's choice: add `--features reqwest/rustls`.
pub async fn provider() -> Result<(String, String), Box<dyn Error + Send + Sync>> {
    let key = std::env::var("OPENAI_API_KEY").ok();
    match (std::env::var("OPENAI_BASE_URL").ok(), key) {
        (Some(url), key) => Ok((url, key.unwrap_or_default())),
        (None, Some(key)) => Ok(("https://api.openai.com/v1".to_owned(), key)),
        (None, None) => Ok((serve(|_, _, body| chat(body)).await? + "/v1", "none".to_owned())),
    }
}

/// A tracer provider whose spans stay in memory.
pub fn in_memory() -> (SdkTracerProvider, InMemorySpanExporter) {
    let spans = InMemorySpanExporter::default();
    (SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build(), spans)
}

/// Writes spans to the standard error, one attribute per line.
pub fn show(spans: &[SpanData]) {
    for span in spans {
        eprintln!("{} ({:?})", span.name, span.status);
        for attribute in &span.attributes {
            eprintln!("    {} = {}", attribute.key, attribute.value);
        }
    }
}

/// An attribute of a span as text, empty when it is absent.
pub fn value(span: &SpanData, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
}
