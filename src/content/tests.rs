//! What is shown of messages, and what never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::Value as Attribute;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn input() -> InputContent {
    InputContent {
        system: vec![json!({"type": "text", "content": "be brief"})],
        messages: vec![
            json!({"role": "user", "parts": [{"type": "text", "content": "hello"}]}),
            json!({"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}),
            json!({"role": "user", "parts": [
                {"type": "text", "content": "wie heißt du?"},
                {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
                {"type": "text", "content": "sag an"},
            ]}),
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "response": "42"}]}),
        ],
        tools: vec![json!({"type": "function", "name": "weather"})],
    }
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key.as_str() == name)?;
    match &found.value {
        Attribute::String(text) => Some(text.as_str().to_owned()),
        other => panic!("{other:?} is no string"),
    }
}

fn json_of(attributes: &[KeyValue], name: &str) -> Value {
    serde_json::from_str(&text(attributes, name).unwrap()).unwrap()
}

#[test]
fn records_nothing_and_reads_nothing_by_default() {
    let capture = Capture::default();
    assert!(capture.output().is_none());
    assert!(capture.request_attributes(|| unreachable!("content is off")).is_empty());
    assert!(capture.response_attributes(OutputContent::default()).is_empty());
}

#[test]
fn the_variable_switches_content_on_and_everything_unclear_leaves_it_off() {
    let mode = |value: &str| Capture::from_variable(Some(OsStr::new(value))).mode;
    for on in ["SPAN_ONLY", "span_and_event", " true ", "True"] {
        assert_eq!(mode(on), Mode::Full, "{on}");
    }
    for off in ["NO_CONTENT", "EVENT_ONLY", "false", "", "yes please"] {
        assert_eq!(mode(off), Mode::Off, "{off}");
    }
    assert_eq!(Capture::from_variable(None).mode, Mode::Off);
}

#[test]
fn full_content_stands_in_the_form_of_the_conventions() {
    let attributes = Capture::full().request_attributes(input);
    assert_eq!(json_of(&attributes, attribute::SYSTEM_INSTRUCTIONS), Value::from(input().system));
    assert_eq!(json_of(&attributes, attribute::INPUT_MESSAGES), Value::from(input().messages));
    assert_eq!(json_of(&attributes, attribute::TOOL_DEFINITIONS), Value::from(input().tools));
    assert!(Capture::full().request_attributes(InputContent::default).is_empty());
}

#[test]
fn an_answer_keeps_the_order_of_its_channels_and_joins_fragments() {
    let mut content = Capture::full().output().unwrap();
    content.reasoning(0, "let me ");
    content.reasoning(0, "think");
    content.text(0, "It is ");
    content.text(1, "No idea");
    content.text(0, "sunny");
    content.tool_call(0, 0, Some("call-1"), Some("weather"), "{\"ci");
    content.tool_call(0, 1, Some("call-2"), Some("clock"), "");
    content.tool_call(0, 0, None, None, "ty\": \"Oslo\"}");
    let attributes = Capture::full().response_attributes(content);
    assert_eq!(
        json_of(&attributes, attribute::OUTPUT_MESSAGES),
        json!([
            {"role": "assistant", "parts": [
                {"type": "reasoning", "content": "let me think"},
                {"type": "text", "content": "It is sunny"},
                {"type": "tool_call", "id": "call-1", "name": "weather", "arguments": {"city": "Oslo"}},
                {"type": "tool_call", "id": "call-2", "name": "clock"},
            ]},
            {"role": "assistant", "parts": [{"type": "text", "content": "No idea"}]},
        ])
    );
}

#[test]
fn a_preview_shows_the_last_user_message_and_the_first_of_the_answer() {
    let capture = Capture::preview(9);
    let question = capture.request_attributes(input);
    assert_eq!(question.len(), 1);
    assert_eq!(text(&question, attribute::REQUEST_PREVIEW).unwrap(), "wie heißt");

    let mut content = capture.output().unwrap();
    content.reasoning(0, "hidden");
    content.tool_call(0, 0, None, Some("hidden"), "{}");
    content.text(0, "Ich heiße ");
    content.text(0, "anders");
    let answer = capture.response_attributes(content);
    assert_eq!(answer.len(), 1);
    assert_eq!(text(&answer, attribute::RESPONSE_PREVIEW).unwrap(), "Ich heiße");
}

#[test]
fn redacts_every_part_before_anything_is_shown() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let hook = move |part: &mut Value| {
        counted.fetch_add(1, Ordering::Relaxed);
        *part = json!({"type": "text", "content": "X"});
    };
    let capture = Capture::full().redact(hook.clone());
    let question = capture.request_attributes(input);
    assert_eq!(seen.load(Ordering::Relaxed), 1 + 6 + 1, "system, parts and tools");
    for name in [attribute::SYSTEM_INSTRUCTIONS, attribute::INPUT_MESSAGES, attribute::TOOL_DEFINITIONS] {
        let shown = text(&question, name).unwrap();
        assert!(
            !shown.contains("hello") && !shown.contains("brief") && !shown.contains("weather"),
            "{shown}"
        );
    }
    let mut content = capture.output().unwrap();
    content.text(0, "secret");
    assert!(
        !text(&capture.response_attributes(content), attribute::OUTPUT_MESSAGES).unwrap().contains("secret")
    );

    let preview = Capture::preview(20).redact(hook);
    assert_eq!(text(&preview.request_attributes(input), attribute::REQUEST_PREVIEW).unwrap(), "X\nX\nX");
    let mut content = preview.output().unwrap();
    content.text(0, "secret");
    assert_eq!(text(&preview.response_attributes(content), attribute::RESPONSE_PREVIEW).unwrap(), "X");
}

#[test]
fn a_redaction_sees_more_than_a_preview_shows() {
    let capture = Capture::preview(6).redact(|part| {
        let content = part["content"].as_str().unwrap_or_default().replace("alice@example.com", "[mail]");
        part["content"] = content.into();
    });
    let mut content = capture.output().unwrap();
    content.text(0, "alice@exam");
    content.text(0, "ple.com wrote");
    assert_eq!(text(&capture.response_attributes(content), attribute::RESPONSE_PREVIEW).unwrap(), "[mail]");
}

#[test]
fn a_redaction_that_panics_lets_nothing_through() {
    let capture = Capture::full().redact(|_| panic!("a bug in the hook"));
    let mut content = capture.output().unwrap();
    content.text(0, "secret");
    assert_eq!(
        json_of(&capture.response_attributes(content), attribute::OUTPUT_MESSAGES),
        json!([{"role": "assistant", "parts": [{"type": "text", "content": "[redaction failed]"}]}])
    );
}

#[test]
fn long_texts_are_cut_and_short_ones_stay() {
    let mut long = input();
    long.messages[0]["parts"][0]["content"] = "ß".repeat(4_000).into();
    let question = Capture::full().max_bytes(1_000).request_attributes(|| long);
    let shown = json_of(&question, attribute::INPUT_MESSAGES);
    let cut = shown[0]["parts"][0]["content"].as_str().unwrap();
    let (kept, note) = cut.split_once("...").unwrap();
    assert_eq!(note, format!("[{} bytes cut]", 8_000 - kept.len()));
    assert!(kept.len() >= 200, "{} bytes kept", kept.len());
    assert_eq!(shown.as_array().unwrap()[1..], input().messages[1..]);
}

#[test]
fn the_oldest_messages_go_when_cutting_is_not_enough() {
    let message =
        |number| json!({"role": "user", "parts": [{"type": "text", "content": format!("{number}")}]});
    let messages: Vec<Value> = (0..1_000).map(message).collect();
    let question = Capture::full()
        .max_bytes(1_000)
        .request_attributes(|| InputContent { messages, ..InputContent::default() });
    let shown = json_of(&question, attribute::INPUT_MESSAGES);
    let shown = shown.as_array().unwrap();
    assert_eq!(shown[0]["parts"][0]["content"], format!("[{} omitted]", 1_000 - (shown.len() - 1)));
    assert_eq!(shown.last().unwrap(), &message(999));
}

#[test]
fn an_endless_answer_is_held_within_its_bound_and_counted() {
    let mut content = Capture::full().max_bytes(1_000).output().unwrap();
    for _ in 0..100_000 {
        content.text(0, "words ");
    }
    let shown = json_of(&Capture::full().response_attributes(content), attribute::OUTPUT_MESSAGES);
    let cut = shown[0]["parts"][0]["content"].as_str().unwrap();
    assert!(cut.len() < 1_000 && cut.ends_with("bytes cut]"), "{cut}");

    let mut content = Capture::full().max_bytes(1_000).output().unwrap();
    for number in 0..100_000 {
        content.tool_call(number, number, Some("id"), Some("name"), "{}");
    }
    assert!(
        text(&Capture::full().response_attributes(content), attribute::OUTPUT_MESSAGES).unwrap().len()
            < 3_000
    );
}

proptest! {
    #[test]
    fn every_bound_holds_and_leaves_json(
        texts in proptest::collection::vec(("[a-z]{1,5}", any::<String>()), 0..20),
        max_bytes in 0usize..2_000,
    ) {
        let messages: Vec<Value> = texts
            .iter()
            .map(|(role, text)| json!({"role": role, "parts": [{"type": "text", "content": text}]}))
            .collect();
        let cut = cut::to_json(messages.clone(), max_bytes);
        prop_assert!(cut.len() <= max_bytes.max(2), "{} bytes of {max_bytes}", cut.len());
        prop_assert!(serde_json::from_str::<Vec<Value>>(&cut).is_ok(), "{}", cut);
        if Value::from(messages.clone()).to_string().len() <= max_bytes {
            prop_assert_eq!(serde_json::from_str::<Value>(&cut).unwrap(), Value::from(messages));
        }
    }

    #[test]
    fn fragments_give_the_same_answer_however_they_come(text in any::<String>(), max_bytes in 64usize..400) {
        let capture = Capture::full().max_bytes(max_bytes);
        let (mut whole, mut fragments) = (capture.output().unwrap(), capture.output().unwrap());
        whole.text(0, &text);
        for character in text.chars() {
            fragments.text(0, character.encode_utf8(&mut [0; 4]));
        }
        if !text.is_empty() {
            prop_assert_eq!(capture.response_attributes(whole), capture.response_attributes(fragments));
        }
    }
}
