use http::{HeaderMap, StatusCode};

use super::*;
use crate::call::RequestFacts;
use crate::content::InputContent;
use crate::provider::{Event, recognise};

const ROOMY: usize = usize::MAX;

fn reader(format: &'static dyn WireFormat) -> Reader {
    Reader::new(format, false, StatusCode::OK, &HeaderMap::new(), Reading::default(), ROOMY)
}

#[test]
fn a_document_that_was_cut_is_not_whole() {
    for (url, whole) in [
        ("https://api.openai.com/v1/chat/completions", r#"{"id":"c","model":"m","choices":[]}"#),
        ("https://api.anthropic.com/v1/messages", r#"{"id":"m","content":[]}"#),
        ("https://generativelanguage.googleapis.com/v1/models/g:generateContent", r#"{"candidates":[]}"#),
        ("https://generativelanguage.googleapis.com/v1/models/g:embedContent", r#"{"embedding":{}}"#),
        ("http://localhost:11434/api/chat", r#"{"model":"m","done":true}"#),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke", r#"{"generation":"a"}"#),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse", r#"{"usage":{}}"#),
        ("https://api.cohere.com/v1/chat", r#"{"text":"a"}"#),
        ("https://api.cohere.com/v2/chat", r#"{"message":{}}"#),
    ] {
        let format = recognise(&http::Method::POST, &url.parse().unwrap()).unwrap().format;
        let complete = |body: &str| {
            let mut reader = reader(format);
            reader.push(body.as_bytes());
            reader.finish(true).facts.complete()
        };
        assert!(complete(whole), "{url}");
        assert!(!complete(&whole[..whole.len() - 1]), "{url}");
    }
}

/// A reader with a bug.
#[derive(Debug)]
struct Broken;

impl WireFormat for Broken {
    fn stream_framing(&self) -> Framing {
        Framing::Sse
    }
    fn read_request(&self, _: &crate::json::Json<'_>, _: &mut RequestFacts) {}
    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &[]
    }
    fn read_input(&self, _: &crate::json::Json<'_>) -> InputContent {
        InputContent::default()
    }
    fn read_body(&self, _: &[u8], _: &mut Reading) {
        panic!("a bug in the reader of a document");
    }
    fn read_event(&self, _: Event<'_>, reading: &mut Reading) {
        reading.facts.output_bytes += 1;
        panic!("a bug in the reader of an event");
    }
}

#[test]
fn a_panic_while_reading_stays_inside() {
    for body in ["data: 1\n\ndata: 2\n\n", "{}"] {
        let mut reader = reader(&Broken);
        reader.push(body.as_bytes());
        reader.push(body.as_bytes());
        let facts = reader.finish(true).facts;
        assert!(facts.complete(), "what cannot be read is taken at the transport's word");
        assert!(facts.output_bytes <= 1, "nothing is read after the panic");
        assert_eq!(facts.unparsed, Some(Unparsed::Reader));
    }
}

#[test]
fn tells_that_a_piece_was_too_long_to_be_read() {
    let format =
        recognise(&http::Method::POST, &"http://h/v1/chat/completions".parse().unwrap()).unwrap().format;
    let filler = vec![b'x'; PIECE_LIMIT];
    for (begin, stream) in [(r#"{"id":""#, false), (r#"data: {"id":""#, true)] {
        let mut reader = reader_of(format, stream);
        reader.push(begin.as_bytes());
        reader.push(&filler);
        reader.push(b"\"}\n\n");
        assert_eq!(reader.finish(true).facts.unparsed, Some(Unparsed::TooLong), "{begin}");
        let mut reader = reader_of(format, stream);
        reader.push(begin.as_bytes());
        reader.push(b"\"}\n\n");
        assert_eq!(reader.finish(true).facts.unparsed, None, "{begin}");
    }
}

fn reader_of(format: &'static dyn WireFormat, stream: bool) -> Reader {
    Reader::new(format, stream, StatusCode::OK, &HeaderMap::new(), Reading::default(), ROOMY)
}

#[test]
fn takes_the_headers_word_for_a_stream_that_nobody_saw_asked_for() {
    for (url, content_type) in [
        ("http://localhost:11434/api/chat", "application/x-ndjson"),
        ("https://api.cohere.com/v1/chat", "application/stream+json; charset=utf-8"),
        ("https://api.cohere.com/v1/chat", "application/jsonl"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        let format = recognise(&http::Method::POST, &url.parse().unwrap()).unwrap().format;
        let mut reader = Reader::new(format, false, StatusCode::OK, &headers, Reading::default(), ROOMY);
        let seen = reader.push(
            b"{\"done\":false,\"message\":{\"content\":\"a\"},\"text\":\"a\",\"event_type\":\"text-generation\"}\n{",
        );
        assert_eq!(seen.chunks, 1, "{content_type}");
    }
}

/// Reads a stream under these `content-encoding` headers. Its bytes are those of a plain one.
fn encoded(encodings: &[&'static str], whole: bool) -> ResponseFacts {
    let mut headers = HeaderMap::new();
    for encoding in encodings {
        headers.append(CONTENT_ENCODING, http::HeaderValue::from_static(encoding));
    }
    let format =
        recognise(&http::Method::POST, &"http://h/v1/chat/completions".parse().unwrap()).unwrap().format;
    let mut reader = Reader::new(format, true, StatusCode::OK, &headers, Reading::default(), ROOMY);
    reader.push(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n");
    reader.finish(whole).facts
}

#[test]
fn what_cannot_be_read_is_whole_when_the_transport_says_so() {
    for encodings in [
        ["zstd"].as_slice(),
        &["br"],
        &["deflate"],
        &["GZIP"],
        &["gzip, zstd"],
        &["identity, gzip"],
        &["identity", "br"],
        &["x-unheard-of"],
    ] {
        for whole in [true, false] {
            let facts = encoded(encodings, whole);
            assert!(facts.usage.is_empty(), "{encodings:?}: nothing of it may be taken for an answer");
            assert_eq!(facts.complete(), whole, "{encodings:?}");
        }
    }
}

#[test]
fn reads_what_no_encoding_changes() {
    for encodings in
        [[].as_slice(), &["identity"], &["Identity , identity"], &["identity", "identity"], &[""]]
    {
        let facts = encoded(encodings, true);
        assert_eq!((facts.usage.input_tokens, facts.ended), (Some(1), false), "{encodings:?}");
    }
}
