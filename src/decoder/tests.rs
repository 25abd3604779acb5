use proptest::prelude::*;

use super::Decoder;
use crate::call::Unparsed;
use crate::memory::Limits;
use crate::provider::Framing;

type Seen = (Option<String>, bool, Vec<u8>);

const ROOMY: usize = 1 << 20;

fn decode<'a>(
    framing: Framing,
    piece: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Seen>, Option<Unparsed>) {
    let mut seen = Vec::new();
    let mut decoder = Decoder::new(framing, Limits { piece, process: usize::MAX });
    let mut see = |event: crate::provider::Event<'_>| {
        seen.push((event.name.map(str::to_owned), event.exception, event.data.to_vec()));
    };
    for chunk in chunks {
        decoder.push(chunk, &mut see);
    }
    decoder.finish(&mut see);
    let lost = decoder.lost();
    (seen, lost)
}

fn texts(framing: Framing, body: &str) -> Vec<String> {
    let (seen, lost) = decode(framing, ROOMY, [body.as_bytes()]);
    assert_eq!(lost, None);
    seen.into_iter().map(|(_, _, data)| String::from_utf8(data).unwrap()).collect()
}

/// One message of an AWS event stream.
pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap());
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(7);
        encoded.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        encoded.extend_from_slice(value.as_bytes());
    }
    sealed(&encoded, payload)
}

fn sealed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

fn delta(payload: &[u8]) -> Vec<u8> {
    message(&[(":event-type", "delta"), (":message-type", "event")], payload)
}

/// A body of each framing, and whether it may be cut at any byte.
fn bodies() -> Vec<(Framing, Vec<u8>)> {
    let stream = [
        delta(br#"{"text":"a"}"#),
        message(&[(":message-type", "exception"), (":exception-type", "throttlingException")], b"{}"),
        delta(b""),
    ];
    vec![
        (Framing::Whole, b" \n\n {\"a\":1}".to_vec()),
        (Framing::Sse, b": hi\r\n\r\nevent: a\r\ndata: {\"x\":1}\r\n\r\ndata:two\ndata: lines\n\n".to_vec()),
        (
            Framing::JsonLines,
            "\u{feff}{\"a\":\"}\\\"\\\\\"}\r\n\r\n{\n \"b\": [1, {\"c\": \"\u{e9}\"}]\n}{\"d\":2}\n12\nnull"
                .into(),
        ),
        (Framing::JsonArray, b" \n[{\"a\":\"],[\"}\n,\r\n{\"b\":[]} , 7, \"x,]\",[1]]\n".to_vec()),
        (Framing::JsonArray, b"{\"error\":{\"code\":400}}\n".to_vec()),
        (Framing::EventStream, stream.concat()),
    ]
}

proptest! {
    #[test]
    fn every_chunking_gives_the_same_events(
        which in 0..6usize,
        limit in prop_oneof![Just(ROOMY), 1..120usize],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (framing, body) = bodies().swap_remove(which);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
        prop_assert_eq!(decode(framing, limit, chunks), decode(framing, limit, [body.as_slice()]));
    }

    #[test]
    fn survives_any_bytes(framing in 0..5usize, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let framings =
            [Framing::Whole, Framing::Sse, Framing::JsonLines, Framing::JsonArray, Framing::EventStream];
        let bytewise = decode(framings[framing], 64, body.chunks(1));
        prop_assert_eq!(bytewise, decode(framings[framing], 64, [body.as_slice()]));
    }
}

#[test]
fn byte_by_byte_gives_the_same_events() {
    for (framing, body) in bodies() {
        let whole = decode(framing, ROOMY, [body.as_slice()]);
        assert_eq!(whole.1, None);
        assert_eq!(decode(framing, ROOMY, body.chunks(1)), whole, "{framing:?}");
    }
}

#[test]
fn reads_documents_on_lines_and_over_lines() {
    assert_eq!(
        texts(Framing::JsonLines, "{\"a\":\"}\"}\r\n{\n\"b\":[\n1]}{\"c\":\"\\\"\"}\r7\n"),
        ["{\"a\":\"}\"}", "{\n\"b\":[\n1]}", "{\"c\":\"\\\"\"}", "7"]
    );
}

#[test]
fn a_line_that_is_no_json_ends_with_the_line() {
    assert_eq!(
        texts(Framing::JsonLines, "error: \"oops {\n{\"a\":\"cut\n{\"b\":1}\n"),
        ["error: \"oops {", "{\"a\":\"cut\n", "{\"b\":1}"]
    );
}

#[test]
fn reads_the_elements_of_an_array_as_they_arrive() {
    let mut seen = 0;
    let mut decoder = Decoder::new(Framing::JsonArray, Limits { piece: ROOMY, process: usize::MAX });
    decoder.push(b"\n\n[{\"a\":1}\r\n,\r\n{\"b\":", &mut |_| seen += 1);
    assert_eq!(seen, 1);
    assert_eq!(texts(Framing::JsonArray, "[{\"a\":[1]},{\"b\":\"]\"}]"), ["{\"a\":[1]}", "{\"b\":\"]\"}"]);
    assert_eq!(texts(Framing::JsonArray, "{\"error\":{}}"), ["{\"error\":{}}"]);
    assert!(texts(Framing::JsonArray, "[]").is_empty());
}

#[test]
fn a_document_cut_off_is_not_shown() {
    assert!(texts(Framing::JsonLines, "{\"a\":1").is_empty());
    assert!(texts(Framing::JsonArray, "[{\"a\":1").is_empty());
    assert!(texts(Framing::EventStream, "\0\0\0").is_empty());
}

#[test]
fn a_document_over_the_limit_is_passed_over_and_noted() {
    let body = b"{\"a\":1}\n{\"long\":\"0123456789\"}\n{\"b\":2}\n";
    let (seen, lost) = decode(Framing::JsonLines, 10, body.chunks(4));
    assert_eq!(lost, Some(Unparsed::TooLong));
    let seen: Vec<_> = seen.into_iter().map(|(_, _, data)| data).collect();
    assert_eq!(seen, [b"{\"a\":1}", b"{\"b\":2}"]);
    let (seen, lost) = decode(Framing::Whole, 10, body.chunks(4));
    assert_eq!((seen.len(), lost), (0, Some(Unparsed::TooLong)));
}

#[test]
fn reads_headers_of_every_type() {
    let mut headers = Vec::new();
    let lengths = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)];
    for (kind, length) in lengths {
        headers.extend([1, b'x', kind]);
        headers.resize(headers.len() + length, 0);
    }
    headers.extend(b"\x01y\x06\x00\x02ab");
    headers.extend(b"\x0b:event-type\x07\x00\x05chunk");
    let (seen, lost) = decode(Framing::EventStream, ROOMY, [sealed(&headers, b"{}").as_slice()]);
    assert_eq!((seen, lost), (vec![(Some("chunk".to_owned()), false, b"{}".to_vec())], None));
}

#[test]
fn marks_the_exceptions_of_an_event_stream() {
    let thrown =
        message(&[(":exception-type", "throttlingException"), (":message-type", "exception")], b"{}");
    let failed = message(&[(":message-type", "error"), (":error-code", "InternalFailure")], b"");
    let (seen, _) = decode(Framing::EventStream, ROOMY, [thrown.as_slice(), failed.as_slice()]);
    let named: Vec<_> =
        seen.iter().map(|(name, exception, _)| (name.as_deref().unwrap(), *exception)).collect();
    assert_eq!(named, [("throttlingException", true), ("InternalFailure", true)]);
}

#[test]
fn stops_at_a_corrupt_message() {
    let (first, second) = (delta(b"one"), delta(b"two"));
    for at in [0, 5, 9, 20, first.len() - 5, first.len() - 1] {
        let mut corrupt = first.clone();
        corrupt[at] ^= 1;
        let body = [second.clone(), corrupt, second.clone()].concat();
        let (seen, lost) = decode(Framing::EventStream, ROOMY, body.chunks(7));
        assert_eq!((seen.len(), lost), (1, Some(Unparsed::Malformed)), "byte {at}");
    }
}

#[test]
fn a_message_over_the_limit_is_passed_over_and_noted() {
    let body = [delta(b"one"), delta(&[b'x'; 500]), delta(b"two")].concat();
    for size in [1, 13, 1000] {
        let (seen, lost) = decode(Framing::EventStream, 100, body.chunks(size));
        assert_eq!((seen.len(), lost), (2, Some(Unparsed::TooLong)));
    }
}
