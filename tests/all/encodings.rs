//! Answers in a content encoding that the client does not undo pass through unparsed.

use crate::support::loopback::{Act, Loopback};
use crate::support::observed::Observed;
use spanledger::semconv::attribute;

const STREAM: &[u8] =
    b"data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7}}\n\ndata: [DONE]\n\n";

/// A Zstandard frame (RFC 8878) of one raw block: the text is in it unencoded.
fn zstd(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    // Magic number, single segment with a content size of one byte, and a last block whose header holds its size.
    let block = (u32::from(length) << 3 | 1).to_le_bytes();
    [&[0x28, 0xB5, 0x2F, 0xFD, 0x20, length], &block[..3], text].concat()
}

/// A gzip member (RFC 1952) of one stored block.
fn gzip(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [
        &[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1],
        length.to_le_bytes().as_slice(),
        &(!length).to_le_bytes(),
        text,
        &crc32fast::hash(text).to_le_bytes(),
        &u32::from(length).to_le_bytes(),
    ]
    .concat()
}

/// A response whose length is announced, and of which `sent` bytes come.
fn answer(status: &str, encoding: &str, body: &[u8], sent: usize) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\ncontent-encoding: {encoding}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    vec![Act::Write(head.into_bytes()), Act::Write(body[..sent].to_vec())]
}

#[tokio::test]
async fn passes_an_encoded_response_through_unparsed() {
    for (encoding, body) in [
        ("zstd", zstd(STREAM)),
        ("gzip", gzip(STREAM)),
        ("br", STREAM.to_vec()),
        ("deflate", STREAM.to_vec()),
        ("gzip, zstd", zstd(&gzip(STREAM))),
        ("x-unheard-of", STREAM.to_vec()),
    ] {
        for (status, sent, outcome, error) in [
            ("200 OK", body.len(), "completed", None),
            ("200 OK", body.len() - 1, "truncated", Some("body")),
            ("429 Too Many Requests", body.len(), "failed", Some("429")),
        ] {
            let server = Loopback::start(answer(status, encoding, &body, sent)).await;
            let observed = Observed::default();
            let plain = reqwest::Client::builder().no_proxy().no_gzip().no_zstd().build().unwrap();
            let request = observed.client_of(plain).post(server.url("/v1/chat/completions"));
            let response = request.body(r#"{"model":"m","stream":true}"#).send().await.unwrap();
            assert_eq!(response.headers()["content-encoding"], encoding);
            let received = response.bytes().await.ok();
            assert_eq!(received.as_deref(), (sent == body.len()).then_some(body.as_slice()));
            let span = &observed.spans()[0];
            let said = |name: &str| {
                let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
                found.map(|attribute| attribute.value.as_str().into_owned())
            };
            let case = format!("{encoding}, {status}, {sent} bytes");
            assert_eq!(said(attribute::OUTCOME).as_deref(), Some(outcome), "{case}");
            assert_eq!(said(attribute::ERROR_TYPE).as_deref(), error, "{case}");
            assert_eq!(said(attribute::USAGE_SOURCE).as_deref(), Some("none"), "{case}");
            assert_eq!(said(attribute::USAGE_INPUT_TOKENS), None, "{case}");
            assert_eq!(said(attribute::UNPARSED).as_deref(), Some("encoding"), "{case}");
        }
    }
}
