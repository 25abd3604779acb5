//! Entry points for the fuzz targets in `fuzz/`, not public API. Each panics when something that must
//! hold does not.

use crate::content::Capture;
use crate::decoder::Decoder;
use crate::hash::{HashKey, request_hash};
use crate::json::Json;
use crate::memory::Limits;
use crate::provider::{Event, Framing, Reading, read::error, recognise};
use crate::sse::{Dispatch, Parser};

/// A small limit, so that the fuzzer gets over it.
const LIMIT: usize = 256;
const LIMITS: Limits = Limits { piece: LIMIT, process: usize::MAX };

/// Server-sent events are the same for every chunking.
pub fn sse(bytes: &[u8]) {
    let parse = |size: usize| {
        let (mut parser, mut seen) = (Parser::new(LIMITS), Vec::new());
        let mut see = |event: Dispatch<'_>| seen.push((event.name.map(str::to_owned), event.data.to_vec()));
        for chunk in bytes.chunks(size) {
            parser.push(chunk, &mut see);
        }
        parser.finish(&mut see);
        (seen, parser.lost())
    };
    let whole = parse(bytes.len().max(1));
    for size in chunk_sizes(bytes) {
        assert_eq!(parse(size), whole, "in chunks of {size}");
    }
}

/// Event-stream messages, lines and array elements are the same for every chunking.
pub fn frames(bytes: &[u8]) {
    for framing in [Framing::EventStream, Framing::JsonLines, Framing::JsonArray] {
        let decode = |size: usize| {
            let (mut decoder, mut seen) = (Decoder::new(framing, LIMITS), Vec::new());
            let mut see = |event: Event<'_>| {
                seen.push((event.name.map(str::to_owned), event.exception, event.data.to_vec()));
            };
            for chunk in bytes.chunks(size) {
                decoder.push(chunk, &mut see);
            }
            decoder.finish(&mut see);
            (seen, decoder.lost())
        };
        let whole = decode(bytes.len().max(1));
        for size in chunk_sizes(bytes) {
            assert_eq!(decode(size), whole, "{framing:?} in chunks of {size}");
        }
    }
}

/// A response to a call of `url`, as one document and as a stream, reads the same with and without its content, and whether
/// or not an event is compared with those before.
pub fn response(url: &str, bytes: &[u8]) {
    let Some(recognised) = url.parse().ok().and_then(|url| recognise(&http::Method::POST, &url)) else {
        panic!("{url} is no inference call");
    };
    let format = recognised.format;
    let read = |framing: Framing, content: bool, alone: bool| {
        let capture = Capture::full();
        let content = if content { capture.output() } else { None };
        let mut reading = Reading { content, ..Reading::default() };
        if framing == Framing::Whole {
            format.read_document(bytes, &mut reading);
        } else {
            let mut decoder = Decoder::new(framing, Limits { piece: LIMIT * LIMIT, ..LIMITS });
            let mut see = |event: Event<'_>| {
                if alone {
                    reading.repeated = Default::default();
                }
                format.read_piece(event, &mut reading);
                reading.facts.end_piece();
            };
            decoder.push(bytes, &mut see);
            decoder.finish(&mut see);
            format.finish(&mut reading);
        }
        (reading.facts, reading.content.map(|content| capture.response_attributes(content)))
    };
    for framing in [Framing::Whole, format.stream_framing(), Framing::Sse] {
        let read_with_content = read(framing, true, false);
        assert_eq!(read_with_content.0, read(framing, false, false).0, "{framing:?}");
        assert_eq!(read_with_content, read(framing, true, true), "{framing:?}");
    }
    error::read(bytes);
    let mut request = recognised.request;
    let body = Json::read(bytes);
    let oracle = serde_json::from_slice(bytes).ok();
    assert_eq!(body.as_ref().map(Json::to_value), oracle, "both readers read the same JSON");
    let Some(body) = body else { return };
    format.read_request(&body, &mut request);
    format.read_input(&body);
    if let Some(asking) = format.ask_for_usage(bytes, &body) {
        let Some(changed) = Json::read(&asking) else { panic!("what asks for usage is JSON") };
        let asks = changed.get("stream_options").and_then(|options| options.get("include_usage"));
        assert_eq!(asks, Some(&Json::Bool(true)), "usage is asked for");
        assert_eq!(format.ask_for_usage(&asking, &changed), None, "usage is asked for once");
        let others = |body: &Json<'_>| {
            let mut members = body.to_value();
            members.as_object_mut().map(|members| members.remove("stream_options"));
            members
        };
        assert_eq!(others(&changed), others(&body), "nothing else is changed");
    }
}

/// The request hash does not depend on white space, and reads any JSON.
pub fn hash(bytes: &[u8]) {
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes);
    let Ok(value) = read(bytes) else { return };
    let Ok(pretty) = serde_json::to_vec_pretty(&value) else { panic!("what was read can be written") };
    let hash = |bytes: &[u8]| {
        let Some(body) = Json::read(bytes) else { panic!("what one kind reads the other reads") };
        request_hash(&HashKey::default(), &body, &["stream"], None)
    };
    // A number's shortest text may read as its neighbour; only then the two may differ.
    if read(&pretty).is_ok_and(|again| again == value) {
        assert_eq!(hash(bytes), hash(&pretty));
    }
}

fn chunk_sizes(bytes: &[u8]) -> [usize; 3] {
    [1, 3, usize::from(bytes.first().copied().unwrap_or_default()) + 1]
}

/// A journal's segment of any bytes is read without a panic, and what is read of it can be sent.
#[cfg(feature = "journal")]
pub fn journal(bytes: &[u8]) {
    crate::journal::read_hostile(bytes);
}
