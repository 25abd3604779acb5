//! Read by what they repeat and each by itself, events give the same.

use std::cell::Cell;

use super::*;
use crate::content::Capture;
use crate::provider::testing::recognised;

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const MESSAGES: &str = "https://api.anthropic.com/v1/messages";

type Named = (Option<&'static str>, String);

/// Reads events as they come and each by itself, and fails where that gives something else. Gives how many were read by
/// what they repeat.
fn same(url: &str, events: &[Named]) -> usize {
    let events: Vec<_> = events.iter().map(|(name, data)| (*name, data.as_bytes())).collect();
    same_bytes(url, &events)
}

fn same_bytes(url: &str, events: &[(Option<&str>, &[u8])]) -> usize {
    let format = recognised(url).unwrap().format;
    let repetition = format.repetition().unwrap();
    let new = || Reading { content: Capture::full().output(), ..Reading::default() };
    let (mut by_repetition, mut alone, mut repeated) = (new(), new(), 0);
    for (name, data) in events {
        let event = Event { name: *name, exception: false, data };
        let in_full = Cell::new(false);
        read(event, &mut by_repetition, repetition, &|event, reading| {
            // Counts that were held are not this event's.
            in_full.set(in_full.get() || std::ptr::eq(event.data, *data));
            format.read_whole_piece(event, reading);
        });
        by_repetition.facts.end_piece();
        repeated += usize::from(!in_full.get());
        format.read_whole_piece(event, &mut alone);
        alone.facts.end_piece();
        assert_eq!(by_repetition.facts.output_bytes, alone.facts.output_bytes, "{}", data.escape_ascii());
    }
    format.finish(&mut by_repetition);
    assert_eq!(by_repetition.facts, alone.facts);
    assert_eq!(std::format!("{:?}", by_repetition.content), std::format!("{:?}", alone.content));
    repeated
}

fn chat(delta: &str) -> Named {
    let data = format!(
        r#"{{"id":"c1","model":"gpt-4o","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    );
    (None, data)
}

fn said(text: &str) -> Named {
    chat(&format!(r#"{{"content":"{text}"}}"#))
}

#[test]
fn the_second_event_with_text_is_remembered_and_the_third_repeats_it() {
    let events = ["The", " model", " says", " the", " same"].map(said);
    assert_eq!(same(CHAT, &events), 3);
}

#[test]
fn what_looks_like_the_end_of_a_string_is_read_in_full() {
    let odd = [
        r"a\nb",
        r#"\""#,
        r#"a"},"finish_reason":"stop","x":{"y":"b"#,
        "a\u{7f}é🦀",
        "a\nb",
        "",
        r"\u0041",
        "[DONE]",
        "$",
    ];
    for text in odd {
        let events = ["a", "b", "c", text, "d", text, "e"].map(said);
        same(CHAT, &events);
    }
    // No UTF-8.
    let format = recognised(CHAT).unwrap().format;
    let mut reading = Reading::default();
    for text in [&b"a"[..], b"b", b"c", b"\xff", b"d"] {
        let (_, data) = said("@");
        let (before, after) = data.split_once('@').unwrap();
        let data = [before.as_bytes(), text, after.as_bytes()].concat();
        format.read_piece(Event { name: None, exception: false, data: &data }, &mut reading);
    }
    assert_eq!(reading.facts.output_bytes, 4 + "\u{fffd}".len() as u64);
}

#[test]
fn events_of_other_kinds_in_between_are_read_and_what_they_change_is_kept() {
    let between = [
        chat(r#"{"role":"assistant"}"#),
        chat(r#"{"reasoning_content":"so"}"#),
        chat(r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}"#),
        (
            None,
            r#"{"id":"c1","model":"other","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#
                .to_owned(),
        ),
        (None, r#"{"error":{"code":"overloaded"}}"#.to_owned()),
        (None, "[DONE]".to_owned()),
        (None, "no json".to_owned()),
        (Some("error"), said("c").1),
        (None, format!("{} {}", said("x").1, said("y").1)),
    ];
    for one in &between {
        for other in &between {
            let mut events = ["a", "b", "c"].map(said).to_vec();
            events.extend([
                one.clone(),
                said("d"),
                said("e"),
                other.clone(),
                one.clone(),
                said("f"),
                said("g"),
            ]);
            assert!(same(CHAT, &events) >= 1);
        }
    }
}

#[test]
fn several_choices_in_turn_and_two_texts_in_one_event_are_kept_apart() {
    let of = |choice: u8, text: &str| {
        (
            None,
            format!(
                r#"{{"id":"c","model":"m","choices":[{{"index":{choice},"delta":{{"content":"{text}"}}}}]}}"#
            ),
        )
    };
    let turns: Vec<_> = (0..20).map(|turn| of(turn % 2, "text")).collect();
    same(CHAT, &turns);
    let both = |text: &str| {
        let data = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"@"}},{"index":1,"delta":{"content":"@"}}]}"#;
        (None, data.replace('@', text))
    };
    assert_eq!(same(CHAT, &["a", "b", "c", "d"].map(both)), 0);
}

#[test]
fn a_message_of_blocks_repeats_its_deltas_of_text_and_of_thinking() {
    let delta = |index: u8, kind: &str, member: &str, text: &str| {
        let data = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{member}":"{text}"}}}}"#
        );
        (Some("content_block_delta"), data)
    };
    let mut events: Vec<_> =
        ["I", " think", " so"].map(|text| delta(0, "thinking_delta", "thinking", text)).to_vec();
    events.push((Some("ping"), r#"{"type":"ping"}"#.to_owned()));
    events.extend(["Hel", "lo", " you", " there"].map(|text| delta(1, "text_delta", "text", text)));
    events.push((Some("message_stop"), r#"{"type":"message_stop"}"#.to_owned()));
    assert!(same(MESSAGES, &events) >= 3);
}

#[test]
fn a_stream_that_never_repeats_itself_is_compared_a_few_times_only() {
    let numbered = |number: u32| {
        (
            None,
            format!(
                r#"{{"id":"c","n":{number},"choices":[{{"index":0,"delta":{{"content":"a"}}}}],"usage":{{"completion_tokens":{number}}}}}"#
            ),
        )
    };
    let events: Vec<_> = (0..40).map(numbered).chain(["a", "b", "c"].map(said)).collect();
    assert_eq!(same(CHAT, &events), 0);
}

const GEMINI: &str =
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
const RESPONSES: &str = "https://api.openai.com/v1/responses";

#[test]
fn text_with_escapes_is_decoded_and_arguments_are_text_as_well() {
    let texts = ["a", "b", r#"c\n\"d\"\u00e9"#, "\u{e9}", r"\\", r"\ud83d\ude00", r"\ud83d", "e", r"\x", "f"];
    assert!(same(CHAT, &texts.map(said)) >= 5);
    let call = |arguments: &str| {
        chat(&std::format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{arguments}"}}}}]}}"#))
    };
    assert!(same(CHAT, &[r#"{\"a\":"#, "1", r#",\"b\":"#, r#"\"c\""#, "}"].map(call)) >= 3);
}

#[test]
fn what_no_reader_looks_at_may_be_anything_that_is_json() {
    let padded = |text: &str, padding: &str| {
        let data = std::format!(
            r#"{{"id":"c","model":"m","created":{},"choices":[{{"index":0,"delta":{{"content":"{text}"}},"logprobs":{padding}}}],"obfuscation":"{text}{text}"}}"#,
            text.len(),
        );
        (None, data)
    };
    let logprobs =
        r#"{"content":[{"token":"a","logprob":-0.25,"bytes":[97,98],"top_logprobs":[]}],"refusal":null}"#;
    let paddings =
        ["null", logprobs, "[]", logprobs, r#""\u003d""#, "0", "nul", "null", logprobs, r#"{"a":1"#, "null"];
    let events: Vec<_> = paddings.iter().map(|padding| padded("some words", padding)).collect();
    assert_eq!(same(CHAT, &events), 6);
}

#[test]
fn the_last_counts_are_read_whatever_ends_the_row() {
    let counted = |text: &str, output: u64, more: &str| {
        let total = 34 + output;
        let data = std::format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"{more}}}],"role":"model"}},"index":0}}],"usageMetadata":{{"promptTokenCount":34,"candidatesTokenCount":{output},"totalTokenCount":{total},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":34}}]}},"modelVersion":"gemini-2.5-pro","responseId":"r"}}"#
        );
        (None, data)
    };
    let row = |from: u64| (from..from + 5).map(|output| counted(" words", output, ""));
    let ends = [
        counted("", 90, ""),
        counted("thought", 0, r#","thought":true"#),
        counted("thought", 91, r#","thought":true"#),
        (None, r#"{"candidates":[{"finishReason":"STOP","index":0}],"usageMetadata":{"candidatesTokenCount":92}}"#.to_owned()),
        (None, r#"{"error":{"code":500,"status":"INTERNAL"}}"#.to_owned()),
        (None, "{".to_owned()),
        counted("big", 1 << 60, ""),
    ];
    assert_eq!(same(GEMINI, &row(1).collect::<Vec<_>>()), 3);
    for end in &ends {
        for other in &ends {
            let mut events: Vec<_> = row(1).collect();
            events.push(end.clone());
            assert!(same(GEMINI, &events) >= 3);
            events.extend(row(20));
            events.push(other.clone());
            events.extend(row(40));
            assert!(same(GEMINI, &events) >= 3);
        }
    }
}

#[test]
fn counts_that_fall_or_vanish_are_kept_as_they_were() {
    let counted = |usage: &str| {
        let data = std::format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{{"content":"a"}}}}],"usage":{usage}}}"#
        );
        (None, data)
    };
    let usages = [
        "null",
        r#"{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}"#,
        r#"{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}"#,
        r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#,
        r#"{"prompt_tokens":9,"completion_tokens":0,"total_tokens":9}"#,
        r#"{"prompt_tokens":9,"completion_tokens":19,"total_tokens":28}"#,
        r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":2}}"#,
        r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"completion_tokens_details":{"reasoning_tokens":2}}"#,
        r#"{"prompt_tokens":9,"completion_tokens":6,"total_tokens":15,"cost":0.5}"#,
        r#"{"prompt_tokens":9,"completion_tokens":7.0,"total_tokens":16}"#,
    ];
    for first in usages {
        for second in usages {
            for third in usages {
                same(CHAT, &[first, second, third, second, second, first, third, third].map(counted));
            }
        }
    }
    let row: Vec<_> = (1..9)
        .map(|count| {
            counted(&std::format!(
                r#"{{"prompt_tokens":9,"completion_tokens":{count},"total_tokens":{}}}"#,
                9 + count
            ))
        })
        .collect();
    assert_eq!(same(CHAT, &row), 6);
}

#[test]
fn deltas_of_responses_differ_in_their_numbers() {
    let delta = |number: u32| {
        let data = std::format!(
            r#"{{"type":"response.output_text.delta","sequence_number":{number},"item_id":"i{number}","output_index":0,"content_index":0,"delta":" word","logprobs":[],"obfuscation":"x{number}"}}"#
        );
        (Some("response.output_text.delta"), data)
    };
    let mut events: Vec<_> = (0..9).map(delta).collect();
    events.push((
        Some("response.completed"),
        r#"{"type":"response.completed","response":{"id":"r","model":"m","status":"completed","usage":{"input_tokens":3,"output_tokens":9}}}"#.to_owned(),
    ));
    assert_eq!(same(RESPONSES, &events), 7);
}

#[test]
fn a_text_that_another_member_repeats_is_read_once() {
    let twice = |text: &str, other: &str| {
        let data = std::format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"text":"{text}","delta":{{"content":"{other}","role":"assistant"}}}}]}}"#
        );
        (None, data)
    };
    let events =
        [("a", "a"), ("b", "b"), ("c", "c"), ("d", "x"), ("", "e"), ("f", "f"), ("assistant", "assistant")];
    assert!(same(CHAT, &events.map(|(text, other)| twice(text, other))) >= 2);
    // What no reader takes for text is none, even where it is the same.
    let role = |text: &str, role: &str| chat(&std::format!(r#"{{"role":"{role}","content":"{text}"}}"#));
    same(
        CHAT,
        &[("user", "user"), ("user", "user"), ("a", "user"), ("user", "a"), ("b", "b")]
            .map(|(text, name)| role(text, name)),
    );
    let block = |text: &str| {
        let data = std::format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","text":"{text}"}}}}"#
        );
        (Some("content_block_start"), data)
    };
    same(MESSAGES, &["", "", "a", "b"].map(block));
}

#[test]
fn events_that_take_turns_are_each_known() {
    let of = |choice: u8| {
        let data = std::format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":{choice},"delta":{{"content":"a"}}}}]}}"#
        );
        (None, data)
    };
    let turns: Vec<_> = (0..30).map(|turn| of(turn % 3)).collect();
    assert!(same(CHAT, &turns) >= 20);
}

/// A long stream, with a byte changed here and there, gives the same either way.
#[test]
fn a_stream_with_changed_bytes_reads_the_same() {
    let gemini = |number: u32| {
        std::format!(
            r#"{{"candidates": [{{"content": {{"parts": [{{"text": "w{number} \"x\""}}]}},"index": 0}}],"usageMetadata": {{"candidatesTokenCount": {number}}},"modelVersion": "g"}}"#
        )
    };
    let openai = |number: u32| {
        std::format!(
            r#"{{"id":"c","created":{number},"model":"m","choices":[{{"index":0,"delta":{{"content":"w{number}"}},"logprobs":null}}],"usage":{{"completion_tokens":{number},"total_tokens":{}}}}}"#,
            number + 3
        )
    };
    let mut random = 1_u64;
    let mut next = |below: usize| {
        // xorshift64.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for (url, event) in [(GEMINI, &gemini as &dyn Fn(u32) -> String), (CHAT, &openai)] {
        for _ in 0..400 {
            let mut events: Vec<Vec<u8>> = (1..12).map(|number| event(number).into_bytes()).collect();
            for _ in 0..2 {
                let which = next(events.len());
                let at = next(events[which].len());
                let bytes = b"\"\\{}[],:0129aZ \n\xff.-";
                let other = bytes[next(bytes.len())];
                match next(3) {
                    0 => events[which][at] = other,
                    1 => events[which].insert(at, other),
                    _ => drop(events[which].remove(at)),
                }
            }
            let events: Vec<_> = events.iter().map(|data| (None, data.as_slice())).collect();
            same_bytes(url, &events);
        }
    }
}

/// Every recorded stream reads the same either way.
#[test]
fn recorded_streams_read_the_same() {
    let Some(corpus) = std::env::var_os("SPANLEDGER_TEST_CORPUS") else { return };
    let mut repeated = 0;
    for file in std::fs::read_dir(std::path::Path::new(&corpus).join("exchanges")).unwrap() {
        for line in std::fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            let exchange: serde_json::Value = serde_json::from_str(line).unwrap();
            let (Some(url), Some(body)) =
                (exchange["request"]["url"].as_str(), exchange["response"]["body"].as_str())
            else {
                continue;
            };
            let method = exchange["request"]["method"].as_str().unwrap().parse().unwrap();
            let Some(recognised) = url.parse().ok().and_then(|url| crate::provider::recognise(&method, &url))
            else {
                continue;
            };
            let framing = match body.trim_ascii_start().as_bytes().first() {
                Some(b'{' | b'[') => recognised.format.stream_framing(),
                _ => super::super::Framing::Sse,
            };
            let mut events: Vec<(Option<String>, Vec<u8>)> = Vec::new();
            let limits = crate::memory::Limits { piece: 1 << 24, process: usize::MAX };
            let mut decoder = crate::decoder::Decoder::new(framing, limits);
            let mut see =
                |event: Event<'_>| events.push((event.name.map(str::to_owned), event.data.to_vec()));
            decoder.push(body.as_bytes(), &mut see);
            decoder.finish(&mut see);
            let events: Vec<_> =
                events.iter().map(|(name, data)| (name.as_deref(), data.as_slice())).collect();
            if recognised.format.repetition().is_some() {
                repeated += same_bytes(url, &events);
            }
        }
    }
    println!("{repeated} events are read by what they repeat");
    assert!(repeated > 0);
}
