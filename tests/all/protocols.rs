//! HTTP/2 and trailers: the client sees what it would see without us, and the call is recorded as over HTTP/1.1.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::loopback::{Act, Loopback, stream_head};
use crate::support::observed::Observed;
use bytes::Bytes;
use futures_util::stream;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::net::TcpListener;
use tokio::sync::Notify;

const PATH: &str = "/v1/chat/completions";
const WORD: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Four.\"}}]}\n\n";
const LAST: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What the server does behind the head.
#[derive(Debug, Clone)]
enum Step {
    Data(&'static str),
    Trailers,
    /// Resets the stream when the client has read all that came before.
    Fail(Arc<Notify>),
    /// Never goes on, and says when the client has let go of the stream.
    Wait(Arc<Notify>),
}

/// Tells when it is dropped.
struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn next(
    mut steps: std::vec::IntoIter<Step>,
) -> Option<(Result<Frame<Bytes>, std::io::Error>, std::vec::IntoIter<Step>)> {
    let frame = match steps.next()? {
        Step::Data(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
        Step::Trailers => {
            let trailers = [("x-checksum", "abc"), ("grpc-status", "0")];
            let trailer =
                |(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value));
            Ok(Frame::trailers(trailers.map(trailer).into_iter().collect()))
        }
        Step::Fail(read) => {
            read.notified().await;
            Err(std::io::Error::other("the provider broke"))
        }
        Step::Wait(gone) => {
            let _gone = Gone(gone);
            std::future::pending().await
        }
    };
    Some((frame, steps))
}

/// A server that speaks HTTP/2 without TLS and answers every request with `steps`.
async fn serve(status: u16, steps: Vec<Step>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let steps = steps.clone();
            let service = service_fn(move |_request| {
                let body = StreamBody::new(Box::pin(stream::unfold(steps.clone().into_iter(), next)));
                let response = http::Response::builder()
                    .status(status)
                    .header("content-type", "text/event-stream")
                    .header("x-request-id", "r1")
                    // The server would add the time of each answer.
                    .header("date", "Mon, 01 Jan 2029 00:00:00 GMT")
                    .body(body);
                async { response }
            });
            tokio::spawn(async move {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(connection), service).await.unwrap_or_default();
            });
        }
    });
    address
}

/// The bare client and the observed one.
fn clients(observed: &Observed, http2: bool) -> [ClientWithMiddleware; 2] {
    let client = || {
        let builder = reqwest::Client::builder().no_proxy();
        if http2 { builder.http2_prior_knowledge() } else { builder }.build().unwrap()
    };
    [ClientBuilder::new(client()).build(), observed.client_of(client())]
}

async fn send(client: &ClientWithMiddleware, address: SocketAddr) -> reqwest::Response {
    let request = client.post(format!("http://{address}{PATH}"));
    request.body(r#"{"model":"gpt-4o","messages":[],"stream":true}"#).send().await.unwrap()
}

/// All that can be seen of a response: its head, its hints, its bytes, its trailers and its error. Says when
/// `expected` bytes are `read`.
async fn everything(response: reqwest::Response, expected: usize, read: &Notify) -> String {
    let mut seen = format!(
        "{:?} {:?} {:?} {} {:?} {} {:?}",
        response.status(),
        response.version(),
        response.headers(),
        response.url(),
        response.remote_addr(),
        response.extensions().len(),
        response.content_length(),
    );
    let mut body = reqwest::Body::from(response);
    seen.push_str(&format!(" {:?} {}", body.size_hint(), body.is_end_stream()));
    let (mut data, mut order) = (Vec::new(), Vec::new());
    let error = loop {
        match body.frame().await {
            None => break None,
            Some(Err(error)) => break Some((error.to_string(), error.is_body(), error.is_timeout())),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => {
                    data.extend_from_slice(&bytes);
                    if data.len() == expected {
                        read.notify_one();
                    }
                }
                Err(frame) => order.push((data.len(), frame.into_trailers().unwrap())),
            },
        }
    };
    format!("{seen} {:?} {order:?} {error:?} {:?}", Bytes::from(data), body.size_hint())
}

#[tokio::test]
async fn keeps_everything_of_an_http_2_answer() {
    let stream = [Step::Data(WORD), Step::Data(LAST), Step::Data(DONE)];
    let read = Arc::new(Notify::new());
    let fail = Step::Fail(Arc::clone(&read));
    let with = |last: &[Step]| [&stream[..], last].concat();
    for (status, steps, outcome, error) in [
        (200, with(&[]), "completed", None),
        (200, with(&[Step::Trailers]), "completed", None),
        (200, with(std::slice::from_ref(&fail)), "completed", None),
        (200, vec![Step::Data(WORD), fail], "truncated", Some("body")),
        (200, vec![Step::Data(WORD), Step::Trailers], "truncated", Some("unexpected_end")),
        (200, vec![Step::Trailers], "truncated", Some("unexpected_end")),
        (200, vec![], "truncated", Some("unexpected_end")),
        (503, vec![Step::Data("{\"error\":{\"code\":\"overloaded\"}}")], "failed", Some("overloaded")),
    ] {
        let address = serve(status, steps.clone()).await;
        let observed = Observed::default();
        let [bare, ours] = clients(&observed, true);
        let length = steps.iter().map(|step| if let Step::Data(text) = step { text.len() } else { 0 }).sum();
        let fails = steps.iter().any(|step| matches!(step, Step::Fail(_)));
        // Where nothing waits for it, the word would stay for the next case.
        let length = if fails { length } else { usize::MAX };
        let expected = everything(send(&bare, address).await, length, &read).await;
        let seen = everything(send(&ours, address).await, length, &read).await;
        assert!(expected.contains("HTTP/2.0"), "{expected}");
        assert_eq!(expected.contains("x-checksum"), steps.iter().any(|step| matches!(step, Step::Trailers)));
        assert_eq!(seen, expected);
        let span = observed.span();
        assert_eq!(span.outcome(), outcome, "{steps:?}");
        assert_eq!(span.get("error.type").as_deref(), error, "{steps:?}");
        let tokens = (outcome == "completed").then_some("11");
        assert_eq!(span.get("gen_ai.usage.input_tokens").as_deref(), tokens, "{steps:?}");
    }
}

#[tokio::test]
async fn lets_go_of_an_http_2_stream_when_the_caller_does() {
    for observe in [false, true] {
        let gone = Arc::new(Notify::new());
        let address = serve(200, vec![Step::Data(WORD), Step::Wait(Arc::clone(&gone))]).await;
        let observed = Observed::default();
        let client = &clients(&observed, true)[usize::from(observe)];
        let mut body = reqwest::Body::from(send(client, address).await);
        body.frame().await.unwrap().unwrap();
        drop(body);
        gone.notified().await;
        if observe {
            assert_eq!(observed.span().outcome(), "dropped");
        }
    }
}

#[tokio::test]
async fn makes_one_span_of_each_call_that_shares_a_connection() {
    let address = serve(200, vec![Step::Data(WORD), Step::Data(LAST), Step::Data(DONE)]).await;
    let observed = Observed::default();
    let [_, ours] = clients(&observed, true);
    let calls = (0..20).map(|_| async { send(&ours, address).await.bytes().await.unwrap() });
    for bytes in futures_util::future::join_all(calls).await {
        assert_eq!(bytes, [WORD, LAST, DONE].concat());
    }
    let spans = observed.spans();
    assert_eq!(spans.len(), 20);
    let says = |wanted: &str| {
        spans.iter().filter(|span| span.attributes.iter().any(|said| said.value.as_str() == wanted)).count()
    };
    assert_eq!((says("completed"), says("11")), (20, 20));
}

/// The end of a chunked HTTP/1.1 body, with trailers.
fn trailers() -> Act {
    Act::Write(b"0\r\nx-checksum: abc\r\nx-more: d\r\n\r\n".to_vec())
}

fn chunks(texts: &[&str]) -> Vec<Act> {
    let chunks = texts.iter().map(|text| Act::Chunk(text.as_bytes().to_vec()));
    std::iter::once(stream_head()).chain(chunks).chain([trailers()]).collect()
}

#[tokio::test]
async fn keeps_the_trailers_of_an_http_1_answer() {
    let server = Loopback::start(chunks(&[WORD, LAST, DONE])).await;
    let observed = Observed::default();
    let [bare, ours] = clients(&observed, false);
    let read = Notify::new();
    let expected = everything(send(&bare, server.address).await, 0, &read).await;
    assert!(expected.contains("HTTP/1.1") && expected.contains("x-checksum"), "{expected}");
    assert_eq!(everything(send(&ours, server.address).await, 0, &read).await, expected);
    assert_eq!(observed.span().outcome(), "completed");
    assert_eq!(observed.metrics()["spanledger.client.calls"], 1.0);
}

#[tokio::test]
async fn trailers_stay_behind_the_bytes_that_a_hidden_usage_chunk_holds_back() {
    // The last event has no empty line, so its bytes wait for the end of the body.
    let open = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\"}}]}\n";
    let server = Loopback::start(chunks(&[WORD, open])).await;
    let observed = Observed::default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ours = ClientBuilder::new(http).with(observed.builder().ask_for_usage(true).build()).build();
    let mut body = reqwest::Body::from(send(&ours, server.address).await);
    let (mut data, mut trailed) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(bytes) => {
                assert!(trailed.is_none(), "no data behind the trailers");
                data.extend_from_slice(&bytes);
            }
            Err(frame) => trailed = Some(frame.into_trailers().unwrap()),
        }
    }
    assert_eq!(data, [WORD, open].concat().as_bytes());
    assert_eq!(trailed.unwrap()["x-checksum"], "abc");
}
