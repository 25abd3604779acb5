//! A response whose transport fails is cut, also behind a whole document: only the transport knows its length.

use std::io::Write;

use crate::support::loopback::{Act, Loopback};
use crate::support::observed::Observed;

const ANSWER: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Four."}}],"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}"#;

fn gzip() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(ANSWER.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn head(more: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n{more}\r\n")
        .into_bytes()
}

/// The outcome of a call, whether the caller saw an error, and what its span says of the bill.
async fn outcome(acts: Vec<Act>) -> (String, bool, Option<String>) {
    let server = Loopback::start(acts).await;
    let observed = Observed::default();
    let request = observed.client().post(server.url("/v1/chat/completions"));
    let response = request.body(r#"{"model":"gpt-4o","messages":[]}"#).send().await.unwrap();
    let failed = response.bytes().await.is_err();
    let span = observed.span();
    (span.outcome().to_owned(), failed, span.get("gen_ai.usage.input_tokens"))
}

#[tokio::test]
async fn a_document_shorter_than_announced_is_cut() {
    let short = |more: &str, body: &[u8], missing: usize| {
        let length = format!("{more}content-length: {}\r\n", body.len() + missing);
        vec![Act::Write([&head(&length), body].concat())]
    };
    for acts in [
        short("", ANSWER.as_bytes(), 1),
        short("", ANSWER.as_bytes(), 1000),
        // The announced length is that of the encoded body.
        short("content-encoding: gzip\r\n", &gzip(), 1),
        // An encoding that the client does not undo.
        short("content-encoding: br\r\n", b"compressed", 7),
    ] {
        let (outcome, failed, _) = outcome(acts).await;
        assert!(failed, "the caller sees it as well");
        assert_eq!(outcome, "truncated");
    }
    let (outcome, failed, input) = outcome(short("", ANSWER.as_bytes(), 0)).await;
    assert_eq!((outcome.as_str(), failed, input.as_deref()), ("completed", false, Some("11")));
}

#[tokio::test]
async fn a_document_in_chunks_without_the_last_one_is_cut() {
    let chunked = |more: &str, body: &[u8], end: Option<Act>| {
        let head = head(&format!("{more}transfer-encoding: chunked\r\n"));
        [Act::Write(head), Act::Chunk(body.to_vec())].into_iter().chain(end).collect::<Vec<_>>()
    };
    for acts in [
        chunked("", ANSWER.as_bytes(), None),
        chunked("", ANSWER.as_bytes(), Some(Act::Abort)),
        chunked("content-encoding: gzip\r\n", &gzip(), None),
        chunked("", ANSWER.as_bytes(), Some(Act::Write(b"zz\r\n".to_vec()))),
    ] {
        let (outcome, failed, _) = outcome(acts).await;
        assert!(failed, "the caller sees it as well");
        assert_eq!(outcome, "truncated");
    }
    let end = Some(Act::Write(b"0\r\n\r\n".to_vec()));
    let (outcome, failed, _) = outcome(chunked("content-encoding: gzip\r\n", &gzip(), end)).await;
    assert_eq!((outcome.as_str(), failed), ("completed", false));
}
