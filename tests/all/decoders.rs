//! Compressed answers: read as plain text where the client decodes them, and passed unchanged where it does not.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::support::loopback::{Act, Loopback, stream_end};
use crate::support::observed::Observed;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use opentelemetry::trace::Status;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};

const PATH: &str = "/v1/chat/completions";
const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Four."}}],"usage":{"prompt_tokens":11,"completion_tokens":3}}"#;
const EVENTS: [&str; 3] = [
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Four.\"}}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3}}\n\n",
    "data: [DONE]\n\n",
];

/// Compresses pieces such that each can be decoded when it has arrived.
fn compressed(encoding: &str, pieces: &[&str]) -> Vec<Vec<u8>> {
    fn cut<W: Write>(pieces: &[&str], mut encoder: W, written: impl Fn(&W) -> usize) -> (W, Vec<usize>) {
        let mut cuts = Vec::new();
        for piece in pieces {
            encoder.write_all(piece.as_bytes()).unwrap();
            encoder.flush().unwrap();
            cuts.push(written(&encoder));
        }
        (encoder, cuts)
    }
    let (bytes, cuts) = match encoding {
        "gzip" => {
            let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            let (encoder, cuts) = cut(pieces, encoder, |encoder| encoder.get_ref().len());
            (encoder.finish().unwrap(), cuts)
        }
        "zstd" => {
            let encoder = zstd::stream::Encoder::new(Vec::new(), 0).unwrap();
            let (encoder, cuts) = cut(pieces, encoder, |encoder| encoder.get_ref().len());
            (encoder.finish().unwrap(), cuts)
        }
        other => unreachable!("{other}"),
    };
    let mut start = 0;
    let mut all: Vec<Vec<u8>> =
        cuts.into_iter().map(|end| bytes[std::mem::replace(&mut start, end)..end].to_vec()).collect();
    all.push(bytes[start..].to_vec());
    all
}

fn whole(status: &str, encoding: &str, body: &[u8]) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    vec![Act::Write([head.as_bytes(), body].concat())]
}

fn streamed(encoding: &str, pieces: Vec<Vec<u8>>) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: {encoding}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    let chunks = pieces.into_iter().filter(|piece| !piece.is_empty()).map(Act::Chunk);
    std::iter::once(Act::Write(head.into_bytes())).chain(chunks).collect()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn send(client: &ClientWithMiddleware, server: &Loopback, stream: bool) -> reqwest::Response {
    let body = format!(r#"{{"model":"gpt-4o","messages":[],"stream":{stream}}}"#);
    client.post(server.url(PATH)).body(body).send().await.unwrap()
}

/// Reads frames until `length` bytes are there, and not on to the end.
async fn read(response: reqwest::Response, length: usize) -> Vec<u8> {
    let mut body = reqwest::Body::from(response);
    let mut bytes = Vec::new();
    while bytes.len() < length {
        bytes.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    bytes
}

#[track_caller]
fn assert_completed(observed: &Observed, about: &str) {
    let span = observed.span();
    assert_eq!(span.outcome(), "completed", "{about}");
    assert_eq!(span.get("gen_ai.usage.input_tokens").as_deref(), Some("11"), "{about}");
    assert_eq!(span.get("gen_ai.usage.output_tokens").as_deref(), Some("3"), "{about}");
    assert_eq!(span.get("spanledger.usage.source").as_deref(), Some("provider"), "{about}");
    assert_eq!(observed.metrics()["spanledger.client.calls"], 1.0, "{about}");
}

#[tokio::test]
async fn reads_what_the_client_decodes() {
    for encoding in ["gzip", "zstd"] {
        let answers = [
            (ANSWER.to_owned(), false, whole("200 OK", encoding, &compressed(encoding, &[ANSWER]).concat())),
            (EVENTS.concat(), true, {
                let mut acts = streamed(encoding, compressed(encoding, &EVENTS));
                acts.push(stream_end());
                acts
            }),
        ];
        for (text, stream, acts) in answers {
            let about = format!("{encoding}, stream {stream}");
            let server = Loopback::start(acts).await;
            let observed = Observed::default();
            let [bare, ours] = [ClientBuilder::new(http()).build(), observed.client_of(http())];
            let (expected, seen) = (send(&bare, &server, stream).await, send(&ours, &server, stream).await);
            assert_eq!(seen.headers(), expected.headers(), "{about}");
            assert_eq!(seen.content_length(), expected.content_length(), "{about}");
            let (expected, seen) = (expected.bytes().await.unwrap(), seen.bytes().await.unwrap());
            assert_eq!(expected, text, "the client decodes {about}");
            assert_eq!(seen, expected, "{about}");
            assert_completed(&observed, &about);

            // A caller who knows the length, or the end marker, reads no further.
            let observed = Observed::default();
            let response = send(&observed.client_of(http()), &server, stream).await;
            assert_eq!(read(response, text.len()).await, text.as_bytes(), "{about}");
            assert_completed(&observed, &about);
        }
    }
}

#[tokio::test]
async fn reads_each_event_of_a_compressed_stream_when_it_arrives() {
    for encoding in ["gzip", "zstd"] {
        // The server never ends the body: the call is complete with the end marker.
        let mut acts = streamed(encoding, compressed(encoding, &EVENTS));
        acts.push(Act::Hang);
        let server = Loopback::start(acts).await;
        let observed = Observed::default();
        let response = send(&observed.client_of(http()), &server, true).await;
        read(response, EVENTS.concat().len()).await;
        assert_completed(&observed, encoding);
        assert!(observed.span().get("gen_ai.response.time_to_first_chunk").is_some());
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_decoded_fails_as_with_the_bare_client() {
    for encoding in ["gzip", "zstd"] {
        let packed = compressed(encoding, &[ANSWER]).concat();
        for (body, what) in [(&packed[..packed.len() / 2], "cut"), (&b"not packed at all"[..], "plain")] {
            let server = Loopback::start(whole("200 OK", encoding, body)).await;
            let observed = Observed::default();
            let mut errors = Vec::new();
            for client in [ClientBuilder::new(http()).build(), observed.client_of(http())] {
                let error = send(&client, &server, false).await.bytes().await.unwrap_err();
                errors.push((error.is_decode(), error.is_body(), error.to_string()));
            }
            assert_eq!(errors[1], errors[0], "{encoding}, {what}");
            let span = observed.span();
            assert_eq!(span.outcome(), "truncated", "{encoding}, {what}");
            assert_eq!(span.get("error.type").as_deref(), Some("body"), "{encoding}, {what}");
            assert!(matches!(span.0.status, Status::Error { .. }));
        }
    }
}

#[tokio::test]
async fn passes_what_nobody_decodes_untouched_and_counts_it_without_usage() {
    // The first is not among the client's decoders; the second is, and the application turned it off.
    let packed = compressed("gzip", &[ANSWER]).concat();
    for (encoding, body) in [("br", b"\x1b not for us".to_vec()), ("gzip", packed)] {
        for (status, outcome, error) in
            [("200 OK", "completed", None), ("429 Too Many Requests", "failed", Some("429"))]
        {
            let server = Loopback::start(whole(status, encoding, &body)).await;
            let observed = Observed::default();
            let client = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
            let client = observed.client_of(client);
            let response = send(&client, &server, false).await;
            assert_eq!(response.content_length(), Some(body.len() as u64));
            assert_eq!(response.bytes().await.unwrap(), body, "{encoding}");
            let span = observed.span();
            assert_eq!(span.outcome(), outcome, "{encoding}, {status}");
            assert_eq!(span.get("error.type").as_deref(), error, "{encoding}, {status}");
            assert_eq!(span.get("gen_ai.usage.input_tokens"), None);
            assert_eq!(span.get("gen_ai.usage.output_tokens"), None);
            assert_eq!(span.get("spanledger.usage.source").unwrap(), "none");
            let points = observed.points();
            let calls: Vec<_> =
                points.iter().filter(|(name, ..)| name == "spanledger.client.calls").collect();
            assert_eq!(calls.len(), 1);
            assert_eq!(calls[0].1["spanledger.usage.source"], "none");
            assert_eq!(calls[0].2, 1.0);
        }
    }
}

/// A body of one frame whose end only one of the two hints tells.
struct OneFrame {
    frame: Option<Bytes>,
    tells_end: bool,
    tells_size: bool,
}

impl Body for OneFrame {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(self.frame.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.tells_end && self.frame.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.tells_size {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.frame.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Answers from memory with [`OneFrame`] under the hints given.
struct Hints {
    tells_end: bool,
    tells_size: bool,
    text: &'static str,
}

#[async_trait::async_trait]
impl Middleware for Hints {
    async fn handle(
        &self,
        _request: reqwest::Request,
        _extensions: &mut http::Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let frame = Some(Bytes::from_static(self.text.as_bytes()));
        let body = OneFrame { frame, tells_end: self.tells_end, tells_size: self.tells_size };
        Ok(http::Response::new(reqwest::Body::wrap(body)).into())
    }
}

#[tokio::test]
async fn ends_with_the_last_frame_where_either_hint_tells_it() {
    // Without an end marker in the text, only the transport can say whether the body is whole.
    const OPEN: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Four.\"}}]}\n\n";
    for (tells_end, tells_size, outcome) in [
        (true, false, "truncated"),
        (false, true, "truncated"),
        (true, true, "truncated"),
        // The end was never seen: the caller stopped before it.
        (false, false, "dropped"),
    ] {
        let observed = Observed::default();
        let client = ClientBuilder::new(http())
            .with(observed.builder().build())
            .with(Hints { tells_end, tells_size, text: OPEN })
            .build();
        let request = client.post("https://api.openai.com/v1/chat/completions");
        let response = request.body(r#"{"stream":true}"#).send().await.unwrap();
        let mut body = reqwest::Body::from(response);
        assert_eq!(body.size_hint().exact(), tells_size.then_some(OPEN.len() as u64));
        assert!(!body.is_end_stream());
        body.frame().await.unwrap().unwrap();
        assert_eq!(body.is_end_stream(), tells_end);
        assert_eq!(observed.spans().len(), usize::from(outcome == "truncated"), "at once");
        drop(body);
        assert_eq!(observed.span().outcome(), outcome, "{tells_end}, {tells_size}");
    }
}
