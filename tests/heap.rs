//! What reading takes of the heap at its peak, whatever a provider or an application sends. A binary of its own: the
//! allocator counts for the whole process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http::Extensions;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use peak_alloc::PeakAlloc;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use spanledger::GenAiMiddleware;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;
/// One test runs at a time, with what it prepares: the allocator counts that, too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers every request with a beginning, `x` without end up to `length` bytes, and an end; in frames of 64 KiB that
/// exist one at a time.
struct Endless {
    content_type: &'static str,
    begin: &'static [u8],
    length: usize,
    end: &'static [u8],
}

#[async_trait::async_trait]
impl Middleware for Endless {
    async fn handle(
        &self,
        _: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        const FRAME: usize = 64 * 1024;
        let frame = |bytes: Bytes| Ok::<_, std::io::Error>(Frame::data(bytes));
        let (begin, end) = (Bytes::from_static(self.begin), Bytes::from_static(self.end));
        let filler = (0..self.length / FRAME).map(move |_| frame(Bytes::from(vec![b'x'; FRAME])));
        let frames = std::iter::once(frame(begin)).chain(filler).chain(std::iter::once(frame(end)));
        let body = reqwest::Body::wrap(StreamBody::new(stream::iter(frames)));
        let response = http::Response::builder().header("content-type", self.content_type).body(body);
        Ok(response.unwrap().into())
    }
}

fn client(spans: &InMemorySpanExporter, endless: Endless) -> ClientWithMiddleware {
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let middleware = GenAiMiddleware::builder().tracer_provider(tracers).build();
    ClientBuilder::new(reqwest::Client::new()).with(middleware).with(endless).build()
}

/// The most bytes of the heap that one call takes beyond what was taken before it, and `spanledger.unparsed`.
fn peak(endless: Endless, url: &str, request: Bytes) -> (usize, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spans = InMemorySpanExporter::default();
    let client = client(&spans, endless);
    // The first call decodes the prices.
    let warm = Bytes::from_static(br#"{"model":"gpt-4o","messages":[]}"#);
    let call = async |body: Bytes| {
        let response = client.post(url).body(body).send().await.unwrap();
        let mut body = reqwest::Body::from(response);
        while let Some(frame) = body.frame().await {
            drop(frame.unwrap());
        }
    };
    runtime.block_on(call(warm));
    spans.reset();
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    runtime.block_on(call(request));
    let peak = HEAP.peak_usage().saturating_sub(before);
    let spans = spans.get_finished_spans().unwrap();
    let unparsed =
        spans[0].attributes.iter().find(|attribute| attribute.key.as_str() == "spanledger.unparsed");
    (peak, unparsed.map(|attribute| attribute.value.to_string()))
}

const CHAT: &str = "http://127.0.0.1:9/v1/chat/completions";

/// 50 MB of one piece, in every framing and in every place of one, cost 32 MiB at most.
#[test]
fn a_piece_of_50_mb_takes_32_mib_at_most() {
    let _alone = alone();
    let stream = Bytes::from_static(br#"{"model":"gpt-4o","messages":[],"stream":true}"#);
    for (url, content_type, begin, end) in [
        (CHAT, "application/json", r#"{"id":""#, r#""}"#),
        (CHAT, "text/event-stream", r#"data: {"id":""#, "\"}\n\n"),
        (CHAT, "text/event-stream", "data: 1\ndata: ", "\n\n"),
        (CHAT, "text/event-stream", "event: ", "\ndata: 1\n\n"),
        (CHAT, "text/event-stream", ": ", "\n\n"),
        (CHAT, "text/event-stream", "id: ", "\n\n"),
        ("http://127.0.0.1:11434/api/chat", "application/x-ndjson", r#"{"model":""#, "\"}\n"),
        (
            "http://127.0.0.1:9/v1beta/models/g:streamGenerateContent",
            "application/json",
            r#"[{"candidates":[{"content":{"parts":[{"text":""#,
            r#""}]}}]}]"#,
        ),
    ] {
        let (begin_bytes, end) = (begin.as_bytes(), end.as_bytes());
        let endless = Endless { content_type, begin: begin_bytes, length: 50_000_000, end };
        let (peak, unparsed) = peak(endless, url, stream.clone());
        assert!(peak <= 32 * MIB, "{content_type}, {begin}: {peak} bytes");
        let ignored = begin.starts_with(": ");
        assert_eq!(unparsed.as_deref(), (!ignored).then_some("too_long"), "{content_type}, {begin}");
    }
}

/// A piece just below the limit is read.
#[test]
fn the_longest_piece_that_is_read_takes_32_mib_at_most() {
    let _alone = alone();
    let endless = Endless {
        content_type: "text/event-stream",
        begin: br#"data: {"id":"c","choices":[{"delta":{"content":""#,
        length: 15 * MIB,
        end: b"\"}}]}\n\n",
    };
    let (peak, unparsed) = peak(endless, CHAT, Bytes::from_static(br#"{"model":"gpt-4o","messages":[]}"#));
    assert!(peak <= 32 * MIB, "{peak} bytes");
    assert_eq!(unparsed, None);
}

/// A message of an AWS event stream whose length is announced and whose payload comes without end.
#[test]
fn a_message_of_50_mb_takes_32_mib_at_most() {
    let _alone = alone();
    const LENGTH: u32 = 50_000_000;
    let mut prelude = [LENGTH.to_be_bytes(), 0_u32.to_be_bytes()].concat();
    prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
    let endless = Endless {
        content_type: "application/vnd.amazon.eventstream",
        begin: prelude.leak(),
        length: LENGTH as usize,
        end: b"",
    };
    let url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/tarn.wren-1/converse-stream";
    let (peak, unparsed) = peak(endless, url, Bytes::from_static(br#"{"messages":[]}"#));
    assert!(peak <= 32 * MIB, "{peak} bytes");
    assert_eq!(unparsed.as_deref(), Some("too_long"));
}

/// The longest document that is mended: one byte of it is not UTF-8, so that it is copied.
#[test]
fn the_longest_document_that_is_mended_takes_32_mib_at_most() {
    let _alone = alone();
    let request = Bytes::from_static(br#"{"model":"gpt-4o","messages":[]}"#);
    let end = b"\xFF\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}";
    for (length, wanted) in [(15 * MIB, None), (16 * MIB - 64 * 1024, Some("too_long"))] {
        let endless = Endless {
            content_type: "application/json",
            begin: br#"{"id":"c","model":"gpt-4o","choices":[{"message":{"content":""#,
            length,
            end,
        };
        let (peak, unparsed) = peak(endless, CHAT, request.clone());
        assert!(peak <= 32 * MIB, "{length}: {peak} bytes");
        assert_eq!(unparsed.as_deref(), wanted, "{length}");
    }
}

/// The values of a request take the same whatever their number.
#[test]
fn a_request_of_a_million_values_takes_32_mib_at_most() {
    let _alone = alone();
    let answer = br#"{"id":"c","model":"gpt-4o","choices":[]}"#;
    let keys: String = (0..1_000_000).map(|key| format!(r#""k{key}":1,"#)).collect();
    let messages = r#"{"role":"user","content":""},"#.repeat(500_000);
    let numbers = "1,".repeat(8 * MIB - 100);
    let nested = "[".repeat(120) + &"[],".repeat(4 * MIB) + "0" + &"]".repeat(120);
    for body in [
        format!(r#"{{"model":"gpt-4o","messages":[],{keys}"stream":false}}"#),
        format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, messages.trim_end_matches(',')),
        format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, numbers.trim_end_matches(',')),
        format!(r#"{{"model":"gpt-4o","messages":{nested}}}"#),
    ] {
        let about = body[..60].to_owned();
        let endless = Endless { content_type: "application/json", begin: answer, length: 0, end: b"" };
        let (peak, unparsed) = peak(endless, CHAT, Bytes::from(body));
        assert!(peak <= 32 * MIB, "{about}: {peak} bytes");
        assert_eq!(unparsed.as_deref(), Some("request"), "{about}");
    }
}
