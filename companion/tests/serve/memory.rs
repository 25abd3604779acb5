//! How much memory a single request takes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::limits::{peak_kilobytes, start_with};
use super::process::{Server, pair, request, text};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn five_million_spans_in_a_few_kilobytes_take_little_memory() {
    let server = Server::start(&[]);
    let before = peak_kilobytes(&server);
    let spans =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#, "{},".repeat(4_999_999));
    let body = gzip(spans.as_bytes());
    assert!(body.len() < 32 << 10, "{}", body.len());
    let post = reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/json");
    let response = post.header(CONTENT_ENCODING, "gzip").body(body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"ignored\"}"), Some(5_000_000.0));
    let grown = peak_kilobytes(&server) - before;
    assert!(grown < 32 * 1024, "the peak of memory grew by {grown} kB");
}

/// The bodies that would take most memory if their parts were collected: nothing but the smallest ones, in the largest
/// request that is taken.
#[tokio::test]
async fn no_request_takes_much_more_memory_than_its_bytes() {
    const MOST: usize = 4 << 20;
    let json = |before: &str, part: &str, after: &str| {
        let parts = (MOST - before.len() - after.len()) / (part.len() + 1);
        let list = [part, ","].concat().repeat(parts);
        gzip([before, list.trim_end_matches(','), after].concat().as_bytes())
    };
    let span = |before: &str, part, after: &str| {
        let before = [r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#, before].concat();
        json(&before, part, &[after, "]}]}]}"].concat())
    };
    let calls = {
        // The smallest calls, with the longest name of a service that they share.
        let outcome = vec![pair("spanledger.outcome", text("failed"))];
        let spans = (0..67_000_u64).map(|number| Span {
            trace_id: [number.to_be_bytes(), [1; 8]].concat(),
            span_id: (number + 1).to_be_bytes().to_vec(),
            attributes: outcome.clone(),
            ..Span::default()
        });
        let mut request = request(spans.collect());
        let resource = request.resource_spans[0].resource.as_mut().unwrap();
        resource.attributes[0].value = Some(AnyValue { value: Some(text(&"s".repeat(1000))) });
        request.encode_to_vec()
    };
    assert!((MOST * 9 / 10..MOST).contains(&calls.len()), "{}", calls.len());
    for (name, kind, body) in [
        ("spans", JSON, span("", "{}", "")),
        ("attributes", JSON, span(r#"{"attributes":["#, "{}", "]}")),
        ("pairs", JSON, span(r#"{"attributes":["#, r#"{"key":"a","value":{"intValue":1}}"#, "]}")),
        ("events", JSON, span(r#"{"status":{"code":2},"events":["#, "{}", "]}")),
        (
            "values",
            JSON,
            span(
                r#"{"attributes":[{"key":"gen_ai.response.finish_reasons","value":{"arrayValue":{"values":["#,
                "{}",
                "]}}}]}",
            ),
        ),
        ("resources", JSON, json(r#"{"resourceSpans":["#, "{}", "]}")),
        ("scopes", JSON, json(r#"{"resourceSpans":[{"scopeSpans":["#, "{}", "]}]}")),
        ("levels", JSON, json(r#"{"resourceSpans":["#, "[[", "]}")),
        (
            "escapes",
            JSON,
            span(
                r#"{"attributes":[{"key":"gen_ai.response.model","value":{"stringValue":""#,
                "\\ud800",
                r#""}}]}"#,
            ),
        ),
        ("calls", PROTOBUF, calls),
    ] {
        let server = start_with("[receiver.limits]\nmessage = \"4MiB\"\n");
        let before = peak_kilobytes(&server);
        let mut post = reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, kind);
        if kind == JSON {
            assert!(body.len() < MOST / 2, "{name}: {} bytes", body.len());
            post = post.header(CONTENT_ENCODING, "gzip");
        }
        let response = post.body(body).send().await.unwrap();
        let expected = if name == "levels" { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        assert_eq!(response.status(), expected, "{name}");
        let grown = peak_kilobytes(&server) - before;
        assert!(grown < 40 * 1024, "{name}: the peak of memory grew by {grown} kB");
        if kind == PROTOBUF {
            assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"accepted\"}"), Some(67_000.0));
        }
    }
}
