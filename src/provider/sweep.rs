//! Every value of a response replaced, one at a time: a reader never panics, and loses nothing but what was there.

pub(super) mod requests;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::testing::recognised;
use super::{Event, Framing, Reading};
use crate::call::ResponseFacts;
use crate::content::Capture;
use crate::decoder::Decoder;
use crate::decoder::tests::message;
use crate::memory::Limits;

/// A response: one document, or the events of a stream.
struct Response {
    url: &'static str,
    framing: Framing,
    events: Vec<Value>,
    /// Facts by name, and the places each is read from: JSON pointers behind the event's number; `*` is any step.
    places: &'static [(&'static str, &'static [&'static str])],
}

/// What takes the place of a value; `None` takes the member or element away.
fn replacements() -> Vec<Option<Value>> {
    let shapes = [
        json!(null),
        json!(true),
        json!(1000),
        json!(-1.5),
        json!("x"),
        json!([]),
        json!([null]),
        json!(["x"]),
        json!([{"x": 1}]),
        json!({}),
        json!({"x": 1}),
    ];
    shapes.into_iter().map(Some).chain([None]).collect()
}

/// The pointers of all values below `value`, its own included.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                pointers(element, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// `whole` with another value at `pointer`.
fn replaced(whole: &Value, pointer: &str, by: Option<&Value>) -> Value {
    let mut changed = whole.clone();
    if let Some(by) = by {
        *changed.pointer_mut(pointer).unwrap() = by.clone();
        return changed;
    }
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match changed.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.remove(&last.replace("~1", "/").replace("~0", "~"))),
        Value::Array(elements) => drop(elements.remove(last.parse().unwrap())),
        _ => {}
    }
    changed
}

/// Whether a change at `pointer` may show at `place`: one is within the other.
fn touches(pointer: &str, place: &str) -> bool {
    pointer.split('/').zip(place.split('/')).all(|(a, b)| a == b || b == "*")
}

/// The body of these events.
fn body(framing: Framing, url: &str, events: &Value) -> Vec<u8> {
    let events = events.as_array().unwrap();
    match framing {
        Framing::Whole => events.iter().flat_map(|event| event.to_string().into_bytes()).collect(),
        Framing::Sse => events.iter().flat_map(|event| format!("data: {event}\n\n").into_bytes()).collect(),
        Framing::JsonLines => events.iter().flat_map(|event| format!("{event}\n").into_bytes()).collect(),
        Framing::JsonArray => Value::from(events.clone()).to_string().into_bytes(),
        Framing::EventStream => events.iter().flat_map(|event| frame(url, event)).collect(),
    }
}

/// A message of Bedrock's event stream. Converse's events stand under their names.
fn frame(url: &str, event: &Value) -> Vec<u8> {
    if url.contains("/invoke") {
        let payload = json!({"bytes": STANDARD.encode(event.to_string())}).to_string();
        return message(&[(":event-type", "chunk"), (":message-type", "event")], payload.as_bytes());
    }
    let named = event.as_object().and_then(|event| event.iter().next());
    let Some((name, payload)) = named else { return message(&[(":message-type", "event")], b"null") };
    message(&[(":event-type", name), (":message-type", "event")], payload.to_string().as_bytes())
}

fn read(url: &str, framing: Framing, body: &[u8]) -> ResponseFacts {
    let format = recognised(url).unwrap().format;
    let capture = Capture::full();
    let mut reading = Reading { content: capture.output(), ..Reading::default() };
    let mut decoder = Decoder::new(framing, Limits { piece: 1 << 20, process: usize::MAX });
    let mut see = |event: Event<'_>| match framing {
        Framing::Whole => {
            format.read_document(event.data, &mut reading);
        }
        _ => format.read_piece(event, &mut reading),
    };
    decoder.push(body, &mut see);
    decoder.finish(&mut see);
    format.finish(&mut reading);
    capture.response_attributes(reading.content.unwrap());
    reading.facts
}

/// The facts of a response by the names the places give them.
fn facts(facts: &ResponseFacts) -> BTreeMap<&'static str, String> {
    [
        ("id", format!("{:?}", facts.id)),
        ("model", format!("{:?}", facts.model)),
        ("tier", format!("{:?}", facts.service_tier)),
        ("input", format!("{:?}", (facts.usage.input_tokens, facts.usage.cache_read_tokens))),
        ("output", format!("{:?}", (facts.usage.output_tokens, facts.usage.reasoning_tokens))),
        ("reasons", format!("{:?}", facts.finish_reasons)),
        ("bytes", facts.output_bytes.to_string()),
        ("end", facts.ended.to_string()),
        ("error", format!("{:?}", facts.error)),
    ]
    .into()
}

/// What is lost beyond what was changed.
fn losses(answer: &Response) -> Vec<String> {
    let Response { url, framing, places, .. } = answer;
    let events = Value::from(answer.events.clone());
    let before = facts(&read(url, *framing, &body(*framing, url, &events)));
    for (name, _) in *places {
        let there = *name == "error"
            || !matches!(before[name].as_str(), "None" | "(None, None)" | "{}" | "0" | "false");
        assert!(there, "{name} of {url} is not there to be lost");
    }
    let mut all = Vec::new();
    for (index, event) in answer.events.iter().enumerate() {
        pointers(event, &format!("/{index}"), &mut all);
    }
    let mut lost = Vec::new();
    for pointer in &all {
        for by in replacements() {
            let changed = replaced(&events, pointer, by.as_ref());
            let after = facts(&read(url, *framing, &body(*framing, url, &changed)));
            for (name, value) in &after {
                let own =
                    places.iter().find(|(place, _)| place == name).map_or(&[][..], |(_, places)| places);
                if *value != before[name] && !own.iter().any(|place| touches(pointer, place)) {
                    let by = by.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
                    lost.push(format!("{framing:?} {url}: {pointer} by {by}: {name} is {value}"));
                }
            }
        }
    }
    lost
}

fn events(documents: &[&str]) -> Vec<Value> {
    documents.iter().map(|document| serde_json::from_str(document).unwrap()).collect()
}

#[track_caller]
pub(super) fn sweep(
    url: &'static str,
    framing: Framing,
    documents: &[&str],
    places: &'static [(&'static str, &'static [&'static str])],
) {
    let lost = losses(&Response { url, framing, events: events(documents), places });
    assert!(lost.is_empty(), "{} facts lost:\n{}", lost.len(), lost.join("\n"));
}
