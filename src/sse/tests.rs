use super::*;
use proptest::prelude::*;

type Seen = Vec<(Option<String>, Vec<u8>)>;

/// Parses `bytes` cut at `cuts`.
fn parse(bytes: &[u8], cuts: &[usize], piece: usize) -> (Seen, Option<Full>) {
    let mut seen = Seen::new();
    let mut parser = Parser::new(Limits { piece, process: usize::MAX });
    let mut see = |event: Dispatch<'_>| seen.push((event.name.map(str::to_owned), event.data.to_vec()));
    let mut from = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        parser.push(&bytes[from..cut], &mut see);
        from = cut;
    }
    parser.finish(&mut see);
    (seen, parser.lost())
}

fn events(text: &str) -> Seen {
    parse(text.as_bytes(), &[], 1 << 20).0
}

fn unnamed(data: &[&str]) -> Seen {
    data.iter().map(|data| (None, data.as_bytes().to_vec())).collect()
}

#[test]
fn reads_lf_crlf_and_bare_cr() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["data: a", "", "event: x", "data: b", "", ""].join(end);
        let named = (Some("x".to_owned()), b"b".to_vec());
        assert_eq!(events(&text), [(None, b"a".to_vec()), named], "{end:?}");
    }
}

#[test]
fn takes_one_space_after_the_colon_and_no_more() {
    assert_eq!(events("data:a\n\ndata: b\n\ndata:  c\n\n"), unnamed(&["a", "b", " c"]));
}

#[test]
fn joins_the_data_lines_of_one_event() {
    assert_eq!(events("data: {\ndata: \"a\":1\ndata\ndata: }\n\n"), unnamed(&["{\n\"a\":1\n\n}"]));
}

#[test]
fn passes_over_comments_ids_retries_and_unknown_fields() {
    let text = ": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\ndatax: no\ndata: a\n:comment\n\n";
    assert_eq!(events(text), unnamed(&["a"]));
}

#[test]
fn passes_over_a_byte_order_mark_at_the_head_only() {
    assert_eq!(events("\u{feff}data: a\n\n\u{feff}data: b\n\n"), unnamed(&["a"]));
}

#[test]
fn forgets_the_name_of_an_event_without_data() {
    assert_eq!(events("event: ping\n\ndata: a\n\n"), unnamed(&["a"]));
}

#[test]
fn shows_an_event_with_empty_data() {
    assert_eq!(events("data\n\ndata:\n\n"), unnamed(&["", ""]));
}

#[test]
fn shows_a_last_event_without_its_blank_line() {
    assert_eq!(events("data: a\n\ndata: [DONE]\n"), unnamed(&["a", "[DONE]"]));
    assert_eq!(events("data: [DONE]"), unnamed(&["[DONE]"]));
}

#[test]
fn passes_over_and_counts_an_event_over_the_limit_and_goes_on() {
    let long = "x".repeat(100);
    let text = format!("data: a\n\ndata: {long}\ndata: y\n\nevent: {long}\ndata: z\n\ndata: b\n\n");
    assert_eq!(parse(text.as_bytes(), &[], 64), (unnamed(&["a", "b"]), Some(Full::Piece)));
}

#[test]
fn counts_many_lines_that_together_exceed_the_limit_once() {
    let text = format!("{}\ndata: b\n\n", "data: 0123456789\n".repeat(20));
    assert_eq!(parse(text.as_bytes(), &[], 64), (unnamed(&["b"]), Some(Full::Piece)));
}

#[test]
fn loses_no_event_to_a_comment_over_the_limit() {
    let text = format!("data: a\n:{}\n\ndata: b\n\n", " ".repeat(4096));
    assert_eq!(parse(text.as_bytes(), &[], 64), (unnamed(&["a", "b"]), None));
}

#[test]
fn holds_no_more_than_the_limit() {
    let mut parser = Parser::new(Limits { piece: 64, process: usize::MAX });
    for _ in 0..10_000 {
        parser.push(b"data: 0123456789", |_| {});
        let held = parser.line.capacity() + parser.data.capacity() + parser.name.capacity();
        assert!(held <= 4 * 64, "{held} bytes are held");
    }
    assert_eq!(parser.lost(), Some(Full::Piece));
}

/// Lines that matter to the parser, in any order and with any line end.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(""),
        Just("data: {\"a\":\"é€😀\"}"),
        Just("data:b"),
        Just("data"),
        Just("data: a value that is longer than the smaller limit"),
        Just("event: message_delta"),
        Just("event"),
        Just(": comment, longer than the smaller limit as well"),
        Just("id: 1"),
        Just("\u{feff}data: x"),
        Just("nonsense"),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    prop::collection::vec((line, end), 0..24)
        .prop_map(|lines| lines.iter().flat_map(|(line, end)| [*line, *end]).collect::<String>().into_bytes())
}

proptest! {
    #[test]
    fn shows_the_same_events_for_every_chunking(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![Just(24_usize), Just(1 << 20)],
    ) {
        let whole = parse(&bytes, &[], limit);
        let each: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&parse(&bytes, &each, limit), &whole);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&parse(&bytes, &cuts, limit), &whole);
    }

    #[test]
    fn reads_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512), cut in 0..512_usize) {
        let whole = parse(&bytes, &[], 32);
        prop_assert_eq!(parse(&bytes, &[cut.min(bytes.len())], 32), whole);
    }
}
